"""What this machine's processor offers, and how a process gets more speed from it.

The file says which BLAS multiplies matrices and on how many threads, and keeps freed memory for the next
step. It imports nothing that imports NumPy, because OpenBLAS chooses its kernels when NumPy is first
imported.
"""

import ctypes
import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SWITCH = "SCRATCHVAE_CPU"  # "default" leaves OpenBLAS and the allocator alone, on the command line too
CORETYPE = "OPENBLAS_CORETYPE"
WIDE = "SkylakeX"  # OpenBLAS's name for its AVX-512 kernels
AVX512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}
# variables by which users set the allocator themselves
ALLOCATOR = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # the numbers of malloc.h
KEPT = 128  # megabytes of freed memory that stay with the process
chosen_here: list[str] = []  # the environment's variables that `prepare` has set


@dataclass(frozen=True)
class Blas:
    """A BLAS library that this process has loaded."""

    library: str
    version: str
    kernels: str
    threads: int
    path: str = ""


def prepare() -> None:
    """Make products and steps faster in this process: `prefer_wide_kernels`, then `keep_freed_memory`.

    The command line calls this function. A script or a notebook may call it before it imports NumPy.
    Importing scratchvae changes nothing. If the environment has SCRATCHVAE_CPU=default, the function does
    nothing.
    """
    if os.environ.get(SWITCH) != "default":
        prefer_wide_kernels()
        keep_freed_memory()


def prefer_wide_kernels() -> None:
    """Ask OpenBLAS for its AVX-512 kernels where it would fall back to AVX2.

    Some releases of OpenBLAS fall back on AMD's Zen 4 and 5. The request has no effect once NumPy is
    imported, or if the user has chosen a core type.
    """
    if "numpy" not in sys.modules and CORETYPE not in os.environ and falls_back():
        os.environ[CORETYPE] = WIDE
        chosen_here.append(CORETYPE)


def keep_freed_memory() -> None:
    """Ask glibc to keep up to 128 MB of freed memory for the next step.

    The arrays of a step come and go by the megabyte. Without this request glibc returns their memory to the
    system, which clears each page before it gives the page again: that takes up to a quarter of a step's
    time. Nothing changes if the user has set the allocator, or if the allocator is not glibc's.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None and not any(name in os.environ for name in ALLOCATOR):
        mallopt(M_MMAP_THRESHOLD, 32 << 20)  # the largest threshold that glibc accepts
        mallopt(M_TRIM_THRESHOLD, KEPT << 20)


def falls_back() -> bool:
    """Whether OpenBLAS would choose AVX2 kernels by itself on a processor with AVX-512."""
    return _facts().get("vendor_id") == "AuthenticAMD" and set(_facts().get("flags", "").split()) >= AVX512


def advice(loaded: list[Blas]) -> str | None:
    """Return the line that makes matrix products faster, or None if there is none."""
    if falls_back() and any(
        blas.library == "openblas" and blas.kernels in {"Haswell", "Zen"} for blas in loaded
    ):
        return f"set {CORETYPE}={WIDE} before Python starts: products take about half the time with AVX-512"
    return None


def loaded_blas() -> list[Blas]:
    """Return the BLAS libraries that are loaded.

    NumPy's library is among them once NumPy has been imported.
    """
    from threadpoolctl import threadpool_info

    found = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
    return [
        Blas(
            entry["internal_api"],
            entry["version"] or "unknown",
            entry.get("architecture") or "unknown",
            entry["num_threads"],
            entry["filepath"],
        )
        for entry in found
    ]


def processor() -> str:
    """Return the processor's name, as far as the system tells it."""
    return _facts().get("model name") or platform.processor() or platform.machine()


def cores() -> int:
    """Return the number of processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _facts() -> dict[str, str]:
    """Return what Linux says about the first processor, and {} on other systems."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    lines = text.partition("\n\n")[0].splitlines()
    return {name.strip(): fact.strip() for name, _, fact in (line.partition(":") for line in lines)}
