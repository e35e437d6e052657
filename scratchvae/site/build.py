"""The build makes all pages of the site and writes them into a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from pathlib import Path

from scratchvae.arrays import InputError
from scratchvae.site import annotated, cells, course, front, mistakes, play, questions, reference, step, texts
from scratchvae.site.atlas import Atlas
from scratchvae.site.page import Page, render

ASSETS = Path(__file__).parent / "assets"

# The makers of pages, in the order of the navigation; each yields the pages of its own section.
SECTIONS: dict[str, Callable[[Atlas], Iterable[Page]]] = {
    "front": front.pages,
    "course": course.pages,
    "step": step.pages,
    "play": play.pages,
    "try": cells.pages,
    "mistakes": mistakes.pages,
    "questions": questions.pages,
    "source": annotated.pages,
    "reference": reference.pages,
}


def build(folder: Path | str, *, only: Collection[str] | None = None) -> list[Page]:
    """Write the site into `folder`, and return its pages; `only` names the rows of SECTIONS to be made."""
    for name in only or ():
        if name not in SECTIONS:
            raise InputError(f"site: only should name some of {', '.join(SECTIONS)}; found {name!r}")
    from threadpoolctl import threadpool_limits

    names = SECTIONS if only is None else only
    if "reference" in names:
        texts.require_markdown()  # raises its error now, and not after minutes
    folder = Path(folder)
    with threadpool_limits(1, user_api="blas"):  # two demos run beside this process
        pages = _pages(Atlas(), names)
    _copy_assets(folder / "assets")
    for page in pages:
        _write(folder / page.path, render(page, pages).encode())
        for path, data in page.files.items():
            _write(folder / path, data)
    return pages


def _pages(atlas: Atlas, names: Collection[str]) -> list[Page]:
    """Make the pages of these sections, in their order.

    The demos of the course begin first, and their pages are made last.
    """
    with closing(course.pages(atlas)) as chapters:
        first = [next(chapters)] if "course" in names else []
        made = {
            name: list(make(atlas)) for name, make in SECTIONS.items() if name in names and name != "course"
        }
        made["course"] = [*first, *chapters] if first else []
    return [page for name in SECTIONS for page in made.get(name, [])]


def _copy_assets(folder: Path) -> None:
    for path in sorted(ASSETS.rglob("*")):
        if path.is_file():
            _write(folder / path.relative_to(ASSETS), path.read_bytes())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
