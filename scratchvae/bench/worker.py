"""One implementation of one workload, timed in a process of its own: `python -m scratchvae.bench.worker` prints JSON."""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from inspect import signature

SIZES = ("batch", "hidden", "latent", "samples")
WARM_UP_SECONDS = 0.5
TURNS = 4


def main() -> None:
    """Warm up, then time steps (and ours also the products alone, in turn) for so many seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("implementation", choices=("scratchvae", "torch", "torch-compile", "jax"))
    parser.add_argument("workload")
    parser.add_argument("--seconds", type=float, required=True)
    for size in SIZES:
        parser.add_argument(f"--{size}", type=int)
    arguments = parser.parse_args()
    given = {size: getattr(arguments, size) for size in SIZES if getattr(arguments, size) is not None}
    print(json.dumps(_timed(arguments.implementation, arguments.workload, given, arguments.seconds)))


def _timed(implementation: str, workload: str, given: dict[str, int], seconds: float) -> dict[str, float]:
    from scratchvae import kernels
    from scratchvae.bench.workloads import WORKLOADS

    if implementation == "scratchvae":
        ours = WORKLOADS[workload](**given)
        with kernels.one_pool():
            step, products = _medians([ours.step, ours.products], seconds)
        return {"step": step, "products": products, "images": ours.images}
    defaults = {size: p.default for size, p in signature(WORKLOADS[workload]).parameters.items()}
    sizes = {"samples": 1, **defaults, **given}
    if implementation == "jax":
        from scratchvae.bench import jax_peer

        peer, images = jax_peer.build(workload, **sizes)
    else:
        from scratchvae.bench import torch_peer

        peer, images = torch_peer.build(workload, compiled=implementation == "torch-compile", **sizes)
    (median,) = _medians([peer], seconds)
    return {"step": median, "images": images}


def _medians(functions: list[Callable[[], None]], seconds: float) -> list[float]:
    """The median time of each function. They take turns of many calls, so that they meet the same machine in the same state,
    each with caches that hold its own arrays."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        _turn(function, WARM_UP_SECONDS)
    for _ in range(TURNS):
        for function, taken in zip(functions, times, strict=True):
            taken += _turn(function, seconds / TURNS)
    return [statistics.median(taken) for taken in times]


def _turn(function: Callable[[], None], seconds: float) -> list[float]:
    """The time of each call in so many seconds, of at least one."""
    taken: list[float] = []
    start = time.perf_counter()
    while not taken or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        function()
        taken.append(time.perf_counter() - before)
    return taken


if __name__ == "__main__":
    main()
