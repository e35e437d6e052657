"""What a newcomer meets: laws that the data choose, seeds that share their held-out examples, and sentences
that help.
"""

import json
import logging
import re
from dataclasses import replace

import numpy as np
import pytest

from scratchvae import plots
from scratchvae.__main__ import main
from scratchvae.data import as_table, read_texts
from scratchvae.data.decimals import rounded
from scratchvae.runs import Config, Run, grid, read_run, sweep
from scratchvae.runs.comparison import compared_over_seeds, repeated
from scratchvae.runs.filling import filled
from scratchvae.runs.judgement import judge
from scratchvae.runs.measurement import passes
from scratchvae.runs.seeds import in_words, over_seeds
from scratchvae.runs.trial import Trial

RNG = np.random.default_rng(0)
SMALL = [
    "--quiet",
    "--no-figures",
    "--latent-dim",
    "2",
    "--hidden",
    "4",
    "--epochs",
    "1",
    "--batch-size",
    "16",
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a small file of each kind."""
    monkeypatch.chdir(tmp_path)
    words = ["sea", "hill", "cat", "dog", "run"]
    (tmp_path / "text.txt").write_text("\n\n".join(" ".join(RNG.choice(words, 8)) for _ in range(30)))
    np.save("counts.npy", RNG.poisson(3, (30, 4)))
    np.save("reals.npy", RNG.normal(size=(30, 4)))
    np.save("unit.npy", RNG.random((30, 4)))
    np.savez("labelled.npz", x=RNG.random((30, 4)), labels=np.arange(30) % 3)
    np.savez("conditioned.npz", x=RNG.random((30, 4)), conditions=RNG.normal(size=(30, 2)))
    rows = [f"{a:.2f},{'abc'[k % 3]}" for k, a in enumerate(RNG.normal(5, 1, 30))]
    (tmp_path / "table.csv").write_text("\n".join(["size,kind", *rows]) + "\n")
    return tmp_path


def says(capsys, argv, status, *words):
    """What a command writes to both streams holds these words."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == status
    said = "".join(capsys.readouterr())
    for word in words:
        assert word in said
    return said


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--data", "text.txt"], "likelihood=multinomial"),
        (["--data", "counts.npy", "--kind", "counts"], "likelihood=negative_binomial"),
        (["--data", "counts.npy", "--kind", "counts", "--likelihood", "poisson"], "likelihood=poisson"),
        (["--data", "labelled.npz", "--model", "conditional_vae"], "classes=3"),
        (["--data", "conditioned.npz", "--model", "conditional_vae"], "condition_dim=2"),
        (["--data", "labelled.npz", "--model", "conditional_vae", "--classes", "5"], "classes=5"),
    ],
)
def test_the_data_choose_what_the_recipe_leaves_open(options, chosen, here, capsys):
    says(capsys, ["train", *options, "--out", "run", *SMALL], 0)
    assert chosen in json.loads((here / "run" / "config.json").read_text())["recipe"]
    assert main(["evaluate", "run", "--samples", "2"]) == 0


def test_what_the_data_have_chosen_is_the_run_that_was_planned(here):
    planned = Config(data=str(here / "text.txt"), recipe="mlp(hidden=4)", epochs=1)
    run = Run.start(here / "run", planned)
    Trial({}, planned, here / "run").require_own()
    with pytest.raises(ValueError, match="other settings, recipe"):
        Trial({}, replace(planned, recipe="mlp(hidden=5)"), here / "run").require_own()
    assert filled(run.config, run.data) == run.config  # what is chosen stays so


@pytest.mark.parametrize(
    ("argv", "words", "never"),
    [
        (["train", "--data", "reals.npy"], ["--likelihood gaussian"], "pixels"),
        (
            ["train", "--data", "counts.npy", "--kind", "counts", "--likelihood", "bernoulli"],
            ["poisson"],
            "pixels",
        ),
        (["train", "--data", "nothing.csv"], [".csv"], "Traceback"),
        (["train", "--bogus"], ["unknown option --bogus"], "did you mean"),
        (["train", "--epoch", "3"], ["(did you mean --epochs?)"], "lists all"),
        (["train", "--out", "text.txt"], ["text.txt should be the folder"], "figures"),
        (["sweep", "beta=1,2", "--data", "table.csv"], ["come last, behind a --"], "did you mean"),
        (["sweep", "data=a.csv,b.csv"], ["in quotes"], "Perhaps"),
        (["sweep", "data=/a/b.csv"], ["in quotes"], "invalid syntax"),
        (["sweep", "seed=0..1e9"], ["whole numbers"], "Perhaps"),
        (["compare", "nosuch", "neither"], ["nosuch should be", "nothing there"], "damaged"),
    ],
)
def test_a_sentence_says_what_helps(argv, words, never, here, capsys):
    assert never not in says(capsys, argv, 2, *words)


def test_headers_of_numbers_have_two_remedies(here, capsys):
    (here / "pandas.csv").write_text(",0,1\n0,1.5,2\n1,2.5,3\n")
    says(
        capsys, ["train", "--data", "pandas.csv"], 2, "begin each with a letter", "put a line of names above"
    )


def test_sample_says_how_a_file_should_end_and_what_y_may_be(here, capsys):
    for data, options, run in (("table.csv", [], "t"), ("labelled.npz", ["--model", "conditional_vae"], "c")):
        assert main(["train", "--data", data, "--out", run, *options, *SMALL]) == 0
    says(capsys, ["sample", "t", "--out", "t.png"], 2, "FILE.csv")
    says(capsys, ["sample", "c", "--out", "c.npy"], 2, "--y 2")


def test_a_sweep_over_seeds_judges_all_on_the_same_examples(here, capsys):
    common = {"data": str(here / "table.csv"), "recipe": "mlp(hidden=4, latent_dim=2)", "epochs": 1}
    commands = grid({"beta": (1, 4), "seed": (3, 5)})
    rows = sweep(commands, folder=here / "sweep", common=common)
    folders = sorted(path for path in (here / "sweep").iterdir() if path.is_dir())
    held_out = [Run.open(folder).judged.images for folder in folders]
    assert all((one == held_out[0]).all() for one in held_out)
    readings = [read_run(folder) for folder in folders]
    seeds = compared_over_seeds(readings, [folder.name for folder in folders])
    assert [(row["beta"], row["seeds"]) for row in seeds] == [(1, 2), (4, 2)]
    assert len(set(repeated(readings))) == 2
    bounds = [row["bound"] for row in rows if row["beta"] == 4]
    found = over_seeds(rows, ["beta", "seed"], ["bound"])[1]["bound"]
    assert found == {"mean": pytest.approx(np.mean(bounds)), "sd": pytest.approx(np.std(bounds, ddof=1))}
    own = sweep(commands, folder=here / "own", common=common | {"held_out_seed": 9})
    assert Run.open(next((here / "own").glob("*seed3"))).config.held_out_seed == 9
    assert own[0]["bound"] != rows[0]["bound"]
    says(capsys, ["compare", "sweep", "--format", "markdown", "--out", "c.png"], 0, "Over seeds", "±")


def test_a_sweep_of_an_older_version_goes_on_as_it_began(here):
    common = Config(data=str(here / "table.csv"), recipe="mlp(hidden=4, latent_dim=2)", epochs=1)
    Run.start(here / "sweep" / "seed1", replace(common, seed=1)).claim.release()
    sweep(grid({"seed": (1, 2)}), folder=here / "sweep", common=common)
    assert [Run.open(here / "sweep" / name).config.held_out_seed for name in ("seed1", "seed2")] == [
        None,
        None,
    ]


def test_means_over_seeds_need_two_numbers_of_one_setting():
    rows = [
        {"beta": 1, "seed": 0, "bound": -2.0},
        {"beta": 1, "seed": 1, "bound": None},
        {"beta": 2, "seed": 0, "bound": -1.0},
    ]
    assert over_seeds(rows, ["beta", "seed"], ["bound"]) == [{"beta": 1, "seeds": 2, "bound": None}]
    assert in_words(over_seeds(rows, ["beta", "seed"], ["bound"])) == [{"beta": 1, "seeds": 2}]
    assert over_seeds(rows[1:], ["beta", "seed"], ["bound"]) == []
    assert over_seeds(rows[:1] * 2, ["beta", "seed"], ["bound"]) == []  # one seed, twice


def test_a_judgement_says_how_sure_it_is(here, capsys):
    assert main(["train", "--data", "table.csv", "--out", "run", *SMALL]) == 0
    run = Run.open(here / "run")
    judgement = judge(run, run.training())
    assert [passes(n) for n in (1, 3, 20, 600, 10_000)] == [100, 100, 100, 4, 4]
    bounds = [terms["bound"] for terms in judgement._drawn(run.judged)]
    assert len(set(bounds)) == 100
    assert judgement.terms["bound"] == pytest.approx(np.mean(bounds))
    assert judgement.error("bound") == (pytest.approx(np.std(bounds, ddof=1) / 10), "draws")
    assert judgement.error("log_likelihood") == (
        pytest.approx(np.std(judgement.log_px, ddof=1) / 3**0.5),
        "examples",
    )
    assert "over the draws" in judgement.table(judgement.metrics())
    assert set(json.loads((here / "run" / "evaluation.json").read_text())["standard_errors"]) == {
        "bound",
        "log_likelihood",
    }


def test_numbers_have_the_decimals_of_their_column(here):
    (here / "d.csv").write_text("a,b,c,d\n1.25,0.5,1e-3,0.1234567890123\n2,0.1,2.5,3\n3.5,0.2,7,1\n")
    schema = as_table(here / "d.csv", "b=positive").schema
    assert [column.decimals for column in schema.columns] == [2, 1, 3, None]
    assert type(schema).from_entries(schema.to_entries(), "here") == schema
    cells = schema.to_columns(np.array([[2.4295404, 0.01, 1.23456, 0.123456]], np.float32))
    assert [str(cells[name][0]) for name in "abcd"] == ["2.43", "0.1", "1.235", "0.123456"]
    assert np.isnan(rounded(np.array([np.nan, 1.26]), 1, positive=True)).tolist() == [True, False]


def test_runs_that_repeat_each_other_look_alike():
    curves = {name: ([1, 2], [-3.0 - k, -2.0 - k]) for k, name in enumerate("abcd")}
    figure = plots.bounds({"": curves}, alike={"a": 1, "b": 1, "c": 2})
    lines = {line.get_color() for line in figure.axes[0].lines}
    assert len(lines) == 3
    assert sorted(line.get_linewidth() for line in figure.axes[0].lines) == [0.7, 0.7, 1.2, 1.2]


def test_pictures_of_a_table(here, capsys):
    assert (
        main(
            [
                "train",
                "--data",
                "table.csv",
                "--out",
                "run",
                *[word for word in SMALL if word != "--no-figures"],
            ]
        )
        == 0
    )
    assert {path.name for path in (here / "run" / "figures").iterdir()} == {
        "codes.png",
        "columns.png",
        "curves.png",
    }
    from scratchvae.runs import figures

    run = Run.open(here / "run")
    assert "by kind" in figures.codes(run).axes[0].get_title()
    assert [axes.get_title() for axes in figures.columns(run).axes] == ["size", "kind"]


def test_one_of_a_kind_is_no_plural(here, capsys):
    """A run with one latent, step and epoch, judged on one example with one draw."""
    one = [
        "--epochs",
        "1",
        "--latent-dim",
        "1",
        "--hidden",
        "4",
        "--held-out",
        "1",
        "--quiet",
        "--no-figures",
    ]
    said = []
    for command in (
        ["train", "--data", "unit.npy", "--out", "run", *one],
        ["train", "--resume", "run", "--quiet", "--no-figures"],
        ["evaluate", "run", "--samples", "1"],
        ["evaluate", "run", "--split", "train", "--limit", "2", "--likelihood-of", "1"],
        ["info", "run"],
        ["impute", "run", "--hide", "0.5", "--samples", "1"],
    ):
        capsys.readouterr()
        assert main(command) == 0
        said.append(capsys.readouterr().out)
    assert "with 1 latent," in said[0]
    assert "after 1 epoch, 1 step, on the 1 held-out example:" in said[0]
    assert "resumed after 1 step\n" in said[1]
    assert "(1 draw each of 1 example)" in said[2]
    assert "bound, same 1 example" in said[3]
    assert "1 of 1 epoch, 1 step\n" in said[4]
    plural = re.compile(r"(?<![\d.,])1 (held-out )?(draw|epoch|example|latent|parameter|step)s\b")
    assert not plural.findall("".join(said))


@pytest.mark.parametrize(("between", "hint"), [("\n", True), ("\n\n", False)])
def test_a_text_that_is_one_document_is_said(between, hint, here, caplog):
    """Lines without a blank one between them are one document, which a newcomer may take for many."""
    caplog.set_level(logging.INFO, "scratchvae")
    (here / "lines.txt").write_text(between.join(["the sea", "a hill", "the cat"]))
    assert len(read_texts("lines.txt")) == (1 if hint else 3)
    said = "lines.txt is one document, as no blank line separates its lines from each other"
    assert [record.getMessage() for record in caplog.records] == [said] * hint


def test_where_a_folder_holds_classes_is_said(here, capsys):
    (here / "texts").mkdir()
    for k in range(12):
        (here / "texts" / f"{k}.txt").write_text("the sea and a hill")
    words = "a folder holds each class in a sub-folder"
    says(capsys, ["train", "--model", "m2", "--data", "texts", "--labelled", "4", *SMALL], 2, words)
