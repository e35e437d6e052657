"""Implementations measured in short turns, each in a process of its own with the same number of threads.

A machine's state can change within seconds, more so a virtual one: two cores share a cache now, and not a
moment later. Turns of one lap nearly always meet one state: it is their ratio that is steady, while a time is
the machine's as much as ours. Each round starts new processes.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any

from scratchvae import cpu
from scratchvae.arrays import InputError

IMPLEMENTATIONS = ("scratchvae", "torch", "torch-compile", "jax")
OURS = IMPLEMENTATIONS[0]
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
TURN_SECONDS = 0.25

Turns = dict[str, list[float]]  # by function, "step" or "products": the median time of a call in each turn


def compare(
    workload: str, peers: Sequence[str], *, rounds: int, seconds: float, threads: int
) -> dict[str, dict[str, float]]:
    """For each implementation, ours first: seconds a `step` (the median over all `turns`), and how many
    `images` a step sees.

    Ours has its `products` too, and the median over the laps of step / products, `of_products`; the others of
    their step / ours, `of_ours`. `seconds` are for the turns of each function in each round.
    """
    found: dict[str, dict[str, float]] = {}
    entrants: list[tuple[str, Mapping[str, int]]] = [(name, {}) for name in (OURS, *peers)]
    taken = _take_turns(workload, entrants, ("step", "products"), rounds, seconds, threads)
    (_, ours), *_ = taken
    for (name, _), (images, turns) in zip(entrants, taken, strict=True):
        steps = turns["step"]
        found[name] = {"step": statistics.median(steps), "images": images, "turns": len(steps)}
        if name == OURS:
            products = turns["products"]
            found[name] |= {"products": statistics.median(products), "of_products": _ratio(steps, products)}
        else:
            found[name]["of_ours"] = _ratio(steps, ours["step"])
    return found


def grow(
    workload: str, size: str, values: Sequence[int], *, rounds: int, seconds: float, threads: int
) -> list[float]:
    """Seconds a step of ours at each value of the size: the median at the first, times the median ratio to it
    over the laps.
    """
    taken = _take_turns(
        workload, [(OURS, {size: value}) for value in values], ("step",), rounds, seconds, threads
    )
    (_, first), *_ = taken
    return [statistics.median(first["step"]) * _ratio(turns["step"], first["step"]) for _, turns in taken]


def _ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def _take_turns(
    workload: str,
    entrants: Sequence[tuple[str, Mapping[str, int]]],
    functions: Sequence[str],
    rounds: int,
    seconds: float,
    threads: int,
) -> list[tuple[int, Turns]]:
    """Of each entrant, an implementation at some sizes: the images of a step, and the turns of those
    functions that it has.
    """
    taken: list[tuple[int, Turns]] = [(0, {}) for _ in entrants]
    for _ in range(rounds):
        with ExitStack() as stack:
            workers = [
                stack.enter_context(started(name, workload, threads, sizes)) for name, sizes in entrants
            ]
            taken = [(worker.images, turns) for worker, (_, turns) in zip(workers, taken, strict=True)]
            lap = [
                (worker, function, turns.setdefault(function, []))
                for worker, (_, turns) in zip(workers, taken, strict=True)
                for function in functions
                if function in worker.functions
            ]
            end = time.perf_counter() + seconds * len(lap)
            while time.perf_counter() < end:
                for worker, function, times in lap:
                    times.append(worker.turn(function, min(seconds, TURN_SECONDS)))
    return taken


class Worker:
    """A process that has built a workload and warmed up:

    `turn` runs one of its `functions` for so many seconds.
    """

    def __init__(self, name: str, workload: str, process: subprocess.Popen[str], complaints: IO[str]) -> None:
        self.name, self.workload, self.process, self.complaints = name, workload, process, complaints
        built = self._answer()
        self.images, self.functions = built["images"], built["functions"]

    def turn(self, function: str, seconds: float) -> float:
        """The median time of a call."""
        with suppress(BrokenPipeError):  # a process that has died gives no answer either
            print(json.dumps({"run": function, "seconds": seconds}), file=self.process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> Any:
        answer = self.process.stdout.readline() if self.process.stdout else ""
        if answer:
            return json.loads(answer)
        status = self.process.wait()
        self.complaints.seek(0)
        last = (self.complaints.read().strip().splitlines() or ["it said nothing"])[-1]
        why = f"its process was killed by signal {-status}" if status < 0 else last
        raise InputError(f"{self.name} can't run {self.workload} here: {why}")


@contextmanager
def started(name: str, workload: str, threads: int, sizes: Mapping[str, int]) -> Iterator[Worker]:
    """A Worker, whose process ends with the block."""
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    if name != OURS:  # others run as their users run them
        environment = {key: value for key, value in environment.items() if key not in cpu.chosen_here}
    if name == "jax":
        # on every core, or on one
        eigen = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
        environment["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {eigen}".strip()
    command = [sys.executable, "-m", "scratchvae.bench.worker", name, workload]
    for size, value in sizes.items():
        command += [f"--{size}", str(value)]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(
            command, env=environment, stdin=pipe, stdout=pipe, stderr=complaints, text=True
        ) as process,
    ):
        try:
            yield Worker(name, workload, process, complaints)
        finally:
            process.kill()
            with suppress(BrokenPipeError):  # a request that it didn't read
                if process.stdin:
                    process.stdin.close()
