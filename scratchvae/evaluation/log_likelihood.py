"""log p(x), estimated by importance sampling with the posterior as the proposal."""

from collections.abc import Iterator

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, require_at_least
from scratchvae.data import Dataset, binarize
from scratchvae.layers import dtype_of
from scratchvae.objectives import BeliefNet, Model, draw_uniform, recognized_terms, terms_of_draws

ROWS = 1024  # of decoder input at once: what bounds the memory, whatever the number of samples, and what caches can hold


def log_likelihood(
    model: Model | BeliefNet, data: Dataset, *, samples: int, rng: np.random.Generator, binarized: bool = False
) -> Array:
    """log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x), z_k ~ q(z|x), K = `samples`, for each example  ->  (N,) in nats, float64.

    A lower bound on log p(x) in expectation, that rises to it with K (Burda, Grosse & Salakhutdinov 2016, theorem 1).
    `binarized` draws x ~ Bernoulli(x) first: grey pixels under a Bernoulli have a bound, but no log p(x) of their own.
    """
    require_at_least("log_likelihood", "samples", samples, 1)
    batch = max(1, ROWS // samples)
    estimates = [np.empty(0)]
    with kernels.one_pool():
        for start in range(0, len(data), batch):
            x = data.batch(slice(start, start + batch), dtype_of(model))
            model.likelihood.require_support(x)
            estimates.append(_estimates(model, binarize(x, rng) if binarized else x, samples, rng))
    return np.concatenate(estimates)


def _estimates(model: Model | BeliefNet, x: Array, samples: int, rng: np.random.Generator) -> Array:
    """log_likelihood of a batch, a chunk of draws at a time: the sum's terms are scaled by the largest so far."""
    largest, total = np.full(len(x), -np.inf), np.zeros(len(x))
    for log_w in _log_weights(model, x, samples, max(1, ROWS // len(x)), rng):
        new_largest = np.maximum(largest, log_w.max(axis=1))
        with np.errstate(invalid="ignore"):  # −∞ − (−∞), where every weight so far is 0
            old = np.where(largest == -np.inf, 0, total * np.exp(largest - new_largest))
            added = np.where(new_largest == -np.inf, 0, np.exp(log_w - new_largest[:, None]).sum(axis=1))
        largest, total = new_largest, old + added
    with np.errstate(divide="ignore"):
        return largest + np.log(total / samples)


def _log_weights(model: Model | BeliefNet, x: Array, samples: int, chunk: int, rng: np.random.Generator) -> Iterator[Array]:
    """log w of all draws for each example, float64, in pieces (B, K) with K = `chunk`, but for the last."""
    pieces = [min(chunk, samples - done) for done in range(0, samples, chunk)]
    terms = _recognized(model, x, pieces, rng) if isinstance(model, BeliefNet) else _decoded(model, x, pieces, rng)
    for log_px, log_pz, log_q in terms:
        yield log_px.astype(np.float64) + log_pz - log_q


def _decoded(model: Model, x: Array, pieces: list[int], rng: np.random.Generator) -> Iterator[tuple[Array, Array, Array]]:
    q_params, _ = model.encoder(x, needs_dx=False)
    for K in pieces:
        noise = model.posterior.draw_noise(len(x) * K, rng)
        terms, _ = terms_of_draws(model, q_params, x=x, noise=noise, K=K)
        yield terms


def _recognized(model: BeliefNet, x: Array, pieces: list[int], rng: np.random.Generator) -> Iterator[tuple[Array, Array, Array]]:
    """A BeliefNet's hidden units h are its z."""
    for K in pieces:
        uniform = draw_uniform("log_likelihood", model, len(x) * K, rng)
        (log_px, log_ph, log_q, _), _ = recognized_terms(model, x, uniform, K)
        yield log_px, log_ph, log_q


def bits_per_dimension(log_px: float, n_entries: int, *, levels: int | None = None) -> float:
    """−log₂ p(x) / D from log p(x) in nats.

    A density of x = (k + u) / levels, k an integer below `levels` and u uniform noise in [0, 1), is made comparable with a
    probability of k by + log₂ levels. Without the noise the density can be made as high as one likes, and means nothing.
    Theis, van den Oord & Bethge 2016, section 3.1.
    """
    bits = -log_px / (n_entries * np.log(2))
    return float(bits if levels is None else bits + np.log2(levels))
