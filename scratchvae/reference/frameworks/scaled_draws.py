"""A draw of N(m, s²) by two numbers, such as normal_(0, 0.1), is entered as m + s · noise."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from scratchvae.reference.frameworks.flow import Node


def of_standard_noise(drawn: Node, mean: Any, std: Any) -> list[Node]:
    """The nodes s · noise and m + s · noise of a draw, which itself becomes the noise; none of N(0, 1).

    There are none, either, if a moment is an array: such a draw is z itself.
    """
    if not isinstance(mean, int | float) or not isinstance(std, int | float) or std <= 0:
        return []
    made, value = [drawn], np.array(drawn.value())
    for op, number, neutral, now in (("mul", std, 1, value - mean), ("add", mean, 0, value)):
        if number != neutral:
            operands = (made[-1], float(number))
            made.append(Node(drawn.index + len(made), op, operands, drawn.shape, partial(np.copy, now)))
            made[-1].handle, made[-1].place = drawn.handle, drawn.place
    if len(made) > 1:
        drawn.value = partial(np.copy, (value - mean) / std)
    return made[1:]
