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
EQUATIONS = ("distributions", "flows", "kernels", "layers", "likelihoods", "objectives", "ops", "priors")
LAWS = [path for path in FILES if path.relative_to(ROOT).parts[0] in EQUATIONS]
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


def without_brackets(text):
    """A text in which nothing stands in brackets or bars any more."""
    shorter = re.sub(r"[(\[][^()\[\]]*[)\]]|‖[^‖]*‖|\|[^|]*\|", "", text)
    return text if shorter == text else without_brackets(shorter)


@pytest.mark.parametrize("path", LAWS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_sum_of_several_terms_has_brackets(path):
    """Σ_d a − b may mean (Σ_d a) − b. So what stands outside of the sum stands before it."""
    for name, _, doc in docstrings(path):
        for line in doc.splitlines():
            for part in re.split(r"\s{3,}|(?<=\w|\)|!)[.,;:](?:\s|$)| with | where | is | if ", line):
                after = re.search(r"Σ(?:_\w+)?[^Σ=<>≤≥≈→]*? [+−] (?!.*Σ)", without_brackets(part))
                assert after is None, f"{name}: {part}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_heading_is_one_line(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"\s*# -{8,}(.*)", line)
        assert heading is None or (heading[1].strip() and len(line) <= 110), line
