"""The planar step: it pushes z along one direction, by an amount that depends on z along another.

    y = z + û tanh a,   a = wᵀz + b,   log |det J| = log (1 + wᵀû / cosh² a)

The map is invertible where wᵀû ≥ −1, and û is the u of an encoder with its part along w corrected:
û = u + (m(wᵀu) − wᵀu) w/|w|²,  m(x) = −1 + log(1 + eˣ),  so that wᵀû = m(wᵀu) > −1.

Rezende & Mohamed 2015, section 4.1 and appendix A.1. Letters: B examples, D latents. Everything is computed
in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import Array, Pullback, require_count, require_shapes
from scratchvae.flows.implicit import implicit_pullback
from scratchvae.flows.interface import Step, of_params

ROUNDS = 100  # of Newton's method, which is quadratic at most roots and gains a third a round at the flattest


@differentiable
@in_float64
def forward(z: Array, w: Array, u: Array, b: Array) -> tuple[tuple[Array, Array], Pullback]:
    """y = z + û tanh(wᵀz + b), and log |det ∂y/∂z|.

    z, w, u (B, D), b (B, 1)  ->  (B, D) and (B,) in nats.

    1 + wᵀû / cosh² a is computed as tanh² a + log(1 + e^(wᵀu)) / cosh² a, two terms that do not cancel. Where
    w = 0 there is no direction to correct u along, and the step is the shift û = u.
    Rezende & Mohamed 2015, equation 10.
    """
    require_shapes("planar.forward", z=(z, "B D"), w=(w, "B D"), u=(u, "B D"), b=(b, "B 1"))
    value, pullback, _ = _at(z, w, u, (w * z).sum(axis=1) + b[:, 0])
    return value, pullback


@differentiable
@in_float64
def inverse(
    y: Array, w: Array, u: Array, b: Array, *, z: Array | None = None
) -> tuple[tuple[Array, Array], Pullback]:
    """The z that `forward` maps to y, and log |det ∂z/∂y|.

    y, w, u (B, D), b (B, 1)  ->  (B, D) and (B,) in nats.

    There is no closed form, but wᵀy + b = a + m tanh a with m = wᵀû, one monotone equation for the number a,
    which Newton's method solves to rounding. Then z = y − û tanh a. Where z is known already it is given as
    the keyword, and no equation is solved. The gradients are those of the implicit function theorem.
    """
    require_shapes("planar.inverse", y=(y, "B D"), w=(w, "B D"), u=(u, "B D"), b=(b, "B 1"))
    if z is None:
        u_hat, q = _corrected(w, u)
        a = _root((w * y).sum(axis=1) + b[:, 0], q - 1)
        z = y - u_hat * np.tanh(a)[:, None]
    else:
        a = (w * z).sum(axis=1) + b[:, 0]
    (_, log_det), forward_pullback, solve_transposed = _at(z, w, u, a)
    pullback = implicit_pullback(forward_pullback, solve_transposed)
    return (z, -log_det), pullback


class Planar(Step):
    """The planar step with params = [w | u | b], 2Z + 1 numbers that an encoder puts out for each example."""

    def __init__(self, latent_dim: int) -> None:
        require_count("Planar", "latent_dim", latent_dim)
        self.latent_dim, self.n_params = latent_dim, 2 * latent_dim + 1
        self.sizes = latent_dim, latent_dim, 1

    def forward(self, z: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """y = z + û tanh(wᵀz + b)."""
        return of_params(forward, z, params, self.sizes)

    def inverse(self, y: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """z = y − û tanh a, where a + wᵀû tanh a = wᵀy + b."""
        return of_params(inverse, y, params, self.sizes)

    def steepness(self, z: Array, params: Array, slope: Array) -> tuple[Array, Array]:
        """g − w ûᵀg / (cosh² a + wᵀû), where g = slope − ∂log |det J|/∂z."""
        (y, log_det), _ = self.forward(z, params)
        _, inverse_pullback = of_params(partial(inverse, z=z), y, params, self.sizes)
        return y, inverse_pullback(slope, np.ones_like(log_det))[0]


def _corrected(w: Array, u: Array) -> tuple[Array, Array]:
    """û (B, D), and q = 1 + wᵀû (B,), which is log(1 + e^(wᵀu)), and 1 where w = 0."""
    squared, s = (w * w).sum(axis=1), (w * u).sum(axis=1)
    # m(s) − s = log(1 + e⁻ˢ) − 1
    u_hat = u + ((kernels.softplus(-s) - 1) * _reciprocal(squared))[:, None] * w
    return u_hat, np.where(squared > 0, kernels.softplus(s), 1.0)


def _at(
    z: Array, w: Array, u: Array, a: Array
) -> tuple[tuple[Array, Array], Pullback, Callable[[Array], Array]]:
    """y and log |det J| at z, whose wᵀz + b is a (B,), their pullback to z, w, u and b, and g ↦ J⁻ᵀ g."""
    u_hat, q = _corrected(w, u)
    s, reciprocal = (w * u).sum(axis=1), _reciprocal((w * w).sum(axis=1))
    k = (kernels.softplus(-s) - 1) * reciprocal  # û = u + k w
    t, e = np.tanh(a), np.exp(-2 * np.abs(a))
    h = 4 * e / (1 + e) ** 2  # 1 / cosh² a, the slope of tanh
    det = np.maximum(t * t + h * q, np.finfo(np.float64).tiny)  # 1 + h wᵀû

    def solve_transposed(g: Array) -> Array:
        # (I + h w ûᵀ)⁻¹ g = g − h w ûᵀg / (1 + h wᵀû)
        return g - w * (h * (u_hat * g).sum(axis=1) / det)[:, None]

    def pullback(dy: Array, dlog_det: Array) -> tuple[Array, Array, Array, Array]:
        ddet = dlog_det / det  # ddet = dlog_det / det
        # dt = ûᵀdy + ddet 2t (1 − q), as det = t² + (1 − t²) q
        dt = (u_hat * dy).sum(axis=1) + ddet * 2 * t * (1 - q)
        da = h * dt  # da = dt / cosh² a
        du_hat = t[:, None] * dy  # dû = t dy
        dk = (w * du_hat).sum(axis=1)  # dk = wᵀdû
        ds = ddet * h * kernels.sigmoid(s) * (reciprocal > 0) - dk * reciprocal * kernels.sigmoid(
            -s
        )  # ds = ddet h σ(s) − dk σ(−s)/|w|²
        dz = dy + da[:, None] * w  # dz = dy + da w
        dw = da[:, None] * z + k[:, None] * du_hat + ds[:, None] * u  # dw = da z + k dû + ds u
        dw = dw - (2 * k * reciprocal * dk)[:, None] * w  # … − 2 k dk w/|w|², by |w|² in k
        du = du_hat + ds[:, None] * w  # du = dû + ds w
        return dz, dw, du, da[:, None]  # db = da

    return (z + u_hat * t[:, None], np.log(det)), pullback, solve_transposed


def _reciprocal(squared: Array) -> Array:
    """1/|w|², and 0 where w = 0."""
    return np.divide(1.0, squared, out=np.zeros_like(squared), where=squared > 0)


def _root(c: Array, m: Array) -> Array:
    """The a (B,) with a + m tanh a = c, for m ≥ −1.

    The left side is odd and increases. For a ≥ 0 it is convex where m < 0 and concave where m > 0. Newton's
    method for |c| therefore goes to the root from one side, and never beyond it, if it starts from a bound
    above the root, |c| − m, or from one below it, max(|c| − m, 0).
    """
    size = np.abs(c)
    a = np.where(m < 0, size - m, np.maximum(size - m, 0))
    for _ in range(ROUNDS):
        t, e = np.tanh(a), np.exp(-2 * a)
        slope = t * t + 4 * e / (1 + e) ** 2 * (1 + m)  # 1 + m / cosh² a
        moved = (a + m * t - size) / np.maximum(slope, np.finfo(np.float64).tiny)
        a = np.maximum(a - moved, 0)
        if not (np.abs(moved) > 1e-16 * a).any():
            break
    return np.copysign(a, c)
