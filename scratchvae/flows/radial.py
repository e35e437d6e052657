"""The radial step: it pushes z away from a centre, or towards it.

    y = z0 + A δ,   δ = z − z0,   r = |δ|,   A = 1 + β̂/(α + r) = (r + m)/(r + α)
    log |det J| = (D − 1) log A + log C,   C = d(rA)/dr = (r² + 2αr + αm)/(r + α)²

α > 0, and the map is invertible where β̂ ≥ −α. So α = log(1 + eᵃ) of a number a of an encoder, and
β̂ = −α + m with m = log(1 + eᵇ) of another. The forms of A and C on the right have positive parts only, and
so nothing cancels.

Rezende & Mohamed 2015, section 4.1 and appendix A.2. Letters: B examples, D latents. Everything is computed
in float64.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import Array, Pullback, require_count, require_shapes
from scratchvae.flows.implicit import implicit_pullback
from scratchvae.flows.interface import Step, of_params


@differentiable
@in_float64
def forward(z: Array, z0: Array, a: Array, b: Array) -> tuple[tuple[Array, Array], Pullback]:
    """y = z0 + (z − z0) (r + m)/(r + α), and log |det ∂y/∂z|.

    z, z0 (B, D), a, b (B, 1)  ->  (B, D) and (B,) in nats.

    Rezende & Mohamed 2015, equation 14.
    """
    require_shapes("radial.forward", z=(z, "B D"), z0=(z0, "B D"), a=(a, "B 1"), b=(b, "B 1"))
    value, pullback, _ = _at(z0, z - z0, a[:, 0], b[:, 0])
    return value, pullback


@differentiable
@in_float64
def inverse(
    y: Array, z0: Array, a: Array, b: Array, *, z: Array | None = None
) -> tuple[tuple[Array, Array], Pullback]:
    """The z that `forward` maps to y, and log |det ∂z/∂y|.

    y, z0 (B, D), a, b (B, 1)  ->  (B, D) and (B,) in nats.

    R = |y − z0| = r (r + m)/(r + α) is a quadratic equation for r, which has one root r ≥ 0, and
    z = z0 + (y − z0)/A. Where z is known already it is given as the keyword. The gradients are those of the
    implicit function theorem.
    """
    require_shapes("radial.inverse", y=(y, "B D"), z0=(z0, "B D"), a=(a, "B 1"), b=(b, "B 1"))
    if z is not None:
        delta = z - z0
    else:
        alpha, m, apart = kernels.softplus(a), kernels.softplus(b), y - z0
        R = np.sqrt((apart * apart).sum(axis=1, keepdims=True))
        half = (R - m) / 2  # r² − 2 half r − Rα = 0
        far = np.sqrt(half * half + R * alpha) + np.abs(half)
        # the form in which nothing cancels
        r = np.where(half > 0, far, R * alpha / np.maximum(far, np.finfo(np.float64).tiny))
        delta = apart * ((r + alpha) / (r + m))
    (_, log_det), forward_pullback, solve_transposed = _at(z0, delta, a[:, 0], b[:, 0])
    pullback = implicit_pullback(forward_pullback, solve_transposed)
    return (z0 + delta, -log_det), pullback


class Radial(Step):
    """The radial step with params = [z0 | a | b], Z + 2 numbers that an encoder puts out for each example."""

    def __init__(self, latent_dim: int) -> None:
        require_count("Radial", "latent_dim", latent_dim)
        self.latent_dim, self.n_params = latent_dim, latent_dim + 2
        self.sizes = latent_dim, 1, 1

    def forward(self, z: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """y = z0 + (z − z0) (r + m)/(r + α)."""
        return of_params(forward, z, params, self.sizes)

    def inverse(self, y: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """z = z0 + (y − z0) (r + α)/(r + m)."""
        return of_params(inverse, y, params, self.sizes)

    def steepness(self, z: Array, params: Array, slope: Array) -> tuple[Array, Array]:
        """g/A + (1/C − 1/A) δ δᵀg/r², where g = slope − ∂log |det J|/∂z."""
        (y, log_det), _ = self.forward(z, params)
        _, inverse_pullback = of_params(partial(inverse, z=z), y, params, self.sizes)
        return y, inverse_pullback(slope, np.ones_like(log_det))[0]


def _at(
    z0: Array, delta: Array, a: Array, b: Array
) -> tuple[tuple[Array, Array], Pullback, Callable[[Array], Array]]:
    """y and log |det J| at z0 + δ, their pullback to z, z0, a and b, and g ↦ J⁻ᵀ g."""
    D, alpha, m = delta.shape[1], kernels.softplus(a), kernels.softplus(b)
    r = np.sqrt((delta * delta).sum(axis=1))
    # δ/r, and 0 at the centre
    n = np.divide(delta, r[:, None], out=np.zeros_like(delta), where=r[:, None] > 0)
    tiny = np.finfo(np.float64).tiny
    inner, outer = np.maximum(r + m, tiny), np.maximum(r + alpha, tiny)
    square = np.maximum(r * r + 2 * alpha * r + alpha * m, tiny)  # C (r + α)²
    A, C = inner / outer, square / outer**2
    log_det = (D - 1) * np.log(A) + np.log(C)

    def solve_transposed(g: Array) -> Array:
        along = (n * g).sum(axis=1)
        return g / A[:, None] + n * (along * (1 / C - 1 / A))[:, None]  # J = A (I − n nᵀ) + C n nᵀ

    def pullback(dy: Array, dlog_det: Array) -> tuple[Array, Array, Array, Array]:
        dA = (delta * dy).sum(axis=1)  # dA = δᵀdy
        A_r = (alpha - m) / outer**2  # ∂A/∂r
        # ∂log |det J|/∂r
        log_det_r = (alpha - m) * ((D - 1) / (inner * outer) + 2 * alpha / (square * outer))
        log_det_m = (D - 1) / inner + alpha / square  # ∂log |det J|/∂m
        # ∂log |det J|/∂α
        log_det_alpha = (m * (r - alpha) - 2 * alpha * r) / (square * outer) - (D - 1) / outer
        dr = dA * A_r + dlog_det * log_det_r
        ddelta = A[:, None] * dy + dr[:, None] * n  # dδ = A dy + dr δ/r
        dalpha = dlog_det * log_det_alpha - dA * A / outer  # ∂A/∂α = −A/(r + α)
        dm = dlog_det * log_det_m + dA / outer  # ∂A/∂m = 1/(r + α)
        da = dalpha * kernels.sigmoid(a)  # da = dα σ(a)
        db = dm * kernels.sigmoid(b)  # db = dm σ(b)
        return ddelta, dy - ddelta, da[:, None], db[:, None]  # dz = dδ,  dz0 = dy − dδ

    return (z0 + A[:, None] * delta, log_det), pullback, solve_transposed
