"""Runs that differ only in their seed become one row: the mean and the deviation of each number."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

Row = Mapping[str, Any]
HEADING = "Over seeds, mean ± standard deviation:"


def over_seeds(rows: Sequence[Row], settings: Sequence[str], numbers: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each setting that two or more seeds were tried with, or [] where there is none.

    Rows belong together where they agree in all `settings` but the seed. A row has those settings and the
    number of `seeds`. For each of `numbers` it has the mean and the sd, the square root of the unbiased
    variance, over the seeds that have one. A number that fewer than two of them have is None.

    >>> rows = [{"beta": 4, "seed": 0, "bound": -3.0}, {"beta": 4, "seed": 1, "bound": -1.0}]
    >>> over_seeds(rows, ["beta", "seed"], ["bound"])
    [{'beta': 4, 'seeds': 2, 'bound': {'mean': -2.0, 'sd': 1.4142135623730951}}]
    """
    kept = [name for name in settings if name != "seed"]
    found: dict[tuple[Any, ...], dict[Any, Row]] = {}
    for row in rows:
        if row.get("seed") is not None:
            found.setdefault(tuple(row.get(name) for name in kept), {}).setdefault(row["seed"], row)
    return [
        {
            **dict(zip(kept, key, strict=True)),
            "seeds": len(seeds),
            **{
                name: _spread([row[name] for row in seeds.values() if row.get(name) is not None])
                for name in numbers
            },
        }
        for key, seeds in found.items()
        if len(seeds) > 1
    ]


def in_words(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return such rows with each mean and deviation as one text, "-2.000 ± 1.414".

    A column in which no row has a number is left out.
    """
    said = [
        {name: _said(value) if isinstance(value, Mapping) else value for name, value in row.items()}
        for row in rows
    ]
    empty = {name for name in (said[0] if said else ()) if all(row[name] is None for row in said)}
    return [{name: value for name, value in row.items() if name not in empty} for row in said]


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    return {"mean": mean(values), "sd": stdev(values)} if len(values) > 1 else None


def _said(spread: Mapping[str, float]) -> str:
    return f"{spread['mean']:.3f} ± {spread['sd']:.3f}"
