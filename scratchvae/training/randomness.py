"""Every random number of a run, as a function of its seed and of where it is used.

A generator is made anew for each purpose and index, so that a run resumed at step t draws the same numbers as
an uninterrupted one, and any step can be replayed alone.
"""

from enum import IntEnum

import numpy as np

TRAINING = 1  # the first word of these streams, with which no other stream of the library begins


class Purpose(IntEnum):
    """The purposes of random numbers."""

    ORDER = 0  # the order of the examples, with an index for each epoch
    STEP = 1  # binarization, an objective's noise and dropout masks, with an index for each step
    # the objective's noise on held-out data, with the index 0, so that every epoch is judged on the same noise
    HELD_OUT = 2


def generator(seed: int, purpose: Purpose, index: int) -> np.random.Generator:
    """The generator of `purpose` at `index`, independent of all others."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(TRAINING, purpose, index)))
