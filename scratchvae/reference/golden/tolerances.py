"""The tolerances of golden vectors: how far a result may be off, as rounding alone can bring it.

Two measurements decide it. First, each input is changed by one roundoff, 32 times at random: the largest
change of the result is what the rounding of its inputs costs. Second, the case is computed in float32 and in
float64, from the same numbers, 8 times: their largest difference, in roundoffs, is what the rounding inside
costs, as where large parts cancel that no input shows. The tolerance is 16 times the larger of the two, plus
16 roundoffs of the result's largest entry: another order of summation, or another processor's exponential,
moves a result by less.
"""

from collections.abc import Mapping

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.cases.case import Case
from scratchvae.reference.golden.computation import computed, inputs_of

RESULTS = ("value", "gradient", "term", "adam")
TRIALS, ROUGH_TRIALS, ALLOWED = 32, 8, 16


def tolerances_of(
    case: Case, dtype: str, arrays: Mapping[str, Array], inside: Mapping[str, float]
) -> dict[str, float]:
    """Return the tolerance of each result of a case in `dtype`; `inside` is what `inside_of` says of it."""
    results = {
        name: array for name, array in _own(case.name, arrays).items() if name.partition("/")[0] in RESULTS
    }
    roundoff = _roundoff(dtype)
    inputs = [array.astype(np.float64) for array in inputs_of(case, dtype)]
    rng = np.random.default_rng(1)
    worst = {name: inside[name] * roundoff for name in results}
    exact = computed(case, inputs, "float64")
    for _ in range(TRIALS):
        moved = [a * (1 + roundoff * rng.choice([-1.0, 1.0], a.shape)) for a in inputs]
        near = computed(case, moved, "float64")
        worst = {name: max(found, largest(near[name] - exact[name])) for name, found in worst.items()}
    return {name: ALLOWED * (worst[name] + roundoff * largest(array)) for name, array in results.items()}


def inside_of(case: Case) -> dict[str, float]:
    """Return how far each result in float32 is from the same in float64, in roundoffs of float32.

    It is the most of a few inputs.
    """
    inputs, roundoff, rng = (
        inputs_of(case, "float32"),
        np.float32(_roundoff("float32")),
        np.random.default_rng(2),
    )
    worst: dict[str, float] = {}
    for _ in range(ROUGH_TRIALS):
        moved = [
            a * (1 + 2 * roundoff * rng.choice(np.array([-1, 0, 1], "float32"), a.shape)) for a in inputs
        ]
        rough, exact = (
            computed(case, moved, "float32"),
            computed(case, [a.astype(np.float64) for a in moved], "float64"),
        )
        for name in (name for name in rough if name.partition("/")[0] in RESULTS):
            worst[name] = max(worst.get(name, 0.0), largest(rough[name] - exact[name]) / float(roundoff))
    return worst


def _roundoff(dtype: str) -> float:
    return float(np.finfo(dtype).eps) / 2


def largest(array: Array) -> float:
    """Return the size of the largest entry, or 0 where there is none."""
    return float(np.abs(array).max(initial=0))


def _own(case: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {
        key.removeprefix(f"{case}/"): array for key, array in arrays.items() if key.startswith(f"{case}/")
    }
