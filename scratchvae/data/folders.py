"""A folder of files of one kind as examples: the files themselves, or a sub-folder of them for each class."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.limits import OF_A_FILE, require_room


def examples(
    folder: Path, suffix: str | tuple[str, ...], kind: str
) -> tuple[list[Path], Array | None, tuple[str, ...]]:
    """Return the files of a folder that have one of those suffixes, their labels, and the labels' names.

    The files are sorted by name. In a folder of sub-folders each sub-folder holds one class, and labels count
    the classes in the order of their names. Otherwise labels are None. Hidden files and folders are left out,
    and so are sub-folders without such files. InputError, in which `kind` names the files, where there are
    none, where there are both files and sub-folders of them, where a folder cannot be read, or where the
    entries are too many: each counts as OF_A_FILE bytes.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        raise InputError(f"{folder}: expected a folder of {kind} files, found {found}")
    files: list[Path] = []
    classes: dict[str, list[Path]] = {}
    entries = sorted(_entries(folder, 0), key=lambda entry: entry.name)
    seen = len(entries)
    for entry in entries:
        if entry.is_dir():
            inside = sorted(_entries(Path(entry.path), seen), key=lambda entry: entry.name)
            seen += len(inside)
            classes[entry.name] = [Path(each.path) for each in inside if _is_one(each, suffix)]
        elif _is_one(entry, suffix):
            files.append(Path(entry.path))
    classes = {name: found for name, found in classes.items() if found}
    if files and classes:
        raise InputError(
            f"{folder}: expected {kind} files or sub-folders of them, "
            f"found both (such as {next(iter(classes))})"
        )
    if not files and not classes:
        raise InputError(f"{folder}: expected {kind} files, or sub-folders of them, found none")
    if files:
        return files, None, ()
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in classes.values()])
    return [file for found in classes.values() for file in found], labels, tuple(classes)


def holds(folder: Path, suffix: str | tuple[str, ...]) -> bool:
    """Whether the folder or one of its sub-folders has a file with that suffix."""
    for entry in _entries(folder, 0):
        if entry.is_dir():
            if any(_is_one(each, suffix) for each in _entries(Path(entry.path), 0)):
                return True
        elif _is_one(entry, suffix):
            return True
    return False


def _entries(folder: Path, seen: int) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder that are not hidden.

    InputError as soon as there are too many of them, `seen` others counted in.
    """
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries, seen + 1):
                require_room(
                    str(folder), number * OF_A_FILE, f"{number:,} files and more, at {OF_A_FILE:,} each,"
                )
                if not entry.name.startswith("."):
                    yield entry
    except OSError as error:
        raise InputError(f"{folder}: can't be read ({error.strerror or error})") from None


def _is_one(entry: os.DirEntry[str], suffix: str | tuple[str, ...]) -> bool:
    return entry.name.lower().endswith(suffix) and entry.is_file()
