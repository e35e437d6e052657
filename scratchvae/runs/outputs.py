"""No command overwrites what it reads: data, and the files that a run consists of."""

import os
from collections.abc import Iterable
from pathlib import Path

from scratchvae.arrays import InputError
from scratchvae.data import SOURCES, VARIABLE
from scratchvae.runs.agreement import CHECKPOINT, CONFIG
from scratchvae.runs.claim import NAME as LOCK
from scratchvae.runs.config import Config
from scratchvae.runs.environment import FILE as ENVIRONMENT
from scratchvae.runs.kept_prior import PRIOR
from scratchvae.runs.reading import EVALUATION, JUDGEMENT

METRICS_FILES = ("metrics.jsonl", "metrics.csv")
# A run consists of these files, and no option may name them.
LIVED_ON = (CONFIG, CHECKPOINT, PRIOR, *METRICS_FILES, ENVIRONMENT, EVALUATION, JUDGEMENT, LOCK)
# Commands write these files into a run's folder by themselves.
DRAWN_INTO = ("samples.csv", "reconstructions.csv", "report.html")


def require_harmless(option: str, path: Path, inputs: Iterable[Path]) -> None:
    """InputError where the file at `path`, which an option asks for, is one of `inputs` or of a run's files.

    A link to such a file is refused as the file itself is. Where an input is a folder, every file in it is
    data, and a new file with the same suffix would become data.
    """
    for place in (path.absolute(), path.resolve()):
        is_run = any((place.parent / name).exists() for name in (CONFIG, CHECKPOINT))
        if is_run and place.name in LIVED_ON:
            raise InputError(
                f"{option} should be a file of its own, found {path}, "
                f"which the run in {place.parent} lives on"
            )
    for one in inputs:
        if _is_part_of(path, one):
            raise InputError(
                f"{option} should be a file of its own, found {path}, which belongs to the input {one}"
            )


def require_room_for(folder: Path | None, data: Iterable[Path]) -> None:
    """InputError where a run in `folder` would overwrite its own data, or where `folder` is a file.

    None stands for a new folder.
    """
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} should be the folder of a new run, found a file there")
    for one in data:
        for name in (*LIVED_ON, *DRAWN_INTO, "figures"):
            if (
                (place := folder / name).exists()
                and one.exists()
                and (place.samefile(one) or place in one.absolute().parents)
            ):
                said = f"found {one}, where the run writes its {name}"
                raise InputError(
                    f"{folder} should be a folder whose files are not the run's data; {said}: "
                    "choose another folder"
                )


def data_of(config: Config) -> list[Path]:
    """Return where the data of a config lie: a file or a folder, or the folders that are searched."""
    return places_of(config.data, config.data_dir)


def places_of(data: str, data_dir: str | None = None) -> list[Path]:
    """Return where data of this name or path lie."""
    if data not in SOURCES:
        return [Path(data)]
    roots = [Path(root) for root in (data_dir, os.environ.get(VARIABLE)) if root]
    return [root / folder for root in roots for folder in SOURCES[data].folders]


def _is_part_of(path: Path, one: Path) -> bool:
    try:
        if path.exists() and one.exists() and path.samefile(one):
            return True
        whole, place = one.resolve(), path.resolve()
        if not whole.is_dir() or whole not in place.parents:
            return False
        return place.exists() or any(
            other.suffix.lower() == place.suffix.lower() for other in place.parent.iterdir()
        )
    except (OSError, ValueError):  # ValueError: a zero byte in a path
        return False
