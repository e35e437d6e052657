"""The computation of a case: its inputs, what it holds, its value, and its gradients, as named arrays."""

from typing import Any

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, InputError
from scratchvae.reference.cases.case import Case


def inputs_of(case: Case, dtype: str) -> list[Array]:
    """Return the arrays of a case in `dtype`."""
    return [array.astype(dtype) for array in case.arrays.values()]


def _constants(case: Case, dtype: str) -> dict[str, Any]:
    return {
        name: _as(value, dtype) if isinstance(value, np.ndarray) else value
        for name, value in case.constants.items()
    }


def _as(array: Array, dtype: str) -> Array:
    return array.astype(dtype) if array.dtype.kind == "f" else array


def computed(case: Case, inputs: list[Array], dtype: str) -> dict[str, Array]:
    """Return every array of a case at these inputs, by its name below the case's."""
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
