"""Implementations measured in turn, several rounds, each time in a fresh process with the same number of threads."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence

from scratchvae import cpu
from scratchvae.arrays import InputError

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
IMPLEMENTATIONS = ("scratchvae", "torch", "torch-compile", "jax")


def measure(
    workload: str,
    implementations: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    threads: int,
    sizes: Mapping[str, int] | None = None,
) -> dict[str, dict[str, float]]:
    """For each implementation the medians over the rounds: seconds a step, images; ours also of its products, and the ratio.

    The ratio is a median itself, of turns that stand beside each other, and need not be that of the medians.
    """
    taken: dict[str, list[dict[str, float]]] = {implementation: [] for implementation in implementations}
    for _ in range(rounds):
        for implementation in implementations:
            taken[implementation].append(_one(implementation, workload, seconds, threads, sizes or {}))
    return {
        implementation: {name: statistics.median(result[name] for result in results) for name in results[0]}
        for implementation, results in taken.items()
    }


def _one(implementation: str, workload: str, seconds: float, threads: int, sizes: Mapping[str, int]) -> dict[str, float]:
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    if implementation != "scratchvae":
        environment[cpu.SWITCH] = "default"  # others run as their users run them
    if implementation == "jax":
        environment["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    command = [sys.executable, "-m", "scratchvae.bench.worker", implementation, workload, "--seconds", str(seconds)]
    for size, value in sizes.items():
        command += [f"--{size}", str(value)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"bench: {implementation} can't run {workload} here: {last}")
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result
