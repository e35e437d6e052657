"""A named model: the settings that a name stands for. A table of such names can be printed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class NamedModel(NamedTuple):
    """A name's paper, a sentence about it, the settings of its run, and the paper's claims.

    `settings` are those of a run, by name: "model" is one of MODELS, "objective" and "prior" are choices,
    "penalty" is a list of choices, and "beta" and others are short spellings. A claim is "measure < name", or
    the same with <=, >= or > in the place of <. It says that the measure is smaller for this name than for
    the other name, or than a number that stands in its place.
    """

    paper: str
    says: str
    settings: Mapping[str, Any]
    claims: Sequence[str]


def listed(models: Mapping[str, NamedModel]) -> str:
    """Two lines for each name: the settings that it stands for, then its sentence and its paper."""
    lines = []
    for name, row in models.items():
        stands = ", ".join(f"{setting}={_written(value)}" for setting, value in row.settings.items())
        lines += [f"  {name}: {stands}", f"      {row.says}     {row.paper}"]
    return "\n".join(lines)


def _written(value: Any) -> str:
    """A setting as the command line takes it."""
    return " and ".join(value) if isinstance(value, list) else str(value)
