"""Density and coverage: the share of samples that lie near data, and of data that lie near samples.

Both are computed from balls around the data.
"""

import numpy as np

from scratchvae.arrays import Array, InputError, require_count, require_finite, require_shapes

AT_ONCE = 1 << 22  # distances that are held at the same time


def density_and_coverage(data: Array, samples: Array, *, k: int = 5) -> tuple[float, float]:
    """How many of the samples y (M, D) lie in balls around the data x (N, D), and how many balls have one.

        density  = 1/(kM) Σ_j #{i : y_j ∈ B_i}        low where samples lie off the data; not bounded by 1
        coverage = 1/N #{i : some y_j ∈ B_i}          low where samples leave out some of the data

    B_i reaches from x_i to its k-th nearest neighbour among the data. If both samples follow one law,
    E[density] is 1, and `expected_coverage` gives E[coverage]. Balls are closed, so that repeated data are
    covered by copies of themselves, and the ball of k + 1 or more equal data is a point. Where distances are
    tied, as those of binary data are, both expectations are higher: compare with a second sample of data
    instead. InputError for k or fewer data. It takes time O(N (N + M) D) and memory O(N + M).
    Naeem, Oh, Uh, Choi & Yoo 2020, section 3.2.
    """
    from scipy.spatial.distance import cdist

    data, samples = np.asarray(data, np.float64), np.asarray(samples, np.float64)
    n = require_shapes("density_and_coverage", data=(data, "N D"), samples=(samples, "M D"))
    require_finite("density_and_coverage", "data", data)
    require_finite("density_and_coverage", "samples", samples)
    _require_neighbours("density_and_coverage", n["N"], n["M"], k)
    inside, covered = 0, 0
    rows = max(1, AT_ONCE // max(n["N"], n["M"]))
    for start in range(0, n["N"], rows):
        centres = data[start : start + rows]
        to_data = cdist(centres, data, "sqeuclidean")
        to_data[np.arange(len(centres)), start + np.arange(len(centres))] = -1.0  # the point itself is first
        radius = np.partition(to_data, k, axis=1)[:, k]
        within = cdist(centres, samples, "sqeuclidean") <= radius[:, None]
        inside += int(within.sum())
        covered += int(within.any(axis=1).sum())
    return inside / (k * n["M"]), covered / n["N"]


def expected_coverage(n_data: int, n_samples: int, *, k: int = 5) -> float:
    """E[coverage] of N data by M samples of the same continuous law: 1 − Π_{i=1..k} (N − i) / (M + N − i).

    No sample lies in a ball if the k nearest of the M + N − 1 other points are all data, and all orders of
    these points are equally likely. Naeem et al. 2020, lemma 2.
    """
    _require_neighbours("expected_coverage", n_data, n_samples, k)
    i = np.arange(1, k + 1)
    return float(1 - np.prod((n_data - i) / (n_samples + n_data - i)))


def _require_neighbours(where: str, n_data: int, n_samples: int, k: int) -> None:
    require_count(where, "k", k)
    require_count(where, "the number of data", n_data, 0)
    require_count(where, "the number of samples", n_samples, 0)
    if n_data <= k or n_samples < 1:
        limits = "there should be more than k data and at least one sample"
        raise InputError(f"{where}: {limits}; found k = {k}, {n_data} data and {n_samples} samples")
