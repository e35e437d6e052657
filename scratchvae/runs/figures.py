"""The pictures of a run, each a function of the run, by name."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_choice
from scratchvae.files import make_folder
from scratchvae.models import LatentVariableModel
from scratchvae.runs.folder import Run

if TYPE_CHECKING:  # matplotlib takes half a second to import
    from matplotlib.figure import Figure

SHOWN = 20  # pairs of images
DRAWN = 64  # samples
CODES = 2000  # points
ROWS = 10  # latents traversed, and pairs interpolated between
STEPS = 9
PLANE = 15  # images a side
HELD = {"train", "held_out"}  # the parts of a record that hold terms
PLANE_TITLE = "Codes of the data, first two principal components"


def curves(run: Run) -> "Figure":
    """Each term, epoch after epoch; of a run with several phases those of the first."""
    from scratchvae import plots

    records: list[dict[str, Any]] = run.history()
    for record in records:
        for part in HELD & record.keys():
            record[part] = {name.removeprefix("0."): mean for name, mean in record[part].items()}
    return plots.curves(records)


def reconstructions(run: Run) -> "Figure":
    """Data above their reconstructions."""
    from scratchvae import plots

    x = _images(run, SHOWN)
    return plots.reconstructions(x, run.model.reconstruct(x))


def samples(run: Run) -> "Figure":
    """Decoded draws from the prior."""
    from scratchvae import plots

    return plots.samples(run.model.sample(DRAWN, run.config.seed))


def traversals(run: Run) -> "Figure":
    """The most active latents, one after the other from −3 to 3, the rest as in the first example's code."""
    from scratchvae import plots

    z = run.model.transform(run.judged.subset(slice(0, CODES)))
    busiest = np.argsort(-z.var(axis=0))[:ROWS]
    values = np.linspace(-3, 3, STEPS, dtype=z.dtype)
    codes = plots.traversal_codes(z[0], values)[busiest]
    return plots.traversals(_decoded(run, codes), values, latents=busiest.tolist(), title="Traversals of the most active latents")


def interpolations(run: Run) -> "Figure":
    """Straight lines between the codes of pairs of examples."""
    from scratchvae import plots

    z = run.model.transform(_images(run, 2 * ROWS))
    half = len(z) // 2
    return plots.interpolations(_decoded(run, plots.interpolation_codes(z[:half], z[half : 2 * half], STEPS)))


def codes(run: Run) -> "Figure":
    """Where the examples lie: both latents, or the first two principal components of more."""
    from scratchvae import plots

    shown = run.judged.subset(slice(0, CODES))
    z = run.model.transform(shown)
    if z.shape[1] == 2:
        return plots.codes(z, shown.labels, shown.label_names)
    return plots.codes(_principal_plane(z), shown.labels, shown.label_names, axis_names=("u₁", "u₂"), title=PLANE_TITLE)


def manifold(run: Run) -> "Figure":
    """The plane of both latents, decoded."""
    from scratchvae import plots

    plane, values = plots.manifold_codes(PLANE)
    return plots.manifold(_decoded(run, plane), values)


FIGURES: dict[str, Callable[[Run], "Figure"]] = {
    "codes": codes,
    "curves": curves,
    "interpolations": interpolations,
    "manifold": manifold,
    "reconstructions": reconstructions,
    "samples": samples,
    "traversals": traversals,
}


def available(run: Run) -> list[str]:
    """The figures that make sense for this run: pictures need images, the manifold two latents, and lines real-valued ones."""
    missing = set() if _has_images(run) else FIGURES.keys() - {"codes", "curves"}
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
        raise InputError(f"{run.folder}: a picture needs images (1 or 3, H, W), {found}; sample --out FILE.npy keeps numbers")


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


def _images(run: Run, n: int) -> Array:
    chosen = run.judged.subset(slice(0, n))
    return chosen.batch(slice(0, n)).x.reshape(-1, *chosen.event_shape)


def _decoded(run: Run, z: Array) -> Array:
    """Codes (…, Z) -> images (…, C, H, W)."""
    return run.model.inverse_transform(z.reshape(-1, z.shape[-1])).reshape(*z.shape[:-1], *run.model.event_shape)


def _principal_plane(z: Array) -> Array:
    """z (N, Z) seen along its first two principal directions, the origin where it was."""
    z = np.hstack([z, np.zeros_like(z)]) if z.shape[1] < 2 else z
    rows = np.vstack([z - z.mean(axis=0), np.zeros_like(z, shape=(2, z.shape[1]))])  # zeros, so that one example has a plane too
    _, _, directions = np.linalg.svd(rows, full_matrices=False)
    return z @ directions[:2].T
