"""Golden vectors: inputs, values and gradients of every case, for code in any language to be held against.

For each case and dtype: `CASE/input/NAME` what is differentiated, `CASE/held/NAME` data, noise and constants
that are arrays, `CASE/value/I` the parts of the value, `CASE/seed/I` the gradient handed to the pullback for
each, `CASE/gradient/NAME` what it returns; for an objective also `CASE/term/NAME` by example, and
`CASE/adam/NAME` each parameter after Adam's first step with its defaults. Of well-known faulty forms of a
case there are `CASE/mistake/NAME/value/I` and `…/gradient/NAME`, what these give. The manifest holds what is
not an array: what a case computes and where that is derived, for every result how far it may be off, and for
every mistake which results tell it from the right form.

How far a result may be off is measured in two ways. Each input is changed by one roundoff, 32 times at
random: the largest change of the result is what the rounding of its inputs costs. And the case is computed in
float32 beside float64, from the same numbers, 8 times: their largest difference, in roundoffs, is what
rounding inside costs, as where large parts cancel that no input shows. The tolerance is 16 times the larger
of the two, plus 16 roundoffs of the result's largest entry: another order of summation, or another
processor's exponential, moves a result by less.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchvae import __version__, kernels
from scratchvae.arrays import Array, InputError
from scratchvae.reference.cases import all_cases
from scratchvae.reference.cases.case import Case
from scratchvae.reference.golden.mistakes import Mistake, mistakes_of
from scratchvae.reference.golden.provenance import equation, sources

DTYPES = ("float64", "float32")
RESULTS = ("value", "gradient", "term", "adam")
TRIALS, ROUGH_TRIALS, ALLOWED = 32, 8, 16
CONVENTIONS = {
    "positional": "inputs are differentiated; held arrays and constants are not",
    "gradient": "of Σ seed · value, summed over the parts of the value",
    "reductions": "log-probabilities in nats: sums over the event; an objective's loss is a mean over the batch",
    "Linear": "weight (in, out): the transpose of PyTorch's",
    "within": "|yours − ours| ≤ tolerance, entry by entry",
    "tolerance": f"{ALLOWED} · (the larger of what a roundoff of the inputs changes and of what float32 loses beside float64, "
    f"in roundoffs, and a roundoff of the largest entry): the most of {TRIALS} and {ROUGH_TRIALS} trials",
    "mistake": "what a well-known faulty form gives in place of value and gradient; `caught_by` are the results that differ from "
    "the right ones by more than 100 tolerances, whatever the dtype",
}
FORMAT_VERSION = "0.2"
CLEARLY = 100  # tolerances between what a mistake gives and what is right
REGENERATE = "scratchvae golden --out DIR"


def vectors(dtype: str, cases: Iterable[Case] | None = None) -> dict[str, Array]:
    """Every array of every case in `dtype`, by the textbook kernels."""
    found: dict[str, Array] = {}
    with kernels.using("textbook"):
        for case in all_cases() if cases is None else cases:
            inputs = _inputs(case, dtype)
            found |= {f"{case.name}/{name}": array for name, array in _computed(case, inputs, dtype).items()}
            for mistake in mistakes_of(case):
                faulty = _computed(mistake.change(case), inputs, dtype)
                results = {
                    name: array
                    for name, array in faulty.items()
                    if name.partition("/")[0] in ("value", "gradient")
                }
                found |= {
                    f"{case.name}/mistake/{mistake.name}/{name}": array for name, array in results.items()
                }
    return found


def manifest(arrays: Mapping[str, Mapping[str, Array]], files: Mapping[str, bytes]) -> dict[str, Any]:
    """What goes with `vectors` by dtype and the files that hold them: versions, conventions, constants,
    tolerances, hashes.
    """
    rows = {}
    with kernels.using("textbook"):
        for case in all_cases():
            constants = {
                name: value for name, value in case.constants.items() if not isinstance(value, np.ndarray)
            }
            inside = _inside(case)
            tolerances = {dtype: _tolerances(case, dtype, arrays[dtype], inside) for dtype in DTYPES}
            rows[case.name] = {
                "op": getattr(case.op, "__name__", case.name) if case.terms is None else "objective",
                "equation": equation(case),
                "sources": sources(case),
                "constants": constants,
                "tolerance": tolerances,
                "mistakes": {one.name: _caught(case, one, arrays, tolerances) for one in mistakes_of(case)},
            }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {
        "format": "scratchvae golden vectors",
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "conventions": CONVENTIONS,
        "sha256": hashes,
        "regenerate": REGENERATE,
        "cases": rows,
    }


def departures(stored: Mapping[str, Any], arrays: Mapping[str, Array], dtype: str) -> list[str]:
    """A sentence for each result among `arrays` that is further than allowed from what this library computes
    now.
    """
    now, wrong = vectors(dtype), []
    for name, row in stored["cases"].items():
        for result, tolerance in row["tolerance"][dtype].items():
            key = f"{name}/{result}"
            if key not in now or key not in arrays:
                wrong.append(f"{key} ({dtype}) is missing; `{stored['regenerate']}` writes the vectors anew")
            elif (
                now[key].shape != arrays[key].shape or not (np.abs(now[key] - arrays[key]) <= tolerance).all()
            ):
                wrong.append(
                    f"{key} ({dtype}) is no longer what was stored; if it should be, `{stored['regenerate']}`"
                )
    return wrong


def new_cases(stored: Mapping[str, Any]) -> list[str]:
    """The cases that a stored manifest has no vectors of: they are written at the next release."""
    return [case.name for case in all_cases() if case.name not in stored["cases"]]


def as_json(content: Mapping[str, Any]) -> bytes:
    """The manifest's bytes."""
    return (
        json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"
    ).encode()


def _caught(
    case: Case,
    mistake: Mistake,
    arrays: Mapping[str, Mapping[str, Array]],
    tolerances: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """What the mistake is, and the results that show it in every dtype."""

    def shows(result: str) -> bool:
        keys = f"{case.name}/{result}", f"{case.name}/mistake/{mistake.name}/{result}"
        apart = {dtype: _largest(arrays[dtype][keys[0]] - arrays[dtype][keys[1]]) for dtype in DTYPES}
        return all(apart[dtype] > CLEARLY * tolerances[dtype][result] for dtype in DTYPES)

    results = [name for name in tolerances[DTYPES[0]] if name.partition("/")[0] in ("value", "gradient")]
    return {"words": mistake.words, "caught_by": [name for name in results if shows(name)]}


def _inputs(case: Case, dtype: str) -> list[Array]:
    return [array.astype(dtype) for array in case.arrays.values()]


def _constants(case: Case, dtype: str) -> dict[str, Any]:
    return {
        name: _as(value, dtype) if isinstance(value, np.ndarray) else value
        for name, value in case.constants.items()
    }


def _as(array: Array, dtype: str) -> Array:
    return array.astype(dtype) if array.dtype.kind == "f" else array


def _computed(case: Case, inputs: list[Array], dtype: str) -> dict[str, Array]:
    value, pullback = case.op(*inputs, **_constants(case, dtype))
    parts = value if isinstance(value, tuple) else (value,)
    rng = np.random.default_rng(0)
    seeds = [
        np.asarray(rng.standard_normal(np.shape(part)), dtype) if case.terms is None else np.ones((), dtype)
        for part in parts
    ]
    gradients = pullback(*seeds)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    found = {f"input/{name}": array for name, array in zip(case.arrays, inputs, strict=True)}
    found |= {f"held/{name}": _as(array, dtype) for name, array in case.held.items()}
    found |= {
        f"held/{name}": array
        for name, array in _constants(case, dtype).items()
        if isinstance(array, np.ndarray)
    }
    found |= {f"value/{i}": np.asarray(part) for i, part in enumerate(parts)}
    found |= {f"seed/{i}": seed for i, seed in enumerate(seeds)}
    found |= {f"gradient/{name}": gradient for name, gradient in zip(case.arrays, gradients, strict=True)}
    if case.terms is not None:
        found |= {f"term/{name}": term for name, term in case.terms(*inputs).items()}
        for name, array, gradient in zip(case.arrays, inputs, gradients, strict=True):
            zeros = np.zeros_like(array)
            found[f"adam/{name}"] = kernels.adam_update(
                array, gradient, zeros, zeros.copy(), 1, 1e-3, 0.9, 0.999, 1e-8, 0.0
            )[0]
    for name, array in found.items():
        if array.dtype != np.dtype(dtype) and array.dtype.kind == "f":
            raise InputError(f"golden: {case.name}/{name} should be {dtype}, found {array.dtype}")
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


def _tolerances(
    case: Case, dtype: str, arrays: Mapping[str, Array], inside: Mapping[str, float]
) -> dict[str, float]:
    results = {
        name: array for name, array in _own(case.name, arrays).items() if name.partition("/")[0] in RESULTS
    }
    roundoff = _roundoff(dtype)
    inputs = [array.astype(np.float64) for array in _inputs(case, dtype)]
    rng = np.random.default_rng(1)
    worst = {name: inside[name] * roundoff for name in results}
    exact = _computed(case, inputs, "float64")
    for _ in range(TRIALS):
        moved = [a * (1 + roundoff * rng.choice([-1.0, 1.0], a.shape)) for a in inputs]
        computed = _computed(case, moved, "float64")
        worst = {name: max(found, _largest(computed[name] - exact[name])) for name, found in worst.items()}
    return {name: ALLOWED * (worst[name] + roundoff * _largest(array)) for name, array in results.items()}


def _inside(case: Case) -> dict[str, float]:
    """How far each result in float32 is from the same in float64, in roundoffs of float32: the most of a few
    inputs.
    """
    inputs, roundoff, rng = (
        _inputs(case, "float32"),
        np.float32(_roundoff("float32")),
        np.random.default_rng(2),
    )
    worst: dict[str, float] = {}
    for _ in range(ROUGH_TRIALS):
        moved = [
            a * (1 + 2 * roundoff * rng.choice(np.array([-1, 0, 1], "float32"), a.shape)) for a in inputs
        ]
        rough, exact = (
            _computed(case, moved, "float32"),
            _computed(case, [a.astype(np.float64) for a in moved], "float64"),
        )
        for name in (name for name in rough if name.partition("/")[0] in RESULTS):
            worst[name] = max(worst.get(name, 0.0), _largest(rough[name] - exact[name]) / float(roundoff))
    return worst


def _roundoff(dtype: str) -> float:
    return float(np.finfo(dtype).eps) / 2


def _largest(array: Array) -> float:
    return float(np.abs(array).max(initial=0))


def _own(case: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {
        key.removeprefix(f"{case}/"): array for key, array in arrays.items() if key.startswith(f"{case}/")
    }
