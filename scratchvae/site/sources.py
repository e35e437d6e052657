"""The sources of the site are the package, the demos, the tests, and the pages for contributors.

In a clone they stand beside the package. An installed wheel holds copies in this folder, which pyproject.toml
puts there.
"""

from functools import cache
from pathlib import Path

from scratchvae.arrays import InputError

PACKAGE = Path(__file__).parent.parent
COPIES = Path(__file__).parent / "sources"


@cache
def root() -> Path:
    """Return the folder with `demos`, `tests`, and `CONTRIBUTING.md` or `.github/CONTRIBUTING.md`."""
    for folder in (COPIES, PACKAGE.parent):
        if (folder / "demos" / "03_vae.py").is_file():
            return folder
    raise InputError(
        f"site: the demos and tests should stand in {COPIES} or in {PACKAGE.parent}, found none; install the "
        "package anew"
    )


def module_files() -> dict[str, Path]:
    """Return every module of the package by its name, `scratchvae.ops.linear`, in alphabetical order."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if path.is_relative_to(COPIES):
            continue
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def test_files() -> dict[str, Path]:
    """Return every file of tests by its name, `test_gradients`."""
    return {path.stem: path for path in sorted((root() / "tests").glob("*.py"))}


def demo_files() -> dict[str, Path]:
    """Return every demo by its name, `03_vae`, in the order of reading."""
    return {path.stem: path for path in sorted((root() / "demos").glob("[0-9][0-9]_*.py"))}
