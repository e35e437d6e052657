"""The bench measures how fast named workloads are, beside their matrix products and other frameworks.

It also measures how cost grows with size.
"""

from scratchvae.bench.growth import SWEEPS, exponent
from scratchvae.bench.rounds import IMPLEMENTATIONS, compare, grow

__all__ = ["IMPLEMENTATIONS", "SWEEPS", "compare", "exponent", "grow"]
