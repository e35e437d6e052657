"""Compiled twins of `textbook/draws.py`.

An angle is split into a number of quarter turns and a rest that is small enough for polynomials.
"""

import math

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled import exponential
from scratchvae.kernels.compiled.compiler import compiled, scalar
from scratchvae.kernels.textbook.draws import FACTORS, ROUNDS, STEPS

# sin 2πt = t p(t²) and cos 2πt = 1 + t² q(t²) for |t| ≤ ⅛: minimax fits, off by 3.3e-9 and 6.4e-11 of the
# value
SIN = tuple(
    np.float32(c)
    for c in (6.283185286833378729, -41.341661454939392453, 81.592353556912003231, -75.393562889107180284)
)
COS = tuple(
    np.float32(c)
    for c in (-19.739208681562679829, 64.939321847165626761, -85.443236296578897162, 59.229244177837269905)
)
EIGHTH, HALF, ONE, TWO = np.float32(0.125), np.float32(0.5), np.float32(1), np.float32(2)
U_STEP, T_STEP = np.float32(2.0**-32), np.float32(2.0**-26)


@compiled
def gaussian_reparameterize(mean: Array, log_var: Array, noise: Array, draws: int) -> tuple[Array, Array]:
    B, Z = noise.shape
    if mean.shape != log_var.shape or mean.shape[0] * draws != B or mean.shape[1] != Z:
        raise ValueError(
            "gaussian_reparameterize: noise should have `draws` rows for each of mean and log_var, as wide"
        )
    z, spread, sigma = np.empty_like(noise), np.empty_like(noise), np.empty_like(log_var)
    half, largest = log_var.dtype.type(0.5), np.finfo(log_var.dtype).max
    for row in range(mean.shape[0]):
        for j in range(Z):
            s = exponential.exp(half * log_var[row, j])
            sigma[row, j] = largest if s > largest else s
    for b in range(B):
        row = b // draws
        for j in range(Z):
            spread[b, j] = sigma[row, j] * noise[b, j]
            z[b, j] = mean[row, j] + spread[b, j]
    return z, spread


@compiled
def random_bits(seed: Array, counters: Array) -> Array:
    if seed.shape != (5,):
        raise ValueError("random_bits: seed should have five words")
    bits = np.empty((2, counters.size), np.uint64)
    for i in range(counters.size):
        c0, c1, c2, c3, k0, k1 = counters[i], seed[0], seed[1], seed[2], seed[3], seed[4]
        for _ in range(ROUNDS):
            first, second = FACTORS[0] * np.uint64(c0), FACTORS[1] * np.uint64(c2)
            c0, c1 = np.uint32(second >> 32) ^ c1 ^ k0, np.uint32(second)
            c2, c3 = np.uint32(first >> 32) ^ c3 ^ k1, np.uint32(first)
            k0, k1 = np.uint32(k0 + STEPS[0]), np.uint32(k1 + STEPS[1])
        bits[0, i] = np.uint64(c0) << 32 | np.uint64(c1)
        bits[1, i] = np.uint64(c2) << 32 | np.uint64(c3)
    return bits


@compiled
def standard_normal(bits: Array) -> Array:
    z = np.empty((2, bits.size), np.float32)
    for i in range(bits.size):
        upper, lower = np.uint32(bits[i] >> 32), np.uint32(bits[i])
        r = math.sqrt(-TWO * exponential.log((np.float32(upper) + HALF) * U_STEP))
        t = np.float32((lower >> 6) & 0xFFFFFF) * T_STEP - EIGHTH
        square = t * t
        sin = t * _polynomial(square, SIN)
        cos = ONE + square * _polynomial(square, COS)
        # after 0, 1, 2 or 3 quarter turns (cos, sin) is (cos, sin), (−sin, cos), (−cos, −sin), (sin, −cos)
        quarters = lower >> 30
        odd, back, down = quarters & 1 == 1, quarters == 1 or quarters == 2, quarters >= 2
        x, y = (sin if odd else cos), (cos if odd else sin)
        z[0, i] = r * (-x if back else x)
        z[1, i] = r * (-y if down else y)
    return z


@scalar
def _polynomial(x: float, coefficients: tuple[float, float, float, float]) -> float:
    a, b, c, d = coefficients
    return ((d * x + c) * x + b) * x + a
