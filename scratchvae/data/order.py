"""Orders of examples that a seed decides, the same ones on every machine and with every version of NumPy."""

import numpy as np

from scratchvae.arrays import Array

STREAM = 3  # below a run's seed: apart from the streams of its data (1), its weights (2), and its steps


def shuffled(n: int, seed: int) -> Array:
    """A random permutation of 0 … n − 1 that is a function of n and the seed.

    It sorts n random words of 64 bits, which NumPy promises never to change, as it does not promise of its
    permutations. Equal words, of which the chance is n²/2⁶⁵, keep their order.
    """
    words = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(STREAM,))).random_raw(n)
    return np.argsort(words, kind="stable")
