"""Missing entries add exactly nothing to log p(x|z) and to any gradient, whatever number they hold."""

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, Pullback, require_shapes

LogProb = Callable[..., tuple[Array, Pullback]]


def fill_missing(x: Array, observed: Array | None) -> Array:
    """x (B, D) with 0 where `observed` (B, D) is 0, so that no NaN there enters the arithmetic."""
    if observed is None:
        return x
    require_shapes("observed", x=(x, "B D"), observed=(observed, "B D"))
    return kernels.fill_missing(x, observed, 0.0)


def where_observed(log_prob: LogProb, observed: Array | None, draws: int) -> LogProb:
    """The law `log_prob` of independent entries, as the sum over the observed entries alone.

        log p(x_o|z) = Σ_d o_d log p(x_d|z),     ∂/∂x_params_d = o_d ∂log p(x_d|z)/∂x_params_d
        o_d = 1 where observed

    `observed` is (B, D), and each array that the law takes is (B·draws, D, …). Every entry is judged as an
    event of its own, and a missing one is then left out rather than multiplied by 0, as 0 · ∞ would be NaN.
    Where nothing is missing the law is returned as it is. Bernoulli and Gaussian laws take a mask themselves,
    which is faster.
    """
    if observed is None or np.all(observed):
        return log_prob
    seen = np.repeat(observed != 0, draws, axis=0)  # (B·K, D)
    shape = seen.shape

    def of_observed(*arrays: Array, **constants: Any) -> tuple[Array, Pullback]:
        alone = [_as_events(array, shape) for array in arrays]
        held = {
            name: _as_events(c, shape) if isinstance(c, np.ndarray) else c for name, c in constants.items()
        }
        by_entry, entry_pullback = log_prob(*alone, **held)  # (B·K·D,)
        log_px = np.where(seen, by_entry.reshape(shape), by_entry.dtype.type(0)).sum(axis=1)

        def pullback(dlog_px: Array) -> Any:
            found = entry_pullback(np.where(seen, dlog_px[:, None], dlog_px.dtype.type(0)).reshape(-1))
            gradients = found if isinstance(found, tuple) else (found,)
            kept = tuple(_left_out(g, a, seen) for g, a in zip(gradients, arrays, strict=True))
            return kept if isinstance(found, tuple) else kept[0]

        return log_px, pullback

    return of_observed


def _as_events(array: Array, shape: tuple[int, ...]) -> Array:
    """(B·K, D, …)  ->  (B·K·D, 1, …)."""
    return array.reshape(shape[0] * shape[1], 1, *array.shape[2:])


def _left_out(gradient: Array | None, array: Array, seen: Array) -> Array | None:
    """The gradient in the shape of its array, with 0 where nothing was observed."""
    if gradient is None:
        return None
    shaped = gradient.reshape(array.shape)
    return np.where(seen.reshape(*seen.shape, *[1] * (shaped.ndim - 2)), shaped, shaped.dtype.type(0))
