"""Polynomials fitted to the exponential and its relatives, and the constants of each dtype that go with them.

The coefficients are minimax fits (Remez exchange in 50 digits, the error weighted as the function needs it),
rounded to the dtype. By themselves they err by at most 3e-9 / 4e-18 (exp), 8e-10 / 1e-18 (log1p) and
1e-9 / 7e-18 (erf) in float32 / float64.
"""

from typing import NamedTuple


class Fit(NamedTuple):
    """The numbers with which the functions of one dtype are computed.

    Each polynomial begins with its constant. `fraction_bits` is how many bits the fraction of a number of the
    dtype has. exp is 0 below `exp_range` and inf above it. `ln2_high` is log 2 in so few bits that its
    product with a whole number of the range is exact. erf is 1 from `erf_one` on. Results near 0 are computed
    as numbers 2^`lift` times as large.
    """

    fraction_bits: int
    lift: int
    exp_range: tuple[float, float]
    ln2_high: float
    erf_one: float
    exp_tail: tuple[float, ...]
    log_tail: tuple[float, ...]
    erf_near: tuple[float, ...]
    erf_far: tuple[float, ...]


SINGLE = Fit(
    fraction_bits=23,
    lift=64,
    exp_range=(-104.0, 89.0),
    ln2_high=0.693145751953125,  # 15 bits: its product with n is exact
    erf_one=4.0,
    exp_tail=(
        0.49999993432137444, 0.16666520399191034, 0.041668390778786553,
        0.0083687450985311733, 0.0013814540535095441,
    ),
    log_tail=(0.083333470609468115, 0.012492977201254554, 0.002333761954484887),
    erf_near=(
        1.1283791657267974, -0.37612625824675099, 0.11283585151233505, -0.026853811990321786,
        0.0051883277293798390, -0.00080101936585096736, 7.8538606315780047e-5,
    ),
    erf_far=(
        -0.00018803446272646032, 1.1295783985163615, 0.63321994145969311, 0.10841852781198925,
        -0.025208226918059435, 0.0042045513172808249, -0.00044133434331404904, 2.1686685489868090e-5,
    ),
)  # fmt: skip
DOUBLE = Fit(
    fraction_bits=52,
    lift=512,
    exp_range=(-746.0, 710.0),
    ln2_high=0.693147180369123816490,  # 33 bits
    erf_one=6.0,
    exp_tail=(
        0.50000000000000106688, 0.16666666666666411517, 0.041666666666529727898, 0.0083333333334949745569,
        0.001388888894376005953, 0.00019841269505775130242, 2.4801492949542460239e-5, 2.755758680570103488e-6,
        2.7630306279495352226e-7, 2.5000017526759982463e-8,
    ),
    log_tail=(
        0.083333333333334182061, 0.0124999999998167328, 0.002232142870520638948, 0.00043402731528256468796,
        8.8786943540148746032e-5, 1.8693852532285564261e-5, 4.51551580892738114e-6,
    ),
    erf_near=(
        1.1283791670955125657, -0.37612638903183519532, 0.11283791670944184501, -0.026866170643111441183,
        0.0052239776061182953956, -0.00085483259293068284013, 0.00012055293576686917384,
        -1.4924712298094113002e-5,
        1.6447131524503547259e-6, -1.6206313408057645289e-7, 1.3710978904586100209e-8,
        -7.7794657295499960543e-10,
    ),
    erf_far=(
        5.1330427922546696288e-7, 1.1283739910928232, 0.63664405792110551195, 0.10270228186969142188,
        -0.018988026672152758509, -0.00041355835035130899596, 0.0019189690212419394328,
        -0.00077306252581474715861,
        0.00013656684576095371308, 1.9517323977915039867e-5, -2.2530641472304692392e-5,
        8.5780732680609214496e-6,
        -2.114625749671273423e-6, 3.6953297406080409402e-7, -4.5928784713553350452e-8,
        3.8895973141691217428e-9,
        -2.0201026871131961317e-10, 4.8644598018039105037e-12,
    ),
)  # fmt: skip
