"""What a decoder makes of codes: E[x|z], a draw x ~ p(x|z), and how far E[x|z] moves where z moves."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import Batch
from scratchvae.layers import dtype_of, pushforward
from scratchvae.likelihoods import Likelihood
from scratchvae.objectives import LatentModel

AT_ONCE = 500  # codes, so that memory does not grow with their number
STEP = 1e-3  # of the parameter that moves furthest


def decoded(model: LatentModel, z: Array, *, draws: np.random.Generator | None = None) -> Array:
    """E[x|z] of codes (N, Z)  ->  (N, D); with a generator, draws x ~ p(x|z)."""
    parts = []
    for start in range(0, len(z), AT_ONCE):
        rows = z[start : start + AT_ONCE].astype(dtype_of(model))
        x_params, _ = model.decoded(rows, Batch(rows[:, :0]))  # of no example
        parts.append(model.likelihood.mean(x_params) if draws is None else model.likelihood.sample(x_params, draws))
    return np.concatenate(parts)


def decoded_tangents(model: LatentModel, z: Array, dz: Array) -> Array:
    """J(z) dz, J the Jacobian of E[x|z] by z: how far the decoded point moves, in data units.     z, dz (N, Z)  ->  (N, D)."""
    parts, dtype = [], dtype_of(model)
    for start in range(0, len(z), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        parts.append(mean_tangents(model.likelihood, *pushforward(model.decoder, z[rows].astype(dtype), dz[rows].astype(dtype))))
    return np.concatenate(parts)


def mean_tangents(likelihood: Likelihood, x_params: Array, dx_params: Array) -> Array:
    """d/dt E[x | x_params + t dx_params] at t = 0, in float64, to about 12 digits.     both (B, n_params)  ->  (B, D).

    A mean has no pullback, since no training needs one; it is a smooth function of the one number t, and so its slope follows
    from four values of it: (8 (m(h) − m(−h)) − (m(2h) − m(−2h))) / 12h + O(h⁴).     Abramowitz & Stegun 1964, 25.3.6.
    """
    x_params, dx_params = x_params.astype(np.float64), dx_params.astype(np.float64)
    furthest = np.abs(dx_params).max(axis=1, keepdims=True)
    h = STEP / np.where(furthest > 0, furthest, 1)
    near, far = (likelihood.mean(x_params + k * h * dx_params) - likelihood.mean(x_params - k * h * dx_params) for k in (1, 2))
    return (8 * near - far) / (12 * h)
