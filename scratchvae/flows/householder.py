"""The Householder step: it reflects z in the plane that is orthogonal to a vector v.

    y = z − 2 v (vᵀz)/|v|²,   log |det J| = 0

A reflection is its own inverse. Some reflections one after the other make any orthogonal matrix, and so they
turn a Gaussian with independent latents into one with any covariance.
Tomczak & Welling 2016, section 3.1.
"""

import numpy as np

from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import Array, Pullback, require_count, require_shapes
from scratchvae.flows.interface import Step


@differentiable
@in_float64
def reflect(z: Array, v: Array) -> tuple[Array, Pullback]:
    """y = z − 2 v (vᵀz)/|v|².     z, v (B, D)  ->  (B, D).     Where v = 0, y = z. Computed in float64.

    Tomczak & Welling 2016, section 3.1.
    """
    require_shapes("householder.reflect", z=(z, "B D"), v=(v, "B D"))
    squared = (v * v).sum(axis=1, keepdims=True)
    twice = np.divide(2.0, squared, out=np.zeros_like(squared), where=squared > 0)  # 2/|v|²
    along = (v * z).sum(axis=1, keepdims=True)  # vᵀz

    def pullback(dy: Array) -> tuple[Array, Array]:
        dalong = (v * dy).sum(axis=1, keepdims=True)  # vᵀdy
        dz = dy - twice * dalong * v  # dz = dy − 2 v (vᵀdy)/|v|²
        dv = -twice * (along * dy + dalong * z - twice * along * dalong * v)
        # dv = −2 ((vᵀz) dy + (vᵀdy) z)/|v|² + 4 v (vᵀz)(vᵀdy)/|v|⁴
        return dz, dv

    return z - twice * along * v, pullback


class Householder(Step):
    """The Householder step with params = v, Z numbers that an encoder puts out for each example."""

    def __init__(self, latent_dim: int) -> None:
        require_count("Householder", "latent_dim", latent_dim)
        self.latent_dim = self.n_params = latent_dim

    def forward(self, z: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """y = z − 2 v (vᵀz)/|v|²."""
        y, reflect_pullback = reflect(z, params)

        def pullback(dy: Array, dlog_det: Array) -> tuple[Array, Array]:
            return reflect_pullback(dy)  # log |det J| is constant

        return (y, np.zeros(len(y), y.dtype)), pullback

    def inverse(self, y: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """The reflection by the same v."""
        return self.forward(y, params)

    def steepness(self, z: Array, params: Array, slope: Array) -> tuple[Array, Array]:
        """J⁻ᵀ = J: the slope is reflected in the same way."""
        return reflect(z, params)[0], reflect(slope, params)[0]
