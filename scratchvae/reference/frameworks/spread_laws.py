"""Laws with a second array of the step: the spread of a Gaussian or a Laplace law, or a dispersion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import laplace, negative_binomial
from scratchvae.reference.diagnosis import Piece, std_read_as
from scratchvae.reference.frameworks.laws import entries, log_factorial
from scratchvae.reference.frameworks.proportions import fitted


def of_spread(
    mean: Array,
    gradient: Array,
    x: Array,
    spread: Array,
    close: float,
    mask: Array,
    *,
    rows: bool = False,
) -> Iterator[tuple[str, float, Array]]:
    """A Gaussian whose σ is an array of the step: how the array is read, the weight a, and σ in x's shape.

    Where the mask is 0 nothing is compared. With `rows` each row may have a weight of its own, as under
    importance weights.
    """
    for kind in ("log_var", "log_std", "std", "var", "raw_std"):
        std = std_read_as(kind, spread.astype(np.float64))
        if not (np.isfinite(std) & (std > 0)).all():
            continue
        try:
            std = np.broadcast_to(std.reshape(x.shape) if std.size == x.size else std, x.shape)
        except ValueError:
            return
        a = fitted(gradient, mask * (mean - x) / std**2, rows=rows, close=close)
        if a is not None and a > 0:
            yield kind, a, std


def of_laplace(
    mean: Array, gradient: Array, x: Array, spread: Array, close: float
) -> Iterator[tuple[str, float, Array]]:
    """A Laplace law whose scale s is an array of the step: how it is read, the weight a, and log s."""
    for kind in ("log", "", "softplus"):
        with np.errstate(all="ignore"):
            log_s = {"log": spread, "": np.log(spread), "softplus": np.log(np.logaddexp(0, spread))}[kind]
        if not np.isfinite(log_s).all() or np.abs(log_s).max() > 50:
            continue
        try:
            wide = np.broadcast_to(log_s.reshape(x.shape) if log_s.size == x.size else log_s, x.shape)
        except ValueError:
            return
        a = fitted(gradient, np.sign(mean - x) * np.exp(-wide), close=close)
        if a is not None and a > 0:
            yield f"{kind} s".strip(), a, wide


def laplace_of(log_scale: Array) -> Piece:
    """−log p of a Laplace law of this log s, by its mean as x_mean."""

    def log_px(mean: Array, x: Array) -> tuple[Array, Array]:
        flat = [a.reshape(-1, 1) for a in (x, mean, np.broadcast_to(log_scale, mean.shape))]
        value, pullback = laplace.log_prob(*flat)
        return value.reshape(mean.shape), pullback(np.ones_like(value))[1].reshape(mean.shape)

    return entries(log_px, "x_mean", lambda x: np.full(x.shape, -np.log(2)), counts=False)


def of_overdispersed(
    mean: Array, gradient: Array, x: Array, spread: Array, close: float
) -> Iterator[tuple[float, Array]]:
    """A negative binomial whose dispersion r is an array of the step or its exp: the weight a, and log r."""
    if x.min() < 0 or mean.min() <= 0:
        return
    for log_r in ([np.log(spread)] if spread.min() > 0 else []) + [spread]:
        try:
            wide = np.broadcast_to(log_r.reshape(x.shape) if log_r.size == x.size else log_r, x.shape)
        except ValueError:
            return
        r = np.exp(np.clip(wide, -50, 50))
        a = fitted(gradient, r * (mean - x) / (mean * (mean + r)), close=close)
        if a is not None and a > 0:
            yield a, wide


def overdispersed(log_dispersion: Array) -> Piece:
    """−log p of a negative binomial of this log r, by its mean as x_mean."""

    def log_px(mean: Array, x: Array) -> tuple[Array, Array]:
        with np.errstate(all="ignore"):
            flat = [a.reshape(-1, 1) for a in (np.log(mean), np.broadcast_to(log_dispersion, mean.shape), x)]
        value, pullback = negative_binomial.log_prob(flat[0], flat[1], x=flat[2])
        return value.reshape(mean.shape), pullback(np.ones_like(value))[0].reshape(mean.shape) / mean

    return entries(log_px, "x_mean", log_factorial)
