"""The table of a sweep's rows, as Markdown for people and as CSV for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from scratchvae.runs.formats import comma_separated
from scratchvae.runs.seeds import HEADING, in_words, over_seeds
from scratchvae.runs.sweeps import SHOWN


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write a Markdown table whose columns are aligned; numbers have four digits behind the point."""
    names = _columns(rows)
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def as_pages(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the table of the runs and, where runs differ only in their seed, one of means and deviations."""
    names = list(rows[0]) if rows else []
    settings, numbers = (
        names[: names.index("epochs")] if names else [],
        [name for name in names if name in SHOWN],
    )
    seeds = in_words(over_seeds(rows, settings, numbers))
    return as_markdown(rows) + (f"\n{HEADING}\n\n{as_markdown(seeds)}" if seeds else "")


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write a line of names and one for each row, with numbers to their last bit.

    A cell is empty where a row has no value.
    """
    names = _columns(rows)
    return comma_separated([{name: row.get(name) for name in names} for row in rows], {})


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the columns in which any row has a value."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if any(row.get(name) is not None for row in rows)]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.4f}" if isinstance(value, float) and not value.is_integer() else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
