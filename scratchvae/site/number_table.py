"""A table of numbers as HTML, and the central difference that stands in many of them."""

import re
from collections.abc import Callable, Sequence


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table whose columns of numbers stand on the right, and whose columns of words on the left."""
    kinds = ["" if any(map(_is_words, column)) else ' class="number"' for column in zip(*rows, strict=True)]
    top = "".join(f'<th scope="col"{kind}>{cell}</th>' for kind, cell in zip(kinds, head, strict=True))
    body = ""
    for row in rows:
        cells = (f"<td{kind}>{_number(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        body += f"<tr>{''.join(cells)}</tr>"
    head_and_body = f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table><caption>{caption}</caption>{head_and_body}</table></div>'


def _is_words(cell: object) -> bool:
    return isinstance(cell, str) and re.fullmatch(r"[−+\d.e… ]*", cell) is None


def _number(cell: object) -> str:
    return f"{cell:.6g}".replace("-", "−") if isinstance(cell, float) else str(cell)


def central(f: Callable[[float], float], at: float, h: float = 1e-5) -> float:
    """Return (f(x + h) − f(x − h)) / 2h at the point x."""
    return (f(at + h) - f(at - h)) / (2 * h)
