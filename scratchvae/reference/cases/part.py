"""A part is one row: all that the checks know about one function of a law, or about one choice of a role.

The gradient checks, the golden vectors, the sampling checks, the certificate and the comparison with PyTorch
read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.cases.case import Case


@dataclass(frozen=True)
class SamplingCase:
    """A sampler `draw(n, rng)` -> (n,) that should follow `log_prob(points)` (M,), as check_draws takes them.

    No law has unit variance, at which σ² and σ are alike. No two parameters of a law are near each other, up
    to their signs, because a sampler that exchanges them would follow its density all the same.
    tests/test_arguments.py exchanges them.
    """

    name: str
    draw: Callable[[int, np.random.Generator], Array]
    log_prob: Callable[[Array], Array]
    points: Array


@dataclass(frozen=True)
class Inputs:
    """One kind of input on which the certificate tries a function.

    `why` is the reason of a `floor` that is not 0.
    """

    kind: str
    arrays: Mapping[str, Array]
    constants: Mapping[str, Any] = field(default_factory=dict)
    floor: float = 0.0
    why: str = ""
    digits: int = 60  # mpmath's digits, of which slopes that are tiny beside values need more


@dataclass(frozen=True)
class Trial:
    """A function on one kind of input, beside its oracle."""

    name: str
    op: Callable[..., Any]
    oracle: Callable[..., Any]
    arrays: Mapping[str, Array]
    constants: Mapping[str, Any] = field(default_factory=dict)
    floor: float = 0.0
    why: str = ""
    digits: int = 60


@dataclass(frozen=True)
class Part:
    """A function of a law or of `ops`, or one choice of a role, with what each check needs of it.

    `oracle` computes the same from arrays of mpmath numbers, on the `tried` inputs. `torch(torch, *arrays,
    **constants)` is PyTorch's expression for it, which receives the module torch. For a likelihood it is
    `torch(torch, D)`, a module that has `outputs` and gives log p(x|z) from (x_params, x). `columns(n, rng)`
    are draws (n, 3) whose columns and rows are independent. `example(D)` is a likelihood and data (3, D) for
    it, which the checks of missing entries and of several draws take.
    """

    name: str
    of: Any
    cases: Sequence[Case] = ()
    sampling: SamplingCase | None = None
    columns: Callable[[int, np.random.Generator], Array] | None = None
    example: Callable[[int], tuple[Any, Array]] | None = None
    oracle: Callable[..., Any] | None = None
    tried: Sequence[Inputs] = ()
    torch: Callable[..., Any] | None = None

    def trials(self) -> list[Trial]:
        """Return the rows of the certificate."""
        if self.oracle is None:
            return []
        return [
            Trial(
                f"{self.name}: {i.kind}",
                self.of,
                self.oracle,
                i.arrays,
                i.constants,
                i.floor,
                i.why,
                i.digits,
            )
            for i in self.tried
        ]


def part_of(
    op: Callable[..., Any],
    arrays: Mapping[str, Array] | None = None,
    constants: Mapping[str, Any] | None = None,
    *,
    more: Mapping[str, tuple[Mapping[str, Array], Mapping[str, Any]]] | None = None,
    **rest: Any,
) -> Part:
    """Make the Part of a function, whose name is "law.function".

    Its plain case has `arrays` and `constants`, and `more` are other cases.
    """
    name = f"{op.__module__.rpartition('.')[2]}.{op.__name__}"
    cases = [] if arrays is None else [Case(name, op, arrays, constants or {})]
    cases += [Case(f"{name}: {kind}", op, *inputs) for kind, inputs in (more or {}).items()]
    return Part(name, op, cases, **rest)
