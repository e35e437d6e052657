"""Implementations are measured in short turns, each in a process of its own with the same number of threads.

The state of a machine can change within seconds, and that of a virtual machine even more: two cores share a
cache now, and not a moment later. A lap is one turn of each implementation. The turns of one lap nearly
always meet the same state, so their ratio is steady, while a time depends on the machine as much as on the
code. Each round starts new processes.
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
    """Measure each implementation, ours first: seconds of a `step`, its `images`, and the number of `turns`.

    The seconds of a `step` are the median over all turns, and `images` are those that a step sees. Ours also
    has the seconds of its `products`, and `of_products`, the median over the laps of step / products. Each
    other implementation has `of_ours`, the median over the laps of its step / our step. `seconds` is the time
    for the turns of each function in each round.
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
    """Return the seconds of one of our steps at each value of the size.

    They are the median at the first value, times the median over the laps of the ratio to the first.
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
    """Return, for each entrant, the images of a step and the turns of those functions that it has.

    An entrant is an implementation at some sizes.
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
    """A process that has built a workload and warmed up.

    `turn` runs one of its `functions` for so many seconds.
    """

    def __init__(self, name: str, workload: str, process: subprocess.Popen[str], complaints: IO[str]) -> None:
        self.name, self.workload, self.process, self.complaints = name, workload, process, complaints
        built = self._answer()
        self.images, self.functions = built["images"], built["functions"]

    def turn(self, function: str, seconds: float) -> float:
        """Return the median time of a call."""
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
    """Start a Worker, whose process ends with the block."""
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    if name != OURS:  # other implementations run as their users run them
        environment = {key: value for key, value in environment.items() if key not in cpu.chosen_here}
    if name == "jax":
        # XLA uses every core, or one
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
            with suppress(BrokenPipeError):  # the process may have left a request unread
                if process.stdin:
                    process.stdin.close()
