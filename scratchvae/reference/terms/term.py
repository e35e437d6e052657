"""A term of the family: what it is computed from, its right value, and the faults of public code.

A fault is written once, as the wrong formula. Its gradients need no second text: they are complex steps along
a few directions, ∂f/∂a · v = Im f(a + ihv)/h (Squire & Trapp 1998), which are exact to rounding. `detached`
stops a gradient there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchvae.arrays import Array

Arrays = Mapping[str, Array]
Results = dict[str, Array]
# from the gradient of "value" to those of the arrays, by their names
Slopes = Callable[[Array], dict[str, Array]]


@dataclass(frozen=True)
class Fault:
    """A wrong form of a term, by a name, and what mends it.

    `results(arrays, settings)` returns the results that the wrong form gives, for real or complex arrays. It
    returns None where it needs an array that was not given. A slope "d_…" among the results is that of each
    example's own value; others are had from complex steps. `silent_on` names results that follow from more
    than the arrays, such as a gradient through a network: any value of these agrees with the fault.
    """

    name: str
    results: Callable[[Arrays, Mapping[str, Any]], Results | None]
    fix: str
    silent_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """What a term depends on beside arrays: its default, and `check(where, name, value)`, which refuses."""

    default: Any
    check: Callable[[str, str, Any], object]


@dataclass(frozen=True)
class Term:
    """A quantity of a loss: its equation, its source, the shapes, what is right, and what is not.

    `takes` and `gives` hold the shape of each array and of each result, such as "B Z", and "" for one number.
    Arrays in `optional` may be left out, and those in `constants` have no gradient. The result "value" has
    gradients "d_…" by the arrays, which `right` returns as a function of the gradient of "value".
    """

    says: str
    source: str
    takes: Mapping[str, str]
    gives: Mapping[str, str]
    right: Callable[[Arrays, Mapping[str, Any]], tuple[Results, Slopes]]
    faults: tuple[Fault, ...]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    constants: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def detached(a: Array) -> Array:
    """The values of an array without the step that gradients are taken by."""
    return a.real.astype(a.dtype)


def log_sum_exp(a: Array, axis: int) -> Array:
    """log Σ eᵃ along an axis, of complex numbers too."""
    top = a.real.max(axis=axis, keepdims=True)
    total: Array = np.log(np.exp(a - top).sum(axis=axis)) + top.squeeze(axis)
    return total


def softplus(a: Array) -> Array:
    """log(1 + eᵃ) of real or complex numbers, without overflow."""
    return log_sum_exp(np.stack([np.zeros_like(a), a]), axis=0)
