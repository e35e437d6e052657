"""A permutation test of whether two samples come from one law, by their maximum mean discrepancy (MMD)."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, require_count, require_finite, require_flag, require_shapes

AT_ONCE = 1 << 22  # entries of the largest array of permutations
# The kernel's values lie in [0, 1]. Two statistics that differ by less than this are taken as equal, since
# they may be sums of the same values in two orders.
ROUNDING = 1e-12


@dataclass(frozen=True)
class TwoSampleTest:
    """The result of a test whether two samples come from one law.

        mmd2        the unbiased estimate of MMD², which is about 0 and may be negative if the laws are one
        p_value     the probability of so large an estimate if the laws are one; P(p ≤ α) ≤ α in that case
        bandwidth   the kernel's σ

    A small p-value says that the laws differ. A large one says only that this number of examples shows no
    difference.
    """

    mmd2: float
    p_value: float
    bandwidth: float


def mmd2(x: Array, y: Array, *, bandwidth: float, unbiased: bool = True) -> float:
    """MMD² = E k(x,x′) − 2 E k(x,y) + E k(y,y′) with k(a,b) = exp(−‖a − b‖² / 2σ²).

    x (M, D) and y (N, D) are the samples, and σ is the `bandwidth`. MMD² of two laws is 0 only if they are
    the same law. The unbiased estimate leaves out the pair of each example with itself, and so a sample needs
    two examples or more. With unbiased=False these pairs count too. Then the estimate is at least 0, and on
    average it is too large by O(1/M + 1/N). Gretton, Borgwardt, Rasch, Schölkopf & Smola 2012, equation 3,
    and equation 5 squared.
    """
    require_flag("mmd2", "unbiased", unbiased)
    x, y = _samples("mmd2", x, y, at_least=2 if unbiased else 1)
    gram = np.exp(-_squared_distances(np.concatenate([x, y])) / (2 * _checked("mmd2", bandwidth) ** 2))
    in_x = np.arange(len(gram)) < len(x)
    return float(_statistics(gram, in_x[None], unbiased)[0])


def median_distance(x: Array) -> float:
    """The median of the distances ‖x_i − x_j‖ that are not 0: a bandwidth in the units of the data.

    x (N, D) holds both samples. The result is 1 if all distances are 0. Gretton et al. 2012, section 8.
    """
    x = np.asarray(x, np.float64)
    require_shapes("median_distance", x=(x, "N D"))
    require_finite("median_distance", "x", x)
    distances = np.sqrt(_squared_distances(x))
    apart = distances[np.triu(distances, 1) > 0]
    # identical points have k = 1 for every bandwidth
    return float(np.median(apart)) if len(apart) else 1.0


def two_sample_test(
    x: Array, y: Array, *, rng: np.random.Generator, permutations: int = 999, bandwidth: float | None = None
) -> TwoSampleTest:
    """Test whether x (M, D) and y (N, D) come from one law, by unbiased MMD².

    If both samples come from one law, then every assignment of the M + N examples to two samples is equally
    likely. The test compares the observed assignment with B = `permutations` random ones:

        p = (1 + #{shuffled ≥ observed}) / (1 + B)

    This p is valid for any M, N and B, and it is never below 1/(1 + B). A shuffle whose MMD² equals the
    observed one is counted too. So p is larger than necessary where such ties are likely, as with few
    examples. The `bandwidth` σ is by default the median distance. All shuffles use one kernel matrix, which
    takes 8 (M + N)² bytes. Gretton et al. 2012, equation 3; Phipson & Smyth 2010.
    """
    x, y = _samples("two_sample_test", x, y, at_least=2)
    require_count("two_sample_test", "permutations", permutations)
    together = np.concatenate([x, y])
    sigma = median_distance(together) if bandwidth is None else _checked("two_sample_test", bandwidth)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        gram = np.exp(-_squared_distances(together) / (2 * sigma**2))
    if not np.isfinite(gram).all():
        raise InputError(
            "two_sample_test: distances between examples should be numbers, found overflow; take other units"
        )
    in_x = np.arange(len(gram)) < len(x)
    observed = float(_statistics(gram, in_x[None])[0])
    as_large, rows = 0, max(1, AT_ONCE // len(gram))
    for start in range(0, permutations, rows):
        shuffled = rng.permuted(np.tile(in_x, (min(rows, permutations - start), 1)), axis=1)
        as_large += int((_statistics(gram, shuffled) >= observed - ROUNDING).sum())
    return TwoSampleTest(observed, (1 + as_large) / (1 + permutations), sigma)


def _statistics(gram: Array, in_x: Array, unbiased: bool = True) -> Array:
    """MMD² for each assignment in_x (P, M+N) of the examples to x and y  ->  (P,).

    `gram` is the kernel matrix K, whose diagonal is 1. Let a be the indicator of x. Then aᵀKa is the sum of k
    over the pairs in x. The sums over the pairs in y and over the mixed pairs follow from the sums of K's
    rows and of all of K.
    """
    a = in_x.astype(np.float64)
    M = np.count_nonzero(in_x[0])
    N = len(gram) - M
    of_rows = a @ gram.sum(axis=1)
    xx = ((a @ gram) * a).sum(axis=1)
    xy = of_rows - xx
    yy = gram.sum() - 2 * of_rows + xx
    if unbiased:
        return (xx - M) / (M * (M - 1)) - 2 * xy / (M * N) + (yy - N) / (N * (N - 1))
    return xx / M**2 - 2 * xy / (M * N) + yy / N**2


def _squared_distances(x: Array) -> Array:
    # By differences, so that the distance of identical rows is exactly 0, which products may miss.
    from scipy.spatial.distance import pdist, squareform

    return squareform(pdist(x, "sqeuclidean")) if len(x) > 1 else np.zeros((1, 1))


def _samples(where: str, x: Array, y: Array, *, at_least: int) -> tuple[Array, Array]:
    """Check both samples, and return them as float64."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    require_shapes(where, x=(x, "M D"), y=(y, "N D"))
    for name, array in (("x", x), ("y", y)):
        require_finite(where, name, array)
        if len(array) < at_least:
            raise InputError(f"{where}: {name} should hold at least {at_least} examples, found {len(array)}")
    return x, y


def _checked(where: str, bandwidth: float) -> float:
    if not (np.isfinite(bandwidth) and bandwidth > 0):
        raise InputError(f"{where}: bandwidth should be positive, found {bandwidth}")
    return bandwidth
