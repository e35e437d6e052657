"""log p(x), estimated by importance sampling with the posterior as the proposal."""

from dataclasses import replace

import numpy as np

from scratchvae.arrays import Array, require_count, require_flag
from scratchvae.data import Batch, Dataset, binarize
from scratchvae.evaluation.answers import require_answers
from scratchvae.evaluation.row_noise import RowNoise, generator_of
from scratchvae.layers import dtype_of
from scratchvae.likelihoods import require_batch_supported
from scratchvae.objectives import Model

# rows of decoder input at once, which bounds the memory for any number of samples, and fits into caches
ROWS = 1024


def log_likelihood(
    model: Model, data: Dataset, *, samples: int, rng: np.random.Generator | RowNoise, binarized: bool = False
) -> Array:
    """log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x) for each example, with K = `samples` draws z_k ~ q(z|x).

    ->  (N,) in nats, float64. Its expectation is a lower bound on log p(x) that rises to it with K (Burda,
    Grosse & Salakhutdinov 2016, theorem 1). Where entries are missing x stands for the observed ones, and log
    p(x) is 0 where none is. Where the likelihood takes a part of x as `given`, such as the size of each
    example, the estimate is of log p(x | that part). `binarized` draws x ~ Bernoulli(x) first, since grey
    pixels under a Bernoulli have a bound, but no log p(x) of their own. With RowNoise as `rng` the estimate
    of an example does not depend on the other examples, nor on its place.
    """
    require_count("log_likelihood", "samples", samples)
    require_flag("log_likelihood", "binarized", binarized)
    estimates = [np.empty(0)]
    for batch in data.batches(1 if isinstance(rng, RowNoise) else max(1, ROWS // samples), dtype_of(model)):
        require_batch_supported(model.likelihood, batch)
        drawing = generator_of(rng, batch)
        judged = replace(batch, x=binarize(batch.x, drawing)) if binarized else batch
        with np.errstate(over="ignore", invalid="ignore"):  # require_answers says it in words
            found = _estimates(model, judged, samples, drawing)
        nothing = np.zeros(len(batch), np.bool_) if batch.observed is None else ~batch.observed.any(axis=1)
        estimates.append(np.where(nothing, 0.0, found))
    found = np.concatenate(estimates)
    require_answers("log p(x)", data, found, impossible=True)
    return found


def _estimates(model: Model, batch: Batch, samples: int, rng: np.random.Generator) -> Array:
    """log_likelihood of a batch, computed from a chunk of draws at a time.

    The terms of the sum are scaled by the largest so far.
    """
    largest, total = np.full(len(batch), -np.inf), np.zeros(len(batch))
    chunk = max(1, ROWS // len(batch))
    for done in range(0, samples, chunk):
        K = min(chunk, samples - done)
        one, _ = model.run(batch, model.draw_noise(len(batch) * K, rng), draws=K, kl="sampled")
        log_w = one.log_px.astype(np.float64) - one.sampled_kl
        new_largest = np.maximum(largest, log_w.max(axis=1))
        with np.errstate(invalid="ignore"):  # −∞ − (−∞), where every weight so far is 0
            old = np.where(largest == -np.inf, 0, total * np.exp(largest - new_largest))
            added = np.where(new_largest == -np.inf, 0, np.exp(log_w - new_largest[:, None]).sum(axis=1))
        largest, total = new_largest, old + added
    with np.errstate(divide="ignore"):
        return largest + np.log(total / samples)


def bits_per_dimension(log_px: float, n_entries: int, *, levels: int | None = None) -> float:
    """−log₂ p(x) / D from log p(x) in nats.

    Adding log₂ levels makes the density of x = (k + u) / levels comparable with a probability of k, where k
    is an integer below `levels` and u is uniform noise in [0, 1). Without that noise a density can be
    arbitrarily high, and says nothing. Theis, van den Oord & Bethge 2016, section 3.1.
    """
    require_count("bits_per_dimension", "n_entries", n_entries)
    if levels is not None:
        require_count("bits_per_dimension", "levels", levels)
    bits = -log_px / (n_entries * np.log(2))
    return float(bits if levels is None else bits + np.log2(levels))
