"""The encoder's gradients where each example has several draws: how much of them each draw and its KL make.

Mean and spread are shared by the K draws of an example, so a backward pass gives the sum over draws alone.
What comes through z is known for each draw: it is d_z times dz/d(mean) or dz/d(spread). What is left is the
KL's. A KL in closed form has it evenly from all draws. One that is estimated from the draws has it as the
estimate's formula says.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import ESTIMATES, d_std_read_as, std_read_as
from scratchvae.reference.frameworks.flow import lineage
from scratchvae.reference.frameworks.proportions import fitted
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.spread import Gradients

Pair = tuple[Array, Array]  # of the mean, and of the spread: (B, K, Z) each


def of_each_draw(
    roles: Roles, gradients: Gradients, arrays: Mapping[str, Array], kind: str | None
) -> dict[str, Array]:
    """d_mean and the spread's gradient (B, K, Z) of each draw; none where an array is missing.

    `arrays` hold mean and spread (B, Z) and their gradients, and z, d_z and noise of each draw (B, K, Z).
    """
    if kind is None or roles.z is None or roles.mean is None or roles.held is None:
        return {}
    if not {"mean", kind, "z", "d_z", "noise", "d_mean", f"d_{kind}"} <= set(arrays):
        return {}
    m, h, dm, dh = (arrays[n].astype(np.float64)[:, None] for n in ("mean", kind, "d_mean", f"d_{kind}"))
    z, dz, noise = (arrays[n].astype(np.float64) for n in ("z", "d_z", "noise"))
    if not z.shape == dz.shape == noise.shape or m.shape != (len(z), 1, z.shape[2]):
        return {}
    K, slope = z.shape[1], d_std_read_as(kind, h)
    flowing = gradients(roles.z, [roles.mean, roles.held])  # Σ_k dz_k/d(mean), and by the spread
    paths = [
        dz * _share(flow, per_draw.sum(axis=1)) * per_draw
        for flow, per_draw in zip(flowing, (np.ones_like(z), slope * noise), strict=True)
    ]
    own = tuple(total - path.sum(axis=1, keepdims=True) for total, path in zip((dm, dh), paths, strict=True))
    shares = _of_estimate(roles, own, (m, std_read_as(kind, h), slope), z) or (0 * z, 0 * z)
    found = []
    for path, left, share in zip(paths, own, shares, strict=True):
        evenly = (left - share.sum(axis=1, keepdims=True)) / K
        found.append((path + share + evenly).astype(arrays["d_mean"].dtype))
    return dict(zip(("d_mean", f"d_{kind}"), found, strict=True))


def _share(flow: Array | None, whole: Array) -> float:
    """How much of the gradient through z arrives: 0 where it is detached, and else 1 as a rule."""
    if flow is None or not flow.any():
        return 0.0
    found = fitted(flow, whole)
    return 1.0 if found is None else found


def _of_estimate(roles: Roles, own: Pair, q: tuple[Array, Array, Array], z: Array) -> Pair | None:
    """What each draw adds to the KL's gradients, where a known formula estimates the KL from the draws."""
    if not any(roles.z in lineage([t.node]) for t in roles.terms if t.role == "kl"):
        return None
    mean, std, slope = q
    u = (z - mean) / std
    for estimate in ESTIMATES:
        by_mean, by_std = estimate.slopes(u, std)
        pair = by_mean, by_std * slope
        summed = np.concatenate([p.sum(axis=1, keepdims=True) for p in pair], axis=2)
        b = fitted(np.concatenate(own, axis=2), summed) if summed.any() else None
        if b is not None:
            return b * pair[0], b * pair[1]
    return None
