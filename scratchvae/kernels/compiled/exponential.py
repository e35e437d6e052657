"""The exponential and its relatives as scalar functions that LLVM turns into vector instructions.

Numba's math.exp and the like call the C library once for each entry. These functions have no calls, branches
or tables: a power of two reduces the range, a polynomial computes the rest, and 2ⁿ is written into the
exponent bits of a number. NaN gives NaN.

With rounding, the errors in units of the last place over all of float32 and millions of float64 are: exp 1.1
/ 1.1, expm1 1.5 / 2.1, log 2.0 / 2.0, log1p 2.2 / 2.1, sigmoid 2.5 / 2.4, softplus 2.8 / 2.8, tanh 2.5 / 2.6,
erf 2.5 / 1.6. They hold for results that are subnormal too. `tests/test_kernels.py` tests bounds on them, and
`minimax.py` has the polynomials.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from scratchvae.kernels.compiled import minimax
from scratchvae.kernels.compiled.compiler import scalar
from scratchvae.kernels.compiled.minimax import Fit

Scalar = Callable[[Any], Any]


def _functions(real: Any, whole: Any, fitted: Fit) -> dict[str, Scalar]:
    """The functions for the dtype `real`, whose bits are read as the integers `whole`."""
    ZERO, HALF, ONE, TWO = real(0), real(0.5), real(1), real(2)
    LOWEST, HIGHEST = real(fitted.exp_range[0]), real(fitted.exp_range[1])  # beyond: exp is 0, inf
    LOG2_E, LN2_HIGH, LN2_LOW = (
        real(1 / np.log(2)),
        real(fitted.ln2_high),
        real(np.log(np.longdouble(2)) - np.longdouble(fitted.ln2_high)),
    )
    BITS = whole(fitted.fraction_bits)
    SHIFTER = real(1.5 * 2.0**fitted.fraction_bits)  # x + SHIFTER has no room for a fraction
    SHIFTER_BITS, ONE_BITS, LIFTED_BITS = (
        SHIFTER.view(whole),
        ONE.view(whole),
        real(2.0**fitted.lift).view(whole),
    )
    ROOT_HALF_BITS = real(np.sqrt(0.5)).view(whole)
    DROP = real(2.0**-fitted.lift)  # back from where 2ⁿ is written as a normal number
    # eˣ − 1 is −1 below the first, and 1 − 2⁻ⁿ is 1 from the second n on
    EXPM1_LOWEST, EXPM1_ALL = real(-fitted.fraction_bits), real(64)
    TANH_ONE = real(-1.4 * fitted.fraction_bits)  # from here on e^-2|x| doesn't change 1 − e^-2|x|
    ERF_ONE = real(fitted.erf_one)  # beyond: erf is 1
    EXP_TAIL, LOG_TAIL, ERF_NEAR, ERF_FAR_EVEN, ERF_FAR_ODD = (
        tuple(real(c) for c in reversed(tail))
        for tail in (
            fitted.exp_tail,
            fitted.log_tail,
            fitted.erf_near,
            fitted.erf_far[::2],
            fitted.erf_far[1::2],
        )
    )

    @scalar
    def horner(x: Any, coefficients: Any) -> Any:
        y = coefficients[0]
        for c in coefficients[1:]:
            y = y * x + c
        return y

    @scalar
    def shifted(x: Any) -> Any:
        """round(x) in the low bits of a number whose spacing is 1; that number less SHIFTER is round(x)."""
        return x + SHIFTER

    @scalar
    def power_of_two(n: Any, bits_of_one: Any) -> Any:
        """2ⁿ for a whole number |n| < 127 (float64: 1023), which comes as `shifted` returns it.

        `bits_of_one` is ONE_BITS.

        With LIFTED_BITS it is 2ⁿ times 2^lift, which allows a smaller n.
        """
        return whole(whole(real(n).view(whole) << BITS) + bits_of_one).view(real)

    @scalar
    def times_power_of_two(y: Any, n: Any) -> Any:
        """y · 2ⁿ in two steps, for results at the ends of the range, so that only the last product rounds."""
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


SINGLE = _functions(np.float32, np.int32, minimax.SINGLE)
DOUBLE = _functions(np.float64, np.int64, minimax.DOUBLE)


def _of_either_dtype(name: str, doc: str) -> Scalar:
    """A function for the loops that is SINGLE[name] for a float32 argument and DOUBLE[name] for float64."""
    single, double = SINGLE[name], DOUBLE[name]

    def function(x: Any) -> Any:
        return (single if x.dtype == np.float32 else double)(x)

    # not strict, because the lambda has no annotations
    @overload(function, strict=False, jit_options={"forceinline": True})
    def _choose(x: Any) -> Any:
        if x not in (types.float32, types.float64):
            return None  # Numba then refuses the loop, and the textbook twin computes it
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
