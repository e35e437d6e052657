"""A page of the site, and the frame around it: navigation, links that lead on, light and dark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from posixpath import dirname, relpath

NAME = "scratchvae"


@dataclass(frozen=True)
class Page:
    """A page at `path`, such as "play/two-gaussians.html", in the `section` of that title.

    `body` is HTML. A link in it that leads to another page of the site begins with a slash, which stands for
    the folder of the site: `href="/source/scratchvae.ops.linear.html#linear"`, `src="/play/codes.png"`.
    `render` makes it relative. An element of the class "tex" holds TeX, which the page sets: in the line
    where the element is a span, on a line of its own where it is a div.

    `scripts` are files of `assets/` that the page runs, in this order. `files` are written beside the pages,
    by their path from the folder of the site. Pages of one `group` stand together in the list of their
    section. A `wide` page has no column on its right, and may fill the width. `summary` is what a list of
    pages says about this one.
    """

    path: str
    title: str
    section: str
    body: str
    scripts: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    group: str = ""
    wide: bool = False
    summary: str = ""


def render(page: Page, contents: Sequence[Page]) -> str:
    """Return the whole HTML of a page; `contents` are all pages of the site, in the order of reading."""
    root = relpath(".", dirname(page.path) or ".")
    here = [other for other in contents if other.section == page.section]
    scripts = "".join(
        f'<script src="/assets/{name}" defer></script>\n'
        for name in ("katex/katex.min.js", "site.js", *page.scripts)
    )
    around = "".join(_neighbours(page, here))
    onward = f'<nav class="onward" aria-label="Before and after">{around}</nav>' if "<a" in around else ""
    whole = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(page.title)} · {NAME}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/katex/katex.min.css">
<link rel="stylesheet" href="/assets/style.css">
<script>try {{ document.documentElement.dataset.theme = localStorage.getItem("theme") || "" }} catch (e)
{{}}</script>
{scripts}</head>
<body>
<a class="skip" href="#page-content">Skip to the content</a>
<header class="top">
<a class="home" href="/index.html">{NAME}</a>
<nav aria-label="Sections">{_sections(page, contents)}</nav>
<button id="theme" type="button" aria-label="Light or dark" title="Light or dark">◐</button>
</header>
<div class="frame{" wide" if page.wide else ""}{" alone" if len(here) < 2 else ""}">
{_list_of(page, here)}
<main id="page-content" tabindex="-1">
<h1>{escape(page.title)}</h1>
{page.body}
{onward}
</main>
</div>
</body>
</html>
"""
    return re.sub(r'((?:href|src|data-src)=")/', rf"\g<1>{root}/", whole)


def _sections(page: Page, contents: Sequence[Page]) -> str:
    """Return a link to the first page of every section."""
    first = {other.section: other for other in reversed(contents)}
    order = dict.fromkeys(other.section for other in contents)
    links = (
        _link(first[name], name, current=name == page.section, kind="true")
        for name in order
        if first[name].path != "index.html"
    )
    return "".join(links)


def _list_of(page: Page, here: Sequence[Page]) -> str:
    """Return the pages of this section: all of this page's group, and the first of each other group."""
    if len(here) < 2:
        return ""
    lines, groups = [], dict.fromkeys(other.group for other in here)
    for group in groups:
        members = [other for other in here if other.group == group]
        if group and group != page.group:
            lines.append(f'<li class="group">{_link(members[0], group)}</li>')
            continue
        lines += [f'<li class="group"><strong>{escape(group)}</strong></li>'] if group else []
        shown = {other.path: other.title.removeprefix(f"{group}.") for other in members}
        lines += [f"<li>{_link(other, shown[other.path], current=other is page)}</li>" for other in members]
    listed = f"<ul>{''.join(lines)}</ul>"
    section = escape(page.section)
    return (
        f'<nav class="pages" aria-label="{section}"><details '
        f"open><summary>{section}</summary>{listed}</details></nav>"
    )


def _neighbours(page: Page, here: Sequence[Page]) -> tuple[str, str]:
    """Return links to the page before and to the page after this one."""
    paths = [other.path for other in here]
    at = paths.index(page.path) if page.path in paths else None
    before = here[at - 1] if at else None
    after = here[at + 1] if at is not None and at + 1 < len(here) else None
    left = f'<a rel="prev" href="/{before.path}">← {escape(before.title)}</a>' if before else "<span></span>"
    right = f'<a rel="next" href="/{after.path}">{escape(after.title)} →</a>' if after else "<span></span>"
    return left, right


def _link(page: Page, text: str, *, current: bool = False, kind: str = "page") -> str:
    mark = f' aria-current="{kind}"' if current else ""
    return f'<a href="/{page.path}"{mark}>{escape(text)}</a>'
