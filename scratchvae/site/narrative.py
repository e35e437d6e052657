"""Docstrings as HTML: paragraphs, lists, and what stands indented, which keeps its lines."""

import re
from html import escape
from itertools import groupby
from textwrap import dedent

from scratchvae.site.atlas import Atlas


def prose(text: str, atlas: Atlas) -> str:
    """The paragraphs of a docstring as elements; indented lines, which are equations and tables, in a box of their own."""
    blocks = [part for part in re.split(r"\n\s*\n", dedent(text).strip("\n")) if part.strip()]
    return "\n".join(element for block in blocks for element in _elements(block.splitlines()))


def _elements(lines: list[str]) -> list[str]:
    found = []
    for indented, group in groupby(lines, key=lambda line: line.startswith("    ")):
        part = list(group)
        if indented:
            found.append(f"<pre>{escape(dedent(chr(10).join(part)))}</pre>")
        else:
            found.append(f"<p>{_inline(' '.join(line.strip() for line in part))}</p>")
    return found


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
