"""The pictures of a run are functions of the run, and each has a name."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchvae.arrays import InputError, require_choice
from scratchvae.files import make_folder
from scratchvae.layers import dtype_of
from scratchvae.models import Classes, LatentVariableModel
from scratchvae.posteriors import Choices
from scratchvae.runs.decoding import decoded, has_standard_prior, pixels_or_nan, principal_plane, told
from scratchvae.runs.folder import Run
from scratchvae.runs.table_figures import classes_of, columns_of, natural_ending

if TYPE_CHECKING:  # matplotlib takes half a second to import
    from matplotlib.figure import Figure

SHOWN = 20  # the number of pairs of images
DRAWN = 64  # the number of samples
CODES = 2000  # the number of points
MOST_CLASSES = 36  # the largest number of classes, each a row of samples
OF_EACH = 12  # the number of samples of a class
ROWS = 10  # the number of latents traversed, and of pairs interpolated between
STEPS = 9  # the number of images in a row
# The codes of a latent that the model does not use have a lower variance (Burda et al. 2016, section 5.2).
ACTIVE = 0.01
CATEGORIES = 12  # the number of categories that are shown of each choice
PLANE = 15  # the number of images along a side of the manifold
HELD = {"train", "held_out"}  # the parts of a record that hold terms
PLANE_TITLE = "Codes of the data, first two principal components"


def curves(run: Run) -> "Figure":
    """Draw each term, epoch after epoch; of a run with several phases only the first phase is drawn."""
    from scratchvae import plots

    return plots.curves(by_term(run.history()))


def by_term(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the records with each term under its own name.

    Of several phases the terms of the first are taken.
    """
    found = [dict(record) for record in records]
    for record in found:
        for part in HELD & record.keys():
            record[part] = {name.removeprefix("0."): mean for name, mean in record[part].items()}
    return found


def reconstructions(run: Run) -> "Figure":
    """Draw data above their reconstructions."""
    from scratchvae import plots

    shown = run.judged.subset(slice(0, SHOWN))
    return plots.reconstructions(pixels_or_nan(shown), run.model.reconstruct(shown))


def samples(run: Run) -> "Figure":
    """Draw decoded draws from the prior.

    A model that is told classes draws some of each class, and a model that is told anything else draws with
    the y of examples.
    """
    from scratchvae import plots

    model: Any = run.model  # only a model that is told y takes y
    seed, condition = run.config.seed, model.condition
    if isinstance(condition, Classes):
        K = min(condition.width, MOST_CLASSES)
        images = np.stack([model.sample(OF_EACH, seed, y=k) for k in range(K)])
        return plots.classes(images, run.data.label_names[:K])
    y = told(run, DRAWN)
    return plots.samples(model.sample(DRAWN, seed) if y is None else model.sample(len(y), seed, y=y))


def traversals(run: Run) -> "Figure":
    """Draw the most active latents, one after the other from −3 to 3, the others as in the first code.

    The first code is that of the first example. Where the prior is not N(0, I), a latent goes from −3 to 3
    deviations of its codes around their mean. Where latents are choices, each of the first groups goes
    through its first categories.
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
    y = told(run, 1)
    images = decoded(run, codes, None if y is None else y[0])
    return plots.traversals(images, values, latents=busiest.tolist(), title=title)


def _choices(run: Run) -> "Figure":
    """Draw each choice in turn, the others as in the first example's code."""
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
    y = told(run, 1)
    images = decoded(run, z, None if y is None else y[0])
    return plots.traversals(
        images, np.arange(columns, dtype=np.float64), title="Each choice in turn, a group a row"
    )


def interpolations(run: Run) -> "Figure":
    """Draw straight lines between the codes of pairs of examples.

    Where the model is told y, it is told that of the first example of each pair.
    """
    from scratchvae import plots

    z, y = run.model.transform(run.judged.subset(slice(0, 2 * ROWS))), told(run, 2 * ROWS)
    half = len(z) // 2
    paths = plots.interpolation_codes(z[:half], z[half : 2 * half], STEPS)
    return plots.interpolations(
        decoded(run, paths, None if y is None else np.repeat(y[:half], STEPS, axis=0))
    )


def codes(run: Run) -> "Figure":
    """Draw the codes of the examples: two latents, or the first two principal components of more."""
    from scratchvae import plots

    shown = run.judged.subset(slice(0, CODES))
    z, prior = run.model.transform(shown), has_standard_prior(run)
    labels, names, by = classes_of(shown, MOST_CLASSES)
    if z.shape[1] == 2:
        return plots.codes(z, labels, names, prior=prior, title=f"Codes of the data{by}")
    plane: dict[str, Any] = {"axis_names": ("u₁", "u₂"), "title": f"{PLANE_TITLE}{by}", "prior": prior}
    return plots.codes(principal_plane(z), labels, names, **plane)


def manifold(run: Run) -> "Figure":
    """Draw the decoded plane of two latents where the codes lie.

    Where the model is told y, it is told that of the first example.
    """
    from scratchvae import plots

    z, y = run.model.transform(run.judged.subset(slice(0, CODES))), told(run, 1)
    plane, values = plots.manifold_codes(PLANE, z)
    return plots.manifold(decoded(run, plane, None if y is None else y[0]), values)


def columns(run: Run) -> "Figure":
    """Draw how each column of a table is distributed, in the training data and among samples."""
    return columns_of(run, CODES, told(run, CODES))


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
    """Return the figures that make sense for this run.

    Pictures need images, the manifold needs two latents, and lines through the latent space need real-valued
    latents.
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
    """InputError for a run on data that cannot be shown as images."""
    if not _has_images(run):
        found = f"found events of shape {tuple(run.model.event_shape)}"
        ending = natural_ending(run)
        written = "numbers" if ending == ".npy" else "what they are, and FILE.npy numbers"
        helps = f"sample --out FILE{ending} writes {written}"
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
