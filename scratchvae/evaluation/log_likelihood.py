"""log p(x), estimated by importance sampling with the posterior as the proposal."""

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data import Dataset, binarize
from scratchvae.layers import dtype_of
from scratchvae.objectives import Model, log_weight_terms

ROWS = 2048  # of decoder input at once: what bounds the memory, whatever the number of samples


def log_likelihood(
    model: Model, data: Dataset, *, samples: int, rng: np.random.Generator, binarized: bool = False
) -> Array:
    """log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x), z_k ~ q(z|x), K = `samples`, for each example  ->  (N,) in nats, float64.

    A lower bound on log p(x) in expectation, that rises to it with K (Burda, Grosse & Salakhutdinov 2016, theorem 1). The sum is
    taken a chunk of draws at a time, its terms scaled by the largest so far. `binarized` draws x ~ Bernoulli(x) first: grey
    pixels under a Bernoulli have a bound, but no log p(x) of their own.
    """
    if samples < 1:
        raise InputError(f"log_likelihood: samples should be at least 1, found {samples}")
    dtype = dtype_of(model)
    chunk = min(samples, ROWS)
    batch = max(1, ROWS // chunk)
    estimates = np.empty(len(data), np.float64)
    for start in range(0, len(data), batch):
        x = data.batch(slice(start, start + batch), dtype)
        model.likelihood.require_support(x)
        x = binarize(x, rng) if binarized else x
        largest, total = np.full(len(x), -np.inf), np.zeros(len(x))
        for done in range(0, samples, chunk):
            K = min(chunk, samples - done)
            noise = model.posterior.draw_noise(len(x) * K, rng)
            (log_px, log_pz, log_q), _ = log_weight_terms(model, x, noise, K)
            log_w = log_px.astype(np.float64) + log_pz - log_q
            new_largest = np.maximum(largest, log_w.max(axis=1))
            with np.errstate(invalid="ignore"):  # −∞ − (−∞), where every weight so far is 0
                old = np.where(largest == -np.inf, 0, total * np.exp(largest - new_largest))
                added = np.where(new_largest == -np.inf, 0, np.exp(log_w - new_largest[:, None]).sum(axis=1))
            largest, total = new_largest, old + added
        with np.errstate(divide="ignore"):
            estimates[start : start + batch] = largest + np.log(total / samples)
    return estimates


def bits_per_dimension(log_px: float, n_entries: int, *, levels: int | None = None) -> float:
    """−log₂ p(x) / D from log p(x) in nats.

    A density of x = (k + u) / levels, k an integer below `levels` and u uniform noise in [0, 1), is made comparable with a
    probability of k by + log₂ levels. Without the noise the density can be made as high as one likes, and means nothing.
    Theis, van den Oord & Bethge 2016, section 3.1.
    """
    bits = -log_px / (n_entries * np.log(2))
    return float(bits if levels is None else bits + np.log2(levels))
