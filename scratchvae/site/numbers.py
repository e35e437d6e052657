"""The numbers of a function's cases: value, gradients, finite differences, certified errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.checks import derivative
from scratchvae.reference import Case, all_cases, all_parts

CERTIFIED = Path(__file__).parent / "certified.json"
ENTRIES, ARGUMENTS = 3, 6  # so many entries of an argument, and arguments of a case, are shown


@dataclass(frozen=True)
class Entry:
    """One entry of one argument: the input, our gradient there, and the finite difference."""

    argument: str
    index: tuple[int, ...]
    x: float
    gradient: float
    difference: float


@dataclass(frozen=True)
class Numbers:
    """A case computed: its value, the gradient that its pullback was given, and entries of the result."""

    case: Case
    value: Array
    given: Array
    entries: tuple[Entry, ...]
    worst: float  # relative difference of the entries, as checks.check_pullback counts it

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shapes of the arguments."""
        return {name: array.shape for name, array in self.case.arrays.items()}


def numbers_of(case: Case) -> Numbers:
    """Compute a case in float64.

    The pullback is given the cosines of 1, 2, 3, …, so that no sum of gradients is trivial.
    """
    arrays = {name: np.array(array, np.float64) for name, array in case.arrays.items()}
    value, pullback = case.op(*arrays.values(), **case.constants)
    parts = value if isinstance(value, tuple) else (value,)
    seeds = [np.cos(np.arange(1, part.size + 1)).reshape(part.shape) for part in map(np.asarray, parts)]
    returned = pullback(*seeds)
    gradients = returned if isinstance(returned, tuple | list) else (returned,)
    entries = []
    for (name, array), gradient in list(zip(arrays.items(), gradients, strict=True))[:ARGUMENTS]:
        for index in _some(array):
            numeric = _difference(case, arrays, seeds, name, index)
            entries.append(Entry(name, index, float(array[index]), float(gradient[index]), numeric))
    scale = max((abs(e.difference) for e in entries), default=0.0)
    worst = max(
        (abs(e.gradient - e.difference) / max(abs(e.difference), 1e-3 * scale, 1e-10) for e in entries),
        default=0.0,
    )
    return Numbers(case, np.asarray(parts[0]), np.asarray(seeds[0]), tuple(entries), worst)


def _some(array: Array) -> list[tuple[int, ...]]:
    """Return the places of a few entries, from the first to the last, without those that are 0."""
    places = list(np.ndindex(array.shape))
    places = [place for place in places if array[place] != 0] or places
    chosen = {round(i * (len(places) - 1) / max(1, ENTRIES - 1)) for i in range(min(ENTRIES, len(places)))}
    return [places[i] for i in sorted(chosen)]


def _difference(
    case: Case, arrays: dict[str, Array], seeds: list[Array], name: str, index: tuple[int, ...]
) -> float:
    def total(distance: float) -> tuple[float, float]:
        moved = arrays[name].copy()
        moved[index] += distance
        value, _ = case.op(*(arrays | {name: moved}).values(), **case.constants)
        parts = value if isinstance(value, tuple) else (value,)
        sizes = sum(
            float(np.sum(np.abs(seed) * (1 + np.abs(part)))) for seed, part in zip(seeds, parts, strict=True)
        )
        return sum(float(np.sum(seed * part)) for seed, part in zip(seeds, parts, strict=True)), sizes

    def change(h: float) -> tuple[float, float]:
        (up, size), (down, _) = total(h), total(-h)
        return up - down, 2 * float(np.finfo(np.float64).eps) * size

    return derivative(change, 1e-2 * max(1.0, abs(float(arrays[name][index]))))[0]


class Cases:
    """Every case by what it is about: a function's whole name, or the name of a layer, objective or role."""

    @cached_property
    def all(self) -> list[Case]:
        """The rows of the table, in its order."""
        return all_cases()

    @cached_property
    def by_function(self) -> dict[str, list[Case]]:
        """The cases of a function, by its whole name."""
        found: dict[str, list[Case]] = {}
        for case in self.all:
            found.setdefault(f"{case.op.__module__}.{case.op.__qualname__}", []).append(case)
        return found

    @cached_property
    def by_word(self) -> dict[str, list[Case]]:
        """The cases whose name has a word in it, such as Elbo, Linear, Gaussian."""
        found: dict[str, list[Case]] = {}
        for case in self.all:
            if "<locals>" in case.op.__qualname__:
                for word in dict.fromkeys(re.findall(r"\w+", case.name)):
                    found.setdefault(word, []).append(case)
        return found

    @cached_property
    def parts(self) -> dict[str, list[str]]:
        """The names of the Parts of a function or class, by its whole name."""
        found: dict[str, list[str]] = {}
        for part in all_parts():
            whole = f"{getattr(part.of, '__module__', '')}.{getattr(part.of, '__qualname__', '')}"
            found.setdefault(whole, []).append(part.name)
        return found

    def of(self, whole: str, kind: str) -> list[Case]:
        """Return the cases of a function, or of a class of the rooms that have cases by name."""
        if kind == "function":
            return self.by_function.get(whole, [])
        room, name = whole.split(".")[1], whole.rpartition(".")[2]
        named = (
            self.by_word.get(name, [])
            if room in ("layers", "objectives", "likelihoods", "posteriors", "priors")
            else []
        )
        return sorted(named, key=lambda case: (case.name.split(":")[0] != name, len(case.name)))

    @cache  # noqa: B019 (one object a build)
    def numbers(self, name: str) -> Numbers:
        """Return the numbers of the case of that name."""
        return numbers_of(next(case for case in self.all if case.name == name))


@cache
def the_cases() -> Cases:
    """Return the same Cases for all pages of a process, so that a case is computed once."""
    return Cases()


@cache
def certified() -> dict[str, dict[str, tuple[float, float]]]:
    """Return the worst relative errors of value and gradient of each trial of the certificate, by dtype.

    `scratchvae check --certify --json scratchvae/site/certified.json` writes the file, in some minutes.
    """
    rows: list[dict[str, Any]] = (
        json.loads(CERTIFIED.read_text(encoding="utf-8")) if CERTIFIED.is_file() else []
    )
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for row in rows:
        found.setdefault(row["case"], {})[row["dtype"]] = (row["value"], row["gradient"])
    return found
