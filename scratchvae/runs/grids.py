"""A grid makes the commands of a sweep: each is a mapping of settings, one for each combination of values."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.choices import parse_values, shortened

Command = Mapping[str, Any]  # settings of a run by name


def grid(axes: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """Return every combination of one value from each axis; the last axis changes fastest.

    >>> grid({"beta": (1, 4), "seed": range(2)})
    [{'beta': 1, 'seed': 0}, {'beta': 1, 'seed': 1}, {'beta': 4, 'seed': 0}, {'beta': 4, 'seed': 1}]
    """
    values = [tuple(axis) for axis in axes.values()]
    for name, axis in zip(axes, values, strict=True):
        if not axis:
            raise InputError(f"sweep: {name} should have one value or more, found none")
    return [dict(zip(axes, point, strict=True)) for point in product(*values)]


def read_axes(texts: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """Parse axes from texts such as "beta=1,2,4" and "seed=0..4".

    Names may be spelt like options, as "latent-dim".

    >>> read_axes(["beta=1,2,4", "latent-dim=2..4"])
    {'beta': (1, 2, 4), 'latent_dim': (2, 3, 4)}
    """
    axes: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        spelling, equals, values = text.partition("=")
        name = spelling.strip().lstrip("-").replace("-", "_")
        if not equals or not name.isidentifier():
            raise InputError(
                "sweep: an axis should be name=value,value,…, such as beta=1,2,4 or seed=0..4; "
                f"found {text[:80]!r}"
            )
        if name in axes:
            raise InputError(f"sweep: {name} should be given once, found it twice")
        axes[name] = parse_values(values, f"sweep: {name}")
        for k, value in enumerate(axes[name]):
            if value in axes[name][:k]:
                raise InputError(f"sweep: {name} should have each value once, found {shortened(value)} twice")
    return axes
