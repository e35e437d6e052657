"""bars: small images of a few vertical or a few horizontal bars, whose probabilities are known exactly.

Hidden causes that a model has to find: an orientation for the whole image, and below it the bars. Drawn thus:

    upright   ~ Bernoulli(vertical)                        2/3 as in the paper
    bar_i     ~ Bernoulli(on), i = 1 … side                0.2; a column each if upright, a row each if not
    pixel     = 1 where a bar that is on covers it, else 0

An empty image and a full one arise both ways, any other in one: 2 · 2^side − 2 images have a probability, 30
of 2^16 with side 4.
Hinton, Dayan, Frey & Neal 1995, "The wake-sleep algorithm for unsupervised neural networks".
"""

import numpy as np

from scratchvae.arrays import Array, InputError, require_count
from scratchvae.data.dataset import Dataset
from scratchvae.data.limits import require_room_to_draw


def bars(
    n: int, *, side: int = 4, on: float = 0.2, vertical: float = 2 / 3, seed: int | np.random.SeedSequence = 0
) -> Dataset:
    """n images (n, 1, side, side) uint8 of independent bars; labels 1 where they were drawn upright, else 0."""
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
    """Every image that can arise, once, and its probability: (S, side²) of 0 and 1, and (S,) summing to 1,
    float64.

    Σ p log p = −H is the most that the mean log p(x) of any model can be.
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
    """(n, side, side) uint8 of bars (n, side) that are on or off."""
    side = bar.shape[1]
    columns = np.repeat(bar[:, None, :], side, axis=1)
    return np.where(upright[:, None, None], columns, columns.transpose(0, 2, 1)).astype(np.uint8) * np.uint8(
        255
    )


def _require_law(where: str, side: int, on: float, vertical: float) -> None:
    require_count(where, "side", side)
    if not (0 <= on <= 1 and 0 <= vertical <= 1):
        raise InputError(f"{where}: on and vertical should be probabilities, found {on} and {vertical}")
