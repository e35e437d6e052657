"""Minimizing KL(q ‖ p(z|x)) by maximizing the bound: q climbs the bound by gradient steps, and p stays fixed.

    log p(x) = bound(q) + KL(q ‖ p(z|x))

The left side does not depend on q. So ∂bound/∂φ = −∂KL/∂φ for the parameters φ of q: what a step adds to the
bound it takes from the KL, and the bound is largest where the KL is smallest. The gradient of the bound needs
only p(x, z). So q approaches p(z|x) without anybody knowing p(z|x). If the family of q contains p(z|x), the
KL falls to 0 and the bound rises to log p(x). Otherwise a part of the KL is left, which no q of the family
can avoid. Jordan et al. 1999, section 6; Blei, Kucukelbir & McAuliffe 2017, section 2.2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes
from scratchvae.evaluation.quadrature import Grid, log_q_on_grid, require_whole
from scratchvae.posteriors import Density

Bound = Callable[[Array], tuple[Array, Pullback]]  # an op: q_params (B, P) -> (B,) in nats


@dataclass(frozen=True)
class Ascent:
    """The parameters of q before each step and after the last one, and the bound there.

    B examples, P parameters of q, T steps.
    """

    q_params: Array  # (T + 1, B, P)
    bound: Array  # (T + 1, B) in nats


def ascend(bound: Bound, q_params: Array, *, steps: int, rate: float | Array) -> Ascent:
    """Take `steps` steps φ ← φ + rate · ∂bound/∂φ from q_params φ (B, P). Each example climbs its own bound.

    `rate` is a number, or one number for each parameter, (P,). Several rates help where q is narrow, since
    the bound then curves much more along the mean than along log σ². A step is certain to climb if the rate
    is below 2 divided by the largest curvature of the bound along the step. InputError where the bound or
    q_params stop being finite. Nesterov 2004, section 1.2.3.
    """
    require_shapes("ascend", q_params=(q_params, "B P"))
    require_count("ascend", "steps", steps)
    if (
        np.shape(rate) not in ((), q_params.shape[1:])
        or not (np.isfinite(rate) & (np.asarray(rate) > 0)).all()
    ):
        expected = f"rate should be positive, one number or {q_params.shape[1]}"
        raise InputError(f"ascend: {expected}, found {rate}")
    path, bounds = [], []
    for step in range(steps + 1):
        value, pullback = bound(q_params)
        if not (np.isfinite(value).all() and np.isfinite(q_params).all()):
            found = f"found other values after {step} steps at the rate {rate}; lower the rate"
            raise InputError(
                f"ascend: the bound and q_params should be finite, {found if step else 'also at the start'}"
            )
        path.append(q_params)
        bounds.append(value)
        q_params = q_params + rate * pullback(np.ones_like(value))
    return Ascent(np.stack(path), np.stack(bounds))


def bound_on_grid(
    q_params: Array,
    *,
    posterior: Density,
    log_joint: Array,
    grid: Grid,
) -> tuple[Array, Pullback]:
    """∫ q(z) (log p(x, z) − log q(z)) dz by quadrature, for any p(x, z).

    q_params (B, P), log_joint = log p(x, z_g) of each example at each point (B, G)  ->  (B,) in nats. The
    points do not move with q, and so p is evaluated once for all steps. The gradient is the exact gradient of
    the sum that is computed. InputError where the grid does not hold all of q.
    """
    shapes = {"q_params": (q_params, f"B {posterior.n_params}"), "log_joint": (log_joint, f"B {len(grid.z)}")}
    require_shapes("bound_on_grid", **shapes)
    log_q, log_q_pullback = log_q_on_grid(q_params, posterior=posterior, grid=grid)
    require_whole("bound_on_grid", "q(z)", log_q, grid)
    mass = np.exp(log_q) * grid.cell
    f = np.where(mass > 0, log_joint - log_q, 0)

    def pullback(dbound: Array) -> Array:
        dlog_q = dbound[:, None] * mass * (f - 1)  # dlog_q = dbound cell q (log p(x, z) − log q − 1)
        return log_q_pullback(dlog_q)

    return (mass * f).sum(axis=1), pullback
