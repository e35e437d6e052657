"""Huber's law, −log p = s h(x − mean) + log Z with h quadratic within δ and linear beyond (smooth L1)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import Piece
from scratchvae.reference.frameworks.laws import Law, by_rows, entries
from scratchvae.reference.frameworks.proportions import fitted

CALLS = {"smooth_l1_loss", "huber_loss"}


def of_huber(
    mean: Array, gradient: Array, x: Array, B: int, numbers: list[float], close: float, *, smooth: bool
) -> Iterator[Law]:
    """Huber's law with δ = 1 or one of the numbers; `smooth`: of h / δ, as torch's smooth_l1_loss."""
    if x.size != mean.size:
        return
    t = x.reshape(mean.shape).astype(np.float64)
    for delta in dict.fromkeys((1.0, *numbers)):
        scale = 1 / delta if smooth else 1.0
        a = fitted(gradient, scale * np.clip(mean - t, -delta, delta), close=close)
        if a is not None and a > 0:
            said = (
                f"the likelihood is Huber's law (smooth L1), quadratic within {delta:.6g} and linear beyond"
            )
            yield Law("own", a, "x_mean", by_rows(t, B), _huber(delta, scale), said=said)


def _huber(delta: float, scale: float) -> Piece:
    """s (½ d² within δ, else δ |d| − ½ δ²) + log Z, where Z is the integral over d."""
    inside = math.sqrt(2 * math.pi / scale) * math.erf(delta * math.sqrt(scale / 2))
    log_z = math.log(inside + 2 / (scale * delta) * math.exp(-scale * delta**2 / 2))

    def log_px(mean: Array, x: Array) -> tuple[Array, Array]:
        d = x - mean
        held = np.clip(d, -delta, delta)
        return -scale * held * (d - 0.5 * held) - log_z, scale * held

    return entries(log_px, "x_mean", lambda x: np.full(x.shape, -log_z), counts=False)
