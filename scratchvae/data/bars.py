"""bars: small images of a few vertical or a few horizontal bars, whose probabilities are known exactly.

A model has to find two layers of hidden causes: the orientation of the whole image, and the bars below it. An
image is drawn in three steps:

    upright   ~ Bernoulli(vertical)                        2/3 as in the paper
    bar_i     ~ Bernoulli(on), i = 1 … side                0.2; a column each if upright, a row each if not
    pixel     = 1 where a bar that is on covers it, else 0

The empty image and the full one arise in both orientations, and every other image in one only. So 2 · 2^side
− 2 images have a probability: 30 of 2^16 with side 4. Hinton, Dayan, Frey & Neal 1995, "The wake-sleep
algorithm for unsupervised neural networks".
"""

import numpy as np

from scratchvae.arrays import Array, InputError, require_count
from scratchvae.data.dataset import Dataset
from scratchvae.data.limits import require_room_to_draw


def bars(
    n: int, *, side: int = 4, on: float = 0.2, vertical: float = 2 / 3, seed: int | np.random.SeedSequence = 0
) -> Dataset:
    """Draw n images (n, 1, side, side) uint8 of independent bars; the label is 1 for upright bars, else 0."""
    require_count("bars", "n", n)
    _require_law("bars", side, on, vertical)
    require_room_to_draw("bars", n, 4 * side**2 + 8 * (side + 1))
    uniform = np.random.default_rng(seed).random((n, side + 1))
    upright = uniform[:, 0] < vertical
    images = _images(uniform[:, 1:] < on, upright)
    return Dataset(
        "bars", images[:, None], upright.astype(np.intp), ("horizontal", "vertical"), kind="pixels"
    )


def bars_law(*, side: int = 4, on: float = 0.2, vertical: float = 2 / 3) -> tuple[Array, Array]:
    """Return every image that can arise, (S, side²) of 0 and 1, and its probability (S,), both in float64.

    Each image is listed once, and the probabilities sum to 1. The mean log p(x) of a model is at most Σ p log
    p, which is −H, the negative entropy.
    """
    _require_law("bars_law", side, on, vertical)
    if side > 16:
        raise InputError(
            f"bars_law: side should be at most 16, since there are 2^side images each way; found {side}"
        )
    which = (np.arange(2**side)[:, None] >> np.arange(side)[::-1]) & 1 == 1
    lit = which.sum(axis=1)
    p = on**lit * (1.0 - on) ** (side - lit)
    both = [
        _images(which, np.full(len(which), upright)).reshape(len(which), -1) / 255
        for upright in (True, False)
    ]
    images, where = np.unique(np.concatenate(both), axis=0, return_inverse=True)
    probability = np.bincount(where.reshape(-1), weights=np.concatenate([vertical * p, (1 - vertical) * p]))
    return images[probability > 0], probability[probability > 0]


def _images(bar: Array, upright: Array) -> Array:
    """Draw images (n, side, side) uint8 from bars (n, side), each of which is on or off."""
    side = bar.shape[1]
    columns = np.repeat(bar[:, None, :], side, axis=1)
    return np.where(upright[:, None, None], columns, columns.transpose(0, 2, 1)).astype(np.uint8) * np.uint8(
        255
    )


def _require_law(where: str, side: int, on: float, vertical: float) -> None:
    require_count(where, "side", side)
    if not (0 <= on <= 1 and 0 <= vertical <= 1):
        raise InputError(f"{where}: on and vertical should be probabilities, found {on} and {vertical}")
