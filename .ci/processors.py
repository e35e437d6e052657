"""The numerical tests on many processors, from one machine: README's claims have to hold on whatever a reader
has.

Libraries choose their loops by the processor, and each choice rounds differently. They can be asked to choose
otherwise:

    OPENBLAS_CORETYPE            the matrix products of NumPy and SciPy: from Prescott (SSE3) to SkylakeX (AVX-512)
    NPY_DISABLE_CPU_FEATURES     NumPy's own loops, down to the baseline of its wheels
    NUMBA_CPU_NAME=generic       the compiled kernels, for the plainest x86-64
    SCRATCHVAE_KERNELS=textbook  NumPy in place of the compiled kernels
    OPENBLAS_NUM_THREADS         the threads of a product: README's own test command, and every row but the first, has one

Each row of the table below is a run of the tests with some of these. Two further kinds of row have an
environment of their own: the oldest packages that pyproject.toml allows, and every Python from 3.11 to 3.14
that is on the PATH or with pyenv. A row that this machine cannot run says why. A probe prints what NumPy,
OpenBLAS and Numba really use in each row. Rows that lie between two others run the heart of the tests:
gradients, golden vectors, kernels, linear models. Rows that another row contains, or whose loops this machine
chooses by itself, are left to --whole, with which every row runs every numerical test.

    python .ci/processors.py                    the rows that differ, two at a time, with this Python's packages
    python .ci/processors.py --whole            all rows, and every numerical test in each
    python .ci/processors.py --rows textbook    some of them
    python .ci/processors.py --list             their names

The exit status is 1 where a test failed, or where no row could run.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# what no rounding can change
NOT_NUMERICAL = {
    "bench",
    "cells",
    "choices",
    "commands",
    "counts",
    "cpu",
    "demos",
    "door",
    "files",
    "flags",
    "fuzz",
    "named",
    "newcomer",
    "notebook",
    "notebooks",
    "numbers",
    "outputs",
    "plots",
    "plugin",
    "reading",
    "report",
    "runs",
    "saving",
    "site",
    "sklearn",
    "sources",
    "structure",
    "sweeps",
}
HEART = {"golden", "gradients", "kernels", "linear"}
FRAMEWORKS = {"torch", "jax", "keras"}  # these run in a step of their own
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
CORES = {
    "Prescott": "sse3",
    "Nehalem": "sse4_2",
    "Sandybridge": "avx",
    "Haswell": "avx2",
    "SkylakeX": "avx512f",
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PROBE = """
import importlib.metadata as m, sys, warnings
warnings.simplefilter("ignore")
import numpy, scipy.linalg, threadpoolctl
from numpy._core._multiarray_umath import __cpu_features__ as has, __cpu_dispatch__ as dispatched
blas = {f"{b['architecture']} x{b['num_threads']}" for b in threadpoolctl.threadpool_info() if b["user_api"] == "blas"}
from scratchvae import kernels
loops = [name for name in dispatched if has.get(name)]
from numba.core import config
numba = m.version("numba")
print("Python", sys.version.split()[0], "NumPy", numpy.__version__, "SciPy", scipy.__version__, "Numba", numba, end="; ")
print("OpenBLAS", *sorted(blas), end="; ")
print("NumPy's loops", *(loops or ["baseline"]), end="; ")
print("Numba", config.CPU_NAME or "host", kernels.in_use())
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: what the environment says, and which packages and Python it is for
    ("" is this one's).
    """

    name: str
    environment: dict[str, str]
    impossible: str = ""
    python: str = ""
    constraints: tuple[str, ...] = field(default_factory=tuple)
    between: bool = False  # two other rows, which run every test
    held_by: str = ""  # the row whose processor has this one's loops as well, or this machine without any row


def rows() -> list[Row]:
    """All of them, as far as this machine's processor and its Pythons go."""
    flags = _flags()
    found = [Row("all threads", {"OPENBLAS_NUM_THREADS": str(os.cpu_count() or 1)}, between=True)]
    found.append(Row("textbook", ONE_THREAD | {"SCRATCHVAE_KERNELS": "textbook"}))
    for core, needs in CORES.items():
        impossible = "" if needs in flags else f"this processor has no {needs}"
        held_by = "smallest of each" if core == "Prescott" else "this machine" if core == _own_core() else ""
        environment = ONE_THREAD | {"OPENBLAS_CORETYPE": core}
        found.append(Row(f"OpenBLAS {core}", environment, impossible, between=True, held_by=held_by))
    wide, narrow = _numpy_loops()
    without_wide = {"NPY_DISABLE_CPU_FEATURES": " ".join(wide)}
    baseline = {"NPY_DISABLE_CPU_FEATURES": " ".join([*wide, *narrow])}
    found.append(
        Row(
            "NumPy without AVX-512",
            ONE_THREAD | without_wide,
            "" if wide else "NumPy uses none here",
            between=True,
        )
    )
    needless = "" if wide or narrow else "it is the baseline"
    generic = {"NUMBA_CPU_NAME": "generic"}
    for name, environment, impossible in (
        ("NumPy baseline", baseline, needless),
        ("Numba generic", generic, ""),
    ):
        found.append(Row(name, ONE_THREAD | environment, impossible, held_by="smallest of each"))
    smallest = ONE_THREAD | generic | baseline | {"OPENBLAS_CORETYPE": "Prescott"}
    found.append(Row("smallest of each", smallest, "" if "sse3" in flags or "pni" in flags else "no x86-64"))
    found.append(Row("oldest packages", ONE_THREAD, python=sys.executable, constraints=_oldest()))
    pythons = {version: _python(version) for version in PYTHONS}
    newest = max((version for version in PYTHONS if pythons[version]), key=PYTHONS.index, default="")
    for version, python in pythons.items():
        here = sys.version.startswith(f"{version}.")
        absent = "" if python else f"no python{version} on the PATH or with pyenv"
        impossible = "it is the Python of the rows above" if here else absent
        between = version != newest  # the oldest is the Python of the rows above, or is there as well
        found.append(Row(f"Python {version}", ONE_THREAD, impossible, python=python, between=between))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="The numerical tests on many processors, from one machine.")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="some rows only (--list names them)")
    parser.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="rows at a time (default: %(default)s)"
    )
    parser.add_argument("--whole", action="store_true", help="every numerical test in every row")
    parser.add_argument("--list", action="store_true", help="name the rows, and say which can't run here")
    options = parser.parse_args()
    if options.jobs < 1:
        parser.error(f"--jobs should be at least 1, found {options.jobs}")
    table = rows()
    unknown = set(options.rows or ()) - {row.name for row in table}
    if unknown:
        parser.error(f"no row is called {', '.join(sorted(unknown))}; --list names them")
    needed = options.rows or [row.name for row in table if options.whole or not row.held_by]
    chosen = [row for row in table if row.name in needed]
    if options.list:
        for row in table:
            held = row.held_by and f"with --whole only: held by {row.held_by}"
            print(f"{row.name:<24} {f'not here: {row.impossible}' if row.impossible else held}")
        return 0
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(lambda row: _run(row, Path(place), options.whole), chosen))
    print("\n| row | uses | tests | minutes |\n|---|---|---|---|")
    for row, (_, uses, verdict, minutes) in zip(chosen, outcomes, strict=True):
        print(f"| {row.name} | {uses} | {verdict} | {minutes:.1f} |")
    failed = [row.name for row, (ok, *_) in zip(chosen, outcomes, strict=True) if not ok]
    ran = [row.name for row in chosen if not row.impossible]
    print(f"failed: {', '.join(failed)}" if failed else f"{len(ran)} passed, 0 failed")
    return 1 if failed or not ran else 0


def _run(row: Row, place: Path, whole: bool) -> tuple[bool, str, str, float]:
    """Whether the row passed, what it used, its last line, and its minutes."""
    if row.impossible:
        return True, "not here", row.impossible, 0.0
    start = time.monotonic()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENBLAS_", "NPY_", "NUMBA_"))
    }
    environment |= row.environment
    try:
        python = _environment(row, place) if row.python else sys.executable
    except subprocess.CalledProcessError as error:
        return False, "no environment", f"`{' '.join(map(str, error.cmd))}` failed", 0.0
    probe = subprocess.run([python, "-c", PROBE], cwd=ROOT, env=environment, capture_output=True, text=True)
    if probe.returncode:
        return False, "the probe failed", (probe.stderr.strip() or "without a word").splitlines()[-1], 0.0
    tests = [
        str(path)
        for path in sorted(ROOT.glob("tests/test_*.py"))
        if _is_numerical(path, only=None if whole or not row.between else HEART)
    ]
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", "--maxfail=20", *tests]
    if row.constraints:  # old packages use what is deprecated in the newest of those that they need
        command += ["-W", "ignore::DeprecationWarning"]
    # NumPy warns on import where a feature can't be disabled: this is the one warning that is no error here
    environment["PYTHONWARNINGS"] = "ignore:During parsing environment variable:ImportWarning"
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    minutes = (time.monotonic() - start) / 60
    print(f"{row.name}: {probe.stdout.strip()}\n  {lines[-1]}  ({minutes:.1f} min)", flush=True)
    if done.returncode:
        print(done.stdout[-20_000:], done.stderr[-2_000:], flush=True)
    verdict = re.sub(r" in [\d.]+s.*", "", lines[-1].strip("= "))
    return done.returncode == 0, probe.stdout.strip(), verdict, minutes


def _is_numerical(path: Path, *, only: set[str] | None = None) -> bool:
    words = set(path.stem.split("_")[1:])
    return not words & (NOT_NUMERICAL | FRAMEWORKS) and (only is None or bool(words & only))


def _environment(row: Row, place: Path) -> str:
    """A virtual environment with the row's packages; its Python."""
    folder = place / re.sub(r"\W", "-", row.name)
    python = folder / "bin" / "python"
    subprocess.run([row.python, "-m", "venv", folder], check=True)
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *row.constraints, "-e", f"{ROOT}[test]"], check=True
    )
    return str(python)


def _python(version: str) -> str:
    """The path of that Python, on the PATH or one of pyenv's, or nothing."""
    environment = dict(os.environ)
    if shutil.which("pyenv"):
        known = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True).stdout.split()
        environment["PYENV_VERSION"] = ":".join(known)
    command = [f"python{version}", "-c", "import sys; print(sys.executable)"]
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, env=environment, capture_output=True, text=True).stdout.strip()


def _oldest() -> tuple[str, ...]:
    """pyproject.toml's lower bounds, as the newest release of each: numpy>=2.0 is numpy==2.0.*."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    plain = (bound.partition(";")[0] for bound in bounds)  # without the platforms that need it
    return tuple(f"{bound.replace('>=', '==')}.*" for bound in plain)


def _numpy_loops() -> tuple[list[str], list[str]]:
    """What NumPy chose beyond its baseline: the groups with AVX-512, and the others."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    chosen = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    wide = [name for name in chosen if name.startswith(("AVX512", "X86_V4"))]
    return wide, [name for name in chosen if name not in wide]


def _own_core() -> str:
    """The name of the products that OpenBLAS chooses on this machine, when nothing asks it otherwise."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    probe = "import numpy, threadpoolctl; print(threadpoolctl.threadpool_info()[0]['architecture'])"
    command = [sys.executable, "-c", probe]
    return subprocess.run(command, env=environment, capture_output=True, text=True).stdout.strip()


def _flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return {"sse3" if flag == "pni" else flag for flag in line.partition(":")[2].split()}


if __name__ == "__main__":
    raise SystemExit(main())
