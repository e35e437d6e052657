"""Orders of examples that a seed decides and that are the same on every machine and with every NumPy."""

import numpy as np

from scratchvae.arrays import Array

STREAM = 3  # a stream below a run's seed; data have stream 1 and weights stream 2, and steps have others


def shuffled(n: int, seed: int) -> Array:
    """Return a random permutation of 0 … n − 1 that is a function of n and the seed alone.

    It sorts n random words of 64 bits. NumPy promises never to change those words, and makes no such promise
    about its permutations. Equal words, of which the chance is n²/2⁶⁵, keep their order.
    """
    words = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(STREAM,))).random_raw(n)
    return np.argsort(words, kind="stable")
