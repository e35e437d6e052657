"""A corpus: the documents that a text file or a folder of text files holds, before anything is counted."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.folders import examples
from scratchvae.data.limits import OF_A_DOCUMENT, OF_A_LETTER, require_room
from scratchvae.data.streams import opened, read_all
from scratchvae.files import path_from


@dataclass(frozen=True, eq=False)
class Corpus:
    """N documents, which may have labels.

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
                raise InputError(
                    f"{self.name}: documents should be strings, found {type(document).__name__} at {i}"
                )
        if self.labels is not None and np.shape(self.labels) != (len(self.documents),):
            raise InputError(
                f"{self.name}: labels should be {len(self.documents)} integers, "
                f"found shape {np.shape(self.labels)}"
            )

    def __len__(self) -> int:
        return len(self.documents)


def read_texts(path: str | PathLike[str], *, encoding: str = "utf-8") -> Corpus:
    """Read the paragraphs of a text file, or the *.txt files of a folder, as documents.

    Blank lines separate the paragraphs of a file, which may be plain or gzipped. Each file of a folder is one
    document. Where a folder has sub-folders of *.txt files, each holds one class, and labels count the
    classes in the order of their names. A byte-order mark at the beginning says that a file is UTF-8 or
    UTF-16, whatever `encoding` says. InputError when there is no text, when there is more than reading may
    take, or when a file's bytes are not of that encoding: another one must then be named.
    """
    path = path_from("read_texts", path)
    if not path.is_dir():
        documents = [
            part.strip() for part in re.split(r"\n[^\S\n]*\n", _read_text(path, encoding)) if part.strip()
        ]
        if not documents:
            raise InputError(f"{path}: expected text, found none")
        require_room(str(path), len(documents) * OF_A_DOCUMENT, f"{len(documents):,} paragraphs")
        if len(documents) == 1 and "\n" in documents[0]:
            said = "%s is one document, as no blank line separates its lines from each other"
            logging.getLogger("scratchvae").info(said, path)
        return Corpus(path.name, documents)
    files, labels, names = examples(path, ".txt", "*.txt")
    texts, letters = [], 0
    for file in files:
        texts.append(_read_text(file, encoding))
        letters += len(texts[-1])
        require_room(
            str(path), letters * OF_A_LETTER, f"the first {len(texts):,} texts, of {letters:,} letters,"
        )
    return Corpus(path.name, texts, labels, names)


def _read_text(file: Path, encoding: str) -> str:
    with opened(file) as stream:
        content = read_all(stream, str(file), each=OF_A_LETTER)
    if content.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
    except (LookupError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            where = f"byte {error.start} of {len(content)}"
            raise InputError(
                f"{file}: expected text in {encoding}, found other bytes at {where}; name its encoding"
            ) from None
        raise InputError(f"{file}: encoding should be one that Python knows, found {encoding!r}") from None
    if "\0" in text:
        raise InputError(
            f"{file}: expected text, found zero bytes, as binary files and UTF-16 without its mark have them"
        )
    return "\n".join(text.splitlines())
