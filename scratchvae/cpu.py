"""What this machine gives: which BLAS multiplies matrices, with which kernels, on how many threads."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Blas:
    """One BLAS library loaded by this process."""

    library: str
    version: str
    kernels: str
    threads: int


def loaded_blas() -> list[Blas]:
    """The BLAS libraries loaded, NumPy's among them once it has been imported."""
    from threadpoolctl import threadpool_info

    found = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
    return [
        Blas(entry["internal_api"], entry["version"] or "unknown", entry.get("architecture") or "unknown", entry["num_threads"])
        for entry in found
    ]


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
