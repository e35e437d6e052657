"""A table of numbers as HTML, and the central difference that stands in many of them."""

from collections.abc import Callable, Sequence


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table of numbers."""
    top = "".join(f'<th scope="col" class="number">{cell}</th>' for cell in head)
    body = "".join(
        "<tr>" + "".join(f'<td class="number">{_number(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    head_and_body = f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table><caption>{caption}</caption>{head_and_body}</table></div>'


def _number(cell: object) -> str:
    return f"{cell:.6g}".replace("-", "−") if isinstance(cell, float) else str(cell)


def central(f: Callable[[float], float], at: float, h: float = 1e-5) -> float:
    """Return (f(x + h) − f(x − h)) / 2h at the point x."""
    return (f(at + h) - f(at - h)) / (2 * h)
