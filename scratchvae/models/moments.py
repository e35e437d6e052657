"""The mean and the covariance of examples that come in parts, by a triangular root.

No number is squared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array


@dataclass(frozen=True)
class Moments:
    """The statistics of N complete examples of D entries that give a linear-Gaussian model's likelihood.

        count            N
        mean     (D,)
        root     (R, D)  rootᵀ root = S, the covariance divided by N: a triangular factor, with R = min(N, D)
        lowest, highest  (D,)

    A column is constant where `lowest` is `highest`, whatever rounding makes of its variance.
    """

    count: int
    mean: Array
    root: Array
    lowest: Array
    highest: Array

    @classmethod
    def of(cls, x: Array) -> Moments:
        """The moments of x (N, D)."""
        mean = x.mean(axis=0)
        return cls(len(x), mean, _triangle((x - mean) / np.sqrt(len(x))), x.min(axis=0), x.max(axis=0))

    def joined(self, other: Moments) -> Moments:
        """The moments of both sets of examples together, N = n + m of them.

            mean = mean_n + m/N (mean_m − mean_n)
            S    = n/N S_n + m/N S_m + n m/N² (mean_m − mean_n)(mean_m − mean_n)ᵀ

        The root of S is the triangular factor of three blocks of rows: the two roots and a multiple of
        mean_m − mean_n.
        """
        n, m = self.count, other.count
        N, apart = n + m, other.mean - self.mean
        rows = [np.sqrt(n / N) * self.root, np.sqrt(m / N) * other.root, np.sqrt(n * m) / N * apart[None]]
        root = _triangle(np.concatenate(rows))
        lowest, highest = np.minimum(self.lowest, other.lowest), np.maximum(self.highest, other.highest)
        return Moments(N, self.mean + m / N * apart, root, lowest, highest)

    @property
    def variance(self) -> Array:
        """The diagonal of S (D,)."""
        variance: Array = (self.root**2).sum(axis=0)
        return variance


def _triangle(rows: Array) -> Array:
    """The triangular R with RᵀR = rowsᵀ rows."""
    triangle: Array = np.asarray(np.linalg.qr(rows, mode="r"))
    return triangle
