"""Golden vectors: inputs, values and gradients of every case, to compare code in any language with.

Each case has these arrays in each dtype:

    CASE/input/NAME       what is differentiated
    CASE/held/NAME        data, noise and constants that are arrays
    CASE/value/I          the parts of the value
    CASE/seed/I           the gradient that the pullback is given for each part
    CASE/gradient/NAME    what the pullback returns
    CASE/term/NAME        the terms of an objective, by example
    CASE/adam/NAME        each parameter of an objective after Adam's first step with its defaults

Well-known faulty forms of a case give `CASE/mistake/NAME/value/I` and `CASE/mistake/NAME/gradient/NAME`. The
manifest holds what is not an array: what a case computes and where that is derived, how far each result may
be off, and which results tell each mistake from the right form.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scratchvae import __version__, kernels
from scratchvae.arrays import Array
from scratchvae.reference.cases import all_cases
from scratchvae.reference.cases.case import Case
from scratchvae.reference.golden.computation import computed, inputs_of
from scratchvae.reference.golden.mistakes import Mistake, mistakes_of
from scratchvae.reference.golden.provenance import equation, sources
from scratchvae.reference.golden.tolerances import (
    ALLOWED,
    ROUGH_TRIALS,
    TRIALS,
    inside_of,
    largest,
    tolerances_of,
)

DTYPES = ("float64", "float32")
CONVENTIONS = {
    "positional": "inputs are differentiated; held arrays and constants are not",
    "gradient": "of Σ seed · value, summed over the parts of the value",
    "reductions": "log-probabilities in nats: sums over the event; "
    "an objective's loss is a mean over the batch",
    "Linear": "weight (in, out): the transpose of PyTorch's",
    "within": "|yours − ours| ≤ tolerance, entry by entry",
    "tolerance": f"{ALLOWED} · (the larger of what a roundoff of the inputs changes and of what float32 "
    "loses beside float64, in roundoffs, and a roundoff of the largest entry): "
    f"the most of {TRIALS} and {ROUGH_TRIALS} trials",
    "mistake": "what a well-known faulty form gives in place of value and gradient; `caught_by` are the "
    "results that differ from the right ones by more than 100 tolerances, whatever the dtype",
}
FORMAT_VERSION = "0.2"
CLEARLY = 100  # a mistake shows in a result that is so many tolerances from the right one
REGENERATE = "scratchvae golden --out DIR"


def vectors(dtype: str, cases: Iterable[Case] | None = None) -> dict[str, Array]:
    """Return every array of every case in `dtype`, by the textbook kernels."""
    found: dict[str, Array] = {}
    with kernels.using("textbook"):
        for case in all_cases() if cases is None else cases:
            inputs = inputs_of(case, dtype)
            found |= {f"{case.name}/{name}": array for name, array in computed(case, inputs, dtype).items()}
            for mistake in mistakes_of(case):
                faulty = computed(mistake.change(case), inputs, dtype)
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
    """Return what goes with the vectors and files: versions, conventions, constants, tolerances, hashes."""
    rows = {}
    with kernels.using("textbook"):
        for case in all_cases():
            constants = {
                name: value for name, value in case.constants.items() if not isinstance(value, np.ndarray)
            }
            inside = inside_of(case)
            tolerances = {dtype: tolerances_of(case, dtype, arrays[dtype], inside) for dtype in DTYPES}
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
    """Write a sentence for each result among `arrays` that is further off than its tolerance.

    It is compared with what this library computes now.
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
    """Return the cases that a stored manifest has no vectors of; the next release writes them."""
    return [case.name for case in all_cases() if case.name not in stored["cases"]]


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return the manifest's bytes."""
    return (
        json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"
    ).encode()


def _caught(
    case: Case,
    mistake: Mistake,
    arrays: Mapping[str, Mapping[str, Array]],
    tolerances: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """Return what the mistake is, and the results that show it in every dtype."""

    def shows(result: str) -> bool:
        keys = f"{case.name}/{result}", f"{case.name}/mistake/{mistake.name}/{result}"
        apart = {dtype: largest(arrays[dtype][keys[0]] - arrays[dtype][keys[1]]) for dtype in DTYPES}
        return all(apart[dtype] > CLEARLY * tolerances[dtype][result] for dtype in DTYPES)

    results = [name for name in tolerances[DTYPES[0]] if name.partition("/")[0] in ("value", "gradient")]
    return {"words": mistake.words, "caught_by": [name for name in results if shows(name)]}
