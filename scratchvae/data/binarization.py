"""Dynamic binarization reads grey values as probabilities and draws black or white anew at each visit."""

import numpy as np

from scratchvae.arrays import Array, InputError


def binarize(x: Array, rng: np.random.Generator) -> Array:
    """Draw x' ~ Bernoulli(x), entry by entry: 0 or 1 with E[x'] = x and Var[x'] = x (1 − x).

    x holds probabilities in [0, 1], float32 or float64, of any shape, and x' has its shape and dtype. The
    uniform draws have that dtype too. Anything else is an InputError. Source: Salakhutdinov and Murray
    (2008), "On the quantitative analysis of deep belief networks". Burda, Grosse and Salakhutdinov (2016),
    "Importance weighted autoencoders", draw anew at every visit.

    >>> binarize(np.array([0.0, 1.0]), np.random.default_rng(0))
    array([0., 1.])
    """
    if x.dtype not in (np.float32, np.float64):
        raise InputError(f"binarize: x should be float32 or float64, found {x.dtype}")
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise InputError(
            f"binarize: x should hold probabilities in [0, 1], found values from {x.min()} to {x.max()}"
        )
    uniform = rng.random(x.shape, dtype=x.dtype.type)
    return (uniform < x).astype(x.dtype)
