"""Is a pullback the gradient of its value? Central differences, entry by entry, in float64."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array

HALVINGS = 6  # of the step, in Ridders' extrapolation


@dataclass(frozen=True)
class Comparison:
    """One argument of an op, its gradient held against finite differences. `index` is where they are furthest apart."""

    argument: str
    shape: tuple[int, ...]
    error: float
    index: tuple[int, ...]
    analytic: float
    numeric: float
    ok: bool

    def __str__(self) -> str:
        at = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        verdict = "agrees" if self.ok else "is wrong"
        return (
            f"d{self.argument} {verdict}: worst at d{self.argument}{at}, the pullback gives {self.analytic:.10g}, "
            f"finite differences {self.numeric:.10g}, relative error {self.error:.2g}"
        )


class GradientError(AssertionError):
    """A pullback breaks a rule that numbers don't show: what it returns, what it writes into, whether it can be called again."""


def check_pullback(
    op: Callable[..., Any],
    arrays: Mapping[str, Array] | Sequence[Array],
    constants: Mapping[str, Any] | None = None,
    *,
    tolerance: float = 1e-6,
    step: float = 1e-2,
    seed: int = 0,
) -> list[Comparison]:
    """Compare every entry of every gradient of `op` with central differences: one Comparison for each argument.

    `value, pullback = op(*arrays, **constants)` is called in float64 with read-only arrays. With random gradients g of the
    value's parts, d⟨g, op⟩/dx_i is extrapolated from central differences at steps h, h/2, h/4, … (Ridders 1982), taking the
    step with the smallest error estimate; h = `step` · max(1, |x_i|). No entry may lie within h of a kink or the domain's edge.

    The relative error of an entry is |analytic − numeric| over the larger of the two, but at least over a thousandth of the
    argument's largest gradient, so that rounding in entries that should be 0 isn't counted. `ok` is error < tolerance.

    Raises GradientError where the pullback writes into its arguments, is not linear, changes after other calls, or returns
    gradients of another number, shape or dtype than its arguments.
    """
    if isinstance(arrays, np.ndarray):
        raise GradientError("arrays should be a mapping or a sequence of arrays, found one array; put it in a list")
    named = dict(arrays) if isinstance(arrays, Mapping) else {f"argument {i}": a for i, a in enumerate(arrays)}
    inputs = {name: _read_only(np.array(a, np.float64)) for name, a in named.items()}
    constants = {name: _read_only(c.copy()) if isinstance(c, np.ndarray) else c for name, c in (constants or {}).items()}
    answer = _guarded("the op", lambda: op(*inputs.values(), **constants))
    if not (isinstance(answer, tuple) and len(answer) == 2 and callable(answer[1])):
        raise GradientError(f"the op should return (value, pullback), found {type(answer).__name__}")
    value, pullback = answer
    parts = value if isinstance(value, tuple) else (value,)
    rng = np.random.default_rng(seed)
    dparts = [_read_only(rng.standard_normal(np.shape(part))) for part in parts]
    gradients = _gradients(pullback, dparts, inputs)
    twice = _gradients(pullback, [_read_only(np.asarray(2 * dpart)) for dpart in dparts], inputs)
    for name, once, double in zip(inputs, gradients, twice, strict=True):
        if not np.array_equal(2 * once, double, equal_nan=True):
            raise GradientError(f"the pullback is not linear: twice the gradient should give twice d{name} at its second call")

    def projected(name: str, perturbed: Array) -> float:
        value, _ = op(*{**inputs, name: _read_only(perturbed)}.values(), **constants)
        parts = value if isinstance(value, tuple) else (value,)
        return float(sum(np.sum(dpart * part) for dpart, part in zip(dparts, parts, strict=True)))

    values = value if isinstance(value, tuple) else (value,)
    sizes = (np.sum(np.abs(dpart) * (1 + np.abs(part))) for dpart, part in zip(dparts, values, strict=True))
    rounding = float(np.finfo(np.float64).eps * sum(sizes))  # of the sum that is differentiated
    comparisons = []
    for (name, x), analytic in zip(inputs.items(), gradients, strict=True):
        numeric = np.empty_like(x)
        for index in np.ndindex(x.shape):
            h = step * max(1.0, abs(float(x[index])))
            numeric[index] = _derivative(lambda t: projected(name, _moved(x, index, t)), h)  # noqa: B023 (called at once)
        comparisons.append(_compare(name, analytic, numeric, tolerance, rounding / step))
    for name, first, again in zip(inputs, gradients, _gradients(pullback, dparts, inputs), strict=True):
        if not np.array_equal(first, again, equal_nan=True):
            raise GradientError(f"the pullback gives another d{name} after other calls of the op: something it reads has changed")
    return comparisons


def _compare(name: str, analytic: Array, numeric: Array, tolerance: float, noise: float) -> Comparison:
    if analytic.size == 0:
        return Comparison(name, analytic.shape, 0.0, (), 0.0, 0.0, True)
    smallest = max(1e-3 * float(np.abs(numeric).max()), 1e-10, noise / tolerance)  # noise: that of differences, at a minimum too
    errors = np.abs(analytic - numeric) / np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), smallest)
    errors = np.where(np.isnan(errors), np.inf, errors)
    worst = np.unravel_index(int(errors.argmax()), errors.shape)
    index = tuple(int(i) for i in worst)
    error = float(errors[worst])
    return Comparison(name, analytic.shape, error, index, float(analytic[worst]), float(numeric[worst]), error < tolerance)


def _derivative(f: Callable[[float], float], h: float) -> float:
    """f′(0) by Ridders' method: Neville extrapolation of central differences to step 0, the column with the least change."""
    best, best_error = np.nan, np.inf
    previous: list[float] = []
    for k in range(HALVINGS):
        row = [(f(h) - f(-h)) / (2 * h)]
        for j, older in enumerate(previous):
            row.append(row[j] + (row[j] - older) / (4.0 ** (j + 1) - 1))
            error = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - older))
            if error <= best_error:
                best, best_error = row[j + 1], error
        if k == 0:
            best = row[0]
        previous, h = row, h / 2
    return best


def _gradients(pullback: Callable[..., Any], dparts: list[Array], inputs: dict[str, Array]) -> tuple[Array, ...]:
    returned = _guarded("the pullback", lambda: pullback(*dparts))
    gradients = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    if len(gradients) != len(inputs):
        raise GradientError(f"the pullback returns {len(gradients)} gradients for {len(inputs)} arguments ({', '.join(inputs)})")
    for (name, x), gradient in zip(inputs.items(), gradients, strict=True):
        if not isinstance(gradient, np.ndarray | np.floating) or np.shape(gradient) != x.shape or gradient.dtype != x.dtype:
            found = f"{np.shape(gradient)} {getattr(gradient, 'dtype', type(gradient).__name__)}"
            raise GradientError(f"d{name} should be like {name}, {x.shape} {x.dtype}; the pullback returns {found}")
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
