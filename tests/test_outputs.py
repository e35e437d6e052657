"""What a command writes never takes the place of what it reads, and what a run was judged on can't be changed
by hand.
"""

import json
import shutil

import numpy as np
import pytest

from scratchvae.__main__ import main

SMALL = [
    "--quiet",
    "--no-figures",
    "--latent-dim",
    "2",
    "--hidden",
    "8",
    "--epochs",
    "1",
    "--batch-size",
    "16",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table with an index and a hole, a run on it, and one on a folder of arrays' own kind, small pictures
    in a .npy file.
    """
    folder = tmp_path_factory.mktemp("outputs")
    rng = np.random.default_rng(0)
    rows = [f"{i},{a:.2f},{b:.3f}" for i, (a, b) in enumerate(rng.normal(size=(40, 2)))]
    rows[3] = "3,,0.125"
    (folder / "t.csv").write_text("\n".join([",a,b", *rows]) + "\n")
    np.save(folder / "x.npy", rng.random((40, 4, 4), np.float32))
    for name, data in (("run", "t.csv"), ("images", "x.npy")):
        assert main(["train", "--data", str(folder / data), "--out", str(folder / name), *SMALL]) == 0
    return folder


@pytest.fixture
def copy(made, tmp_path, monkeypatch):
    """The folder again, as the current one; its runs know their data where they were made."""
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for run in ("run", "images"):
        config = json.loads((tmp_path / "here" / run / "config.json").read_text())
        config["data"] = str(tmp_path / "here" / config["data"].rpartition("/")[2])
        (tmp_path / "here" / run / "config.json").write_text(json.dumps(config))
    return tmp_path / "here"


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(capsys, argv, *words):
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    "line",
    [
        "impute run --data t.csv --out t.csv",
        "impute run --data other.csv --out other.csv",
        "impute run --data other.csv --out t.csv",
        "impute run --data t.csv --out ../here/./t.csv",
        "impute run --data t.csv --out link.csv",
        "impute run --data t.csv --out hard.csv",
        "sample run --out t.csv",
        "sample run --out run/metrics.csv",
        "sample run --out images/metrics.csv",
        "sample images --out run/metrics.csv",
        "sample images --out x.npy",
        "reconstruct run --out t.csv",
        "reconstruct images --data other.npy --out x.npy",
        "report run --out run/config.json",
        "report run --out t.csv",
        "report run --out run/judgement.json",
        "evaluate run --json run/checkpoint.safetensors",
        "evaluate run --json run/evaluation.json",
        "evaluate run --json t.csv",
        "compare run images --out run/metrics.csv",
        "compare run images --out t.csv",
        "diagnose x.npy --json x.npy",
        "check --json run/metrics.jsonl",
        "evaluate run --samples 0 --json linked.json",
        "bench --json run/environment.jsonl",
        "sample images --out pictures/one.png",
        "report pictured --out pictures/new.png",
    ],
)
def test_nothing_that_is_read_is_written_over(line, copy, capsys):
    shutil.copy("t.csv", "other.csv")
    shutil.copy("x.npy", "other.npy")
    (copy / "link.csv").symlink_to("t.csv")
    (copy / "hard.csv").hardlink_to("t.csv")
    (copy / "linked.json").symlink_to("run/metrics.jsonl")
    (copy / "pictures").mkdir()
    (copy / "pictures" / "one.png").write_bytes(b"a picture")
    shutil.copytree("images", "pictured")
    config = json.loads((copy / "pictured" / "config.json").read_text())
    for run in ("pictured", "images") if "pictures" in line else ("pictured",):
        (copy / run / "config.json").write_text(json.dumps(config | {"data": str(copy / "pictures")}))
    before = contents(copy)
    refused(capsys, line.split(), "should be a file of its own")
    assert contents(copy) == before


def test_a_run_and_a_sweep_do_not_write_over_their_own_data(copy, capsys):
    (copy / "new").mkdir()
    shutil.copy("t.csv", "new/metrics.csv")
    shutil.copy("t.csv", "new/table.csv")
    before = contents(copy)
    refused(
        capsys,
        ["train", "--data", "new/metrics.csv", "--out", "new", *SMALL],
        "metrics.csv",
        "another folder",
    )
    refused(
        capsys,
        ["sweep", "seed=0,1", "--out", "new", "--", "--data", "new/table.csv"],
        "table.csv",
        "of its own",
    )
    assert contents(copy) == before


def test_other_files_are_written_where_they_are_asked_for(copy, capsys):
    for line in (
        "sample run --out new.csv",
        "sample run --out run/mine.csv",
        "sample run",
        "sample run --out new.csv",
    ):
        assert main(line.split()) == 0
    assert {"new.csv", "run/mine.csv", "run/samples.csv"} <= {
        str(path.relative_to(copy)) for path in contents(copy)
    }


def test_the_index_of_a_data_frame_comes_back(copy):
    imputing = ["impute", "run", "--data", "t.csv", "--samples", "20", "--out"]
    assert main([*imputing, "full.csv"]) == 0
    before, after = (copy / "t.csv").read_text().splitlines(), (copy / "full.csv").read_text().splitlines()
    assert after[0] == ",a,b"
    assert after[1:4] + after[5:] == before[1:4] + before[5:]
    index, filled, known = after[4].split(",")
    assert (index, known) == ("3", "0.125")
    assert len(filled.partition(".")[2]) <= 2  # as many decimals as the column has
    assert main([*imputing, "five.csv", "--draws", "2"]) == 0
    lines = (copy / "five.csv").read_text().splitlines()
    assert lines[0] == ".imp,.id,a,b"
    assert [line.split(",")[:2] for line in lines[1:]] == [
        [str(m), str(i)] for m in (1, 2) for i in range(40)
    ]


EDITS = {
    "seed": 3,
    "held_out": 7,
    "held_out_last": True,
    "limit": 20,
    "columns": "a=ignored",
    "kind": "counts",
    "settings": {},
}
EDITS["objective"] = "iwae(samples=5)"


@pytest.mark.parametrize("entry", EDITS)
@pytest.mark.parametrize(
    "command", ["evaluate run", "report run", "plot run", "sample run", "impute run --out n.csv"]
)
def test_a_config_that_was_changed_by_hand_judges_nothing(entry, command, copy, capsys):
    config = json.loads((copy / "run" / "config.json").read_text())
    (copy / "run" / "config.json").write_text(json.dumps(config | {entry: EDITS[entry]}))
    refused(capsys, command.split(), "config.json" if entry == "settings" else entry, "config.json")


def test_a_comparison_names_the_config_that_was_changed(copy, capsys):
    config = json.loads((copy / "run" / "config.json").read_text())
    (copy / "run" / "config.json").write_text(json.dumps(config | {"seed": 3}))
    assert main(["compare", "run", "images", "--out", "c.png"]) == 0
    assert "seed 0, config.json says 3" in capsys.readouterr().out
