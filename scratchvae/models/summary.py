"""The parts of a model as a table that prints itself.

It says of each layer what the shape of its output is, and how many numbers it learns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Layer, Sequential, named_buffers, named_parameters


@dataclass(frozen=True)
class Row:
    """A line of the table: a part's name, its class, the shape of its output, and how much it learns.

    The shape is that for N examples.
    """

    name: str
    kind: str
    output: str
    parameters: int


@dataclass(frozen=True, repr=False)
class Summary:
    """The rows of a model, and in `total` how many numbers are learned.

    A number that several parts share counts once.
    """

    title: str
    rows: tuple[Row, ...]
    total: int
    buffers: int = 0

    def __repr__(self) -> str:
        head = ("part", "kind", "output", "learned")
        lines = [head, *((row.name, row.kind, row.output, f"{row.parameters:,}") for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        text = [
            f"{a:{widths[0]}}  {b:{widths[1]}}  {c:{widths[2]}}  {d:>{widths[3]}}".rstrip()
            for a, b, c, d in lines
        ]
        rule = "-" * max(map(len, text))
        return "\n".join([self.title, text[0], rule, *text[1:], rule, self._total()])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td>{escape(row.name)}</td><td>{escape(row.kind)}</td><td>{escape(row.output)}</td>"
            f'<td style="text-align: right">{row.parameters:,}</td></tr>'
            for row in self.rows
        )
        head = "<tr><th>part</th><th>kind</th><th>output</th><th>learned</th></tr>"
        return f"<p>{escape(self.title)}</p><table>{head}{cells}</table><p>{self._total()}</p>"

    def _total(self) -> str:
        remembered = f", and {self.buffers:,} that are remembered" if self.buffers else ""
        return f"{self.total:,} numbers are learned{remembered}"


def rows_of(name: str, layer: Layer, x: Array) -> Iterator[Row]:
    """The rows of a layer that gets x (1, …): one for each layer of a Sequential, else one."""
    if type(layer) is Sequential:
        for i, part in enumerate(layer.layers):
            yield from rows_of(f"{name}.{i}", part, x)
            x, _ = part(x, needs_dx=False)
        return
    y, _ = layer(x, needs_dx=False)
    yield Row(name, type(layer).__name__, f"(N, {', '.join(map(str, y.shape[1:]))})", learned(layer))


def learned(part: Any) -> int:
    """How many numbers are learned below a part."""
    return sum(parameter.value.size for parameter in named_parameters(part).values())


def remembered(part: Any) -> int:
    """How many numbers are remembered below a part, such as running statistics."""
    return sum(int(np.size(buffer.value)) for buffer in named_buffers(part).values())
