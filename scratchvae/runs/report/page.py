"""The skeleton of a report, and the few kinds of blocks that its sections consist of.

These functions escape whatever is text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from scratchvae.runs.formats import printable

# The page may load only what it holds itself. A browser refuses anything else, whatever the page might say.
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #262626; --faint: #6f6f6f; --line: #dcdcdc;
  --tint: #f5f5f2; --train: #0072b2; --held-out: #d55e00; --link: #005a8c; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181b; --ink: #e4e4e2; --faint: #a0a0a0; --line: #3a3d41; --tint: #1f2226;
    --train: #56b4e9; --held-out: #ff9b4a; --link: #8ccbf2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p, figcaption { max-width: 44rem; }
a { color: var(--link); }
nav ul, .legend { list-style: none; margin: 1rem 0 0; padding: 0; display: flex; flex-wrap: wrap;
  gap: .25rem 1.25rem; }
figure { margin: 1rem 0; }
figcaption { color: var(--faint); font-size: .875rem; margin-top: .25rem; }
figure svg, figure img { display: block; max-width: 100%; height: auto; }
audio { display: block; width: 100%; max-width: 30rem; }
.row { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: flex-start; }
.row figure { flex: 0 1 auto; max-width: min(100%, 30rem); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; overflow-wrap: normal; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
td.number { white-space: nowrap; }
td:first-child { min-width: 8rem; }
.values th { font-weight: 400; color: var(--faint); white-space: nowrap; }
.headline { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 1.25rem 0; }
.headline div { display: flex; flex-direction: column-reverse; }
.headline dt { color: var(--faint); font-size: .875rem; }
.headline dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--link); }
@media (max-width: 40rem) { .row figure, .row svg { width: 100%; max-width: 100%; } }
@media print { nav { display: none; } figure { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page: its name in links, the words above it, and its HTML."""

    name: str
    title: str
    html: str


def document(title: str, sections: Sequence[Section]) -> str:
    """Return the whole file."""
    contents = "".join(f'<li><a href="#{one.name}">{text(one.title)}</a></li>' for one in sections)
    parts = "\n".join(
        f'<section id="{one.name}" aria-labelledby="{one.name}-title">\n'
        f'<h2 id="{one.name}-title">{text(one.title)}</h2>\n{one.html}\n</section>'
        for one in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{text(title)}</h1>\n"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav>\n</header>\n'
        f"<main>\n{parts}\n</main>\n</body>\n</html>\n"
    )


def text(words: Any) -> str:
    """Return words from anywhere as HTML that shows them and does nothing else."""
    return escape(printable(str(words)).encode(errors="replace").decode())


def paragraph(words: Any) -> str:
    """Return one paragraph."""
    return f"<p>{text(words)}</p>"


def figure(picture: str, caption: Any = "") -> str:
    """Return a picture, which is HTML, with the words below it."""
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    return f"<figure>{picture}{below}</figure>"


def row(pictures: Sequence[str]) -> str:
    """Return figures beside each other, as many as there is room for."""
    return f'<div class="row">{"".join(pictures)}</div>'


def legend(colours: Mapping[str, str]) -> str:
    """Return names beside dots in their colours, which are of the form #rrggbb."""
    dots = "".join(
        f'<li><span style="color:{colour}">●</span> {text(name)}</li>' for name, colour in colours.items()
    )
    return f'<ul class="legend" aria-label="classes">{dots}</ul>'


def details(words: Any, html: str) -> str:
    """Return a block that the page shows only on request."""
    return f"<details><summary>{text(words)}</summary>{html}</details>"


def headline(numbers: Mapping[str, str]) -> str:
    """Return a few large numbers, each above what it is."""
    return f'<dl class="headline">{"".join(_pair(name, number) for name, number in numbers.items())}</dl>'


def values(pairs: Mapping[str, Any]) -> str:
    """Return a line for each name and its value."""
    lines = "".join(
        f"<tr><th scope=row>{text(name)}</th><td>{text(value)}</td></tr>" for name, value in pairs.items()
    )
    return f'<div class="scroll"><table class="values"><tbody>{lines}</tbody></table></div>'


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in which columns of numbers are aligned to the right."""
    numeric = [all(_is_number(one[k]) for one in rows) for k in range(len(head))]
    marks = [" class=number" if right else "" for right in numeric]
    above = "".join(f"<th scope=col{mark}>{text(name)}</th>" for name, mark in zip(head, marks, strict=True))
    lines = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{text(cell)}</td>" for cell, mark in zip(one, marks, strict=True))
        + "</tr>"
        for one in rows
    )
    return f'<div class="scroll"><table><thead><tr>{above}</tr></thead><tbody>{lines}</tbody></table></div>'


def _pair(name: str, number: str) -> str:
    return f"<div><dt>{text(name)}</dt><dd>{text(number)}</dd></div>"


def _is_number(cell: Any) -> bool:
    return str(cell).replace(",", "").replace(".", "").replace("−", "").replace("%", "").strip().isdigit()
