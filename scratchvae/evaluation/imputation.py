"""Missing entries, given the observed ones: their expectations by importance weights, and draws of them.

    w_k = p(x_o|z_k) p(z_k) / q(z_k|x_o),  z_k ~ q(z|x_o),  k = 1 … K        w̃_k = w_k / Σ_k w_k
    E[x_m|x_o] ≈ Σ_k w̃_k E[x_m|z_k]                                          a single imputation
    x_m ~ p(x_m|z_j), j = k with probability w̃_k                             one of several imputations

x_o are the observed entries of an example, and x_m are the missing ones. All entries are independent given z.
As K grows, both results tend to the exact ones under the model, for any q. The first method is called
self-normalized importance sampling, and the second is called sampling importance resampling. Mattei &
Frellsen 2019.

Where nothing was observed p(z|x_o) = p(z), and the draws are from the prior, all with the weight 1. Where few
entries were observed, q(z|x_o) may be much narrower than p(z|x_o), since the encoder has rarely seen such an
example in training. Then a few draws have nearly all of the weight, and `effective` is small. If it is below
about 50, the expectation is rough, and several imputations are nearly the same. More draws help. An encoder
helps too that sees the mask (fill="zero_and_mask") and was trained on examples with as many missing entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_count
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation.row_noise import RowNoise, generator_of
from scratchvae.layers import EVALUATION, Mode, dtype_of
from scratchvae.likelihoods import missing_mean, missing_sample, require_batch_supported
from scratchvae.objectives import Model
from scratchvae.posteriors import Point

ROWS = 1024  # rows of decoder input at once, which bounds the memory for any number of samples


class Decoding(Model, Protocol):
    """A model whose codes can be decoded one by one, so that p(x_m|z) is known."""

    def decoded(
        self, z: Array, batch: Batch, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """x_params (B·K, n_params) of codes z (B·K, Z)."""

    def drawn_from_prior(self, batch: Batch, *, draws: int, rng: np.random.Generator) -> Array:
        """z ~ p(z) for the latents of this batch  ->  (B·K, Z), K = `draws` for each example."""


@dataclass(frozen=True, eq=False)
class Imputation:
    """N examples of D entries, with the missing ones filled in and the observed ones as they were.

    x          (N, D)     each missing entry at its expectation given the observed ones
    effective  (N,)       1 / Σ_k w̃_k², how many equally weighted draws the expectation is worth: from 1 to K
                          (1 where q(z|x) has all its mass on one code)
    draws      (M, N, D)  M imputations, each drawn anew
    """

    x: Array
    effective: Array
    draws: Array


def impute(
    model: Decoding, data: Dataset, *, samples: int, rng: np.random.Generator | RowNoise, draws: int = 0
) -> Imputation:
    """Fill in the missing entries of `data` with K = `samples` draws of z for each example.

    `x` of the result has expectations in their place, and M = `draws` further copies have draws in their
    place. An autoencoder, whose posterior is a Point, has one z for each example, of weight 1. For an example
    without any observed entry z is drawn from the prior. With RowNoise as `rng` an example's imputations do
    not depend on the other examples, nor on its place. InputError where the observed entries have the
    probability 0 at every draw.
    """
    require_count("impute", "samples", samples)
    require_count("impute", "draws", draws, 0)
    samples = 1 if _is_autoencoder(model) else samples
    x: list[Array] = []
    effective, several = [], []
    for batch in data.batches(
        1 if isinstance(rng, RowNoise) else max(1, ROWS // max(samples, draws)), dtype_of(model)
    ):
        require_batch_supported(model.likelihood, batch)
        drawing = generator_of(rng, batch)
        with np.errstate(over="ignore", invalid="ignore"):  # the InputError below says it in words
            mean, worth, z = _weighed(model, batch, samples, draws, drawing)
        if getattr(getattr(model, "posterior", None), "one_code", False):
            worth = np.where(_blank(batch), worth, 1.0)  # all draws of another example are the same
        if not np.isfinite(mean).all():
            example = sum(len(part) for part in x) + int(np.argmin(np.isfinite(mean).all(axis=1)))
            expected = "some draw should give what was observed a probability"
            raise InputError(
                f"impute: {expected}; found none of {samples} for example {example} of {data.name}"
            )
        x.append(_completed(batch, model.likelihood.settled(mean)))
        effective.append(worth)
        several.append(_drawn(model, batch, z, drawing))
    return Imputation(np.concatenate(x), np.concatenate(effective), np.concatenate(several, axis=1))


def _weighed(
    model: Decoding, batch: Batch, samples: int, draws: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return Σ_k w̃_k E[x|z_k] (B, D), 1 / Σ_k w̃_k² (B,), and z resampled by weight (B, M, Z).

    Where the likelihood has `expected` (B, E), that stands for E[x|z]. The function works through the draws
    in chunks, and it divides its sums by the largest weight so far. An example has M places for resampled z.
    After each chunk a place takes its z from that chunk with the probability of the chunk's share in the
    weights so far. So in the end a place holds z_k with probability w̃_k.
    """
    B = len(batch)
    largest, total, squares = np.full(B, -np.inf), np.zeros(B), np.zeros(B)
    mean: Array = np.zeros((B, 1))
    chosen = np.zeros((B, draws, 1), batch.x.dtype)  # it has all columns from the first chunk on
    for log_w, z, x_means in _chunks(model, batch, samples, rng):
        new_largest = np.maximum(largest, log_w.max(axis=1))
        top = np.where(np.isfinite(new_largest), new_largest, 0)  # where every weight so far is 0 it stays 0
        scale, w = np.exp(largest - top), np.exp(log_w - top[:, None])
        share = w.sum(axis=1)
        total, squares = total * scale + share, squares * scale**2 + (w * w).sum(axis=1)
        mean = mean * scale[:, None] + np.einsum("bk,bkd->bd", w, x_means)
        largest = new_largest
        if draws:
            newest = rng.random((B, draws)) * total[:, None] < share[:, None]
            below = rng.random((B, draws)) * share[:, None]
            k = np.minimum((below[:, :, None] >= np.cumsum(w, axis=1)[:, None]).sum(axis=2), w.shape[1] - 1)
            chosen = np.where(newest[:, :, None], np.take_along_axis(z, k[:, :, None], axis=1), chosen)
    with np.errstate(invalid="ignore", divide="ignore"):
        return mean / total[:, None], total * total / squares, chosen


def _chunks(
    model: Decoding, batch: Batch, samples: int, rng: np.random.Generator
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield log w (B, K) in float64, z (B, K, Z), and E[x|z] (B, K, E), for some of the draws at a time.

    Where nothing of an example was observed, its z are drawn from the prior, and log w = 0.
    """
    B = len(batch)
    chunk = max(1, ROWS // B)
    point = _is_autoencoder(model)
    blank = np.zeros(B, np.bool_) if point else _blank(batch)
    for done in range(0, samples, chunk):
        K = min(chunk, samples - done)
        one, _ = model.run(batch, model.draw_noise(B * K, rng), draws=K, kl="none" if point else "sampled")
        z = one.z
        log_w = np.zeros((B, K)) if point else one.log_weights.astype(np.float64)
        if blank.any():
            drawn = model.drawn_from_prior(batch, draws=K, rng=rng).astype(z.dtype, copy=False)
            z = np.where(np.repeat(blank, K)[:, None], drawn, z)
            log_w[blank] = 0
        x_params, _ = model.decoded(z, batch, draws=K)
        x_means = missing_mean(model.likelihood, x_params, batch.repeat(K))
        yield log_w, z.reshape(B, K, -1), x_means.reshape(B, K, -1)


def _drawn(model: Decoding, batch: Batch, z: Array, rng: np.random.Generator) -> Array:
    """x_m ~ p(x_m|z) for z (B, M, Z)  ->  (M, B, D), with the observed entries as they are."""
    B, M, Z = z.shape
    if not M:
        return np.empty((0, *batch.x.shape), batch.x.dtype)
    x_params, _ = model.decoded(z.reshape(B * M, Z), batch, draws=M)
    repeated = batch.repeat(M)
    completed = _completed(repeated, missing_sample(model.likelihood, x_params, repeated, rng))
    return completed.reshape(B, M, -1).swapaxes(0, 1)


def _blank(batch: Batch) -> Array:
    """Say of each example whether none of its entries was observed (B,)."""
    seen = np.ones(len(batch), np.bool_) if batch.observed is None else batch.observed.any(axis=1)
    return np.asarray(~seen)


def _is_autoencoder(model: Decoding) -> bool:
    """Say whether the model is an autoencoder, which has no density of z."""
    return isinstance(getattr(model, "posterior", None), Point)


def _completed(batch: Batch, x: Array) -> Array:
    """The batch's x with `x` in its missing entries, in the batch's dtype."""
    return (
        batch.x if batch.observed is None else np.where(batch.observed != 0, batch.x, x.astype(batch.x.dtype))
    )
