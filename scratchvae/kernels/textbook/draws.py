"""Draws from random bits: what is random comes in as an argument."""

import numpy as np

from scratchvae.arrays import Array


def gaussian_reparameterize(mean: Array, log_var: Array, noise: Array, draws: int) -> tuple[Array, Array]:
    """z = mean + σ noise and z − mean, with σ = exp(log_var / 2) held at the largest finite number so that σ · 0 stays 0.

    mean, log_var (B, Z), noise (B · draws, Z): those for one mean stand side by side.
    """
    with np.errstate(over="ignore"):
        sigma = np.minimum(np.exp(0.5 * log_var), np.finfo(log_var.dtype).max)
    spread = np.repeat(sigma, draws, axis=0) * noise
    return np.repeat(mean, draws, axis=0) + spread, spread


def standard_normal(bits: Array) -> Array:
    """bits (n,) of 64 random bits each  ->  (2, n) float32, independent draws from N(0, 1): r cos 2πt and r sin 2πt.

    r² = −2 log u is exponential where u is uniform, from the upper 32 bits; t, from the 26 bits below them, is a uniform angle,
    in turns from −⅛ to ⅞. No draw is beyond 6.8.     Box & Muller 1958.
    """
    u = ((bits >> 32).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)
    t = (bits >> 6 & 0x3FFFFFF) * 2.0**-26 - 0.125
    r = np.sqrt(-2 * np.log(u, dtype=np.float64))
    return np.stack([r * np.cos(2 * np.pi * t), r * np.sin(2 * np.pi * t)]).astype(np.float32)
