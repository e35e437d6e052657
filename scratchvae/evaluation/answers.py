"""A check that a model's results are numbers, since entries such as 1e30 overflow on their way."""

import numpy as np

from scratchvae.arrays import Array, InputError, require_flag
from scratchvae.data import Dataset

HELPS = "if it stands for a missing entry, put NaN there; else correct it, or leave the example out"


def require_answers(where: str, data: Dataset, answers: Array, *, impossible: bool = False) -> None:
    """Raise InputError where the result for some example, `answers` (N, …), is NaN or infinite.

    The message names the largest entry of that example. With `impossible` the results are logarithms of
    probabilities, and −∞ is allowed: it is the result for an example of probability 0.
    """
    require_flag("require_answers", "impossible", impossible)
    right = np.isfinite(answers) | (answers == -np.inf) if impossible else np.isfinite(answers)
    wrong = ~right.reshape(len(answers), -1).all(axis=1)
    if wrong.any():
        example = int(np.argmax(wrong))
        x = np.abs(data.batch(slice(example, example + 1), np.float64).x[0])
        entry = int(np.argmax(x))
        found = f"found none for example {example}, whose largest entry in size is {x[entry]:g}, {data.place(example, entry)}"
        raise InputError(
            f"{where}: every example should come out as finite numbers in {answers.dtype}; {found}: {HELPS}"
        )
