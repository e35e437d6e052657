"""Tables on the command line: a file of cells is trained on, imputed and sampled, and comes back as the table
that it was.
"""

import json
import shutil

import numpy as np
import pytest

from scratchvae.__main__ import main
from scratchvae.data import load
from scratchvae.data.table_files import read_cells
from scratchvae.runs import Run

RNG = np.random.default_rng(0)
N = 60
QUIET = ["--quiet", "--no-figures"]
SMALL = [*QUIET, "--latent-dim", "2", "--hidden", "8", "--epochs", "2", "--batch-size", "16"]


def write_table(path, *, n=N, hidden=0.2, seed=0):
    """A table of every kind of column, a fifth of whose cells are missing; the identifiers never are."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    columns = {
        "patient": [f"p{i:03}" for i in range(n)],
        "blood pressure": [f"{120 + 10 * v + rng.normal():.1f}" for v in z],
        "age": [str(int(v)) for v in np.clip(50 + 12 * z, 18, 90)],
        "visits": [str(v) for v in rng.poisson(np.exp(z))],
        "stage": [["I", "II", "III"][int(v)] for v in np.clip(z + 1.5, 0, 2)],
        "sex": [["f", "m"][int(v)] for v in rng.random(n) < 0.5],
        "site": list(rng.choice(["Bern, CH", "Graz", "Ulm"], n)),
        "dose": [f"{np.exp(v):.3f}" for v in z],
    }
    for name, cells in columns.items():
        holes = rng.random(n) < hidden
        columns[name] = [
            "NA" if hole and name != "patient" else cell for cell, hole in zip(cells, holes, strict=True)
        ]
    lines = ["\t".join(columns), *("\t".join(row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return columns


COLUMNS = "patient=ignored, age=real, stage=ordered(I, II, III), dose=positive"
KINDS = ["real", "real", "count", "ordered", "binary", "categorical", "positive"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    write_table(folder / "patients.tsv")
    argv = [
        "train",
        "--data",
        str(folder / "patients.tsv"),
        "--columns",
        COLUMNS,
        "--out",
        str(folder / "run"),
        *SMALL,
    ]
    assert main(argv) == 0
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    shutil.copytree(trained / "run", tmp_path / "run")
    return tmp_path / "run"


def test_train_says_what_the_columns_are_and_keeps_it(trained, tmp_path, capsys):
    argv = [
        "train",
        "--data",
        str(trained / "patients.tsv"),
        "--columns",
        COLUMNS,
        "--out",
        str(tmp_path / "run"),
        *SMALL,
    ]
    assert main(argv) == 0
    said = capsys.readouterr().out
    for line in (
        "real        blood pressure, age",
        "ordered     stage (I, II, III)",
        "left out    patient",
        "count       visits",
    ):
        assert line in said
    one = Run.open(tmp_path / "run")
    assert [column.kind for column in one.schema.columns] == KINDS
    assert one.schema == load(trained / "patients.tsv", columns=COLUMNS).schema == one.model.likelihood.schema
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["columns"] == COLUMNS
    assert config["schema"]["columns"][3] == {
        "name": "stage",
        "kind": "ordered",
        "values": "text",
        "levels": ["I", "II", "III"],
    }


def test_imputing_a_file_leaves_what_was_observed_as_it_is_written(trained, copy, tmp_path, capsys):
    path, out = tmp_path / "others.csv", tmp_path / "full.csv"
    given = write_table(path, n=20, seed=1)
    assert main(["impute", str(copy), "--data", str(path), "--out", str(out), "--samples", "20"]) == 0
    assert "20 examples" in capsys.readouterr().out
    full = read_cells(out)
    assert list(full) == list(given)
    for name, cells in given.items():
        for before, after in zip(cells, full[name], strict=True):
            assert after == before or before == "NA"
    assert not any(cell in ("", "NA", "nan") for cells in full.values() for cell in cells)
    assert all(cell.lstrip("-").isdigit() for name in ("age", "visits") for cell in full[name])
    assert set(full["stage"]) <= {"I", "II", "III"}
    assert set(full["site"]) <= {"Bern, CH", "Graz", "Ulm"}
    assert min(float(cell) for cell in full["dose"]) > 0
    again = load(out, columns=Run.open(copy).schema)
    assert again.observed is None


def test_several_imputations_stand_below_each_other(trained, copy, tmp_path):
    out = tmp_path / "draws.tsv"
    assert (
        main(
            ["impute", str(copy), "--data", str(trained / "patients.tsv"), "--out", str(out), "--draws", "3"]
        )
        == 0
    )
    full = read_cells(out)
    assert full[".imp"] == [str(k) for k in (1, 2, 3) for _ in range(N)]
    assert full["patient"] == 3 * [f"p{i:03}" for i in range(N)]
    given = read_cells(trained / "patients.tsv")["dose"]
    for row, cell in enumerate(given):
        drawn = {full["dose"][k * N + row] for k in range(3)}
        assert len(drawn) == (3 if cell == "NA" else 1)


def test_sample_and_reconstruct_write_tables(copy, tmp_path, capsys):
    assert main(["sample", str(copy), "-n", "30"]) == 0
    assert main(["reconstruct", str(copy), "--out", str(tmp_path / "r.tsv")]) == 0
    one = Run.open(copy)
    for path, rows in ((copy / "samples.csv", 30), (tmp_path / "r.tsv", len(one.held_out))):
        cells = read_cells(path)
        assert list(cells) == list(one.schema.names)
        assert load(path, columns=one.schema).images.shape == (rows, 7)
    assert len(set(read_cells(copy / "samples.csv")["visits"])) > 2  # draws, no expectations
    assert main(["sample", str(copy), "-n", "2", "--out", str(tmp_path / "x.npy")]) == 0
    assert np.load(tmp_path / "x.npy").shape == (2, 7)


def test_the_held_out_rows_are_imputed_without_a_file(copy, tmp_path):
    assert main(["impute", str(copy), "--out", str(tmp_path / "held_out.csv"), "--samples", "5"]) == 0
    one = Run.open(copy)
    full = load(tmp_path / "held_out.csv", columns=one.schema)
    seen = one.held_out.observed
    # float32 in the model
    np.testing.assert_allclose(full.images[seen], one.held_out.images[seen], rtol=1e-6)
    assert full.observed is None


def test_evaluate_info_and_plot_take_a_run_of_a_table(copy, capsys):
    assert main(["evaluate", str(copy), "--samples", "3"]) == 0
    assert main(["info", str(copy)]) == 0
    assert main(["plot", str(copy), "curves"]) == 0
    assert "nan" not in capsys.readouterr().out


def test_a_resumed_run_is_the_run_that_never_stopped(trained, copy, tmp_path):
    argv = [
        "train",
        "--data",
        str(trained / "patients.tsv"),
        "--columns",
        COLUMNS,
        "--out",
        str(tmp_path / "long"),
        *SMALL,
    ]
    argv[argv.index("--epochs") + 1] = "4"
    assert main(argv) == 0
    assert main(["train", "--resume", str(copy), "--epochs", "4", *QUIET]) == 0
    read = [(folder / "metrics.jsonl").read_text().splitlines() for folder in (copy, tmp_path / "long")]
    for one, two in zip(*read, strict=True):
        first, second = json.loads(one), json.loads(two)
        assert {**first, "seconds": 0} == {**second, "seconds": 0}


DAMAGE = {  # what becomes of config.json, and words of the one sentence
    "another kind": (
        lambda s: s["columns"][0].update(kind="positive"),
        "column 0 should be blood pressure, real; found blood pressure, positive, in",
    ),
    "a level more": (
        lambda s: s["columns"][4]["levels"].__setitem__(0, "x"),
        "column 4 should be sex (f, m), binary; found sex (x, m), binary, in the schema",
    ),
    "an odd kind": (lambda s: s["columns"][0].update(kind="odd"), "kind should be one of"),
    "no columns": (lambda s: s["columns"].clear(), "schema should have columns"),
    "a number": (lambda s: s.update(columns=3), "schema.columns should be a list, found 3"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_resume_checks_the_schema(kind, copy, capsys):
    change, words = DAMAGE[kind]
    path = copy / "config.json"
    config = json.loads(path.read_text())
    change(config["schema"])
    path.write_text(json.dumps(config))
    assert main(["train", "--resume", str(copy), *QUIET]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_a_file_that_has_changed_is_no_longer_the_run_s(trained, copy, tmp_path, capsys):
    moved = tmp_path / "moved.tsv"
    moved.write_text((trained / "patients.tsv").read_text().replace("Graz", "Linz"))
    path = copy / "config.json"
    path.write_text(path.read_text().replace(str(trained / "patients.tsv"), str(moved)))
    assert main(["train", "--resume", str(copy), *QUIET]) == 2
    assert (
        "should hold one of its levels, Bern, CH, Graz, Ulm; found 'Linz' in row" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["sample", "RUN", "--out", "x.png"], "a picture needs images"),
        (
            ["reconstruct", "RUN", "--out", "x.png"],
            "should be a .csv or .tsv file, as the run's data are a table",
        ),
        (["impute", "RUN", "--out", "x.png"], "or of a table a .csv or .tsv file"),
        (["impute", "RUN", "--data", "glyphs", "--out", "x.csv"], "columns are for a table"),
        (["train", "--data", "glyphs", "--columns", "a=real"], "columns are for a table"),
        (["train", "--data", "TABLE", *QUIET], "looks like names or identifiers"),
        (["train", "--data", "TABLE", "--columns", "x=real", *QUIET], "'x' should be a column of the table"),
        (
            ["train", "--data", "TABLE", "--columns", COLUMNS, "--likelihood", "gaussian", *QUIET],
            "found the levels of stage, site",
        ),
        (
            ["train", "--data", "TABLE", "--columns", COLUMNS, "--recipe", "factor_analysis", *QUIET],
            "recipe factor_analysis should",
        ),
        (
            ["train", "--data", "TABLE", "--columns", COLUMNS, "--standardize", *QUIET],
            "standardize should be left out with a table",
        ),
    ],
)
def test_what_does_not_fit_a_table_is_one_sentence(argv, words, trained, copy, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [{"RUN": str(copy), "TABLE": str(trained / "patients.tsv")}.get(word, word) for word in argv]
    assert main(given) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert not list(tmp_path.glob("x.*"))
    assert not (tmp_path / "runs").exists()


def test_a_table_is_written_of_tables_alone(tmp_path, capsys):
    np.save(tmp_path / "x.npy", RNG.random((20, 3)).astype(np.float32))
    assert main(["train", "--data", str(tmp_path / "x.npy"), "--out", str(tmp_path / "run"), *SMALL]) == 0
    for verb in (["sample"], ["reconstruct"], ["impute"]):
        assert main([verb[0], str(tmp_path / "run"), "--out", str(tmp_path / "x.csv")]) == 2
        assert "only a run whose data are a table, a .csv or .tsv file" in capsys.readouterr().err


def test_a_table_of_numbers_goes_with_any_recipe(tmp_path):
    (tmp_path / "t.csv").write_text(
        "a,b\n" + "".join(f"{i + 0.5},{(7 * i) % 11 + 0.25}\n" for i in range(30))
    )
    for k, options in enumerate(
        (
            ["--recipe", "factor_analysis(latent_dim=1)"],
            ["--likelihood", "gaussian_optimal", "--standardize", *SMALL],
        )
    ):
        run = tmp_path / f"run{k}"
        assert main(["train", "--data", str(tmp_path / "t.csv"), "--out", str(run), *QUIET, *options]) == 0
        assert main(["sample", str(run), "-n", "3"]) == 0
        assert list(read_cells(run / "samples.csv")) == ["a", "b"]
