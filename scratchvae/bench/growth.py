"""Cost against size: time grows as size^exponent."""

from collections.abc import Sequence

import numpy as np

SWEEPS: dict[str, tuple[str, tuple[int, ...]]] = {  # size: the workload it is grown on, and its values
    "batch": ("mlp", (32, 64, 128, 256, 512, 1024)),
    "hidden": ("mlp", (100, 200, 400, 800, 1600)),
    "latent": ("mlp", (10, 40, 160, 640, 1280)),
    "samples": ("iwae", (5, 10, 25, 50, 100, 200)),
}


def exponent(sizes: Sequence[int], seconds: Sequence[float], *, last: int = 3) -> float:
    """Fit the slope of log time against log size over the `last` sizes, where overhead does not dominate."""
    slope, _ = np.polyfit(np.log(sizes[-last:]), np.log(seconds[-last:]), 1)
    return float(slope)
