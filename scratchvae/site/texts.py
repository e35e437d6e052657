"""The package's pages in Markdown as pages of the site: each file whole, and some of their sections."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.site.page import Page
from scratchvae.site.sources import PACKAGE, root

GROUP = "Texts"
FILES = {  # the page of each file; its path begins at the package's folder or at that of demos and tests
    "README.md": "readme",
    ".github/CONTRIBUTING.md": "contributing",
    "CHANGELOG.md": "changes",
    "demos/README.md": "demos",
    "scratchvae/reference/README.md": "comparisons",
    "scratchvae/kernels/README.md": "kernels",
    "scratchvae/data/README.md": "data",
}


@dataclass(frozen=True)
class Section:
    """A section of a file that has a page of its own: its heading's beginning, path, title and summary."""

    file: str
    heading: str
    path: str
    title: str
    summary: str


SECTIONS = (
    Section(
        "scratchvae/reference/README.md",
        "Golden vectors",
        "golden",
        "Golden vectors and their format",
        "inputs, values, gradients and tolerances of every case, for code in any language",
    ),
    Section(
        "scratchvae/kernels/README.md",
        "How fast",
        "speed",
        "Speed",
        "a training step beside its own products, PyTorch and JAX",
    ),
    Section(
        "scratchvae/kernels/README.md",
        "Getting more out of a processor",
        "processor",
        "Threads and processors",
        "what makes a step faster, and how to leave it alone",
    ),
)


def pages(section: str) -> Iterator[Page]:
    """Yield a page for each of SECTIONS, and then one for each of FILES, in that section of the site."""
    for each in SECTIONS:
        cut = _section(text_of(each.file), each.heading)
        yield Page(
            f"reference/{each.path}.html", each.title, section, html_of(cut, each.file), summary=each.summary
        )
    for file, path in FILES.items():
        text = text_of(file)
        title = re.search(r"^#+ (.+)$", text, re.MULTILINE)
        body = html_of(re.sub(r"^# .+\n", "", text, count=1), file)
        yield Page(f"reference/{path}.html", title[1] if title else file, section, body, group=GROUP)


def text_of(file: str) -> str:
    """Return the Markdown of one of FILES."""
    place: Path = (PACKAGE.parent if file.startswith("scratchvae/") else root()) / file
    return place.read_text(encoding="utf-8")


def _section(text: str, heading: str) -> str:
    """Return what stands below a heading of the second level, up to the next one."""
    found = re.search(rf"^## {re.escape(heading)}[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise InputError(f"site: a text should have a section that begins with {heading!r}, found none")
    return found[1]


def html_of(text: str, file: str) -> str:
    """Return Markdown as HTML, with an anchor for each heading.

    A link to a file that is no page of the site becomes its text.
    """
    html = require_markdown()("commonmark").enable("table").render(text)
    html = re.sub(r"<img[^>]*>", "", html)

    def led(m: re.Match[str]) -> str:
        target, _, anchor = m[1].partition("#")
        if re.match(r"[a-z]+:", target):
            return m[0]
        whole = normpath(join(dirname(file), target)) if target else file
        return (
            f'<a href="/reference/{FILES[whole]}.html{"#" * bool(anchor)}{anchor}">{m[2]}</a>'
            if whole in FILES
            else m[2]
        )

    html = re.sub(r'<a href="([^"]*)">(.*?)</a>', led, html, flags=re.DOTALL)
    html = re.sub(
        r"<h([2-6])>(.*?)</h\1>", lambda m: f'<h{m[1]} id="{anchor_of(m[2])}">{m[2]}</h{m[1]}>', html
    )
    return html.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")


def require_markdown() -> Any:
    """Return the class of markdown-it-py that reads Markdown; InputError where it is not installed."""
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:
        needed = 'site: the pages in Markdown need markdown-it-py; pip install "scratchvae[site]" brings it'
        raise InputError(needed) from error
    return MarkdownIt


def anchor_of(heading: str) -> str:
    """Return the anchor that a heading has on pages of this kind everywhere.

    Its letters are small, and each space is a hyphen.
    """
    bare = unescape(re.sub(r"<[^>]*>", "", heading)).lower()
    return re.sub(r"[^\w\- ]", "", bare).replace(" ", "-")
