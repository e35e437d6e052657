"""The house rules that a test can enforce: floors, circles, frameworks, names, docstrings, pullbacks."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import scratchvae

ROOT = Path(scratchvae.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
FLOORS = [
    {"arrays"},
    {"arguments", "choices", "cpu", "files", "memory", "schema"},
    {"strict_json"},
    {"kernels"},
    {"ops"},
    {"distributions"},
    {"layers"},
    {"flows"},
    {"posteriors", "likelihoods"},
    {"priors"},
    {"objectives"},
    {"evaluation"},
    {"training"},
    {"networks"},
    {"models"},
    {"recipes"},
    {"runs", "reference", "bench"},
    {"site"},
    {"commands", "pytest_plugin"},
    {"__main__"},
]
SIDE_ROOMS = {"checks", "data", "plots"}  # import the ground floor only; any floor above it may import them


def room_of(path):
    inside = path.relative_to(ROOT)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def level(room):
    return 2.5 if room in SIDE_ROOMS else next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "scratchvae")
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def id_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=id_of)
def test_imports_run_downstairs_only(path):
    room = room_of(path)
    if room == "__init__":
        return
    for module in imports(path):
        parts = module.split(".")
        if parts[0] != "scratchvae" or len(parts) == 1 or parts[1].startswith("__") or parts[1] == room:
            continue
        assert level(parts[1]) < level(room), f"{id_of(path)} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=id_of)
def test_a_framework_is_imported_only_inside_the_functions_that_need_it(path):
    modules = {module.split(".")[0] for module in imports(path)} & {
        "torch",
        "jax",
        "keras",
        "flax",
        "tensorflow",
        "dask",
    }
    rooms = {"bench", "frameworks", "runs"}
    allowed = (
        {path.stem.split("_")[0]} & {"torch", "jax", "keras", "dask"} if path.parent.name in rooms else set()
    )
    assert modules <= allowed
    top = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    frameworks = {"torch", "jax", "keras", "dask"}
    assert not any(alias.name.split(".")[0] in frameworks for node in top for alias in node.names)
    assert not any(
        isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in frameworks for node in top
    )


def graph():
    modules = {
        ".".join(("scratchvae", *p.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): p
        for p in FILES
    }
    return {
        name: {m for m in imports(path) if m in modules and m not in ("scratchvae", name)}
        for name, path in modules.items()
    }


def test_no_import_goes_in_a_circle():
    edges, done = graph(), set()

    def visit(name, trail):
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in edges[name]:
                if not name.startswith(f"{other}."):  # a file may be reached through its own room's __init__
                    visit(other, (*trail, name))
            done.add(name)

    for name in edges:
        visit(name, ())


# the files that are still to be split: none of these may grow, and any other file has at most 250 lines
LONG = {
    "arrays.py": 286,
    "distributions/gaussian.py": 272,
    "distributions/gaussian_full.py": 267,
    "kernels/compiled/compiler.py": 258,
    "kernels/compiled/exponential.py": 255,
    "models/coding.py": 291,
    "models/conditional_vae.py": 254,
    "models/estimator.py": 278,
    "models/helmholtz.py": 305,
    "models/latent_variable_model.py": 296,
    "models/linear_gaussian.py": 252,
    "reference/frameworks/laws.py": 256,
    "reference/frameworks/likelihood.py": 258,
    "reference/frameworks/quantities.py": 315,
    "reference/frameworks/roles.py": 268,
    "reference/frameworks/torch_check.py": 257,
    "reference/frameworks/torch_flow.py": 275,
    "reference/frameworks/torch_step.py": 285,
    "reference/frameworks/torch_training.py": 270,
    "training/loop.py": 251,
}


@pytest.mark.parametrize("path", FILES, ids=id_of)
def test_files_are_named_by_a_noun_and_stay_short(path):
    assert path.stem.strip("_") not in {"utils", "util", "helpers", "common", "misc", "base", "core"}
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONG.get(path.relative_to(ROOT).as_posix(), 250)


# the rooms and files whose words and lines were gone through
READ = (
    "__",
    "arguments",
    "bench/",
    "commands/",
    "cpu",
    "data/",
    "files",
    "memory",
    "plots/",
    "pytest_plugin",
    "reference/__init__",
    "reference/cases/",
    "reference/certificate/",
    "reference/golden/",
    "runs/",
    "schema",
    "site/",
    "strict_json",
)
RUNNER = "reference/golden/runners/runner.py"  # it is shown whole, as a program of at most 44 lines


@pytest.mark.parametrize("path", [path for path in FILES if id_of(path).startswith(READ)], ids=id_of)
def test_a_docstring_begins_with_one_line_and_a_line_has_at_most_110_columns(path):
    text = path.read_text(encoding="utf-8")
    for i, line in enumerate(text.splitlines(), 1):
        assert len(line) <= 110 or id_of(path) == RUNNER, f"line {i}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = (ast.get_docstring(node) or "").split("\n\n")[0]
            assert "\n" not in first, first


@pytest.mark.parametrize("path", FILES, ids=id_of)
def test_every_public_thing_has_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body, "the file has none"
    if "compiled" in path.parts:
        return  # the textbook twins say what each computes
    documented = (ast.FunctionDef, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, documented) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize(
    "path", [p for p in FILES if room_of(p) in {"ops", "distributions", "objectives"}], ids=id_of
)
def test_a_pullback_is_defined_last(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            inner = [
                i
                for i, child in enumerate(node.body)
                if isinstance(child, ast.FunctionDef) and "pullback" in child.name
            ]
            if inner:
                assert inner == [len(node.body) - 2], (
                    f"{node.name}: nothing its pullback reads may be rebound after it"
                )
                assert isinstance(node.body[-1], ast.Return)


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import scratchvae", {"matplotlib", "scipy.stats", "torch", "jax", "numba"}),
        (
            "from scratchvae import recipes, objectives, training",
            {"matplotlib", "scipy.stats", "torch", "jax", "pandas"},
        ),
    ],
)
def test_what_is_slow_is_imported_only_when_it_is_needed(statement, absent):
    code = f"import sys; {statement}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not absent & set(loaded)


@pytest.mark.parametrize(
    "path", [f for f in FILES if f.name == "__init__.py"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_room_has_one_list_of_what_it_offers(path):
    assert path.read_text(encoding="utf-8").count("__all__ =") <= 1


@pytest.mark.parametrize("room", sorted(set().union(*FLOORS, SIDE_ROOMS) - {"__main__", "commands"}))
def test_every_room_is_reached_from_the_package(room):
    assert getattr(scratchvae, room).__name__ == f"scratchvae.{room}"
    assert room in dir(scratchvae)


def test_what_everybody_reaches_for_is_at_the_top():
    for name, room in scratchvae.NAMES.items():
        assert getattr(scratchvae, name) is getattr(getattr(scratchvae, room), name)
        assert name in dir(scratchvae)


def test_an_unknown_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_room"):
        scratchvae.no_such_room  # noqa: B018


def test_a_law_is_added_by_five_files():
    """Those that name Student's t, which nothing else is about: what CONTRIBUTING promises for the next
    likelihood.

    They are its distribution, its role, the room's list, its Parts, and the row in the choices. Its own test
    may be a sixth.
    """
    tests = [
        path
        for path in Path(__file__).parent.glob("*.py")
        if path.stem not in {"test_structure", "test_student_t"}
    ]
    words = ("student_t", "StudentT")
    naming = [
        path for path in (*FILES, *tests) if any(word in path.read_text(encoding="utf-8") for word in words)
    ]
    assert len(naming) <= 5, naming
