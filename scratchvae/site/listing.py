"""Python as HTML, line by line: colours, names that lead to their definitions, and equations in comments."""

from __future__ import annotations

import inspect
import io
import keyword
import re
import tokenize
from collections.abc import Callable, Collection
from html import escape
from typing import Any

from scratchvae.site.atlas import Atlas, Module
from scratchvae.site.prose import inline
from scratchvae.site.resolution import Uses
from scratchvae.site.words import names_in


def lines_of(
    module: Module, atlas: Atlas, uses: Uses, prefix: str = "L", *, equations: bool = True
) -> list[str]:
    """Return each line of a file as HTML; the i-th has the anchor `prefix` and i + 1.

    With `equations` those in comments are set as TeX. Comments that are sentences are better left as is.
    """
    names = names_in(module)
    links = {}
    for node, whole in uses.of(module):
        at = (node.end_lineno or 0, (node.end_col_offset or 0))
        links[at] = atlas.href(whole)
    source = module.text.splitlines()
    made = ["" for _ in source]
    done = (1, 0)
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type in (
            tokenize.NEWLINE,
            tokenize.NL,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.ENDMARKER,
        ):
            continue
        if token.start < done:  # the inner tokens of an f-string, whose beginning was taken whole
            continue
        done = _copy(source, made, done, token.start)
        for row in range(token.start[0], token.end[0] + 1):
            first = token.start[1] if row == token.start[0] else 0
            last = token.end[1] if row == token.end[0] else len(source[row - 1])
            made[row - 1] += _coloured(
                token.type,
                source[row - 1][first:last],
                before,
                names if equations else None,
                links.get(_in_bytes(source, token.end)),
            )
        done, before = token.end, token.string
    return [f'<span id="{prefix}{i}">{line}</span>' for i, line in enumerate(made, 1)]


def definition(function: Callable[..., Any], atlas: Atlas, uses: Uses) -> list[str]:
    """Return the lines of a function of the package as HTML, without the indentation of the whole."""
    whole = inspect.unwrap(function)
    text, first = inspect.getsourcelines(whole)
    lines = lines_of(atlas.modules[whole.__module__], atlas, uses, f"{whole.__qualname__}-")
    indented = len(text[0]) - len(text[0].lstrip())
    before = re.compile(rf'^(<span id="[^"]*">(?:<span class="[sc]">)?) {{{indented}}}')
    return [before.sub(r"\1", line) for line in lines[first - 1 : first - 1 + len(text)]]


def _in_bytes(source: list[str], at: tuple[int, int]) -> tuple[int, int]:
    """Turn a column of tokenize, which counts characters, into one of ast, which counts bytes."""
    return at[0], len(source[at[0] - 1][: at[1]].encode())


def _copy(
    source: list[str], made: list[str], start: tuple[int, int], stop: tuple[int, int]
) -> tuple[int, int]:
    """Copy the white space between two tokens as it is."""
    if start[0] == stop[0]:
        made[start[0] - 1] += escape(source[start[0] - 1][start[1] : stop[1]], quote=False)
    else:
        made[stop[0] - 1] += escape(source[stop[0] - 1][: stop[1]], quote=False)
    return stop


def _coloured(kind: int, text: str, before: str, names: Collection[str] | None, href: str | None) -> str:
    plain = escape(text, quote=False)
    if kind == tokenize.COMMENT:
        marked = re.match(r"#+\s?", text)
        lead = marked.group() if marked else ""
        if names is None or re.match(r"# (type|noqa|fmt|pragma)", text):
            return f'<span class="c">{plain}</span>'
        inside = inline(text[len(lead) :], names, lambda _: None, sentence=False)
        return f'<span class="c">{lead}{inside}</span>'
    if kind == tokenize.STRING or tokenize.tok_name[kind].startswith("FSTRING"):
        return f'<span class="s">{plain}</span>'
    if kind == tokenize.NUMBER:
        return f'<span class="n">{plain}</span>'
    if kind == tokenize.NAME:
        if keyword.iskeyword(text):
            return f'<span class="k">{plain}</span>'
        if before in ("def", "class"):
            return f'<span class="d">{plain}</span>'
        if href is not None:
            return f'<a href="{href}">{plain}</a>'
    if text == "->":  # a line would else be broken between the two signs
        return f'<span class="arrow">{plain}</span>'
    return plain


def code(lines: list[str]) -> str:
    """Return lines as one block, without empty ones at its ends.

    A line that is too long for the block goes on below itself, four places further in than it begins.
    """
    empty = re.compile(r'<span id="[^"]*">\s*</span>')
    while lines and empty.fullmatch(lines[0]):
        lines = lines[1:]
    while lines and empty.fullmatch(lines[-1]):
        lines = lines[:-1]
    shown = "".join(map(_wrapping, lines))
    return f'<pre class="code"><code>{shown}</code></pre>' if lines else ""


def _wrapping(line: str) -> str:
    """Return a line that ends in its own newline, and that tells the style how far in it begins."""
    begun = re.match(r'<span id="[^"]*"(?=>(?:<[^>]*>)*( +))', line)
    told = f'{begun[0]} style="--in: {len(begun[1])}"{line[begun.end() :]}' if begun else line
    return f"{told.removesuffix('</span>')}\n</span>"
