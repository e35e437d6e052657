"""Sentences of docstrings and comments as HTML, with the equations in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cache
from html import escape, unescape

from scratchvae.site.equations import translate_tokens
from scratchvae.site.letters import NotAnEquation
from scratchvae.site.tokens import FUNCTIONS, Token, tokens_of
from scratchvae.site.words import MATHEMATICAL, NAMES, SIGNS


def pieces(text: str, names: Collection[str], *, sentence: bool = True) -> list[tuple[str, str]]:
    """Cut a text into ("words", …), ("code", …) and ("equation", …), which together are the text.

    An equation is a longest run of tokens that the grammar accepts, and in which there is a sign of
    mathematics or a relation. In a `sentence`, a name at an end of the run is a word of the sentence unless a
    sign binds it.
    """
    tokens = tokens_of(text)
    found: list[tuple[str, str]] = []
    at = done = 0
    while at < len(tokens):
        end = _longest(tokens, at, names, sentence)
        if end is None and tokens[at].kind != "code":
            at += 1
            continue
        kind, last = ("code", at) if end is None else ("equation", end - 1)
        found.append(("words", text[done : tokens[at].at]))
        found.append((kind, text[tokens[at].at : tokens[last].end]))
        done, at = tokens[last].end, last + 1
    found.append(("words", text[done:]))
    return [(kind, piece) for kind, piece in found if piece]


def _longest(tokens: list[Token], start: int, names: Collection[str], sentence: bool) -> int | None:
    """Return the end of the longest equation that begins at `start`."""
    if not _fits(tokens[start], names) or tokens[start].kind in (
        "comma",
        "close",
        "product",
        "slash",
        "raised",
        "power",
        "prime",
        "index",
    ):
        return None
    if tokens[start].kind == "sign" and tokens[start].after:
        return None
    if sentence and _loose_word(tokens, start, 1):
        return None
    stop, depth = start, 0
    while stop < len(tokens) and _fits(tokens[stop], names):
        token = tokens[stop]
        apart = stop > start and token.at > tokens[stop - 1].end + 1
        if apart and "relation" not in (token.kind, tokens[stop - 1].kind):  # a gap between two equations
            break
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        if depth < 0 or (depth == 0 and token.kind == "comma"):
            break
        stop += 1
    for end in range(stop, start, -1):
        if tokens[start].kind == "relation" and end - start < 4 and not set(tokens[start].text) & SIGNS:
            return None
        run = tokens[start:end]
        closes = re.fullmatch(r"d\w", run[-1].text) and any(token.text[0] == "∫" for token in run)
        if sentence and not closes and _loose_word(tokens, end - 1, -1):
            continue
        if not _says_something(run):
            return None
        try:
            translate_tokens(run, names)
        except NotAnEquation:
            continue
        return end
    return None


def _fits(token: Token, names: Collection[str]) -> bool:
    if token.kind != "word":
        return token.kind in MATHEMATICAL
    word = token.text.rstrip("_")
    base = word.partition("_")[0]
    if len(base) == 1 or re.fullmatch(r"[A-Za-z]\d|d[A-Za-z]|[A-Z]{2,3}|.[\u0300-\u036f].*", base):
        return True
    known = (
        word,
        base,
        word.rpartition("_")[0],
        word.removeprefix("d"),
        base.removeprefix("d"),
        word.removeprefix("d").rpartition("_")[0],
    )
    return (
        any(one in names or one in FUNCTIONS for one in known if one)
        or re.fullmatch(r"d[A-Za-z][\u0300-\u036f]?(_\w+)?", word) is not None
    )


def _loose_word(tokens: list[Token], at: int, step: int) -> bool:
    """Whether a word at an end of a run belongs to the sentence: no sign and no bracket binds it."""
    token = tokens[at]
    article = token.text in ("a", "A", "I")
    if (
        token.kind != "word"
        or (len(token.text) == 1 and not article)
        or token.text in FUNCTIONS
        or "_" in token.text
    ):
        return False
    neighbour = tokens[at + step] if 0 <= at + step < len(tokens) else None
    binding = ("relation", "sign", "product", "slash", "root", "raised", "lowered", "power", "prime", "bar")
    if neighbour is None or neighbour.kind in binding:
        return neighbour is None or (article and neighbour.kind == "bar")
    opened = neighbour.kind in ("open", "close") and not (neighbour.before if step > 0 else neighbour.after)
    return not opened and not (step < 0 and neighbour.kind == "comma")


def _says_something(run: list[Token]) -> bool:
    if len(run) < 2 and not (run[0].kind in ("greek", "share") or set(run[0].text) & SIGNS):
        return False
    text = "".join(token.text for token in run)
    if set(text) & SIGNS or any(t.kind == "relation" for t in run):
        return True
    if any(t.text == "|" for t in run) and run[0].kind == "word":
        return True
    return run[0].text in FUNCTIONS or ("/" in text and any(t.kind == "number" for t in run)) or "^" in text


def inline(
    text: str, names: Collection[str], link: Callable[[str], str | None], *, sentence: bool = True
) -> str:
    """Return a text as HTML: its equations as TeX, and its code as code, with links that `link` finds."""
    made = []
    for kind, piece in pieces(text, names, sentence=sentence):
        if kind == "equation":
            made.append(f'<span class="tex">{escape(_tex(piece, names, False), quote=False)}</span>')
        elif kind == "code":
            inside = piece.strip("`")
            href = link(inside)
            code = f"<code>{escape(inside, quote=False)}</code>"
            made.append(f'<a class="name" href="{href}">{code}</a>' if href else code)
        else:
            made.append(escape(piece.replace("->", "→"), quote=False))
    return "".join(made)


def with_equations(html: str, names: Collection[str] = NAMES) -> str:
    """Return sentences that are HTML already with their equations set; code and links stay as they are."""
    parts = re.split(r"(<code>.*?</code>|<[^>]*>)", html)
    return "".join(
        part if part.startswith("<") else inline(unescape(part), names, lambda _: None) for part in parts
    )


def display(text: str, names: Collection[str] = ()) -> str:
    """Return one equation on a line of its own."""
    return f'<div class="tex">{escape(_tex(text, names, True), quote=False)}</div>'


@cache
def _tex_of(text: str, names: frozenset[str], fractions: bool) -> str:
    return translate_tokens(tokens_of(text), names, fractions=fractions)


def _tex(text: str, names: Collection[str], fractions: bool) -> str:
    return _tex_of(text, frozenset(names), fractions)
