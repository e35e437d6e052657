"""The updates of one latent, given two numbers a and m that depend on others: gated, or scaled and shifted.

Everything is computed entry by entry, with arrays (B, D) of one shape, and log |det| (B,) is the sum over the
D entries, in nats.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_shapes

LARGEST = 3.0  # of |s|, so that a factor is between e⁻³ and e³ and no step can diverge


@differentiable
def gate(z: Array, a: Array, m: Array) -> tuple[tuple[Array, Array], Pullback]:
    """y = σ(a) z + (1 − σ(a)) m, and log |det| = Σ_d log σ(a).     Kingma et al. 2016, equation 14."""
    require_shapes("flows.gate", z=(z, "B D"), a=(a, "B D"), m=(m, "B D"))
    kept, given = kernels.sigmoid(a), kernels.sigmoid(-a)  # σ(a), and 1 − σ(a)

    def pullback(dy: Array, dlog_det: Array) -> tuple[Array, Array, Array]:
        dz = kept * dy  # dz = σ(a) dy
        # da = σ′(a) (z − m) dy + dlog_det (1 − σ(a))
        da = kept * given * (z - m) * dy + given * dlog_det[:, None]
        return dz, da, given * dy  # dm = (1 − σ(a)) dy

    return (kept * z + given * m, -kernels.softplus(-a).sum(axis=1)), pullback


@differentiable
def ungate(y: Array, a: Array, m: Array) -> tuple[tuple[Array, Array], Pullback]:
    """z = m + (y − m)/σ(a), and log |det| = −Σ_d log σ(a): the inverse of `gate`.

    1/σ(a) = 1 + e⁻ᵃ is clipped to the largest number of the dtype.
    """
    require_shapes("flows.ungate", y=(y, "B D"), a=(a, "B D"), m=(m, "B D"))
    with np.errstate(over="ignore"):
        excess = np.minimum(np.exp(-a), np.finfo(a.dtype).max)  # 1/σ(a) − 1
    given = kernels.sigmoid(-a)

    def pullback(dz: Array, dlog_det: Array) -> tuple[Array, Array, Array]:
        dy = dz + excess * dz  # dy = dz/σ(a)
        da = -excess * (y - m) * dz - given * dlog_det[:, None]  # da = −e⁻ᵃ (y − m) dz − dlog_det (1 − σ(a))
        return dy, da, -excess * dz  # dm = −e⁻ᵃ dz

    return (y + excess * (y - m), kernels.softplus(-a).sum(axis=1)), pullback


@differentiable
def scale(z: Array, a: Array, m: Array) -> tuple[tuple[Array, Array], Pullback]:
    """y = z eˢ + m, s = 3 tanh(a/3), and log |det| = Σ_d s.

    Dinh et al. 2017, section 3.2 and equation 7.
    """
    require_shapes("flows.scale", z=(z, "B D"), a=(a, "B D"), m=(m, "B D"))
    s, slope = _bounded(a)
    factor = np.exp(s)

    def pullback(dy: Array, dlog_det: Array) -> tuple[Array, Array, Array]:
        dz = factor * dy  # dz = eˢ dy
        ds = z * dz + dlog_det[:, None]  # ds = z eˢ dy + dlog_det
        return dz, slope * ds, dy  # da = ds / cosh²(a/3),  dm = dy

    return (z * factor + m, s.sum(axis=1)), pullback


@differentiable
def unscale(y: Array, a: Array, m: Array) -> tuple[tuple[Array, Array], Pullback]:
    """z = (y − m) e⁻ˢ, s = 3 tanh(a/3), and log |det| = −Σ_d s: the inverse of `scale`."""
    require_shapes("flows.unscale", y=(y, "B D"), a=(a, "B D"), m=(m, "B D"))
    s, slope = _bounded(a)
    factor = np.exp(-s)
    z = (y - m) * factor

    def pullback(dz: Array, dlog_det: Array) -> tuple[Array, Array, Array]:
        dy = factor * dz  # dy = e⁻ˢ dz
        ds = -z * dz - dlog_det[:, None]  # ds = −z dz − dlog_det
        return dy, slope * ds, -dy  # da = ds / cosh²(a/3),  dm = −dy

    return (z, -s.sum(axis=1)), pullback


def _bounded(a: Array) -> tuple[Array, Array]:
    """s = 3 tanh(a/3) and its slope 1 / cosh²(a/3), whose digits e^(−2|a|/3) keeps where it is small."""
    e = np.exp(-2 / LARGEST * np.abs(a))
    return LARGEST * np.tanh(a / LARGEST), 4 * e / (1 + e) ** 2


# each update with its inverse

UPDATES = {"gate": (gate, ungate), "scale": (scale, unscale), "unscale": (unscale, scale)}
