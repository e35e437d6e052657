"""Golden vectors: inputs, values and gradients of every case, to compare code in any language with."""

from scratchvae.reference.golden.mistakes import MISTAKES, Mistake
from scratchvae.reference.golden.packing import PACKINGS, companions
from scratchvae.reference.golden.vectors import DTYPES, as_json, departures, manifest, new_cases, vectors

__all__ = [
    "DTYPES",
    "MISTAKES",
    "PACKINGS",
    "Mistake",
    "as_json",
    "companions",
    "departures",
    "manifest",
    "new_cases",
    "vectors",
]
