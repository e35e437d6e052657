"""Implementations measured in short turns, each in a process of its own with the same number of threads, and again in others.

A machine's state can change within seconds, more so a virtual one: two cores share a cache now, and not a moment later. Turns
that stand beside each other meet one state: it is their ratio that is steady, while a time is the machine's as much as ours.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any

from scratchvae import cpu
from scratchvae.arrays import InputError

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
IMPLEMENTATIONS = ("scratchvae", "torch", "torch-compile", "jax")
TURN_SECONDS = 0.25


def measure(
    workload: str,
    peers: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    threads: int,
    sizes: Mapping[str, int] | None = None,
) -> dict[str, dict[str, float]]:
    """For each implementation, ours first, the median over all turns: seconds a `step`, and `images` a step.

    Ours has those of its `products` too, and the median ratio `of_products` of neighbouring turns; the others theirs `of_ours`.
    """
    turns: dict[tuple[str, str], list[float]] = defaultdict(list)  # by implementation, and step or products
    images = {}
    for _ in range(rounds):
        with ExitStack() as stack:
            workers = [stack.enter_context(worker(name, workload, threads, sizes or {})) for name in ("scratchvae", *peers)]
            images = {each.name: each.images for each in workers}
            start = time.perf_counter()
            while time.perf_counter() - start < seconds * len(workers):
                for each in workers:
                    for what in each.functions:
                        turns[each.name, what].append(each.turn(what, min(seconds, TURN_SECONDS)))
    ours, products = turns["scratchvae", "step"], turns["scratchvae", "products"]
    found = {name: {"step": statistics.median(turns[name, "step"]), "images": count} for name, count in images.items()}
    found["scratchvae"] |= {"products": statistics.median(products), "of_products": _median_ratio(ours, products)}
    for peer in peers:
        found[peer]["of_ours"] = _median_ratio(turns[peer, "step"], ours)
    return found


def _median_ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


class Worker:
    """A process that has built a workload and warmed up: `turn` runs one of its `functions` for so many seconds."""

    def __init__(self, name: str, workload: str, process: subprocess.Popen[str], complaints: IO[str]) -> None:
        self.name, self.workload, self.process, self.complaints = name, workload, process, complaints
        built = self._answer()
        self.images, self.functions = built["images"], built["functions"]

    def turn(self, what: str, seconds: float) -> float:
        """The median time of a call."""
        with suppress(BrokenPipeError):  # a process that has died gives no answer either
            print(json.dumps({"run": what, "seconds": seconds}), file=self.process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> Any:
        answer = self.process.stdout.readline() if self.process.stdout else ""
        if answer:
            return json.loads(answer)
        self.process.wait()
        self.complaints.seek(0)
        last = (self.complaints.read().strip().splitlines() or ["no message"])[-1]
        raise InputError(f"bench: {self.name} can't run {self.workload} here: {last}")


@contextmanager
def worker(name: str, workload: str, threads: int, sizes: Mapping[str, int]) -> Iterator[Worker]:
    """A Worker, whose process ends with the block."""
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    if name != "scratchvae":
        environment[cpu.SWITCH] = "default"  # others run as their users run them
    if name == "jax":
        environment["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    command = [sys.executable, "-m", "scratchvae.bench.worker", name, workload]
    for size, value in sizes.items():
        command += [f"--{size}", str(value)]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=complaints, text=True) as process,
    ):
        try:
            yield Worker(name, workload, process, complaints)
        finally:
            process.kill()
