"""Random bits made from a seed, and draws made from random bits. Both are functions without a state."""

import numpy as np

from scratchvae.arrays import Array

ROUNDS = 10  # the rounds of Philox
FACTORS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)  # they are added to the key after each round
WORD, LOW = np.uint64(32), np.uint64(0xFFFFFFFF)  # bits of a word, and the lower word of two


def gaussian_reparameterize(mean: Array, log_var: Array, noise: Array, draws: int) -> tuple[Array, Array]:
    """z = mean + σ noise and z − mean, with σ = exp(log_var / 2).

    σ is clipped to finite numbers, so that σ · 0 is 0.

    mean, log_var (B, Z), noise (B · draws, Z). The draws for one mean are neighbouring rows.
    """
    with np.errstate(over="ignore"):
        sigma = np.minimum(np.exp(0.5 * log_var), np.finfo(log_var.dtype).max)
    spread = np.repeat(sigma, draws, axis=0) * noise
    return np.repeat(mean, draws, axis=0) + spread, spread


def random_bits(seed: Array, counters: Array) -> Array:
    """Philox 4×32 of ten rounds.     seed (5,), counters (n,), both uint32  ->  (2, n) uint64.

    For each counter it makes 128 random bits. It encrypts four words, which are the counter and seed[:3],
    with a key of two words, which are seed[3:]. A round multiplies two words into 64 bits each, and mixes the
    halves with the other words and the key. Salmon, Moraes, Dror & Shaw 2011.
    """
    c0 = counters.astype(np.uint64)
    c1, c2, c3, k0, k1 = (np.full(counters.shape, word, np.uint64) for word in seed)
    for _ in range(ROUNDS):
        first, second = FACTORS[0] * c0, FACTORS[1] * c2
        c0, c1, c2, c3 = (second >> WORD) ^ c1 ^ k0, second & LOW, (first >> WORD) ^ c3 ^ k1, first & LOW
        k0, k1 = (k0 + STEPS[0]) & LOW, (k1 + STEPS[1]) & LOW
    return np.stack([(c0 << WORD) | c1, (c2 << WORD) | c3])


def standard_normal(bits: Array) -> Array:
    """Two independent draws from N(0, 1) for each 64 random bits: r cos 2πt and r sin 2πt.

    bits (n,)  ->  (2, n) float32. The upper 32 bits make a uniform u, so that r² = −2 log u is exponential.
    The 26 bits below them make t, a uniform angle in turns from −⅛ to ⅞. No draw is beyond 6.8. Box & Muller
    1958.
    """
    u = ((bits >> 32).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)
    t = (bits >> 6 & 0x3FFFFFF) * 2.0**-26 - 0.125
    r = np.sqrt(-2 * np.log(u, dtype=np.float64))
    return np.stack([r * np.cos(2 * np.pi * t), r * np.sin(2 * np.pi * t)]).astype(np.float32)
