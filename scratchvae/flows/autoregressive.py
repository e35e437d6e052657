"""Maps y_d = f(x_d; a_d(x_<d), m_d(x_<d)), whose numbers a_d and m_d depend on the entries before d.

[a | m] is the output of one masked network, J is triangular, and log |det J| is the sum of log |∂f/∂x_d|. In
this direction all entries are computed together. In the other direction they are computed one by one, as each
needs those before it.
"""

from collections.abc import Callable

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback
from scratchvae.flows.implicit import implicit_pullback
from scratchvae.flows.network import Order, differentiated
from scratchvae.flows.updates import UPDATES


@differentiable
def together(
    x: Array, context: Array, V: Array, *layers: Array, order: Order, update: str
) -> tuple[tuple[Array, Array], Pullback]:
    """y with y_d = f(x_d; a_d, m_d), [a | m] = network(x, context), and log |det ∂y/∂x|.

    x (B, D), context (B, C), V and layers as `network` takes them  ->  (B, D) and (B,) in nats.
    `order` has the place of each entry, and `update` names f, a row of UPDATES.
    """
    value, pullback, _ = _at(x, context, V, *layers, order=order, update=update)
    return value, pullback


@differentiable
def one_by_one(
    y: Array, context: Array, V: Array, *layers: Array, order: Order, update: str, x: Array | None = None
) -> tuple[tuple[Array, Array], Pullback]:
    """The x that `together` maps to y, and log |det ∂x/∂y|: x_d = f⁻¹(y_d; a_d, m_d), in the order's order.

    It runs the network once for each place of the order. Where x is known already it is given as the keyword.
    The gradients are those of the implicit function theorem, by back substitution.
    """
    if x is None:
        x = _solved(y, context, V, *layers, order=order, update=update)
    (_, log_det), together_pullback, solve_transposed = _at(
        x, context, V, *layers, order=order, update=update
    )
    pullback = implicit_pullback(together_pullback, solve_transposed)
    return (x, -log_det), pullback


def _solved(y: Array, context: Array, V: Array, *layers: Array, order: Order, update: str) -> Array:
    """x, computed entry by entry, where entries that are not yet known are 0."""
    x, places = np.zeros_like(y), np.array(order)
    for place in sorted(set(order)):
        here = places == place
        both, _, _ = differentiated(x, context, V, *layers, order=order)
        a, m = np.split(both, 2, axis=1)
        (found, _), _ = UPDATES[update][1](y[:, here], a[:, here], m[:, here])
        x[:, here] = found
    return x


def _at(
    x: Array, context: Array, V: Array, *layers: Array, order: Order, update: str
) -> tuple[tuple[Array, Array], Pullback, Callable[[Array], Array]]:
    """y and log |det ∂y/∂x|, their pullback, and g ↦ J⁻ᵀ g."""
    both, to_x, network_pullback = differentiated(x, context, V, *layers, order=order)
    a, m = np.split(both, 2, axis=1)
    value, update_pullback = UPDATES[update][0](x, a, m)

    def solve_transposed(g: Array) -> Array:
        none, places, dy = np.zeros(len(g), g.dtype), np.array(order), np.zeros_like(g)
        diagonal, _, _ = update_pullback(np.ones_like(g), none)  # J_dd
        # J_dd dy_d = g_d − Σ_e>d J_ed dy_e, from the last place
        for place in sorted(set(order), reverse=True):
            here = places == place
            _, da, dm = update_pullback(dy, none)
            behind = to_x(np.hstack([da, dm]))
            dy[:, here] = (g[:, here] - behind[:, here]) / diagonal[:, here]
        return dy

    def pullback(dy: Array, dlog_det: Array) -> tuple[Array, ...]:
        dx, da, dm = update_pullback(dy, dlog_det)
        by_network, *gradients = network_pullback(np.hstack([da, dm]))
        return dx + by_network, *gradients  # dx = ∂f/∂x dy + (∂[a | m]/∂x)ᵀ [da | dm]

    return value, pullback, solve_transposed
