"""A discretized logistic likelihood of a step: the mass of a logistic law on the bin of each entry.

It is recognized by its gradient. With ε = 0 that is on the right:

    log P(x) = log (σ((u − m)/s) − σ((l − m)/s) + ε),    d/dm −log P = (1 − σ((u − m)/s) − σ((l − m)/s)) / s

The bin [l, u] of width b begins at x, as where x is rounded down to levels (Kingma et al. 2016, IAF), or has
x in its middle, and then the first and the last bin have all that is beyond (Salimans et al. 2017,
PixelCNN++, section 2.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import Given, Terms
from scratchvae.reference.frameworks.proportions import fitted

WIDTHS = (1 / 256, 1 / 255, 2 / 255)  # of images in [0, 1], and in [−1, 1]
FIRST, LAST = (-1.0, -0.5, 0.0), (0.5, 1.0, 255.0)  # levels that have an open bin, of images
FEW_ENTRIES = 2048  # by which a width is sifted
SMALL = 1e-4  # what is added inside a logarithm is below this


@dataclass(frozen=True)
class LogisticLaw:
    """−log P(x) by entry, by the mean as x_mean, with the logarithm of s as it was found, in x's shape."""

    log_scale: Array
    width: float
    ends: (
        tuple[float, float] | None
    )  # x below the one and above the other has an open bin; None: x begins its bin
    floor: float  # ε

    def __call__(self, given: Given) -> Terms | None:
        x, mean = given.x, given.x_mean
        if x is None or mean is None or x.shape != mean.shape or x.size != self.log_scale.size:
            return None
        return self.of(x, mean)

    def of(self, x: Array, mean: Array) -> Terms:
        """Value and gradient, and what float32 loses where two values of σ are subtracted."""
        s, half = np.exp(self.log_scale).reshape(x.shape), 0.0 if self.ends is None else 0.5 * self.width
        below, above = (x - half - mean) / s, (x - half + self.width - mean) / s
        low, high = kernels.sigmoid(below), kernels.sigmoid(above)
        if self.ends is not None:
            low, high = np.where(x < self.ends[0], 0.0, low), np.where(x > self.ends[1], 1.0, high)
        width = np.where((low > 0) & (high < 1), -np.expm1(-self.width / s), 1.0)
        mass = high * (1 - low) * width  # σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b − a))
        p = mass + self.floor
        slope = (1 - high - low) / s * mass / p
        steep = (low * (1 - low) + high * (1 - high)) / p
        size = 1 + np.abs(np.log(p)) + (low + high) / p + steep * (np.abs(x) + np.abs(mean)) / s
        lost = steep / s + np.abs(slope) * (low + high) / p + steep * (np.abs(x) + np.abs(mean)) / s**2
        return Terms(-np.log(p), {"x_mean": slope}, size, digits_lost=lost)


def of_logistic(
    mean: Array, gradient: Array, x: Array, spread: Array, numbers: Iterable[float], close: float
) -> Iterator[tuple[float, LogisticLaw, str]]:
    """The weight a, the law, and its words, where the gradient is a · d(−log P)/dm.

    The spread is an array of the step.
    `numbers` are those of the step, among which the width of a bin and ε are looked for.
    """
    numbers = [n for n in dict.fromkeys(map(float, numbers)) if 0 < n < np.inf]
    found = [w for n in numbers for w in (n, 2 * n, 1 / n, 2 / n) if 1e-4 < w < 0.5]
    floors = [0.0, *(n for n in numbers if n < SMALL)]
    rows = slice(0, max(1, FEW_ENTRIES // max(1, x[0].size)))
    first = max((e for e in FIRST if e <= x.min()), default=float(x.min()))
    last = min((e for e in LAST if e >= x.max()), default=float(x.max()))
    for log_scale in [spread, *([np.log(spread)] if spread.min() > 0 else [])]:
        try:
            wide = (
                log_scale.reshape(x.shape)
                if log_scale.size == x.size
                else np.broadcast_to(log_scale, x.shape)
            )
        except ValueError:
            return
        if np.abs(wide).max() > 50:
            continue
        for width in dict.fromkeys((*WIDTHS, *found)):
            above = [n for n in numbers if last - 2 * width < n < last]
            ends = [None, *((first + width / 4, n) for n in (last - width / 4, *above))]
            for law in (LogisticLaw(wide, width, end, floor) for end in ends for floor in floors):
                with np.errstate(all="ignore"):
                    few = replace(law, log_scale=wide[rows]).of(x[rows], mean[rows]).gradients["x_mean"]
                    if fitted(gradient[rows], few, close=close) is None:
                        continue
                    a = fitted(gradient, law.of(x, mean).gradients["x_mean"], close=close)
                if a is not None and a > 0:
                    where = "from each level to the next" if law.ends is None else "around its levels"
                    said = f"the likelihood is a discretized logistic, with bins of width {width:.6g} {where}"
                    yield a, law, said
