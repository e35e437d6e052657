"""Letters, indices and large signs of equations as TeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from scratchvae.site.tokens import ACCENTED, FUNCTIONS, GREEK, LARGE, MARKS


class NotAnEquation(ValueError):
    """The grammar does not accept the text."""


Within = Callable[[str], str]  # translates what stands in braces


def is_letter(text: str) -> bool:
    """Whether a text is one letter, with its hats and tildes."""
    return len(text.translate({ord(mark): None for mark in MARKS})) == 1


def letter(text: str) -> str:
    """Return one letter and its hats and tildes."""
    base, marks = text[0], text[1:]
    if base in ACCENTED:
        letter, mark = ACCENTED[base]
        return f"{mark}{{{letter}}}"
    tex = GREEK.get(base, base)
    for mark in marks:
        tex = f"{MARKS[mark]}{{{tex}}}" if mark in MARKS else tex + mark
    return tex


def index(*texts: str, within: Within) -> str:
    """Return what stands at the foot of a letter: letters in italics, words upright, or expressions."""
    inside = [_foot(text, within) for text in texts if text]
    return "_{" + ",".join(inside) + "}" if inside else ""


def _foot(text: str, within: Within) -> str:
    if text.startswith(("{", "(")):
        return within(text[1:-1])
    if len(text) <= 4 and not re.fullmatch(r"mean|max|min|std|var|log|top|pool", text):
        return "".join(letter(one) + " " for one in re.findall(rf".[{''.join(MARKS)}]*", text))
    return rf"\mathrm{{{upright(text)}}}"


def named(word: str, names: Collection[str], within: Within) -> str:
    """Return a word: a function, a letter and its index, a name of `names` or one with an index.

    Any other word is set upright.
    """
    base, _, rest = word.partition("_")
    if base == "dlog" and (not rest or re.match(rf"[{''.join(GREEK)}]", rest)):
        return r"\mathrm{d}\log " + (
            letter(rest[0]) + index(*rest[1:].split("_"), within=within) if rest else ""
        )
    if word in FUNCTIONS:
        return FUNCTIONS[word] + " "
    if base in FUNCTIONS and rest and word not in names and word.rpartition("_")[0] not in names:
        return FUNCTIONS[base] + index(rest, within=within)
    if is_letter(base):
        return letter(base) + index(rest, within=within)
    if re.fullmatch(r"[A-Za-z]\d+", base):
        return base[0] + index(rest, base[1:], within=within)
    if base[0] == "d" and is_letter(base[1:]):
        return rf"\mathrm{{d}}{letter(base[1:])}" + index(rest, within=within)
    if word in names or not rest:
        return (
            word if re.fullmatch("[A-Z]{2,3}", word) and word not in names else rf"\mathrm{{{upright(word)}}}"
        )
    base, _, rest = word.rpartition("_")
    if base in names or base.removeprefix("d") in names or len(rest) <= 2:
        return rf"\mathrm{{{upright(base)}}}" + index(rest, within=within)
    return rf"\mathrm{{{upright(word)}}}"


def large(text: str, within: Within) -> str:
    """Return a sum, a product or an integral, with what stands at its foot and its head."""
    sign, rest = text[0], text[1:]
    foot, _, head = rest.removeprefix("_").partition("^")
    inside = (
        within(foot[1:-1] if foot.startswith(("{", "(")) else foot) if re.search(r"[<>≠≤≥=−{(]", foot) else ""
    )
    low = "_{" + inside + "}" if inside else index(foot, within=within)
    return LARGE[sign] + low + (f"^{{{within(head)}}}" if head else "") + " "


def upright(word: str) -> str:
    """Return a word inside of \\mathrm."""
    return "".join(
        GREEK[c] + " " if c in GREEK else c for c in word.translate({ord(m): None for m in MARKS})
    ).replace("_", r"\_")


def is_upright(tex: str) -> bool:
    """Whether a factor is a name that is set upright."""
    return tex.removeprefix(r"\,").startswith(r"\mathrm{")


def bare(tex: str) -> str:
    """Return the TeX without brackets around the whole."""
    tex = tex.strip()
    if tex.startswith(r"\left(") and tex.endswith(r"\right)"):
        depth = 0
        for m in re.finditer(r"\\(left|right)(?![a-z])", tex):
            depth += 1 if m.group(1) == "left" else -1
            if depth == 0:
                return tex[6:-7] if m.start() == len(tex) - 7 else tex
    return tex
