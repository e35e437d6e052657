"""What a part of a step may be multiplied by: 1, a sign, a size of the arrays, beta, or a number."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scratchvae.reference.diagnosis.quantities import Given


@dataclass(frozen=True)
class Factor:
    """A factor by its words, and what it is in a given step:

    NaN where it is made of a size that nobody handed over.
    """

    words: str
    of: Callable[[Given], float]


def number(value: float) -> Factor:
    """The same in every step; 1/8 is written so."""
    return Factor(spelled(value), lambda given: value)


def spelled(value: float) -> str:
    """A number in few digits; 1/8 and 1/3 as fractions, down to 1/10,000,000."""
    inverse = 1 / value if 1e-7 <= abs(value) < 1 else np.inf
    whole = np.isfinite(inverse) and abs(inverse - round(inverse)) < 1e-9 * abs(inverse)
    if whole and (round(value, 2) != value or value == 0.25):
        return f"{'−' if value < 0 else ''}1/{abs(round(inverse))}"
    return f"{value:.6g}".replace("-", "−")


def _size(name: str) -> Callable[[Given], float]:
    return lambda given: float(getattr(given, name) or np.nan)


ONE = number(1.0)
NOTHING = number(0.0)
MINUS = Factor("−1", lambda given: -1.0)
BETA = Factor("beta", lambda given: given.beta)
PER_BETA = Factor("1/beta", lambda given: 1 / given.beta if given.beta else np.nan)
BATCH = Factor("B", _size("B"))
PER_EXAMPLE = Factor("1/B", lambda given: 1 / _size("B")(given))
PER_ENTRY = Factor("1/D", lambda given: 1 / _size("D")(given))
PER_LATENT = Factor("1/Z", lambda given: 1 / _size("Z")(given))
BATCH_PER_LATENT = Factor("B/Z", lambda given: _size("B")(given) / _size("Z")(given))
PER_BATCH_ENTRY = Factor("1/(B·D)", lambda given: 1 / (_size("B")(given) * _size("D")(given)))
PER_BATCH_LATENT = Factor("1/(B·Z)", lambda given: 1 / (_size("B")(given) * _size("Z")(given)))

WHOLE = (2, 3, 4, 5, 6, 7, 8, 10, 16, 20, 25, 32, 50, 64, 100, 128, 200, 250, 255, 256, 500, 512, 1000, 1024)
PARTS = (0.3, 0.4, 0.6, 0.7, 0.75, 0.8, 0.9, 1.5, 2.5)
PLAIN = (*map(float, WHOLE), *(1 / n for n in WHOLE), *PARTS)  # numbers that people multiply by
