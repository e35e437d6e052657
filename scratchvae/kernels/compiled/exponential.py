"""The exponential and its relatives as scalar functions that LLVM turns into vector instructions when a loop
calls them.

Numba's math.exp and its like call the C library once per entry. These have no calls, branches or tables: the
range is reduced by a power of two, what is left is a polynomial, and 2ⁿ is written straight into a number's
exponent bits. NaN gives NaN.

The coefficients are minimax fits (Remez exchange in 50 digits, the error weighted as the function needs it),
rounded to the dtype; alone they err by at most 3e-9 / 4e-18 (exp), 8e-10 / 1e-18 (log1p), 1e-9 / 7e-18 (erf)
in float32 / float64. With rounding, in units of the last place, over all of float32 and millions of float64:
exp 1.1 / 1.1, expm1 1.5 / 2.1, log 2.0 / 2.0, log1p 2.2 / 2.1, sigmoid 2.5 / 2.4, softplus 2.8 / 2.8, tanh
2.5 / 2.6, erf 2.5 / 1.6, for results that are subnormal too. `tests/test_kernels.py` holds bounds.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from scratchvae.kernels.compiled.compiler import scalar

Scalar = Callable[[Any], Any]


def _functions(
    real: Any,
    whole: Any,
    fraction_bits: int,
    lift: int,
    exp_range: tuple[float, float],
    ln2_high: float,
    erf_one: float,
    exp_tail: tuple[float, ...],
    log_tail: tuple[float, ...],
    erf_near: tuple[float, ...],
    erf_far: tuple[float, ...],
) -> dict[str, Scalar]:
    """The functions for the dtype `real`, whose bits are read as the integers `whole`.

    Polynomials begin with the constant.
    """
    ZERO, HALF, ONE, TWO = real(0), real(0.5), real(1), real(2)
    LOWEST, HIGHEST = real(exp_range[0]), real(exp_range[1])  # beyond: exp is 0, inf
    LOG2_E, LN2_HIGH, LN2_LOW = (
        real(1 / np.log(2)),
        real(ln2_high),
        real(np.log(np.longdouble(2)) - np.longdouble(ln2_high)),
    )
    BITS = whole(fraction_bits)
    SHIFTER = real(1.5 * 2.0**fraction_bits)  # x + SHIFTER has no room for a fraction
    SHIFTER_BITS, ONE_BITS, LIFTED_BITS = SHIFTER.view(whole), ONE.view(whole), real(2.0**lift).view(whole)
    ROOT_HALF_BITS = real(np.sqrt(0.5)).view(whole)
    DROP = real(2.0**-lift)  # back from where 2ⁿ is written as a normal number
    # from where eˣ − 1 is −1; from which n on 1 − 2⁻ⁿ is 1
    EXPM1_LOWEST, EXPM1_ALL = real(-fraction_bits), real(64)
    TANH_ONE = real(-1.4 * fraction_bits)  # from here on e^-2|x| doesn't change 1 − e^-2|x|
    ERF_ONE = real(erf_one)  # beyond: erf is 1
    EXP_TAIL, LOG_TAIL, ERF_NEAR, ERF_FAR_EVEN, ERF_FAR_ODD = (
        tuple(real(c) for c in reversed(tail))
        for tail in (exp_tail, log_tail, erf_near, erf_far[::2], erf_far[1::2])
    )

    @scalar
    def horner(x: Any, coefficients: Any) -> Any:
        y = coefficients[0]
        for c in coefficients[1:]:
            y = y * x + c
        return y

    @scalar
    def shifted(x: Any) -> Any:
        """round(x) in the low bits of a number whose spacing is 1; less SHIFTER it is round(x)."""
        return x + SHIFTER

    @scalar
    def power_of_two(n: Any, bits_of_one: Any) -> Any:
        """2ⁿ for a whole number |n| < 127 (1023) as `shifted` gives it; times 2^lift, for a smaller n, with
        LIFTED_BITS.
        """
        return whole(whole(real(n).view(whole) << BITS) + bits_of_one).view(real)

    @scalar
    def times_power_of_two(y: Any, n: Any) -> Any:
        """y · 2ⁿ in two steps, for results at the ends of the range: the last one alone rounds."""
        half = shifted(HALF * (n - SHIFTER))
        return y * power_of_two(half, ONE_BITS) * power_of_two(n - (half - SHIFTER), ONE_BITS)

    @scalar
    def reduced(x: Any) -> Any:
        """x = n ln 2 + r with |r| ≤ ½ ln 2  ->  n, as `shifted` gives it, and eʳ − 1."""
        n = shifted(x * LOG2_E)
        r = (x - (n - SHIFTER) * LN2_HIGH) - (n - SHIFTER) * LN2_LOW
        return n, r + r * r * horner(r, EXP_TAIL)

    @scalar
    def exp(x: Any) -> Any:
        x = LOWEST if x < LOWEST else x
        x = HIGHEST if x > HIGHEST else x
        n, tail = reduced(x)
        return times_power_of_two(ONE + tail, n)

    @scalar
    def exp_to_one(x: Any) -> Any:
        x = LOWEST if x < LOWEST else x
        n, tail = reduced(x)
        return (ONE + tail) * power_of_two(n, LIFTED_BITS) * DROP

    @scalar
    def expm1(x: Any) -> Any:
        held = EXPM1_LOWEST if x < EXPM1_LOWEST else x
        held = HIGHEST if held > HIGHEST else held
        n, tail = reduced(held)
        held_n = SHIFTER + EXPM1_ALL if n > SHIFTER + EXPM1_ALL else n
        # 2ⁿ (tail + 1 − 2⁻ⁿ)
        y = times_power_of_two(tail + (ONE - power_of_two(TWO * SHIFTER - held_n, ONE_BITS)), n)
        return x if x == ZERO else y

    @scalar
    def exponent(x: Any) -> Any:
        """n, an integer, with √½ ≤ x / 2ⁿ < √2; and 2⁻ⁿ."""
        n = whole(real(x).view(whole) - ROOT_HALF_BITS) >> BITS
        return n, whole(ONE_BITS - whole(n << BITS)).view(real)

    @scalar
    def log_of_parts(whole_n: Any, f: Any) -> Any:
        """log 2ⁿ (1 + f)."""
        n = whole(whole_n + SHIFTER_BITS).view(real) - SHIFTER
        s = f / (ONE + HALF * f)  # log(1 + f) = 2 artanh(s/2) = s + s³/12 + …
        z = s * s
        return n * LN2_HIGH + (s + (s * z * horner(z, LOG_TAIL) + n * LN2_LOW))

    @scalar
    def log(x: Any) -> Any:
        n, shrink = exponent(x)
        return log_of_parts(n, x * shrink - ONE)

    @scalar
    def log1p(x: Any) -> Any:
        n, shrink = exponent(ONE + x)
        return log_of_parts(n, x * shrink + (shrink - ONE))

    @scalar
    def sigmoid(x: Any) -> Any:
        e = exp_to_one(-abs(x))
        return (ONE if x >= ZERO else e) / (ONE + e)

    @scalar
    def softplus(x: Any) -> Any:
        return (x if x > ZERO else ZERO) + log1p(exp_to_one(-abs(x)))

    @scalar
    def tanh(x: Any) -> Any:
        double = -TWO * abs(x)
        n, tail = reduced(TANH_ONE if double < TANH_ONE else double)
        scale = power_of_two(n, ONE_BITS)
        m = tail * scale + (scale - ONE)
        return math.copysign(m / (TWO + m), x)

    @scalar
    def erf(x: Any) -> Any:
        t = abs(x)
        near = x * horner(x * x, ERF_NEAR)
        held = ERF_ONE if t > ERF_ONE else t
        far = ONE - exp(-(horner(held * held, ERF_FAR_EVEN) + held * horner(held * held, ERF_FAR_ODD)))
        return near if t < ONE else (far if x > ZERO else -far)

    return {f.__name__: f for f in (exp, exp_to_one, expm1, log, log1p, sigmoid, softplus, tanh, erf)}


SINGLE = _functions(
    real=np.float32,
    whole=np.int32,
    fraction_bits=23,
    lift=64,
    exp_range=(-104.0, 89.0),
    ln2_high=0.693145751953125,  # 15 bits: its product with n is exact
    erf_one=4.0,
    exp_tail=(0.49999993432137444, 0.16666520399191034, 0.041668390778786553, 0.0083687450985311733, 0.0013814540535095441),
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
DOUBLE = _functions(
    real=np.float64,
    whole=np.int64,
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
        0.0052239776061182953956, -0.00085483259293068284013, 0.00012055293576686917384, -1.4924712298094113002e-5,
        1.6447131524503547259e-6, -1.6206313408057645289e-7, 1.3710978904586100209e-8, -7.7794657295499960543e-10,
    ),
    erf_far=(
        5.1330427922546696288e-7, 1.1283739910928232, 0.63664405792110551195, 0.10270228186969142188,
        -0.018988026672152758509, -0.00041355835035130899596, 0.0019189690212419394328, -0.00077306252581474715861,
        0.00013656684576095371308, 1.9517323977915039867e-5, -2.2530641472304692392e-5, 8.5780732680609214496e-6,
        -2.114625749671273423e-6, 3.6953297406080409402e-7, -4.5928784713553350452e-8, 3.8895973141691217428e-9,
        -2.0201026871131961317e-10, 4.8644598018039105037e-12,
    ),
)  # fmt: skip


def _of_either_dtype(name: str, doc: str) -> Scalar:
    """A function for the loops that stands for SINGLE[name] or DOUBLE[name], as the argument's dtype asks."""
    single, double = SINGLE[name], DOUBLE[name]

    def function(x: Any) -> Any:
        return (single if x.dtype == np.float32 else double)(x)

    # not strict: the lambda carries no annotations
    @overload(function, strict=False, jit_options={"forceinline": True})
    def _choose(x: Any) -> Any:
        if x not in (types.float32, types.float64):
            return None  # and so the textbook twin computes it
        chosen = single if x == types.float32 else double
        return lambda x: chosen(x)

    function.__name__, function.__doc__ = name, doc
    return function


exp = _of_either_dtype("exp", "eˣ.")
exp_to_one = _of_either_dtype("exp_to_one", "eˣ for x ≤ 0, in fewer steps: the same bits.")
expm1 = _of_either_dtype("expm1", "eˣ − 1, without cancellation near 0.")
log = _of_either_dtype("log", "log x for normal x > 0 below 2¹²⁶ (float64: 2¹⁰²²).")
log1p = _of_either_dtype(
    "log1p", "log(1 + x) for −1 < x < 2¹²⁶ (float64: 2¹⁰²²), without cancellation near 0."
)
sigmoid = _of_either_dtype("sigmoid", "1 / (1 + e⁻ˣ), from e^−|x| so that nothing overflows.")
softplus = _of_either_dtype("softplus", "log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|).")
tanh = _of_either_dtype("tanh", "tanh x = −m / (2 + m) for x ≥ 0 with m = e⁻²ˣ − 1; odd.")
erf = _of_either_dtype(
    "erf", "erf x = x p(x²) where |x| < 1, else ±(1 − e^−q(|x|)) with q fitted to −log(1 − erf)."
)
