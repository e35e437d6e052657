"""Texts as documents: what a text file or a folder of them holds, before anything is counted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.streams import opened


@dataclass(frozen=True, eq=False)
class Corpus:
    """N documents.

    name         what messages and titles call it
    documents    N strings
    labels       (N,) integers, or None
    label_names  the name of label 0, 1, ...
    """

    name: str
    documents: Sequence[str]
    labels: Array | None = None
    label_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.documents, str) or not len(self.documents):
            found = "a single string" if isinstance(self.documents, str) else "none"
            raise InputError(f"{self.name}: documents should be a list of at least one string, found {found}")
        for i, document in enumerate(self.documents):
            if not isinstance(document, str):
                raise InputError(f"{self.name}: documents should be strings, found {type(document).__name__} at {i}")
        if self.labels is not None and np.shape(self.labels) != (len(self.documents),):
            raise InputError(f"{self.name}: labels should be {len(self.documents)} integers, found shape {np.shape(self.labels)}")

    def __len__(self) -> int:
        return len(self.documents)


def read_texts(path: str | PathLike[str], *, encoding: str = "utf-8") -> Corpus:
    """Of a text file (plain or gzipped) its paragraphs, which blank lines part; of a folder its *.txt files, a document each.

    A folder of sub-folders of *.txt files holds one class in each: labels count them in the order of their names. UTF-8 and
    UTF-16 that begin with a byte-order mark are known by it, whatever `encoding` says.
    InputError when there is no text, or when a file's bytes are not of that encoding: another one must then be named.
    """
    path = Path(path)
    if not path.is_dir():
        documents = [part.strip() for part in re.split(r"\n[^\S\n]*\n", _read_text(path, encoding)) if part.strip()]
        if not documents:
            raise InputError(f"{path}: expected text, found none")
        return Corpus(path.name, documents)
    files = _text_files(path)
    classes = {sub.name: found for sub in sorted(path.iterdir()) if sub.is_dir() and (found := _text_files(sub))}
    if bool(files) == bool(classes):
        raise InputError(f"{path}: expected *.txt files, or sub-folders of them, found {'both' if files else 'none'}")
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in classes.values()]) if classes else None
    chosen = files or [file for found in classes.values() for file in found]
    return Corpus(path.name, [_read_text(file, encoding) for file in chosen], labels, tuple(classes))


def _text_files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() == ".txt" and not f.name.startswith(".") and f.is_file())


def _read_text(file: Path, encoding: str) -> str:
    with opened(file) as stream:
        content = stream.read()
    if content.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
    except LookupError:
        raise InputError(f"{file}: encoding should be one that Python knows, found {encoding!r}") from None
    except UnicodeDecodeError as error:
        where = f"byte {error.start} of {len(content)}"
        raise InputError(f"{file}: expected text in {encoding}, found other bytes at {where}; name its encoding") from None
    if "\0" in text:
        raise InputError(f"{file}: expected text, found zero bytes, as binary files and UTF-16 without its mark have them")
    return "\n".join(text.splitlines())
