"""The environment of a run is kept in its folder: versions, processor, BLAS and kernels."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from scratchvae import __version__, cpu, kernels, strict_json
from scratchvae.arrays import InputError
from scratchvae.files import read_whole, write_whole

PACKAGES = ("numpy", "numba", "scipy", "matplotlib", "safetensors")
FILE = "environment.jsonl"

Facts = Mapping[str, str]


def environment() -> dict[str, str]:
    """Return what this process computes with: everything that can change the last bits of a number.

    The name of the processor is there too.
    """
    return {
        "scratchvae": __version__,
        "Python": f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        **{name: version(name) for name in PACKAGES},
        "processor": f"{cpu.processor()}, {cpu.cores()} cores for this process",
        "BLAS": "; ".join(sorted(described(one) for one in cpu.loaded_blas())) or "none found",
        "kernels": kernels.in_use(),
    }


def described(blas: cpu.Blas) -> str:
    """Describe a BLAS library in a few words."""
    threads = "1 thread" if blas.threads == 1 else f"{blas.threads} threads"
    return f"{blas.library} {blas.version}, {blas.kernels} kernels, {threads}"


def record_environment(folder: Path, step: int) -> None:
    """Add a line to the run's file about what its steps from `step` on are computed with.

    No line is added where the last one says the same.
    """
    known, here = read_environments(folder), environment()
    if not known or known[-1][1] != here:
        lines = (strict_json.dump({"step": one, **facts}) + "\n" for one, facts in [*known, (step, here)])
        write_whole(folder / FILE, "".join(lines).encode())


def read_environments(folder: Path) -> Sequence[tuple[int, Facts]]:
    """Return the first step of each environment, and its facts; a run without such a file has none.

    A line that `record_environment` cannot have written is skipped: the file only informs readers, and
    nothing depends on it.
    """
    try:
        lines = read_whole(folder / FILE, most_bytes=strict_json.MOST_BYTES).splitlines()
    except (InputError, OSError):
        return []
    found = []
    for line in lines:
        try:
            facts = strict_json.parse(line, FILE)
        except InputError:
            continue
        if isinstance(facts, dict) and isinstance(step := facts.pop("step", None), int):
            found.append((step, {str(name): str(fact) for name, fact in facts.items()}))
    return found
