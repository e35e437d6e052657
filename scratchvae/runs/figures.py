"""The pictures of a run, each a function of the run, by name."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_choice
from scratchvae.data import Dataset
from scratchvae.files import make_folder
from scratchvae.layers import dtype_of
from scratchvae.models import Classes, LatentVariableModel
from scratchvae.posteriors import Choices, Point
from scratchvae.priors import StandardGaussian
from scratchvae.runs.folder import Run
from scratchvae.runs.table_figures import classes_of, columns_of, natural_ending

if TYPE_CHECKING:  # matplotlib takes half a second to import
    from matplotlib.figure import Figure

SHOWN = 20  # pairs of images
DRAWN = 64  # samples
CODES = 2000  # points
MOST_CLASSES = 36  # rows of samples
OF_EACH = 12  # samples of a class
ROWS = 10  # latents traversed, and pairs interpolated between
STEPS = 9
# a variance of codes: that of latents which the model does not use is lower (Burda et al. 2016, section 5.2)
ACTIVE = 0.01
CATEGORIES = 12  # of each choice that are shown
PLANE = 15  # images a side
HELD = {"train", "held_out"}  # the parts of a record that hold terms
PLANE_TITLE = "Codes of the data, first two principal components"


def curves(run: Run) -> "Figure":
    """Each term, epoch after epoch; of a run with several phases those of the first."""
    from scratchvae import plots

    return plots.curves(by_term(run.history()))


def by_term(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The records with each term under its own name; of a run with several phases those of the first."""
    found = [dict(record) for record in records]
    for record in found:
        for part in HELD & record.keys():
            record[part] = {name.removeprefix("0."): mean for name, mean in record[part].items()}
    return found


def reconstructions(run: Run) -> "Figure":
    """Data above their reconstructions."""
    from scratchvae import plots

    shown = run.judged.subset(slice(0, SHOWN))
    return plots.reconstructions(_pixels(shown), run.model.reconstruct(shown))


def samples(run: Run) -> "Figure":
    """Decoded draws from the prior: of each class, where the model is told it, or with the y of examples."""
    from scratchvae import plots

    model: Any = run.model  # only a model that is told y takes y
    seed, condition = run.config.seed, model.condition
    if isinstance(condition, Classes):
        K = min(condition.width, MOST_CLASSES)
        images = np.stack([model.sample(OF_EACH, seed, y=k) for k in range(K)])
        return plots.classes(images, run.data.label_names[:K])
    y = _y(run, DRAWN)
    return plots.samples(model.sample(DRAWN, seed) if y is None else model.sample(len(y), seed, y=y))


def traversals(run: Run) -> "Figure":
    """The most active latents, one after the other from −3 to 3, the rest as in the first example's code.

    Where the prior is not N(0, I), they go from −3 to 3 deviations of the latent's codes, seen from their
    mean. Where latents are choices, each of the first groups goes through its first categories.
    """
    from scratchvae import plots

    if isinstance(run.model.posterior, Choices):  # type: ignore[union-attr]
        return _choices(run)
    z = run.model.transform(run.judged.subset(slice(0, CODES)))
    spread = z.var(axis=0)
    busiest = np.argsort(-spread)[:ROWS]
    busiest = (
        busiest[spread[busiest] > ACTIVE] if (spread > ACTIVE).any() and has_standard_prior(run) else busiest
    )
    values = np.linspace(-3, 3, STEPS, dtype=z.dtype)
    title = (
        "Traversals of the most active latents" if len(busiest) < len(spread) else "Traversals of the latents"
    )
    codes = plots.traversal_codes(z[0], values)[busiest]
    if not has_standard_prior(run):
        title += ", in deviations of their codes"
        for row, j in enumerate(busiest):
            codes[row, :, j] = z[:, j].mean() + z[:, j].std() * values
    y = _y(run, 1)
    images = decoded(run, codes, None if y is None else y[0])
    return plots.traversals(images, values, latents=busiest.tolist(), title=title)


def _choices(run: Run) -> "Figure":
    """Each choice in turn, the rest as in the first example's code."""
    from scratchvae import plots

    model: Any = run.model.model_
    posterior = model.posterior
    q_params, _ = model.encoder(
        model.seen(run.judged.subset(slice(0, 1)).batch(slice(None), dtype_of(model)))
    )
    rows, columns = min(posterior.groups, ROWS), min(posterior.categories, CATEGORIES)
    indices = np.tile(posterior.indices(q_params), (rows, columns, 1))
    for g in range(rows):
        indices[g, :, g] = np.arange(columns)
    z = posterior.code_of(indices.reshape(rows * columns, -1)).reshape(rows, columns, -1)
    y = _y(run, 1)
    images = decoded(run, z, None if y is None else y[0])
    return plots.traversals(
        images, np.arange(columns, dtype=np.float64), title="Each choice in turn, a group a row"
    )


def interpolations(run: Run) -> "Figure":
    """Straight lines between the codes of pairs of examples, with the y of the first where the model is told
    it.
    """
    from scratchvae import plots

    z, y = run.model.transform(run.judged.subset(slice(0, 2 * ROWS))), _y(run, 2 * ROWS)
    half = len(z) // 2
    paths = plots.interpolation_codes(z[:half], z[half : 2 * half], STEPS)
    return plots.interpolations(
        decoded(run, paths, None if y is None else np.repeat(y[:half], STEPS, axis=0))
    )


def codes(run: Run) -> "Figure":
    """Where the examples lie: both latents, or the first two principal components of more."""
    from scratchvae import plots

    shown = run.judged.subset(slice(0, CODES))
    z, prior = run.model.transform(shown), has_standard_prior(run)
    labels, names, by = classes_of(shown, MOST_CLASSES)
    if z.shape[1] == 2:
        return plots.codes(z, labels, names, prior=prior, title=f"Codes of the data{by}")
    plane: dict[str, Any] = {"axis_names": ("u₁", "u₂"), "title": f"{PLANE_TITLE}{by}", "prior": prior}
    return plots.codes(_principal_plane(z), labels, names, **plane)


def manifold(run: Run) -> "Figure":
    """The plane of both latents where the codes lie, decoded, with the y of the first example where the model
    is told it.
    """
    from scratchvae import plots

    z, y = run.model.transform(run.judged.subset(slice(0, CODES))), _y(run, 1)
    plane, values = plots.manifold_codes(PLANE, z)
    return plots.manifold(decoded(run, plane, None if y is None else y[0]), values)


def columns(run: Run) -> "Figure":
    """How each column of a table is distributed, in the training data and among samples."""
    return columns_of(run, CODES, _y(run, CODES))


FIGURES: dict[str, Callable[[Run], "Figure"]] = {
    "codes": codes,
    "columns": columns,
    "curves": curves,
    "interpolations": interpolations,
    "manifold": manifold,
    "reconstructions": reconstructions,
    "samples": samples,
    "traversals": traversals,
}


def available(run: Run) -> list[str]:
    """The figures that make sense for this run: pictures need images, the manifold two latents, and lines
    real-valued ones.
    """
    missing = set() if _has_images(run) else FIGURES.keys() - {"codes", "columns", "curves"}
    if run.schema is None:
        missing |= {"columns"}
    if not isinstance(run.model, LatentVariableModel):
        missing |= {"interpolations", "manifold", "traversals"}
    if run.latents != 2:
        missing |= {"manifold"}
    if len(run.judged) < 2:
        missing |= {"interpolations"}
    return [name for name in FIGURES if name not in missing]


def require_images(run: Run) -> None:
    """Raise InputError for a run on data that can't be shown as images."""
    if not _has_images(run):
        found = f"found events of shape {tuple(run.model.event_shape)}"
        ending = natural_ending(run)
        helps = f"sample --out FILE{ending} writes {'numbers' if ending == '.npy' else 'what they are, and FILE.npy numbers'}"
        raise InputError(f"{run.folder}: a picture needs images (1 or 3, H, W), {found}; {helps}")


def _has_images(run: Run) -> bool:
    return len(run.model.event_shape) == 3 and run.model.event_shape[0] in (1, 3)


def draw(run: Run, names: list[str]) -> list[Path]:
    """Draw the named figures into the run's folder, and return their paths."""
    from scratchvae import plots

    possible = available(run)
    for name in names:
        require_choice("plot", "figure", name, FIGURES)
        if name not in possible:
            raise InputError(f"plot: {name} can't be drawn for this run; what can: {', '.join(possible)}")
    make_folder(run.folder / "figures")
    paths = []
    for name in names:
        paths.append(run.folder / "figures" / f"{name}.png")
        plots.save(FIGURES[name](run), paths[-1])
    return paths


def _pixels(data: Dataset) -> Array:
    """Images (N, C, H, W), NaN where a pixel is missing."""
    return data.batch(slice(None)).x_or_nan.reshape(-1, *data.event_shape)


def _y(run: Run, n: int) -> Array | None:
    """What the model is told of the first n examples; None where it is told nothing."""
    return None if run.model.condition is None or run.judged.y is None else run.judged.y[:n]


def has_standard_prior(run: Run) -> bool:
    """Whether the latents are meant to be standard normal, so that numbers of z have a meaning of their own."""
    model: Any = run.model
    meant = isinstance(model, LatentVariableModel) and not isinstance(model.posterior, Point)
    return meant and isinstance(model.prior, StandardGaussian)


def decoded(run: Run, z: Array, y: Array | None) -> Array:
    """Codes (…, Z), and their y, one or one for each -> images (…, C, H, W)."""
    model: Any = run.model
    flat = z.reshape(-1, z.shape[-1])
    decoded = model.inverse_transform(flat) if y is None else model.inverse_transform(flat, y)
    return decoded.reshape(*z.shape[:-1], *run.model.event_shape)


def _principal_plane(z: Array) -> Array:
    """z (N, Z) seen along its first two principal directions, the origin where it was."""
    z = np.hstack([z, np.zeros_like(z)]) if z.shape[1] < 2 else z
    # zeros, so that one example has a plane too
    rows = np.vstack([z - z.mean(axis=0), np.zeros_like(z, shape=(2, z.shape[1]))])
    _, _, directions = np.linalg.svd(rows, full_matrices=False)
    return z @ directions[:2].T
