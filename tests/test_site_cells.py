"""The page "Try it": its cells run on the package that the page brings along, without Numba and others."""

import ast
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import scratchvae
from scratchvae import kernels
from scratchvae.site import cells
from scratchvae.site.atlas import Atlas

ABSENT = (
    "numba",
    "threadpoolctl",
    "safetensors",
    "tqdm",
    "matplotlib",
)  # in a browser, before anybody asks for them
BLOCKED = f"""
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
sys.platform, told = "emscripten", sys.platform
from scratchvae import kernels
sys.platform = told
assert kernels.in_use() == "textbook"
"""
SHORT = [each for each in cells.CELLS if each.name != "training"]


def run(folder, program):
    """What a program prints in a new process, to which the package in `folder` is all that there is of it."""
    environment = {"PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1", "PATH": ""}
    command = [sys.executable, "-W", "error", "-c", BLOCKED + program]
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The package that the page loads, as files."""
    folder = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(io.BytesIO(cells.archive())) as archived:
        archived.extractall(folder)
    return folder


def test_a_model_is_trained_where_numba_and_others_are_absent(unpacked):
    program = """
import numpy as np
import scratchvae
from scratchvae import mlp

x = (np.random.default_rng(0).random((200, 12)) < 0.3).astype(np.float32)
model = mlp((12,), latent_dim=2, hidden=8, likelihood="bernoulli", seed=0)
before = model.score(x)
model.fit(x, epochs=3)
print(scratchvae.__file__, before < model.score(x), *model.sample(2, 0).shape)
"""
    assert run(unpacked, program).split() == [str(unpacked / "scratchvae" / "__init__.py"), "True", "2", "12"]


def test_the_cells_print_the_same_in_the_package_of_the_page(unpacked):
    program = f"""
import contextlib, io, json
for code in json.loads({json.dumps(json.dumps([each.code for each in SHORT]))}):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {{}})
    print(json.dumps(out.getvalue().rstrip()))
"""
    printed = [json.loads(line) for line in run(unpacked, program).splitlines()]
    assert printed == [cells.printed(each) for each in SHORT]


def test_cells_say_what_their_words_promise():
    gradient, check, mistake = (cells.printed(each) for each in SHORT[:3])
    by_hand, by_difference = (
        float(word.rstrip(","))
        for word in gradient.splitlines()[2].split()
        if word[-1].isdigit() or word[-1] == ","
    )
    assert by_hand == pytest.approx(by_difference, abs=1e-6)  # six printed digits
    assert check.startswith("right")
    assert "sampling_log_var_read_as_log_std" in mistake


def test_what_a_cell_asks_its_reader_to_change_changes_what_it_prints():
    _, check, mistake = SHORT[:3]
    wrong = cells.Cell("check", "", "", check.code.replace("3 * dy", "2 * dy"))
    assert cells.printed(wrong).startswith("wrong")
    mended = cells.Cell(
        "mistake", "", "", mistake.code.replace("np.exp(logvar) * eps", "np.exp(logvar / 2) * eps")
    )
    assert cells.printed(mended).startswith("all that could be compared agrees")


def test_a_cell_runs_on_the_textbook_twin():
    assert (
        cells.printed(cells.Cell("twin", "", "", "from scratchvae import kernels\nprint(kernels.in_use())"))
        == "textbook"
    )


def test_a_cell_leaves_the_kernels_as_they_were():
    before = kernels.in_use()
    broken = cells.Cell("broken", "", "", "raise ValueError('no')")
    with pytest.raises(ValueError, match="no"):
        cells.printed(broken)
    assert kernels.in_use() == before


def test_the_archive_is_the_same_in_every_build_and_holds_no_compiled_twin():
    first = cells.archive()
    assert first == cells.archive()
    names = zipfile.ZipFile(io.BytesIO(first)).namelist()
    assert "scratchvae/kernels/textbook/densities.py" in names
    assert not [
        name
        for name in names
        if "compiled" in name or name.startswith(("scratchvae/site/", "scratchvae/commands/"))
    ]
    packed = zipfile.ZipFile(io.BytesIO(first)).read("scratchvae/__init__.py").decode()
    assert packed == Path(scratchvae.__file__).read_text("utf-8")


def test_no_cell_imports_what_the_page_does_not_load():
    for each in cells.CELLS:
        for node in ast.walk(ast.parse(each.code)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert module.partition(".")[0] in ("scratchvae", *cells.PACKAGES)


def test_the_page_loads_nothing_by_itself(monkeypatch):
    monkeypatch.setattr(cells, "printed", lambda each: "")
    one = cells.page(Atlas())
    assert f'value="{cells.ADDRESS}"' in one.body
    assert "http" not in one.body.replace(cells.ADDRESS, "")
    assert one.body.count("<textarea") == len(cells.CELLS)
    assert one.files["try-package.js"].startswith(b"globalThis.scratchvaePackage = ")
