"""A run's model decodes codes for its pictures, and its pictures need to know some facts of the codes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.models import LatentVariableModel
from scratchvae.posteriors import Point
from scratchvae.priors import StandardGaussian
from scratchvae.runs.folder import Run

if TYPE_CHECKING:  # matplotlib takes half a second to import
    pass


def pixels_or_nan(data: Dataset) -> Array:
    """Return images (N, C, H, W) with NaN where a pixel is missing."""
    return data.batch(slice(None)).x_or_nan.reshape(-1, *data.event_shape)


def told(run: Run, n: int) -> Array | None:
    """Return what the model is told of the first n examples, or None where it is told nothing."""
    return None if run.model.condition is None or run.judged.y is None else run.judged.y[:n]


def has_standard_prior(run: Run) -> bool:
    """Whether the latents are meant to be standard normal, so that the values of z have a meaning."""
    model: Any = run.model
    meant = isinstance(model, LatentVariableModel) and not isinstance(model.posterior, Point)
    return meant and isinstance(model.prior, StandardGaussian)


def decoded(run: Run, z: Array, y: Array | None) -> Array:
    """Decode codes (…, Z), with one y for all or one for each, into images (…, C, H, W)."""
    model: Any = run.model
    flat = z.reshape(-1, z.shape[-1])
    decoded = model.inverse_transform(flat) if y is None else model.inverse_transform(flat, y)
    return decoded.reshape(*z.shape[:-1], *run.model.event_shape)


def principal_plane(z: Array) -> Array:
    """Project z (N, Z) on its first two principal directions; the origin stays the origin."""
    z = np.hstack([z, np.zeros_like(z)]) if z.shape[1] < 2 else z
    # two rows of zeros give a single example a plane too
    rows = np.vstack([z - z.mean(axis=0), np.zeros_like(z, shape=(2, z.shape[1]))])
    _, _, directions = np.linalg.svd(rows, full_matrices=False)
    return z @ directions[:2].T
