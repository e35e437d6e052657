"""The rows of a page of source: pieces of a file, each of which has mathematics and code of its own."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from scratchvae.site.atlas import Module


@dataclass(frozen=True)
class Row:
    """Lines of a file that are shown together: a function, the head of a class, or what stands between."""

    name: str
    node: ast.AST | None
    first: int
    last: int


def rows_of(module: Module) -> list[Row]:
    """Cut a file before every function, class and method; a comment before one belongs to it."""
    end = len(module.text.splitlines())
    cuts: list[tuple[int, str, ast.AST | None]] = [(1, "", module.tree)]
    for node in module.tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            if cuts[-1][1]:  # values between functions
                cuts.append((node.lineno, "", None))
            continue
        cuts.append((_start(node), node.name, node))
        if isinstance(node, ast.ClassDef):
            cuts += [
                (_start(inner), f"{node.name}.{inner.name}", inner)
                for inner in node.body
                if isinstance(inner, ast.FunctionDef)
            ]
    starts = [*(cut[0] for cut in cuts), end + 1]
    found = []
    for (first, name, of), following in zip(cuts, starts[1:], strict=True):
        found.append(Row(name, of, first, following - 1))
    return found


def _start(node: ast.FunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def without_docstring(lines: list[str], row: Row) -> list[str]:
    """Return the lines of a row, of which those of its docstring are left out."""
    body = getattr(row.node, "body", [])
    kept = list(range(row.first, row.last + 1))
    if (
        body
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        kept = [i for i in kept if not body[0].lineno <= i <= (body[0].end_lineno or 0)]
    return [lines[i - 1] for i in kept]
