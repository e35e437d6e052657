"""Data that a likelihood takes, found by asking it: tests of every likelihood need no list of which takes
what.
"""

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.recipes import LIKELIHOODS


def supported(chosen, shape, rng):
    """Normal numbers where the law takes any, else counts to 4, else numbers in [0, 1] with both ends, else
    in (0, 1).
    """
    law = LIKELIHOODS.build(chosen, event_shape=shape[1:])
    kinds = (
        rng.standard_normal(shape),
        np.minimum(rng.poisson(1.5, shape), 4).astype(np.float64),
        np.clip(rng.uniform(-0.3, 1.3, shape), 0, 1),
        rng.uniform(0.05, 0.95, shape),
    )
    return next(x for x in kinds if takes(law, x))


def takes(law, x):
    """Whether x (N, …) lies in the support of the law."""
    try:
        law.require_support(x.reshape(len(x), -1))
    except InputError:
        return False
    return True
