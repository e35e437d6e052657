"""The check of a pullback: it compares each gradient with central differences, entry by entry, in float64."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError

EPSILON = float(np.finfo(np.float64).eps)
ROWS = 6  # the rows of Ridders' table, between which the step is halved


@dataclass(frozen=True)
class Comparison:
    """The gradient of one argument of an op, compared with finite differences.

    `index` is where the two differ most, and `error` is their relative difference there. `rounding` says how
    far the rounding of the differences alone can have moved them apart. `ok` says whether every entry is
    right.
    """

    argument: str
    shape: tuple[int, ...]
    error: float
    rounding: float
    index: tuple[int, ...]
    analytic: float
    numeric: float
    ok: bool

    def __str__(self) -> str:
        at = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        verdict = "agrees" if self.ok else "is wrong"
        if not self.ok and abs(self.analytic - self.numeric) <= self.rounding:
            verdict = (
                f"cannot be judged (rounding of the value may explain {self.rounding:.2g}; make it smaller)"
            )
        return (
            f"d{self.argument} {verdict}: worst at d{self.argument}{at}, the pullback gives {self.analytic:.10g}, "
            f"finite differences {self.numeric:.10g}, relative error {self.error:.2g}"
        )


class GradientError(AssertionError):
    """A pullback breaks a rule that numbers don't show.

    Such rules are what it returns, what it writes into, and that it can be called again.
    """


def check_pullback(
    op: Callable[..., Any],
    arrays: Mapping[str, Array] | Sequence[Array],
    constants: Mapping[str, Any] | None = None,
    *,
    tolerance: float = 1e-6,
    step: float = 1e-2,
    seed: int = 0,
) -> list[Comparison]:
    """Compare every entry of every gradient of `op` with central differences, a Comparison an argument.

    The check calls `value, pullback = op(*arrays, **constants)` in float64 with read-only arrays. It draws
    gradients g of the value's parts at random, and differentiates f(t) = ⟨g, op(x + t e_i)⟩ for each entry i
    of each argument x, by Ridders' extrapolation of central differences at the steps h, h/2, … h/32 with
    h = `step` · max(1, |x_i|). No entry may lie within h of a kink or of the edge of the op's domain.
    Ridders 1982; Press et al. 2007, section 5.7.

    An entry is right where its relative error is below `tolerance`, or where rounding explains the
    difference.
    - The relative error is |analytic − numeric| over the larger of the two, but at least over a thousandth of
      the argument's largest gradient, and at least over 1e-10.
    - Rounding: the check takes each entry v of the value to be right to ε (1 + |v|), ε = 2.2e-16, so that a
      difference f(h) − f(−h) is right to δ = 2 ε Σ |g| (1 + |v|), over the entries of the value that change
      at all. Each extrapolation multiplies this bound as it multiplies the differences. Where a function is
      flat, as at a minimum, nothing else is left. But a bound above `tolerance` · max(1, scale) explains too
      much: then the entry cannot be judged, and is not called right. An op that subtracts numbers much larger
      than its value rounds worse than that.

    Raises GradientError where the pullback writes into its arguments, is not linear, changes after other
    calls, or returns gradients of another number, shape or dtype than its arguments.
    """
    for name, number in (("tolerance", tolerance), ("step", step)):
        if not (np.isfinite(number) and number > 0):
            raise InputError(f"check_pullback: {name} should be positive, found {number}")
    if not isinstance(arrays, Mapping | Sequence | np.ndarray):
        expected = "arrays should be a mapping or a sequence of arrays"
        raise GradientError(f"{expected}, found a {type(arrays).__name__}; put it in a list")
    if isinstance(arrays, np.ndarray):
        raise GradientError(
            "arrays should be a mapping or a sequence of arrays, found one array; put it in a list"
        )
    named = (
        dict(arrays) if isinstance(arrays, Mapping) else {f"argument {i}": a for i, a in enumerate(arrays)}
    )
    for name, a in named.items():
        if np.iscomplexobj(a):
            raise GradientError(
                f"{name} should be real, found {np.asarray(a).dtype}: the check knows no complex derivatives"
            )
    inputs = {name: _read_only(np.array(a, np.float64)) for name, a in named.items()}
    constants = {
        name: _read_only(c.copy()) if isinstance(c, np.ndarray) else c
        for name, c in (constants or {}).items()
    }
    answer = _guarded("the op", lambda: op(*inputs.values(), **constants))
    if not (isinstance(answer, tuple) and len(answer) == 2 and callable(answer[1])):
        raise GradientError(f"the op should return (value, pullback), found {type(answer).__name__}")
    value, pullback = answer
    parts = value if isinstance(value, tuple) else (value,)
    if any(np.iscomplexobj(part) for part in parts):
        raise GradientError("the value should be real, found complex numbers in it")
    rng = np.random.default_rng(seed)
    dparts = [_read_only(rng.standard_normal(np.shape(part))) for part in parts]
    gradients = _gradients(pullback, dparts, inputs)
    twice = _gradients(pullback, [_read_only(np.asarray(2 * dpart)) for dpart in dparts], inputs)
    for name, once, double in zip(inputs, gradients, twice, strict=True):
        if not np.array_equal(2 * once, double, equal_nan=True):
            raise GradientError(
                f"the pullback is not linear: twice the gradient should give twice d{name} at its second call"
            )

    def parts_of(name: str, perturbed: Array) -> list[Array]:
        value, _ = op(*{**inputs, name: _read_only(perturbed)}.values(), **constants)
        return [np.asarray(part) for part in (value if isinstance(value, tuple) else (value,))]

    def difference(name: str, x: Array, index: tuple[int, ...], h: float) -> tuple[float, float]:
        """f(h) − f(−h), and δ: part by part, so that no large part swallows the change of a small one."""
        total = bound = 0.0
        for g, up, down in zip(dparts, *(parts_of(name, _moved(x, index, t)) for t in (h, -h)), strict=True):
            total += float(np.sum(g * (up - down)))
            sizes = np.abs(g) * (1 + np.maximum(np.abs(up), np.abs(down)))
            bound += 2 * EPSILON * float(np.sum(np.where(up != down, sizes, 0.0)))
        return total, bound

    comparisons = []
    for (name, x), analytic in zip(inputs.items(), gradients, strict=True):
        numeric, noise = np.empty_like(x), np.empty_like(x)
        for index in np.ndindex(x.shape):
            h = step * max(1.0, abs(float(x[index])))
            numeric[index], noise[index] = derivative(partial(difference, name, x, index), h)
        comparisons.append(_compare(name, analytic, numeric, noise, tolerance))
    for name, first, again in zip(inputs, gradients, _gradients(pullback, dparts, inputs), strict=True):
        if not np.array_equal(first, again, equal_nan=True):
            raise GradientError(
                f"the pullback gives another d{name} after other calls of the op: something it reads has changed"
            )
    return comparisons


def _compare(name: str, analytic: Array, numeric: Array, noise: Array, tolerance: float) -> Comparison:
    if analytic.size == 0:
        return Comparison(name, analytic.shape, 0.0, 0.0, (), 0.0, 0.0, True)
    scale = np.maximum(np.abs(analytic), np.abs(numeric))
    scale = np.maximum(scale, max(1e-3 * float(np.abs(numeric).max()), 1e-10))
    apart = np.abs(analytic - numeric)
    errors = np.where(np.isnan(apart), np.inf, apart / scale)
    explained = (apart <= noise) & (noise <= tolerance * np.maximum(1.0, scale))
    wrong = ~((errors < tolerance) | explained)
    worst = np.unravel_index(int(np.where(wrong | ~wrong.any(), errors, -1.0).argmax()), errors.shape)
    at = tuple(int(i) for i in worst)
    there = {"error": errors, "rounding": noise, "analytic": analytic, "numeric": numeric}
    numbers = {what: float(array[worst]) for what, array in there.items()}
    return Comparison(name, analytic.shape, index=at, ok=not wrong.any(), **numbers)


def derivative(difference: Callable[[float], tuple[float, float]], h: float) -> tuple[float, float]:
    """f′(0) by Ridders' table of differences f(h) − f(−h), and how far rounding can have moved it.

    Each difference comes with its bound δ.

        T_k0 = (f(h_k) − f(−h_k)) / 2h_k,  h_k = h / 2ᵏ            off by at most δ / 2h_k
        T_kj = T_k,j−1 + (T_k,j−1 − T_k−1,j−1) / (4ʲ − 1)
        off by those two bounds, combined with the same weights

    The entry returned is that with the smallest sum of its rounding and its change from the two entries that
    it combines.
    """
    best, noise, least = np.nan, np.nan, np.inf
    above: list[tuple[float, float]] = []  # the row T_k−1
    for k in range(ROWS):
        h_k = h / 2**k
        change, bound = difference(h_k)
        row = [(change / (2 * h_k), bound / (2 * h_k))]
        for j, (older, older_noise) in enumerate(above, start=1):
            newer, newer_noise = row[-1]
            weight = 1 / (4.0**j - 1)
            value = newer + weight * (newer - older)
            bound = newer_noise + weight * (newer_noise + older_noise)
            row.append((value, bound))
            uncertainty = max(abs(value - newer), abs(value - older)) + bound
            if uncertainty <= least:
                best, noise, least = value, bound, uncertainty
        above = row
    return best, noise


def _gradients(
    pullback: Callable[..., Any], dparts: list[Array], inputs: dict[str, Array]
) -> tuple[Array, ...]:
    returned = _guarded("the pullback", lambda: pullback(*dparts))
    gradients = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    if len(gradients) != len(inputs):
        raise GradientError(
            f"the pullback returns {len(gradients)} gradients for {len(inputs)} arguments ({', '.join(inputs)})"
        )
    for (name, x), gradient in zip(inputs.items(), gradients, strict=True):
        if (
            not isinstance(gradient, np.ndarray | np.floating)
            or np.shape(gradient) != x.shape
            or gradient.dtype != x.dtype
        ):
            found = f"{np.shape(gradient)} {getattr(gradient, 'dtype', type(gradient).__name__)}"
            raise GradientError(
                f"d{name} should be like {name}, {x.shape} {x.dtype}; the pullback returns {found}"
            )
    return gradients


def _guarded(who: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ValueError as error:
        if "read-only" in str(error):
            raise GradientError(f"{who} writes into an array that it did not allocate: {error}") from error
        raise


def _moved(x: Array, index: tuple[int, ...], distance: float) -> Array:
    moved = x.copy()
    moved[index] += distance
    return moved


def _read_only(a: Array) -> Array:
    a.flags.writeable = False
    return a
