"""docstrings: a corpus that every Python brings along, what its standard library says about itself."""

import ast
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.data.corpus import Corpus

MODULES = (
    *(
        "_pydecimal",
        "argparse",
        "asyncio",
        "calendar",
        "configparser",
        "difflib",
        "doctest",
        "email",
        "http",
        "imaplib",
    ),
    *(
        "inspect",
        "ipaddress",
        "logging",
        "mailbox",
        "multiprocessing",
        "pathlib",
        "smtplib",
        "statistics",
        "subprocess",
    ),
    *("tarfile", "threading", "typing", "unittest", "urllib", "xml", "zipfile"),
)  # each in every Python from 3.11 on, and with words of its own
LEAST_WORDS = 8  # that a docstring must have to be a document


def docstrings(modules: Sequence[str] = MODULES) -> Corpus:
    """The docstrings of modules of the standard library, of eight words or more each: N documents, labelled
    by their module.

    Of a package all files count but its tests. Source is parsed, nothing is imported. They come in a fixed
    random order, so that any part of them is like the whole; a docstring that appears again is left out. The
    same Python version gives the same corpus. InputError for a module that has no source there.
    """
    library = Path(sysconfig.get_path("stdlib"))
    found: dict[str, int] = {}
    for label, module in enumerate(modules):
        for source in _sources(library, module):
            for text in _docstrings_of(source):
                found.setdefault(text, label)
    documents = [text for text in found if len(text.split()) >= LEAST_WORDS]
    if not documents:
        raise InputError(
            f"docstrings: expected some in {', '.join(modules) or 'one module or more'}, found none"
        )
    order = np.random.default_rng(0).permutation(len(documents))
    labels = np.array([found[documents[i]] for i in order])
    return Corpus("docstrings", [documents[i] for i in order], labels, tuple(modules))


def _sources(library: Path, module: str) -> list[Path]:
    folder, file = library / module, library / f"{module}.py"
    package = sorted(folder.rglob("*.py")) if module.isidentifier() and folder.is_dir() else []
    sources = [path for path in package if not {"test", "tests"} & set(path.relative_to(folder).parts)]
    if module.isidentifier() and file.is_file():
        sources.append(file)
    if not sources:
        raise InputError(f"docstrings: modules should have their source in {library}, found no {module}")
    return sources


def _docstrings_of(source: Path) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source.read_bytes(), filename=str(source))):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            yield text
