"""Golden vectors: inputs, values and gradients of every case, for code in any language to be compared with."""

from scratchvae.reference.golden.vectors import DTYPES, as_json, departures, manifest, vectors

__all__ = ["DTYPES", "as_json", "departures", "manifest", "vectors"]
