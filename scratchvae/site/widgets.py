"""Widgets are the parts of which pages consist: sliders, plots, numbers, links to proofs.

Play, the walked step and the questions use them.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page
from scratchvae.site.prose import with_equations

STYLE = '<link rel="stylesheet" href="/assets/play/play.css">\n'
Proofs = Mapping[str, str]  # the name of each proof, and in a few words what it proves


def slider(
    name: str,
    label: str,
    low: float,
    high: float,
    at: float,
    *,
    step: float = 0.01,
    digits: int = 2,
    words: Sequence[str] = (),
) -> str:
    """Return a labelled slider with its value beside it; `words` replace the whole numbers from 0 on."""
    shown = f' data-words="{escape("|".join(words))}"' if words else f' data-digits="{digits}"'
    return (
        f'<div class="slider"><label for="s-{name}">{label}</label>'
        f'<input type="range" id="s-{name}" name="{name}" min="{low}" max="{high}" step="{step}" '
        f'value="{at}"{shown}>'
        f'<output for="s-{name}"></output></div>'
    )


def choices(name: str, label: str, of: Mapping[str, str]) -> str:
    """Return a choice among several, each a value and its words; the first one is chosen."""
    rows = "".join(
        f'<label><input type="radio" name="{name}" value="{key}"{" checked" if k == 0 else ""}> '
        f"{words}</label>"
        for k, (key, words) in enumerate(of.items())
    )
    return f'<fieldset class="choices"><legend>{label}</legend>{rows}</fieldset>'


def tick(name: str, label: str, *, on: bool) -> str:
    """Return a box to tick."""
    return (
        f'<label class="tick"><input type="checkbox" name="{name}"{" checked" if on else ""}> {label}</label>'
    )


def buttons(**words: str) -> str:
    """Return buttons by their id."""
    return (
        '<p class="buttons">'
        + "".join(f'<button type="button" id="{k}">{v}</button>' for k, v in words.items())
        + "</p>"
    )


def value(name: str, digits: int = 3) -> str:
    """Return a place where the page's script puts the number of that name."""
    return f'<span class="value" data-value="{name}" data-digits="{digits}"></span>'


def plot(name: str, words: str) -> str:
    """Return a place for a drawing; `words` below it say what it shows, and in which colours."""
    return (
        f'<figure><svg id="{name}" class="plot" role="img" aria-labelledby="{name}-words"></svg>'
        f'<figcaption id="{name}-words">{escape(words)}</figcaption></figure>'
    )


def canvas(name: str, side: int, words: str) -> str:
    """Return a place for a picture of so many points a side."""
    return (
        f'<canvas id="{name}" class="picture" width="{side}" height="{side}" role="img" '
        f'aria-label="{escape(words)}"></canvas>'
    )


def data(payload: Mapping[str, Any]) -> str:
    """Return numbers for the page's script."""
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
    return f'<script type="application/json" id="data">{text}</script>'


def equation(tex: str) -> str:
    r"""Return an equation on a line of its own; what follows a \qquad goes below on a narrow screen."""
    parts = "".join(f'<div class="tex">{escape(part.strip())}</div>' for part in tex.split(r"\qquad"))
    return f'<div class="equation">{parts}</div>'


def link(atlas: Atlas, name: str) -> str:
    """Return a link to a name below `scratchvae`, to a "demos/03_vae", or to a test as "tests/test_demos"."""
    room, _, inside = name.partition("/")
    if room == "demos":
        return f'<a class="name" href="{atlas.demo(inside)}"><code>{name}.py</code></a>'
    if room == "tests":
        return f'<a class="name" href="{atlas.test(inside)}"><code>{name.replace("::", ".py::")}</code></a>'
    return atlas.link(f"scratchvae.{name}")


def proofs(atlas: Atlas, of: Proofs) -> str:
    """Return a section of links to what proves the statements of a page."""
    lines = "".join(f"<li>{link(atlas, name)} <span>{words}</span></li>" for name, words in of.items())
    return f'<section><h2>The functions that are the proof</h2><ul class="proofs">{lines}</ul></section>'


def bullets(lines: Sequence[str]) -> str:
    """Return a list of sentences."""
    return f"<ul>{_items(lines)}</ul>"


def _items(lines: Sequence[str]) -> str:
    return "".join(f"<li>{with_equations(line)}</li>" for line in lines)


def lesson(
    atlas: Atlas,
    name: str,
    title: str,
    lead: str,
    *,
    equations: Sequence[str],
    stage: str,
    tries: Sequence[str],
    sees: Sequence[str],
    proved: Proofs,
    scripts: Sequence[str] = (),
) -> Page:
    """Make a page of Play: equations, a stage, what to try, what one sees and why, and the proof.

    The stage is where something is moved.
    """
    body = f"""{STYLE}<p class="lead">{with_equations(lead)}</p>
{"".join(map(equation, equations))}
{stage}
<div class="columns"><section><h2>Try</h2><ol>{_items(tries)}</ol></section>
<section><h2>What you see, and why</h2>{bullets(sees)}</section></div>
{proofs(atlas, proved)}
<noscript><p>The sliders of this page need JavaScript. The text and the equations do not.</p></noscript>"""
    ours = tuple(f"play/{script}.js" for script in ("mathematics", "drawing", *(scripts or (name,))))
    return Page(f"play/{name}.html", title, "Play", body, scripts=ours, summary=lead, wide=True)
