"""A docstring as HTML: its equations set on lines of their own, its sentences, its lists and its examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from html import escape

from scratchvae.site.prose import display, inline, pieces

Link = Callable[[str], str | None]
SHAPES = re.compile(r"->|^\(?[A-Za-z_, ]*\([A-Z][^)]*[,)]")


def blocks(doc: str, names: Collection[str], link: Link) -> str:
    """Return the paragraphs of a docstring, with the first line's equation and indented ones displayed."""
    made = []
    for i, paragraph in enumerate(re.split(r"\n\s*\n", doc.strip("\n"))):
        lines = paragraph.splitlines()
        for indented, group in _groups(lines):
            if group[0].lstrip().startswith(">>>"):
                example = escape("\n".join(line.strip() for line in group), quote=False)
                made.append(f"<pre><code>{example}</code></pre>")
            elif indented:
                made.append(displayed(group, names, link))
            elif re.match(r"(- |\d+\. )", group[0]):
                made.append(_list(group, names, link))
            else:
                made.append(_paragraph(" ".join(line.strip() for line in group), names, link, first=i == 0))
    return "".join(made)


def _groups(lines: list[str]) -> list[tuple[bool, list[str]]]:
    """Group neighbouring lines that belong together: sentences, a list, or what is indented."""
    found: list[tuple[bool, list[str]]] = []
    for line in lines:
        item = re.match(r"(- |\d+\. )", line) is not None
        inside = bool(found) and not found[-1][0] and re.match(r"(- |\d+\. )", found[-1][1][0]) is not None
        indented = line.startswith("    ") and not (
            inside and line.startswith("  ") and not re.match(r"\s{6,}", line)
        )
        belongs = bool(found) and (found[-1][0] == indented) and (inside or not item)
        if belongs and not (inside and not item and not line.startswith("  ")):
            found[-1][1].append(line)
        else:
            found.append((indented, [line]))
    return found


def _paragraph(text: str, names: Collection[str], link: Link, *, first: bool) -> str:
    """Return sentences; in the first paragraph, cells between wide gaps are an equation, shapes, a source."""
    cells = re.split(r"\s{4,}", text)
    made = []
    for i, cell in enumerate(cells):
        cut = pieces(cell, names)
        if (
            first
            and i == 0
            and cut
            and cut[0][0] == "equation"
            and len(cut[0][1]) > 12
            and re.search("[=≤≥]", cut[0][1])
        ):
            made.append(display(cut[0][1], names))
            cell = re.sub(r"^[.,;:]?\s*", "", cell[len(cut[0][1]) :])
        if not cell:
            continue
        if i > 0 and SHAPES.search(cell) and len(cell) < 160:
            made.append(f'<p class="shapes">{inline(cell, names, link)}</p>')
        else:
            made.append(f"<p>{inline(cell, names, link)}</p>")
    return "".join(made)


def _list(lines: list[str], names: Collection[str], link: Link) -> str:
    items: list[str] = []
    for line in lines:
        if mark := re.match(r"(- |\d+\. )", line):
            items.append(line[mark.end() :].strip())
        else:
            items[-1] += " " + line.strip()
    tag = "ul" if lines[0].startswith("- ") else "ol"
    return f"<{tag}>" + "".join(f"<li>{inline(item, names, link)}</li>" for item in items) + f"</{tag}>"


def displayed(lines: list[str], names: Collection[str], link: Link) -> str:
    """Return indented lines: as a table, as equations where they hold any, or as the text that they are."""
    if rows := _rows(lines):
        body = "".join(
            f"<tr>{''.join(f'<td>{inline(cell, names, link)}</td>' for cell in row)}</tr>" for row in rows
        )
        return f'<div class="scroll"><table class="names"><tbody>{body}</tbody></table></div>'
    if not any(
        kind == "equation" for line in lines for kind, _ in pieces(line.strip(), names, sentence=False)
    ):
        low = min(len(line) - len(line.lstrip()) for line in lines)
        return f"<pre>{escape(chr(10).join(line[low:] for line in lines), quote=False)}</pre>"
    made = []
    for line in lines:
        cells = [cell for cell in re.split(r"\s{2,}", line.strip()) if cell]
        made.append('<div class="equation">' + "".join(_cell(cell, names, link) for cell in cells) + "</div>")
    return "".join(made)


def _rows(lines: list[str]) -> list[list[str]]:
    """Return the cells of lines that are a table of names, or nothing.

    A line of one cell that begins further in goes on where the line above it ends.
    """
    rows: list[list[str]] = []
    first = min(len(line) - len(line.lstrip()) for line in lines)
    for line in lines:
        cells = re.split(r"\s{2,}", line.strip())
        if rows and len(cells) == 1 and len(line) - len(line.lstrip()) > first:
            rows[-1][-1] += f" {cells[0]}"
        else:
            rows.append(cells)
    named = all(len(row) > 1 and re.fullmatch(r"[\w. ,()]+", row[0]) and row[1][0] != "=" for row in rows)
    return rows if named and len(rows) > 1 else []


def _cell(cell: str, names: Collection[str], link: Link) -> str:
    whole = cell.rstrip(".,;")
    if pieces(whole, names, sentence=False) == [("equation", whole)]:
        return display(whole, names)
    return f"<span>{inline(cell, names, link, sentence=False)}</span>"
