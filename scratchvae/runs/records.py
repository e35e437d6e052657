"""The records of a run's epochs, as lines of JSON and as rows of a table."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scratchvae import strict_json
from scratchvae.files import read_whole
from scratchvae.schema import check
from scratchvae.training import RECORD


def as_lines(history: Iterable[Mapping[str, Any]]) -> str:
    """Write a line of JSON for each record."""
    return "".join(strict_json.dump(record) + "\n" for record in history)


def as_csv(history: Sequence[Mapping[str, Any]]) -> str:
    """Write a row for each record below a row of names, with numbers to their last bit.

    A term of the loss has a name such as train.kl or held_out.kl.
    """
    rows = [dict(_flat(record)) for record in history]
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n"
    )
    if rows:
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read the records in a file of lines; InputError where a line holds anything else."""
    lines = read_whole(path, most_bytes=strict_json.MOST_BYTES).splitlines()
    places = [f"{path}, line {number}" for number in range(1, len(lines) + 1)]
    return [
        check(strict_json.parse(line, place), RECORD, place)
        for line, place in zip(lines, places, strict=True)
    ]


def _flat(record: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{term}", mean) for term, mean in value.items())
        else:
            yield name, value
