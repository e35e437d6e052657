"""What a model answers to examples should be numbers; entries such as 1e30 overflow on their way through it."""

import numpy as np

from scratchvae.arrays import Array, InputError, require_flag
from scratchvae.data import Dataset

HELPS = "if it stands for a missing entry, put NaN there; else correct it, or leave the example out"


def require_answers(where: str, data: Dataset, answers: Array, *, impossible: bool = False) -> None:
    """InputError where some example has an answer, answers (N, …), that is NaN or infinite; it names its
    largest entry.

    With `impossible` answers are logarithms of probabilities, and −∞ is one: that of an example that cannot
    be.
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
