"""Word lists show what the latents of a model of texts stand for: the words that become likelier."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.plots.labels import latent_name, text_width
from scratchvae.plots.style import DPI, FAINT, HELD_OUT, INK, LABEL_SIZE, TITLE_SIZE, TRAIN, blank_figure

_ROW = 0.24  # inches
_WIDTH = 6.5
_ROOM = int((0.45 * _WIDTH - 0.1) * DPI)  # pixels for the words of one side


def word_lists(
    changes: Array,
    words: Sequence[str],
    *,
    latents: Sequence[int] | None = None,
    shown: int = 6,
    title: str = "Words that gain most on the way along a latent",
) -> Figure:
    """Draw a line for each latent: the `shown` words whose log-probability falls most, and as many that rise.

    changes (L, V) say by how much log p of each word changes from one end of a latent's range to the other,
    and words are their V names. Words beyond the room of a line are left out. `latents` are the numbers of
    the rows, which are 0, 1, … without them.
    """
    n = require_shapes("word_lists", changes=(changes, "L V"))
    require_finite("word_lists", "changes", changes)
    if len(words) != n["V"] or not n["L"] or not 1 <= shown <= n["V"] // 2:
        raise InputError(
            f"word_lists: words should be {n['V']}, a name for each of the words, and shown from 1 to half "
            f"of them; found {len(words)} and {shown} for {n['L']} latents"
        )
    numbers = range(n["L"]) if latents is None else latents
    if len(numbers) != n["L"]:
        raise InputError(f"word_lists: latents should be {n['L']} numbers, found {len(numbers)}")
    height = 0.65 + _ROW * n["L"]
    figure = blank_figure(_WIDTH, height)
    top = 1 - 0.5 / height
    for x, words_above, colour in ((0.46, "← likelier below", TRAIN), (0.54, "likelier above →", HELD_OUT)):
        align = "right" if x < 0.5 else "left"
        figure.text(x, top, words_above, ha=align, va="bottom", size=LABEL_SIZE, color=colour)
    for row, number in enumerate(numbers):
        y = top - (row + 0.6) * _ROW / height
        order = np.argsort(changes[row], kind="stable")
        falling, rising = order[:shown], order[::-1][:shown]
        figure.text(0.5, y, latent_name(number), ha="center", va="center", size=TITLE_SIZE, color=FAINT)
        below, above = (_fitting([words[i] for i in side]) for side in (falling, rising))
        figure.text(0.46, y, "  ".join(reversed(below)), ha="right", va="center", size=LABEL_SIZE, color=INK)
        figure.text(0.54, y, "  ".join(above), ha="left", va="center", size=LABEL_SIZE, color=INK)
    figure.text(0.5, 1 - 0.1 / height, title, ha="center", va="top", size=TITLE_SIZE, color=INK)
    return figure


def _fitting(words: list[str]) -> list[str]:
    """Return as many of the first words as there is room for; a single word that is too long is cut."""
    while len(words) > 1 and text_width(["  ".join(words)], LABEL_SIZE) > _ROOM:
        words = words[:-1]
    while text_width(words, LABEL_SIZE) > _ROOM:
        words = [words[0].removesuffix("…")[:-1] + "…"]
    return words
