"""The words of docstrings and headings: a summary is one line, and some phrases are no English."""

import ast
import re
from pathlib import Path

import pytest

import scratchvae

ROOT = Path(scratchvae.__file__).parent
DEMOS = ROOT.parent / "demos"
# the rooms whose words were gone through; a room that is added here stays so
ROOMS = (
    "arrays",
    "checks",
    "choices",
    "distributions",
    "evaluation",
    "flows",
    "kernels",
    "layers",
    "likelihoods",
    "models",
    "networks",
    "objectives",
    "ops",
    "posteriors",
    "priors",
    "recipes",
    "training",
)
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SCRIPTS = sorted(DEMOS.glob("[0-9][0-9]_*.py"))
# a phrase, and what says the same in plain English
PHRASES = {
    "handed over": "given, passed, or the argument itself",
    "hold against": "compare with",
    "held against": "compared with",
    "whatever comes in": "in either dtype",
    "whatever stands there": "whatever number it holds",
    "said in words below": "the name of what says it",
}


def docstrings(path):
    """The name, the indentation and the text of every docstring of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and (doc := ast.get_docstring(node)):
            yield getattr(node, "name", "the file"), getattr(node, "col_offset", -4) + 4, doc


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)  # of the package: test_structure
def test_a_docstring_begins_with_one_line_and_a_blank_one(path):
    """It says the fact, since indexes and `train --list` show that line alone."""
    for name, indented, doc in docstrings(path):
        first, *rest = doc.split("\n")
        assert not rest or not rest[0].strip(), f"{name}: {first} | {rest[0].strip()}"
        assert indented + len(first) + (3 if rest else 6) <= 110, f"{name}: {first}"


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_words_are_plain(path):
    text = " ".join(path.read_text(encoding="utf-8").replace("#", " ").split())
    found = [f"{phrase}: say {plain}" for phrase, plain in PHRASES.items() if phrase in text]
    assert not found, found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_heading_is_one_line(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"\s*# -{8,}(.*)", line)
        assert heading is None or (heading[1].strip() and len(line) <= 110), line
