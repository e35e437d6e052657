"""All pages of the site, written into a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from scratchvae.arrays import InputError
from scratchvae.site import annotated, course, front, mistakes, play, questions, reference, step
from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page, render

ASSETS = Path(__file__).parent / "assets"

# In the order of the navigation: the makers of pages, each of which yields those of its own section.
SECTIONS: dict[str, Callable[[Atlas], Iterable[Page]]] = {
    "front": front.pages,
    "course": course.pages,
    "step": step.pages,
    "play": play.pages,
    "mistakes": mistakes.pages,
    "questions": questions.pages,
    "source": annotated.pages,
    "reference": reference.pages,
}


def build(folder: Path | str, *, only: Collection[str] | None = None) -> list[Page]:
    """Write the site into `folder`, and return its pages. `only` names the rows of SECTIONS to be made."""
    for name in only or ():
        if name not in SECTIONS:
            raise InputError(f"site: only should name some of {', '.join(SECTIONS)}; found {name!r}")
    folder, atlas = Path(folder), Atlas()
    pages = [page for name, make in SECTIONS.items() if only is None or name in only for page in make(atlas)]
    _copy_assets(folder / "assets")
    for page in pages:
        _write(folder / page.path, render(page, pages).encode())
        for path, data in page.files.items():
            _write(folder / path, data)
    return pages


def _copy_assets(folder: Path) -> None:
    for path in sorted(ASSETS.rglob("*")):
        if path.is_file():
            _write(folder / path.relative_to(ASSETS), path.read_bytes())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
