"""What this machine gives, and how to get more of it: which BLAS multiplies matrices, on how many threads;
freed memory kept.

Imports nothing that imports NumPy: OpenBLAS chooses its kernels when NumPy is first imported.
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
# the user's own word
ALLOCATOR = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT = 128  # MB
chosen_here: list[str] = []  # the environment's variables that `prepare` has set


@dataclass(frozen=True)
class Blas:
    """One BLAS library loaded by this process."""

    library: str
    version: str
    kernels: str
    threads: int
    path: str = ""


def prepare() -> None:
    """Make products and steps faster in this process: `prefer_wide_kernels`, then `keep_freed_memory`.

    The command line calls it. A script or a notebook may, before it imports NumPy; importing scratchvae
    changes nothing. With SCRATCHVAE_CPU=default in the environment it does nothing.
    """
    if os.environ.get(SWITCH) != "default":
        prefer_wide_kernels()
        keep_freed_memory()


def prefer_wide_kernels() -> None:
    """Ask OpenBLAS for its AVX-512 kernels where it would fall back to AVX2: on AMD's Zen 4 and 5, with some
    releases.

    It has no effect once NumPy is imported, or where the user has chosen a core type.
    """
    if "numpy" not in sys.modules and CORETYPE not in os.environ and falls_back():
        os.environ[CORETYPE] = WIDE
        chosen_here.append(CORETYPE)


def keep_freed_memory() -> None:
    """Ask glibc to keep up to 128 MB of freed memory for the next step, instead of giving it back and
    fetching it again.

    Arrays of a step come and go by the megabyte, and each page from the system is cleared first: up to a
    quarter of a step's time. Where the user has set the allocator, or it is another one, nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None and not any(name in os.environ for name in ALLOCATOR):
        mallopt(M_MMAP_THRESHOLD, 32 << 20)  # the most that it accepts
        mallopt(M_TRIM_THRESHOLD, KEPT << 20)


def falls_back() -> bool:
    """Whether OpenBLAS, left to itself, would use AVX2 kernels on a processor with AVX-512."""
    return _facts().get("vendor_id") == "AuthenticAMD" and set(_facts().get("flags", "").split()) >= AVX512


def advice(loaded: list[Blas]) -> str | None:
    """The one line that makes matrix products faster, if there is one."""
    if falls_back() and any(
        blas.library == "openblas" and blas.kernels in {"Haswell", "Zen"} for blas in loaded
    ):
        return f"set {CORETYPE}={WIDE} before Python starts: products take about half the time with AVX-512"
    return None


def loaded_blas() -> list[Blas]:
    """The BLAS libraries loaded, NumPy's among them once it has been imported."""
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
    """The processor's name, as far as the system tells."""
    return _facts().get("model name") or platform.processor() or platform.machine()


def cores() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _facts() -> dict[str, str]:
    """What Linux says of the first processor; nothing elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    lines = text.partition("\n\n")[0].splitlines()
    return {name.strip(): fact.strip() for name, _, fact in (line.partition(":") for line in lines)}
