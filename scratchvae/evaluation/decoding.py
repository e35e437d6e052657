"""Functions that decode codes: E[x|z], a draw x ~ p(x|z), and the motion of E[x|z] when z moves."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import Batch
from scratchvae.layers import dtype_of, pushforward
from scratchvae.likelihoods import Likelihood
from scratchvae.objectives import LatentModel

AT_ONCE = 500  # codes: with parts of this size memory does not grow with the number of codes
STEP = 1e-3  # how far the parameter moves that moves furthest


def decoded(
    model: LatentModel, z: Array, y: Array | None = None, *, draws: np.random.Generator | None = None
) -> Array:
    """E[x|z] of codes (N, Z), or with a generator draws x ~ p(x|z)  ->  (N, D).

    y (N, …) is what the model is told of each code, if it is told anything.
    """
    parts = []
    for start in range(0, len(z), AT_ONCE):
        rows, batch = _rows(model, z, y, start)
        x_params, _ = model.decoded(rows, batch)
        parts.append(
            model.likelihood.mean(x_params) if draws is None else model.likelihood.sample(x_params, draws)
        )
    return np.concatenate(parts)


def decoded_tangents(model: LatentModel, z: Array, dz: Array, y: Array | None = None) -> Array:
    """J(z) dz, with J the Jacobian of E[x|z] by z: the motion of the decoded point, in data units.

    z, dz (N, Z)  ->  (N, D). The y (N, …) of each code, if the model is told it, does not move.
    """
    parts = []
    for start in range(0, len(z), AT_ONCE):
        rows, batch = _rows(model, z, y, start)
        h = model.told(rows, batch)
        dh = np.zeros_like(h)
        dh[:, : z.shape[1]] = dz[start : start + AT_ONCE]  # dh = [dz | 0]
        parts.append(mean_tangents(model.likelihood, *pushforward(model.decoder, h, dh)))
    return np.concatenate(parts)


def _rows(model: LatentModel, z: Array, y: Array | None, start: int) -> tuple[Array, Batch]:
    """The next codes from `start` on, in the model's dtype, and what is known of them.

    The second is a batch of examples without entries.
    """
    rows = z[start : start + AT_ONCE].astype(dtype_of(model))
    return rows, Batch(rows[:, :0], None if y is None else y[start : start + AT_ONCE])


def mean_tangents(likelihood: Likelihood, x_params: Array, dx_params: Array) -> Array:
    """d/dt E[x | x_params + t dx_params] at t = 0, in float64, to about 12 digits.

    x_params, dx_params (B, n_params)  ->  (B, D).

    A mean has no pullback, since no training needs one. It is a smooth function of the number t, and so its
    slope follows from four values of it: (8 (m(h) − m(−h)) − (m(2h) − m(−2h))) / 12h + O(h⁴). Abramowitz &
    Stegun 1964, 25.3.6.
    """
    x_params, dx_params = x_params.astype(np.float64), dx_params.astype(np.float64)
    furthest = np.abs(dx_params).max(axis=1, keepdims=True)
    h = STEP / np.where(furthest > 0, furthest, 1)
    near, far = (
        likelihood.mean(x_params + k * h * dx_params) - likelihood.mean(x_params - k * h * dx_params)
        for k in (1, 2)
    )
    return (8 * near - far) / (12 * h)
