"""docstrings: a corpus that comes with every Python, the documentation of its standard library."""

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
)  # every Python from 3.11 on has each of these, and each has words of its own
LEAST_WORDS = 8  # a docstring with fewer words is no document


def docstrings(modules: Sequence[str] = MODULES) -> Corpus:
    """Return docstrings of modules of the standard library as N documents, labelled by their module.

    A docstring counts if it has eight words or more. All files of a package are read except its tests. The
    source is parsed, and nothing is imported. The documents come in a fixed random order, so that any part of
    them resembles the whole; a docstring that appears again is left out. The same Python version gives the
    same corpus. InputError for a module that has no source there.
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
