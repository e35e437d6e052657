"""What the loss makes of the KL where it is not added as it is: free bits, and a capacity that it is held at.

A penalty is what stands in the place of a mean KL of the batch, and the gradient by the KL of each latent,
times the number of examples B.
"""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import Penalty, Place, Reading
from scratchvae.reference.diagnosis.quantities import Given


def declared(given: Given) -> Penalty | None:
    """The penalty that was declared; None where the KL is added as it is."""
    if given.capacity is not None:
        return of_capacity
    return of_free_bits if given.free_bits else None


def of_free_bits(given: Given, kl: Array) -> tuple[float, Array]:
    """Σ_j max(λ, ⟨kl_j⟩), and its gradient times B (Kingma et al. 2016, equation 15)."""
    mean = kl.mean(axis=0)
    counted = np.broadcast_to(mean >= given.free_bits, kl.shape)
    return float(np.maximum(mean, given.free_bits).sum()), counted.astype(float)


def of_capacity(given: Given, kl: Array) -> tuple[float, Array]:
    """|⟨KL⟩ − C| of the batch's mean KL, and its gradient times B (Burgess et al. 2018, equation 8)."""
    excess = kl.sum(axis=1).mean() - given.capacity
    return float(abs(excess)), np.full(kl.shape, float(np.sign(excess)))


def of_capacity_by_example(given: Given) -> Penalty | None:
    """⟨|KL − C|⟩, the same for each example before the mean over them is taken; right too."""
    return _each_example if given.capacity is not None else None


def _each_example(given: Given, kl: Array) -> tuple[float, Array]:
    excess = kl.sum(axis=1) - given.capacity
    return float(np.abs(excess).mean()), np.broadcast_to(np.sign(excess)[:, None], kl.shape)


def _without_absolute(given: Given, kl: Array) -> tuple[float, Array]:
    return float(kl.sum(axis=1).mean() - (given.capacity or 0.0)), np.ones(kl.shape)


def _of_total(given: Given, kl: Array) -> tuple[float, Array]:
    total = kl.sum(axis=1).mean()
    return float(max(total, given.free_bits)), np.full(kl.shape, float(total >= given.free_bits))


def _by_example(given: Given, kl: Array) -> tuple[float, Array]:
    return float(np.maximum(kl, given.free_bits).sum(axis=1).mean()), (kl >= given.free_bits).astype(float)


def _over_example(given: Given, kl: Array) -> tuple[float, Array]:
    total = kl.sum(axis=1)
    dkl = np.broadcast_to((total >= given.free_bits)[:, None], kl.shape).astype(float)
    return float(np.maximum(total, given.free_bits).mean()), dkl


def _plain(given: Given, kl: Array) -> tuple[float, Array]:
    return float(kl.sum(axis=1).mean()), np.ones(kl.shape)


def _of_bits(name: str, penalty: Penalty, fix: str) -> Reading:
    return Reading(name, Place.PENALTY, lambda given: penalty if given.free_bits else None, fix)


def _of_capacity(name: str, penalty: Penalty, fix: str) -> Reading:
    return Reading(name, Place.PENALTY, lambda given: penalty if given.capacity is not None else None, fix)


READINGS = [
    _of_bits(
        "free_bits_over_total",
        _of_total,
        "the floor of free bits is set under the total KL: set it under the mean KL of each latent",
    ),
    _of_bits(
        "free_bits_by_example",
        _by_example,
        "the floor of free bits is set under the KL of each example: take the mean over the batch first",
    ),
    _of_bits(
        "free_bits_over_example",
        _over_example,
        "the floor of free bits is set under the total KL of each example: set it under the mean KL of "
        "each latent",
    ),
    _of_bits(
        "free_bits_missing",
        _plain,
        "the KL has no floor, where free_bits was passed: "
        "count the mean KL of each latent as max(free_bits, KL)",
    ),
    _of_capacity(
        "capacity_missing",
        _plain,
        "the KL is added as it is, where a capacity was passed: add beta · |KL − capacity|",
    ),
    _of_capacity(
        "capacity_without_absolute",
        _without_absolute,
        "beta · (KL − capacity) is added without the absolute value, which pushes a KL below the capacity "
        "to 0: add beta · |KL − capacity|",
    ),
]
