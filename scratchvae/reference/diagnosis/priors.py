"""The numbers that a KL may hold, solved for: a factor, and the mean and σ of another prior."""

from collections.abc import Iterator

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.divergence import closed_form, described
from scratchvae.reference.diagnosis.factors import number, spelled
from scratchvae.reference.diagnosis.least_squares import least_squares
from scratchvae.reference.diagnosis.pieces import Reading, rounding, std_read_as
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.sampling import tidied
from scratchvae.reference.diagnosis.spelling import WRITE


def solve(given: Given) -> Iterator[Reading]:
    """Readings with numbers in them: a factor of the KL that was handed over, another prior than N(0, 1)."""
    right = closed_form(given)
    if right is None or given.mean is None or given.scale is None:
        return
    for ratio in _factors(given, right.value):
        for c in tidied(ratio):
            said = f"the KL × {spelled(c)}"
            yield described(
                said,
                f"this is {said}: leave out the factor {spelled(c)}, and {WRITE}",
                1,
                factor=number(c),
            )
    for found in (_of_values(given), _of_gradient(given)):
        if found is not None:
            yield from _other_prior(*found)


def _factors(given: Given, value: Array) -> list[float]:
    """What the KL is multiplied by, as an array or as a mean or sum over the batch."""
    kl = given.kl
    if kl is None:
        return []
    forms = [value, value.sum(axis=1)] if kl.ndim else [value.sum() / len(value), value.sum()]
    return [float(np.median(kl / form)) for form in forms if np.shape(form) == kl.shape and np.all(form != 0)]


def _of_values(given: Given) -> tuple[float, float] | None:
    """1/s² and a/s² of a prior N(a, s²) by least squares, for the KL is linear in them."""
    kl, mean = given.kl, given.mean
    if kl is None or mean is None or kl.ndim == 0 or len(kl) < 3:
        return None
    std = std_read_as(str(given.scale), given.arrays[str(given.scale)])
    parts = (0.5 * (mean**2 + std**2), -mean, np.ones_like(mean), -0.5 - np.log(std))
    *columns, base = [part.sum(axis=1) if kl.ndim == 1 else part.ravel() for part in parts]
    within = rounding(given.eps) * float((np.abs(kl).ravel() + np.abs(base)).max())
    found = least_squares(columns, kl.ravel() - base, rounding=within)
    return None if found is None else (found[0], found[1])


def _of_gradient(given: Given) -> tuple[float, float] | None:
    """The same from d_mean = d_z + β (mean − a)/s² of each example."""
    mean, dmean, dz = given.mean, given.d_mean, given.d_z
    if (
        mean is None
        or dmean is None
        or dz is None
        or not mean.shape == dmean.shape == dz.shape
        or mean.size < 3
        or not given.beta
    ):
        return None
    each = 1.0 if given.reduction == "sum" else 1.0 / (given.B or 1)
    own, parts = ((a / (each * given.beta)).ravel() for a in (dmean - dz, np.abs(dmean) + np.abs(dz)))
    within = rounding(given.eps) * float(parts.max())
    found = least_squares([mean, -np.ones_like(mean)], own, rounding=within)
    return None if found is None else (found[0], found[1])


def _other_prior(precision: float, scaled_mean: float) -> Iterator[Reading]:
    if not (precision > 0 and np.isfinite(scaled_mean)):
        return
    for a, s in zip(tidied(scaled_mean / precision), tidied(precision**-0.5), strict=True):
        a = 0.0 if abs(a) < 1e-5 else a
        said = f"N({spelled(a)}, {spelled(s)}²)"
        fix = (
            f"this is the KL to the prior {said}, of mean {spelled(a)} and σ {spelled(s)}, where N(0, 1) "
            "is expected: write the KL to N(0, 1), unless this prior is meant"
        )
        yield described(f"the prior {said}", fix, 2, prior_mean=a, prior_std=s)
