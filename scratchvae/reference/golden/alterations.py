"""Alterations make a right case faulty: its value and gradients are scaled, shifted or exchanged.

Or they are taken of other arguments.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.objectives import Objective
from scratchvae.reference.cases.case import Case, objective_case
from scratchvae.reference.cases.models import X, vae

Change = Callable[[Case], Case]


def multiplied(factor: Callable[[Mapping[str, Array]], float]) -> Change:
    """Multiply the op by a number, which depends on the shapes of its arrays."""

    def change(case: Case) -> Case:
        by = factor(case.arrays)

        def op(*arrays: Array, **constants: Any) -> tuple[Array, Pullback]:
            value, right = case.op(*arrays, **constants)
            dtype = value.dtype.type
            return value * dtype(by), lambda dvalue: right(dvalue * dtype(by))

        return replace(case, op=op)

    return change


def plus(term: Callable[..., Array]) -> Change:
    """Add a constant of each example to the op, which none of its gradients shows.

    The `term` takes the arrays and constants by name.
    """

    def change(case: Case) -> Case:
        def op(*arrays: Array, **constants: Any) -> tuple[Array, Pullback]:
            value, right = case.op(*arrays, **constants)
            given = dict(zip(case.arrays, arrays, strict=True)) | constants
            return value + np.asarray(term(**given), value.dtype), right

        return replace(case, op=op)

    return change


def through(name: str, read: Callable[[Array], tuple[Array, Pullback]]) -> Change:
    """Read an input of the op through another op first."""

    def change(case: Case) -> Case:
        place = list(case.arrays).index(name)

        def op(*arrays: Array, **constants: Any) -> tuple[Array, Pullback]:
            misread, read_pullback = read(arrays[place])
            value, right = case.op(*arrays[:place], misread, *arrays[place + 1 :], **constants)

            def pullback(dvalue: Array) -> Any:
                gradients = right(dvalue)
                if not isinstance(gradients, tuple):
                    return read_pullback(gradients)
                return *gradients[:place], read_pullback(gradients[place]), *gradients[place + 1 :]

            return value, pullback

        return replace(case, op=op)

    return change


def exchanged(case: Case) -> Case:
    """Exchange the first and the second half of the op's inputs."""
    half = len(case.arrays) // 2

    def op(*arrays: Array, **constants: Any) -> tuple[Array, Pullback]:
        value, right = case.op(*arrays[half:], *arrays[:half], **constants)

        def pullback(dvalue: Array) -> tuple[Array, ...]:
            gradients = right(dvalue)
            return (*gradients[half:], *gradients[:half])

        return value, pullback

    return replace(case, op=op)


def instead(op: Callable[..., Any]) -> Change:
    """Take another op of the same arrays and constants."""
    return lambda case: replace(case, op=op)


def weighed(objective: Objective, noise: Any, *, slopes_of: Objective | None = None) -> Change:
    """Take another objective of the same model, data and noise.

    Its gradients are those of `slopes_of`, if that is given.
    """

    def change(case: Case) -> Case:
        value = objective_case(case.name, objective, vae(), X, noise=noise)
        if slopes_of is None:
            return value
        slopes = objective_case(case.name, slopes_of, vae(), X, noise=noise)
        return replace(value, op=lambda *arrays: (value.op(*arrays)[0], slopes.op(*arrays)[1]))

    return change
