"""The check of a sampler: it compares draws with the density that they claim to follow.

A gradient check does not notice a sampler that uses the variance as a standard deviation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError


@dataclass(frozen=True)
class Moment:
    """One moment of the draws compared with the density's.

    The difference is in standard errors of the sample's mean.
    """

    name: str
    sampled: float
    expected: float
    standard_errors: float
    ok: bool

    def __str__(self) -> str:
        verdict = "agrees" if self.ok else "departs"
        return (
            f"{self.name} {verdict}: draws give {self.sampled:.6g}, the density {self.expected:.6g}, "
            f"{self.standard_errors:.1f} standard errors apart"
        )


def check_draws(
    draws: Array, log_prob: Callable[[Array], Array], points: Array, *, limit: float = 5.0
) -> list[Moment]:
    """Compare one-dimensional draws with their density: mass, moments, tails, and distribution function.

    `draws` is (N,), and `log_prob` maps points (M,) to log-densities (M,) in nats. Evenly spaced floating
    `points` are a quadrature grid that holds practically all of a density's mass. Integers are the whole
    support of a probability mass function. The moments are mean, variance and skewness. `ok` allows a
    difference of at most `limit` standard errors. For the total mass it allows at most 1e-4, and for the
    distribution function at most limit / 2√N (Kolmogorov 1933).
    """
    discrete = np.issubdtype(points.dtype, np.integer)
    spacing = 1.0 if discrete else float(points[1] - points[0])
    if not discrete and not np.allclose(np.diff(points), spacing):
        raise InputError("check_draws: points should be evenly spaced")
    p = np.exp(np.asarray(log_prob(points), np.float64)) * spacing
    x, where = np.asarray(draws, np.float64), points.astype(np.float64)
    total = float(p.sum())
    mean = float((p * where).sum() / total)
    sigma = float(np.sqrt((p * (where - mean) ** 2).sum() / total))
    moments = [Moment("total mass", 1.0, total, abs(total - 1) / 1e-4, abs(total - 1) <= 1e-4)]
    functions: dict[str, Callable[[Array], Array]] = {
        "mean": lambda t: t,
        "variance": lambda t: (t - mean) ** 2,
        "skewness": lambda t: ((t - mean) / sigma) ** 3,
        "mass above one standard deviation": lambda t: (t > mean + sigma).astype(np.float64),
        "mass beyond two standard deviations": lambda t: (np.abs(t - mean) > 2 * sigma).astype(np.float64),
    }
    for name, function in functions.items():
        sampled, expected = function(x), float((p * function(where)).sum() / total)
        variance = float((p * (function(where) - expected) ** 2).sum() / total)
        # a grid cuts no cell in two
        error = np.sqrt(variance / x.size) + (p.max() if "mass" in name and not discrete else 0)
        difference = abs(float(sampled.mean()) - expected)
        apart = difference / error if error > 0 else (0.0 if difference == 0 else np.inf)
        moments.append(Moment(name, float(sampled.mean()), expected, float(apart), bool(apart <= limit)))
    order = np.sort(x)
    if discrete:
        # a draw beyond all points reaches the last one
        reach = np.minimum(np.searchsorted(where, order), p.size - 1)
        below = np.cumsum(p)[reach]
    else:
        below = np.interp(order, where, np.cumsum(p) - p / 2)
    reached = np.searchsorted(order, order, side="right") / x.size
    gap = float(np.abs(reached - below).max())
    apart = float(gap * np.sqrt(x.size))  # Kolmogorov: above 2.5 once in 10⁵
    moments.append(Moment("largest gap between distribution functions", gap, 0.0, apart, apart <= limit / 2))
    return moments
