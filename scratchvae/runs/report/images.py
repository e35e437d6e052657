"""The sections on images: reconstructions, samples beside training examples, codes over the decoded plane."""

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.runs.decoding import decoded, has_standard_prior
from scratchvae.runs.figures import MOST_CLASSES
from scratchvae.runs.report.embedding import drawing, mosaic
from scratchvae.runs.report.neighbours import nearest
from scratchvae.runs.report.page import Section, figure, legend, row
from scratchvae.runs.report.subject import COMPARED, Subject
from scratchvae.runs.table_figures import classes_of

PAIRS, ACROSS = 20, 10  # the number of data and their reconstructions, and how many stand in a row
SAMPLES, BESIDE = 24, 6  # the number of samples, and how many stand in a row
PLANE, POINTS = 15, 400  # the number of images along a side, and of codes above them
DIMMED = 0.6  # images below codes keep this share of their brightness


def reconstructions(subject: Subject) -> Section | None:
    """Show rows of data, each above its row of reconstructions."""
    if subject.kind != "images":
        return None
    some = subject.shown.subset(slice(0, PAIRS))
    above, below = _bytes(_originals(some), holed=True), _bytes(subject.run.model.reconstruct(some))
    across = min(ACROSS, len(above))
    blank = np.full((-len(above) % across, *above.shape[1:]), 0, np.uint8)
    rows = [np.concatenate([part, blank]).reshape(-1, across, *part.shape[1:]) for part in (above, below)]
    cells = np.stack(rows, axis=1).reshape(-1, *above.shape[1:])
    words = f"Upper rows: {subject.judged_on} examples. "
    words += "Lower rows: what the model makes of them, at the mean of q(z|x)."
    if some.observed is not None:
        words += " Orange: missing."
    alt = f"{len(some)} {subject.judged_on} images above their reconstructions"
    return Section(
        "reconstructions", "Reconstructions", figure(mosaic(cells, across, alt, together=(2, 1)), words)
    )


def samples(subject: Subject) -> Section | None:
    """Show pairs of a decoded draw from the prior and the training example nearest to it."""
    if subject.kind != "images":
        return None
    train = subject.run.data.subset(slice(0, COMPARED))
    drawn = subject.drawn(SAMPLES)
    places, distances = nearest(drawn.reshape(len(drawn), -1), train)
    beside = _originals(train.subset(places))
    pairs = np.stack([_bytes(drawn), _bytes(beside, holed=True)], axis=1)
    cells = pairs.reshape(-1, *pairs.shape[2:])
    among = (
        f"the {len(train):,} first training examples"
        if len(train) < len(subject.run.data)
        else "the training examples"
    )
    words = f"Left of each pair: a sample, E[x|z] at a draw z from the prior. Right: the nearest of {among}. "
    words += f"On average their distance √Σ(x−y)² is {distances.mean():.2f}"
    if subject.run.held_out is not None:
        some = subject.shown.subset(slice(0, 200))
        _, theirs = nearest(some.batch(slice(None)).x, train)
        words += f", and that of a held-out example to its nearest {theirs.mean():.2f}"
    words += ". Samples much nearer than held-out examples would be copies."
    alt = f"{len(drawn)} samples, each beside the training example nearest to it"
    return Section(
        "samples",
        "Samples and their neighbours",
        figure(mosaic(cells, 2 * BESIDE, alt, together=(1, 2)), words),
    )


def plane(subject: Subject) -> Section | None:
    """Show the plane of two latents, and the codes above it.

    These are both latents, or the two most active ones with the others at their means.
    """
    from scratchvae import plots

    Z = subject.run.latents
    if not subject.has_latents or Z < 2 or len(subject.shown) < 2:
        return None
    z = subject.codes
    first, second = sorted(np.argsort(-z.var(axis=0), kind="stable")[:2].tolist())
    both = z[:, [first, second]]
    names = (plots.latent_name(first), plots.latent_name(second))
    which = "both latents" if Z == 2 else f"the two most active latents, {names[0]} and {names[1]}"
    labels = subject.shown.labels
    if subject.kind != "images" or np.unique(both, axis=0).shape[0] < 2:
        prior = has_standard_prior(subject.run)
        labels, classes, by = classes_of(subject.shown, MOST_CLASSES)
        drawn = plots.codes(both, labels, classes, axis_names=names, prior=prior, title="")
        words = f"Codes of {len(z):,} {subject.judged_on} examples in the plane of {which}"
        words += f", coloured{by[1:]}." if by else "."
        return Section("codes", "Codes", figure(drawing(drawn, "codes", words), words))
    grid, values = plots.manifold_codes(PLANE, both)
    codes = np.broadcast_to(z.mean(axis=0), (PLANE, PLANE, Z)).astype(z.dtype)
    codes[..., first], codes[..., second] = grid[..., 0], grid[..., 1]
    told: Any = subject.told(1).get("y")
    images = decoded(subject.run, codes, None if told is None else told[0])
    shown = (
        _bytes(images.reshape(-1, *images.shape[2:]))
        .transpose(0, 3, 1, 2)
        .reshape(PLANE, PLANE, 3, *_bytes(images[0]).shape[1:3])
    )
    few = slice(0, POINTS)
    bare = plots.manifold(shown / 255.0, values, axis_names=names, title="")
    kinds = None if labels is None else labels[few]
    above = plots.manifold(
        DIMMED * shown / 255.0, values, z=both[few], labels=kinds, axis_names=names, title=""
    )
    words = f"The decoded plane of {which}, at the quantiles of the codes along each axis."
    words += " All others are at their means." if Z > 2 else ""
    dots = f"The same, dimmed, below the codes of {len(both[few])} {subject.judged_on} examples."
    html = row([figure(drawing(bare, "plane", words), words), figure(drawing(above, "codes", dots), dots)])
    return Section("codes", "Codes over the decoded plane", html + _legend(subject, labels, few))


def _legend(subject: Subject, labels: Array | None, few: slice) -> str:
    """Return the classes of the drawn codes, each in its colour, where there are few enough to have one."""
    from scratchvae.plots import CLASS_COLOURS

    kinds = [] if labels is None else np.unique(labels[few]).tolist()
    if not 1 < len(kinds) <= len(CLASS_COLOURS):
        return ""
    names = subject.shown.label_names
    return legend(
        {
            names[kind] if names else str(kind): colour
            for kind, colour in zip(kinds, CLASS_COLOURS, strict=False)
        }
    )


def _originals(data: Dataset) -> Array:
    return data.batch(slice(None)).x_or_nan.reshape(-1, *data.event_shape)


def _bytes(images: Array, *, holed: bool = False) -> Array:
    """Turn images (N, C, H, W) into bytes (N, H, W, 3).

    Where C is neither 1 nor 3, the channels are put side by side.
    """
    from scratchvae.plots import pixels

    N, C, H, W = images.shape
    if C not in (1, 3):
        images = images.transpose(0, 2, 1, 3).reshape(N, 1, H, C * W)
    return pixels("report", "images", np.asarray(images, np.float32), holed=holed)
