"""Data sets of IDX files that are known by a name: where they may lie, and what their labels are called."""

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
    """A data set of IDX files: the folders it may lie in, below a place that is looked through, and the names
    of its labels.
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
    """A split of SOURCES[name], from the first place that has it: data_dir, $SCRATCHVAE_DATA, or Debian's folder."""
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
                    f"load: {name} has no {split} split here, only {other} ({found}); expected {split_files(split)}"
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
    """Whether files directly in the folder can be this source's: no other source's name is the last one on
    its path.
    """
    owner = {
        place.split("/")[0].lower(): known for known, source in SOURCES.items() for place in source.folders
    }
    owners = [owner[part.lower()] for part in folder.resolve().parts if part.lower() in owner]
    return not owners or owners[-1] == name
