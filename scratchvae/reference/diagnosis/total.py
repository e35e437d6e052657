"""loss = Σ_b −log p(x_b|z_b) + β KL_b, averaged over the batch or summed, and what is written instead of it."""

from collections.abc import Callable

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import Mistake, Penalty, Place, Weights
from scratchvae.reference.diagnosis.quantities import Given


def weights(given: Given) -> Weights:
    """(1, β)."""
    return Weights(1.0, given.beta)


def _row(name: str, choose: Callable[[Given, float, int, int, int], tuple[float, float] | None], fix: str) -> Mistake:
    """`choose(given, β, B, D, Z)`; a row that needs a size nobody handed over predicts nothing (NaN)."""

    def computes(given: Given) -> Weights | None:
        B, D, Z = (np.float64(np.nan if n is None else n) for n in (given.B, given.D, given.Z))
        chosen = choose(given, np.float64(given.beta), B, D, Z)  # type: ignore[arg-type]
        if given.weighted and chosen is not None and not np.isclose(chosen[1], chosen[0] * given.beta):
            return None  # log-weights hold both parts: no weight can be on one alone
        return Weights(*chosen) if chosen is not None and np.isfinite(chosen).all() else None

    return Mistake(name, Place.TOTAL, computes, fix)


def free_bits(given: Given, kl: Array) -> tuple[float, Array]:
    """Σ_j max(λ, ⟨kl_j⟩), and its gradient times B (Kingma et al. 2016, equation 15)."""
    mean = kl.mean(axis=0)
    return float(np.maximum(mean, given.free_bits).sum()), np.broadcast_to(mean >= given.free_bits, kl.shape).astype(float)


def _over_total(given: Given, kl: Array) -> tuple[float, Array]:
    total = kl.sum(axis=1).mean()
    return float(max(total, given.free_bits)), np.full(kl.shape, float(total >= given.free_bits))


def _by_example(given: Given, kl: Array) -> tuple[float, Array]:
    return float(np.maximum(kl, given.free_bits).sum(axis=1).mean()), (kl >= given.free_bits).astype(float)


def _over_example(given: Given, kl: Array) -> tuple[float, Array]:
    total = kl.sum(axis=1)
    dkl = np.broadcast_to((total >= given.free_bits)[:, None], kl.shape).astype(float)
    return float(np.maximum(total, given.free_bits).mean()), dkl


def _missing(given: Given, kl: Array) -> tuple[float, Array]:
    return float(kl.sum(axis=1).mean()), np.ones(kl.shape)


def _penalty(name: str, penalty: Penalty, fix: str) -> Mistake:
    return Mistake(name, Place.PENALTY, lambda given: penalty if given.free_bits else None, fix)


KL_MISSING = _row(
    "kl_missing", lambda given, beta, B, D, Z: (1, 0), "the KL is missing from the loss, or weighs less than rounding"
)
MISTAKES = [
    _row(
        "reconstruction_mean_over_pixels",
        lambda given, beta, B, D, Z: (1 / D, beta),
        "the reconstruction is averaged over an event's entries: sum over them, average over examples only",
    ),
    _row(
        "kl_mean_over_latents", lambda given, beta, B, D, Z: (1, beta / Z), "the KL is averaged over the latents: sum over them"
    ),
    _row(
        "kl_mean_over_batch",
        lambda given, beta, B, D, Z: (1, beta / B),
        "the KL is divided by the batch size once more than the reconstruction: reduce both alike",
    ),
    _row(
        "kl_mean_over_batch_and_latents",
        lambda given, beta, B, D, Z: (1, beta / (B * Z)),
        "the KL is averaged over batch and latents while the reconstruction is not: sum over the latents, reduce the batch alike",
    ),
    _row(
        "kl_summed_over_batch",
        lambda given, beta, B, D, Z: (1, beta * B),
        "the KL is summed over the batch while the reconstruction is averaged: reduce both alike",
    ),
    _row(
        "reconstruction_mean_over_batch",
        lambda given, beta, B, D, Z: (1 / B, beta),
        "the reconstruction is divided by the batch size once more than the KL: reduce both alike",
    ),
    _row(
        "reconstruction_summed_over_batch",
        lambda given, beta, B, D, Z: (B, beta),
        "the reconstruction is summed over the batch while the KL is averaged: reduce both alike",
    ),
    _row(
        "reconstruction_mean_and_kl_sum",
        lambda given, beta, B, D, Z: (1 / D, beta * B) if given.reduction == "mean" else (1 / (B * D), beta),
        "the reconstruction is averaged, the KL summed over all there is: sum over entries and latents, reduce both alike",
    ),
    _row(
        "everything_averaged",
        lambda given, beta, B, D, Z: (1 / D, beta / Z) if given.reduction == "mean" else (1 / (B * D), beta / (B * Z)),
        "reconstruction and KL are averaged over entries and latents: sum over both, average over examples only",
    ),
    _row(
        "batch_summed",
        lambda given, beta, B, D, Z: (B, beta * B) if given.reduction == "mean" else None,
        "the loss is a sum over the batch where a mean was declared: the learning rate grows with the batch",
    ),
    _row(
        "batch_averaged",
        lambda given, beta, B, D, Z: (1 / B, beta / B),
        "the loss is divided by the batch size once more than was declared",
    ),
    _row("reconstruction_sign", lambda given, beta, B, D, Z: (-1, beta), "the reconstruction has the wrong sign in the loss"),
    _row("kl_sign", lambda given, beta, B, D, Z: (1, -beta), "the KL has the wrong sign in the loss: it is added"),
    _row(
        "loss_sign",
        lambda given, beta, B, D, Z: (-1, -beta),
        "its sign is flipped: the loss is minimized, the bound is its negative",
    ),
    KL_MISSING,
    _row(
        "kl_divided_by_pixels",
        lambda given, beta, B, D, Z: (1, beta / D),
        "the KL is divided by the number of an event's entries",
    ),
    _row(
        "loss_divided_by_pixels",
        lambda given, beta, B, D, Z: (1 / D, beta / D),
        "the whole loss is divided by the number of an event's entries: harmless but for the learning rate, and no bound in nats",
    ),
    _row(
        "reconstruction_sum_and_kl_mean",
        lambda given, beta, B, D, Z: (B, beta / Z) if given.reduction == "mean" else None,
        "the reconstruction is summed over the batch, the KL averaged over all there is: reduce both alike",
    ),
    _row("beta_missing", lambda given, beta, B, D, Z: (1, 1), "the KL isn't weighted by beta"),
    _row(
        "beta_on_reconstruction", lambda given, beta, B, D, Z: (beta, 1), "beta weighs the reconstruction: it belongs on the KL"
    ),
    _row("beta_squared", lambda given, beta, B, D, Z: (1, beta**2), "beta is applied twice"),
    _row("beta_on_both", lambda given, beta, B, D, Z: (beta, beta), "beta weighs both terms: it belongs on the KL alone"),
    _penalty("free_bits_over_total", _over_total, "free bits are granted to the KL's total: grant them to each latent"),
    _penalty("free_bits_by_example", _by_example, "free bits are granted to each example: take the mean over the batch first"),
    _penalty(
        "free_bits_over_example", _over_example, "free bits are granted to each example's total: grant them to each latent's mean"
    ),
    _penalty("free_bits_missing", _missing, "no bits are free: the KL of each latent should count as at least λ"),
]
