"""Flow steps in mpmath, written from the papers; |det J| comes from the matrix J itself, by elimination."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.cases.mathematics import exact, mathematics, softplus

Pair = tuple[Array, Array]


def _log_abs_det(J: Array) -> Array:
    """Compute log |det J| of each example, J (B, D, D)."""
    import mpmath

    return np.array([mpmath.log(abs(mpmath.det(mpmath.matrix(one.tolist())))) for one in J], object)


def planar(z: Array, w: Array, u: Array, b: Array) -> Pair:
    """Compute Rezende & Mohamed 2015, equation 10 and appendix A.1, with J = I + û h′ wᵀ."""
    m = mathematics()
    dot = (w * u).sum(axis=1, keepdims=True)
    u_hat = u + (softplus(dot) - 1 - dot) * w / (w * w).sum(axis=1, keepdims=True)
    h = m.tanh((w * z).sum(axis=1, keepdims=True) + b)
    J = exact(np.eye(z.shape[1])) + u_hat[:, :, None] * ((1 - h * h) * w)[:, None, :]
    return z + u_hat * h, _log_abs_det(J)


def planar_inverse(y: Array, w: Array, u: Array, b: Array) -> Pair:
    """Find wᵀz by bisection, and then z = y − û h."""
    m = mathematics()
    dot = (w * u).sum(axis=1)
    u_hat = u + ((softplus(dot) - 1 - dot) / (w * w).sum(axis=1))[:, None] * w
    a = np.empty(len(y), object)
    for i, (target, pull) in enumerate(zip((w * y).sum(axis=1) + b[:, 0], softplus(dot) - 1, strict=True)):
        a[i] = _root(partial(_pulled, pull), target, abs(pull) + 1)
    z = y - u_hat * m.tanh(a)[:, None]
    return z, -planar(z, w, u, b)[1]


def _pulled(pull: Any, t: Any) -> Any:
    return t + pull * mathematics().tanh(t)


def _stretched(alpha: Any, beta: Any, t: Any) -> Any:
    return t + beta * t / (alpha + abs(t))


def _root(f: Callable[[Any], Any], target: Any, reach: Any) -> Any:
    """Return the t within `reach` of target at which the increasing f equals target.

    The interval is halved until it is small, and secants do the rest.
    """
    import mpmath

    low, high = target - reach, target + reach
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < target else (low, middle)
    return mpmath.findroot(lambda t: f(t) - target, (low, high), solver="secant")


def radial(z: Array, z0: Array, a: Array, b: Array) -> Pair:
    """Compute Rezende & Mohamed 2015, equation 14 and appendix A.2, with J = (1 + β̂h) I + β̂ h′ δδᵀ/r."""
    m = mathematics()
    alpha, delta = softplus(a), z - z0
    beta = -alpha + softplus(b)
    r = m.sqrt((delta * delta).sum(axis=1, keepdims=True))
    h = 1 / (alpha + r)
    J = (1 + beta * h)[:, :, None] * exact(np.eye(z.shape[1]))
    J = J - (beta * h * h / r)[:, :, None] * delta[:, :, None] * delta[:, None, :]
    return z + beta * h * delta, _log_abs_det(J)


def radial_inverse(y: Array, z0: Array, a: Array, b: Array) -> Pair:
    """Find r by bisection, and z from it."""
    m = mathematics()
    alpha, beta = softplus(a), softplus(b) - softplus(a)
    R = m.sqrt(((y - z0) ** 2).sum(axis=1, keepdims=True))
    r = np.empty_like(R)
    for i in np.ndindex(*R.shape):
        r[i] = _root(partial(_stretched, alpha[i], beta[i]), R[i], abs(beta[i]) + R[i])
    z = z0 + (y - z0) / (1 + beta / (alpha + r))
    return z, -radial(z, z0, a, b)[1]


def reflect(z: Array, v: Array) -> Array:
    """Compute (I − 2 v vᵀ/|v|²) z."""
    H = exact(np.eye(z.shape[1])) - 2 * v[:, :, None] * v[:, None, :] / (v * v).sum(axis=1)[:, None, None]
    return (H * z[:, None, :]).sum(axis=2)


def _sigmoid(a: Array) -> Array:
    return 1 / (1 + mathematics().exp(-a))


def gate(z: Array, a: Array, m: Array) -> Pair:
    """Compute Kingma et al. 2016, equation 14."""
    return _sigmoid(a) * z + (1 - _sigmoid(a)) * m, mathematics().log(_sigmoid(a)).sum(axis=1)


def ungate(y: Array, a: Array, m: Array) -> Pair:
    """Solve the gate for z."""
    return (y - (1 - _sigmoid(a)) * m) / _sigmoid(a), -mathematics().log(_sigmoid(a)).sum(axis=1)


def scale(z: Array, a: Array, m: Array) -> Pair:
    """Compute Dinh et al. 2017, equation 7."""
    s = 3 * mathematics().tanh(a / 3)
    return z * mathematics().exp(s) + m, s.sum(axis=1)


def unscale(y: Array, a: Array, m: Array) -> Pair:
    """Solve the scaling for z."""
    s = 3 * mathematics().tanh(a / 3)
    return (y - m) / mathematics().exp(s), -s.sum(axis=1)


def connections(order: Sequence[int], widths: Sequence[int], contextual: bool) -> list[list[list[int]]]:
    """Return the masks of Germain et al. 2015, equations 8 and 12, entry by entry.

    Hidden places go round, and begin one place lower where there is a context.
    """
    low, high = min(order), max(order)
    places = list(range(low - contextual, high)) or [low - 1]
    before, found = list(order), []
    for width in widths[:-1]:
        after = [places[k % len(places)] for k in range(width)]
        found.append([[int(i <= k) for k in after] for i in before])
        before = after
    return [*found, [[int(k < d) for d in (*order, *order)] for k in before]]


def network(x: Array, context: Array, V: Array, *layers: Array, order: Sequence[int] | None = None) -> Array:
    """Compute the network with each weight times its 0 or 1."""
    m, h = mathematics(), x
    weights, biases = layers[::2], layers[1::2]
    masks = connections(order, [len(b) for b in biases], bool(len(V))) if order else [1] * len(weights)
    for i, (W, b, mask) in enumerate(zip(weights, biases, masks, strict=True)):
        before = h @ (W * np.array(mask, int)) + b + (context @ V if i == 0 and len(V) else 0)
        h = (
            before
            if i == len(weights) - 1
            else np.where(before > 0, before, m.exp(np.minimum(before, 0)) - 1)
        )
    return h


def together(x: Array, context: Array, V: Array, *layers: Array, order: Sequence[int], update: str) -> Pair:
    """Compute the network, and then the update."""
    both = network(x, context, V, *layers, order=order)
    return {"gate": gate, "unscale": unscale}[update](x, both[:, : x.shape[1]], both[:, x.shape[1] :])


def one_by_one(y: Array, context: Array, V: Array, *layers: Array, order: Sequence[int], update: str) -> Pair:
    """Solve the whole update as many times as there are entries: each time one more entry is right."""
    x, log_det = 0 * y, 0 * y[:, 0]
    for _ in order:
        both = network(x, context, V, *layers, order=order)
        x, log_det = {"gate": ungate, "unscale": scale}[update](
            y, both[:, : y.shape[1]], both[:, y.shape[1] :]
        )
    return x, log_det


def couple(
    z: Array, context: Array, V: Array, *layers: Array, moves: Sequence[int], update: Any = scale
) -> Pair:
    """Update the entries `moves` by numbers that the network computes from the others."""
    kept, moved = [d for d in range(z.shape[1]) if d not in moves], list(moves)
    both = network(z[:, kept], context, V, *layers)
    y = z.copy()
    y[:, moved], log_det = update(z[:, moved], both[:, : len(moved)], both[:, len(moved) :])
    return y, log_det


def uncouple(y: Array, context: Array, V: Array, *layers: Array, moves: Sequence[int]) -> Pair:
    """Couple with the update solved for its input."""
    return couple(y, context, V, *layers, moves=moves, update=unscale)
