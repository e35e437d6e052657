"""A worker times one implementation of one workload in its own process: `python -m scratchvae.bench.worker`.

It says in a line of JSON what it has built. Then it reads requests, one on each line, such as {"run": "step",
"seconds": 0.1}, and answers each with the median time of a call.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from inspect import signature

from scratchvae import cpu
from scratchvae.bench.rounds import IMPLEMENTATIONS

SIZES = ("batch", "hidden", "latent", "samples")
WARM_UP_SECONDS = 0.5
# This share of a turn is not measured: arrays return to the caches, and threads of the turn before stop.
SETTLING = 0.2


def main() -> None:
    """Build the workload, warm up, and answer until the requests end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("implementation", choices=IMPLEMENTATIONS)
    parser.add_argument("workload")
    for size in SIZES:
        parser.add_argument(f"--{size}", type=int)
    arguments = parser.parse_args()
    given = {size: getattr(arguments, size) for size in SIZES if getattr(arguments, size) is not None}
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a framework prints must not look like an answer
    functions, images = _built(arguments.implementation, arguments.workload, given)
    for function in functions.values():
        _turn(function, WARM_UP_SECONDS)
    print(json.dumps({"images": images, "functions": list(functions)}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(_turn(functions[request["run"]], request["seconds"]), file=answers, flush=True)


def _built(
    implementation: str, workload: str, given: dict[str, int]
) -> tuple[dict[str, Callable[[], None]], int]:
    """Return the functions that can be run, and the number of images that a step sees."""
    from scratchvae.bench.workloads import WORKLOADS

    if implementation == "scratchvae":
        cpu.prepare()  # the command line does so too; the environment has told OpenBLAS
        ours = WORKLOADS[workload](**given)
        return {"step": ours.step, "products": ours.products}, ours.images
    defaults = {size: p.default for size, p in signature(WORKLOADS[workload]).parameters.items()}
    sizes = {"samples": 1, **defaults, **given}
    if implementation == "jax":
        from scratchvae.bench import jax_peer

        step, images = jax_peer.build(workload, **sizes)
    else:
        from scratchvae.bench import torch_peer

        step, images = torch_peer.build(workload, compiled=implementation == "torch-compile", **sizes)
    return {"step": step}, images


def _turn(function: Callable[[], None], seconds: float) -> float:
    """Return the median time of the calls within so many seconds; there is at least one call.

    The first calls do not count, unless one of them takes longer than the whole time.
    """
    taken: list[float] = []
    start = time.perf_counter()
    while not taken or time.perf_counter() < start + seconds:
        before = time.perf_counter()
        function()
        after = time.perf_counter()
        if before >= start + SETTLING * seconds or after >= start + seconds:
            taken.append(after - before)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
