"""The uniform law on the unit sphere in D dimensions: p(x) = 1/|S|, with the area |S| = 2 π^(D/2)/Γ(D/2)."""

import math

import numpy as np

from scratchvae.arguments import differentiable, sampler
from scratchvae.arrays import Array, Pullback, require_shapes, require_unit


@differentiable
def log_prob(x: Array) -> tuple[Array, Pullback]:
    """log p(x) = log Γ(D/2) − log 2 − ½ D log π, for every x on the sphere.

    x (B, D) of norm 1  ->  (B,) in nats.

    Its gradient is 0. InputError for an x whose norm is more than 0.01 away from 1: the law has no density
    there.
    """
    n = require_shapes("uniform_sphere.log_prob", x=(x, "B D"))
    require_unit("uniform_sphere.log_prob", "x", x)
    log_area = math.log(2) + 0.5 * n["D"] * math.log(math.pi) - math.lgamma(0.5 * n["D"])

    def pullback(dlog_px: Array) -> Array:
        return np.zeros_like(x)  # dx = 0

    return np.full(len(x), -log_area, x.dtype), pullback


@sampler
def sample(*, noise: Array) -> Array:
    """The directions of standard normal noise, which no rotation changes in law.     (B, D)  ->  (B, D)."""
    require_shapes("uniform_sphere.sample", noise=(noise, "B D"))
    norm = np.sqrt((noise * noise).sum(axis=1, keepdims=True))
    first = np.eye(1, noise.shape[1], dtype=noise.dtype)
    # with D = 1 a draw may be 0 in float32
    drawn: Array = np.where(norm > 0, noise / np.where(norm > 0, norm, 1), first)
    return drawn
