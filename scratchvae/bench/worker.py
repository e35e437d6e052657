"""One implementation of one workload, timed in a process of its own: `python -m scratchvae.bench.worker` prints JSON."""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from inspect import signature

SIZES = ("batch", "hidden", "latent", "samples")
WARM_UP_SECONDS = 0.5
TURN_SECONDS = 0.1


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
            steps, products = _medians_of_turns([ours.step, ours.products], seconds)
        ratio = statistics.median(step / floor for step, floor in zip(steps, products, strict=True))
        return {"step": statistics.median(steps), "products": statistics.median(products), "ratio": ratio, "images": ours.images}
    defaults = {size: p.default for size, p in signature(WORKLOADS[workload]).parameters.items()}
    sizes = {"samples": 1, **defaults, **given}
    if implementation == "jax":
        from scratchvae.bench import jax_peer

        peer, images = jax_peer.build(workload, **sizes)
    else:
        from scratchvae.bench import torch_peer

        peer, images = torch_peer.build(workload, compiled=implementation == "torch-compile", **sizes)
    (steps,) = _medians_of_turns([peer], seconds)
    return {"step": statistics.median(steps), "images": images}


def _medians_of_turns(functions: list[Callable[[], None]], seconds: float) -> list[list[float]]:
    """For each function the median time of a call in each of its turns.

    Turns are short, so that neighbouring ones meet the machine in one state, but of many calls where calls are short: each
    function's with caches that hold its own arrays.
    """
    for function in functions:
        _turn(function, WARM_UP_SECONDS)
    medians: list[list[float]] = [[] for _ in functions]
    start = time.perf_counter()
    while not medians[0] or time.perf_counter() - start < seconds * len(functions):
        for function, taken in zip(functions, medians, strict=True):
            taken.append(_turn(function, min(seconds, TURN_SECONDS)))
    return medians


def _turn(function: Callable[[], None], seconds: float) -> float:
    """The median time of the calls that so many seconds hold, of at least one."""
    taken: list[float] = []
    start = time.perf_counter()
    while not taken or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        function()
        taken.append(time.perf_counter() - before)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
