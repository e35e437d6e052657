"""The KL estimated by the draw of z itself, log q(z|x) − log p(z) (Kingma & Welling 2014, equation 6)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import Place, Reading, Terms, d_std_read_as, std_read_as
from scratchvae.reference.diagnosis.quantities import Given


@dataclass(frozen=True)
class Estimate:
    """log q(z|x) − log p(z) at z by latent, which is unbiased for the KL.

    Its gradients are those at a fixed z.

    `slopes(u, σ)` to mean and σ at a fixed z, `through_z(z, u, σ)` to z, which is part of a d_z that was
    handed over.
    """

    slopes: Callable[[Array, Array], tuple[Array, Array]]
    through_z: Callable[[Array, Array, Array], Array]

    def __call__(self, given: Given) -> Terms | None:
        """½ (z² − u²) − log σ with u = (z − mean) / σ   (B, Z)."""
        if given.scale is None or given.mean is None or (given.z is None and given.noise is None):
            return None
        if any(a is not None and a.ndim != given.mean.ndim for a in (given.z, given.noise)):
            return None  # of several draws
        mean, std = given.mean, std_read_as(given.scale, given.arrays[given.scale])
        if not (np.isfinite(std) & (std > 0)).all():
            return None
        z = given.z if given.z is not None else mean + std * given.noise
        u = (z - mean) / std if given.noise is None else given.noise
        dmean, dstd = self.slopes(u, std)
        slope = d_std_read_as(given.scale, given.arrays[given.scale])
        lost = np.abs(u) * (np.abs(z) + np.abs(mean)) / std  # of u², where z has few digits beside σ
        size = 2 + z**2 + u**2 + np.abs(np.log(std)) + lost
        gradients = {"mean": dmean, given.scale: dstd * slope, "z": self.through_z(z, u, std)}
        digits_lost = (1 + 2 * np.abs(u) * np.abs(slope)) * (np.abs(z) + np.abs(mean)) / std**2
        return Terms(0.5 * (z**2 - u**2) - np.log(std), gradients, size, digits_lost=digits_lost)


one_sample = Estimate(lambda u, std: (u / std, (u**2 - 1) / std), lambda z, u, std: z - u / std)
# log q from the noise
one_sample_of_noise = Estimate(lambda u, std: (np.zeros_like(u), -1 / std), lambda z, u, std: z)
one_sample_sticking = Estimate(  # log q's parameters are detached (Roeder, Wu & Duvenaud 2017)
    lambda u, std: (np.zeros_like(u), np.zeros_like(u)), lambda z, u, std: z - u / std
)
ESTIMATES = (one_sample, one_sample_of_noise, one_sample_sticking)


@dataclass(frozen=True)
class Negated:
    """log p(z) − log q(z|x): an estimate with the wrong sign."""

    estimate: Estimate

    def __call__(self, given: Given) -> Terms | None:
        """By latent (B, Z)."""
        terms = self.estimate(given)
        return None if terms is None else terms.times(-1.0)


@dataclass(frozen=True)
class WithoutLogQ:
    """−log p(z) = ½ (z² + log 2π), which lacks log q(z|x), with its constant or without it."""

    constant: float

    def __call__(self, given: Given) -> Terms | None:
        """By latent (B, Z)."""
        z = given.z
        if z is None or given.mean is None or z.ndim != given.mean.ndim or given.scale is None:
            return None
        zero = np.zeros_like(z)
        gradients = {"mean": zero, given.scale: zero, "z": z}
        return Terms(0.5 * (z**2 + self.constant), gradients, 2 + z**2)


without_log_q = (WithoutLogQ(float(np.log(2 * np.pi))), WithoutLogQ(0.0))


@dataclass(frozen=True)
class WithoutPart:
    """An estimate whose −log q(z|x) = ½ u² + log σ lacks a part: log σ, or with `square` ½ u²."""

    estimate: Estimate
    square: bool = False

    def __call__(self, given: Given) -> Terms | None:
        """½ (z² − u²), or ½ z² − log σ, by latent (B, Z)."""
        terms = self.estimate(given)
        if terms is None or given.mean is None or given.scale is None:
            return None
        held = given.arrays[given.scale]
        std = std_read_as(given.scale, held)
        if self.square:  # which has no gradient at fixed noise
            u = given.noise if given.noise is not None or given.z is None else (given.z - given.mean) / std
            return None if u is None else replace(terms, value=terms.value + 0.5 * u**2)
        slope = terms.gradients[given.scale] + d_std_read_as(given.scale, held) / std
        gradients = {**terms.gradients, given.scale: slope}
        return replace(terms, value=terms.value + np.log(std), gradients=gradients)


NEGATED = "the KL has the wrong sign: add log q(z|x) − log p(z) of the draw to the loss"
LACKING = (
    "the KL is estimated from the draw, and its log q(z|x) lacks {}: write log q(z|x) as "
    "−½ ((z − mean)/σ)² − log σ for each latent"
)
READINGS = [
    *(Reading("kl_sign", Place.DIVERGENCE, Negated(estimate), NEGATED) for estimate in ESTIMATES),
    *(
        Reading(
            "no log q(z|x) in the KL",
            Place.DIVERGENCE,
            piece,
            "the KL lacks log q(z|x): add log q(z|x) − log p(z) of the draw to the loss",
            named=False,
        )
        for piece in without_log_q
    ),
    *(
        Reading(f"no {part} in the KL", Place.DIVERGENCE, piece, LACKING.format(part), named=False)
        for part, piece in (
            ("−½ log σ²", WithoutPart(one_sample)),
            ("−½ log σ²", WithoutPart(one_sample_of_noise)),
            ("−½ ((z − mean)/σ)²", WithoutPart(one_sample_of_noise, square=True)),
        )
    ),
]
