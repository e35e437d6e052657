"""Path speeds show how evenly decoded points move along paths through the latent space."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.plots.labels import text_width
from scratchvae.plots.style import DPI, FAINT, INK, LABEL_SIZE, TITLE_SIZE, TRAIN, blank_figure, dress

_WIDTH, _HEIGHT = 1.9, 1.7  # inches of a panel
_LEFT, _GAP, _RIGHT, _BOTTOM, _TOP = 0.5, 0.2, 0.1, 0.4, 0.55  # inches around and between them


def path_speeds(
    steps: Mapping[str, Array], *, title: str = "How far each step moves the decoded point"
) -> Figure:
    """Draw a panel for each name with the steps (R, T) of its paths against t from 0 to 1.

    Each step is divided by the mean step of its path. An even motion lies on the dashed line at 1, and a
    path's peak is as high as its largest jump. A path without motion is not drawn.
    """
    if not steps:
        raise InputError("path_speeds: steps should hold the paths of at least one model, found none")
    relative = {name: _relative(name, np.asarray(paths, float)) for name, paths in steps.items()}
    highest = max([2.0, *(float(paths.max()) for paths in relative.values() if paths.size)])
    panels = _LEFT + len(steps) * (_WIDTH + _GAP) - _GAP + _RIGHT
    width = max(panels, text_width([title], TITLE_SIZE) / DPI + 2 * _RIGHT)
    height = _BOTTOM + _HEIGHT + _TOP
    figure = blank_figure(width, height)
    figure.text(0.5, 1 - 0.12 / height, title, ha="center", va="top", size=TITLE_SIZE, color=INK)
    for k, (name, paths) in enumerate(relative.items()):
        left = (width - panels) / 2 + _LEFT + k * (_WIDTH + _GAP)
        axes = figure.add_axes((left / width, _BOTTOM / height, _WIDTH / width, _HEIGHT / height))
        dress(axes)
        axes.axhline(1, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
        T = paths.shape[1]
        visible = float(np.clip(20 / max(len(paths), 1), 0.25, 1))  # many lines together are dark enough
        axes.plot((np.arange(T) + 0.5) / T, paths.T, color=TRAIN, linewidth=0.6, alpha=visible)
        axes.set(xlim=(0, 1), ylim=(0, 1.05 * highest))
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_xlabel("t, from one code to another", size=LABEL_SIZE, color=INK)
        axes.set_title(name, size=LABEL_SIZE, color=INK)
        if k:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel("step / mean step", size=LABEL_SIZE, color=INK)
    return figure


def _relative(name: str, paths: Array) -> Array:
    require_shapes("path_speeds", **{name: (paths, "R T")})
    require_finite("path_speeds", name, paths)
    if paths.size == 0 or paths.min() < 0:
        raise InputError(f"path_speeds: {name} should hold at least one step, and none below 0")
    mean = paths.mean(axis=1, keepdims=True)
    return (paths / np.where(mean > 0, mean, 1))[mean[:, 0] > 0]
