"""How fast: named workloads, the floor under each, the same work in other frameworks, and cost against size."""

from scratchvae.bench.growth import SWEEPS, exponent
from scratchvae.bench.rounds import IMPLEMENTATIONS, compare, grow

__all__ = ["IMPLEMENTATIONS", "SWEEPS", "compare", "exponent", "grow"]
