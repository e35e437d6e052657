"""Data sets of IDX files that have a name: the folders in which they may lie, and their labels' names."""

import os
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from scratchvae.arrays import InputError
from scratchvae.data.dataset import Dataset
from scratchvae.data.paths import (
    SPLITS,
    Reading,
    images_in,
    read_pair,
    split_files,
)


@dataclass(frozen=True)
class Source:
    """A data set of IDX files: the folders in which it may lie, and the names of its labels.

    The folders are relative to each place that is searched.
    """

    folders: tuple[str, ...]
    label_names: tuple[str, ...]


CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


SOURCES = {
    "mnist": Source(("mnist", "MNIST/raw"), tuple("0123456789")),
    "fashion-mnist": Source(("fashion-mnist", "FashionMNIST/raw"), CLOTHES),
}


VARIABLE = "SCRATCHVAE_DATA"


SYSTEM = Path("/usr/share/datasets")  # where Debian's dataset packages put theirs


def load_named(name: str, split: str, data_dir: str | PathLike[str] | None, asked: Reading) -> Dataset:
    """Load a split of SOURCES[name] from the first place that has it.

    The places are data_dir, $SCRATCHVAE_DATA, and the folder of Debian's packages, in this order. InputError,
    which lists the folders, where none has it.
    """
    places = [_expanded(place) for place in (data_dir, os.environ.get(VARIABLE)) if place] + [SYSTEM]
    folders = [place / folder for place in places for folder in SOURCES[name].folders]
    if data_dir and _may_hold(places[0], name):
        folders.insert(len(SOURCES[name].folders), places[0])
    for folder in folders:
        if images := images_in(folder, split):
            return read_pair(images, name, SOURCES[name].label_names, asked=asked)
    for folder in folders:
        for other in SPLITS:
            if found := images_in(folder, other):
                raise InputError(
                    f"load: {name} has no {split} split here, only {other} ({found}); "
                    f"expected {split_files(split)}"
                )
    raise InputError(
        f"load: {name} was not found in {', '.join(map(str, folders))}; expected {split_files(split)}; "
        f"put them there, or name another place by data_dir or ${VARIABLE}"
    )


def _expanded(place: str | PathLike[str]) -> Path:
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise InputError(
            f"load: data_dir should be a folder, found {str(place)!r}, the home of a user who isn't known"
        ) from None


def _may_hold(folder: Path, name: str) -> bool:
    """Whether files directly in the folder can be this source's.

    They cannot if the last name of a source on the folder's path is another source's.
    """
    owner = {
        place.split("/")[0].lower(): known for known, source in SOURCES.items() for place in source.folders
    }
    owners = [owner[part.lower()] for part in folder.resolve().parts if part.lower() in owner]
    return not owners or owners[-1] == name
