"""How an encoder holds σ: by what sampling and the KL's gradients make of it, and by its author's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import SCALES, canonical, std_read_as
from scratchvae.reference.frameworks.draws import Draws
from scratchvae.reference.frameworks.flow import Node
from scratchvae.reference.frameworks.proportions import CLOSE, HALF_CLOSE, fitted, same
from scratchvae.reference.frameworks.roles import Roles

POSITIVE = {"std", "var"}  # which an array with a negative entry is none of

# of the sum of a node by others; None: none flows
Gradients = Callable[[Node, Sequence[Node]], list[Array | None]]


def scale_of(roles: Roles, draws: Draws, gradients: Gradients) -> tuple[str | None, str]:
    """One of SCALES or None, and what is said where sampling and KL read it differently, else "".

    Where they differ, the author's own name decides, and else the KL, which uses the spread more than once.
    """
    if roles.held is None:
        return None, ""
    held = roles.held.value().astype(np.float64)
    close = HALF_CLOSE if roles.held.half else CLOSE
    possible = [kind for kind in SCALES if held.min(initial=0) >= 0 or kind not in POSITIVE]
    sampled = []
    if roles.std is not None:
        std = roles.std.value().astype(np.float64)
        drawn = draws.repeated(held) if std.size == held.size * draws.K else held
        sampled = [kind for kind in SCALES if same(std_read_as(kind, drawn), std, close)]
    by_kl = _by_kl(roles, held, gradients, close)
    named = [kind for name in sorted(roles.held.names) if (kind := canonical(name, {})) in possible]
    both = [kind for kind in by_kl if kind in sampled]
    found = [
        *both,
        *(k for k in (*by_kl, *sampled) if k in named),
        *by_kl,
        *sampled,
        *named,
    ]
    found = [kind for kind in found if kind in possible]
    if not by_kl or not sampled or both or not found:
        return (found[0] if found else None), ""
    where = f" ({roles.held.place})" if roles.held.place else ""
    said = f"the KL reads the spread{where} as {by_kl[0]}, the sampling as {sampled[0]}"
    return found[0], f"{said}: {found[0]} is taken as what you meant"


def put_right(roles: Roles, gradients: Gradients) -> None:
    """Where the KL takes for the mean what the noise is multiplied by, the sampling exchanged both."""
    found = _gradients_of_kl(roles, gradients)
    if found is None or roles.mean is None or roles.held is None:
        return
    by_mean, by_held = found
    if fitted(by_mean, roles.mean.value()) is None and fitted(by_held, roles.held.value()) is not None:
        roles.mean, roles.held, roles.std = roles.held, roles.mean, None


def reads_as_kl(roles: Roles, gradients: Gradients) -> bool:
    """Whether a term pulls the mean to 0 in proportion to itself, as a KL to N(0, 1) does."""
    found = _gradients_of_kl(roles, gradients)
    return found is not None and roles.mean is not None and fitted(found[0], roles.mean.value()) is not None


def _by_kl(roles: Roles, held: Array, gradients: Gradients, close: float) -> list[str]:
    """How a closed-form KL reads σ, by its gradients: b · mean, and b · dKL/d(held)."""
    found = _gradients_of_kl(roles, gradients)
    if found is None or roles.mean is None:
        return []
    b = fitted(found[0], roles.mean.value(), close=close)
    return [] if b is None else [kind for kind in SCALES if same(found[1], b * _slope(kind, held), close)]


def _gradients_of_kl(roles: Roles, gradients: Gradients) -> tuple[Array, Array] | None:
    terms = [t for t in roles.terms if t.role == "kl"]
    if len(terms) != 1 or roles.mean is None or roles.held is None or roles.log_w is not None:
        return None
    by_mean, by_held = gradients(terms[0].node, [roles.mean, roles.held])
    return None if by_mean is None or by_held is None else (by_mean, by_held)


def _slope(kind: str, held: Array) -> Array:
    """d/d(held) of ½ (σ² − 1 − log σ²)."""
    with np.errstate(all="ignore"):
        if kind == "log_var":
            return 0.5 * np.expm1(held)
        if kind == "log_std":
            return np.expm1(2 * held)
        if kind == "var":
            return 0.5 * (1 - 1 / held)
        std = std_read_as(kind, held)
        return (std - 1 / std) * (1.0 if kind == "std" else kernels.sigmoid(held))
