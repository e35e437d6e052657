"""Runs read from their folders: what `list` and `compare` say of whole, running and damaged ones, in every
format.
"""

import csv
import io
import json
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from scratchvae import plots
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import read_safetensors, read_safetensors_metadata
from scratchvae.plots.labels import round_numbers, visible_range
from scratchvae.runs import (
    Config,
    Run,
    compared,
    differing,
    groups,
    listed,
    read_run,
    read_runs,
    remarks,
    settings,
)
from scratchvae.runs.claim import Claim
from scratchvae.runs.environment import environment, read_environments
from scratchvae.runs.formats import FORMATS, duration, printable
from scratchvae.runs.report import report
from scratchvae.training import load_checkpoint

RNG = np.random.default_rng(3)
FILES = ("config.json", "metrics.jsonl", "checkpoint.safetensors")
RUNS = {  # name: options beyond those of all
    "beta1": ["--beta", "1"],
    "beta4": ["--beta", "4"],
    "gaussian": ["--likelihood", "gaussian"],
    "nothing-held-out": ["--held-out", "0"],
    "steep": ["--patience", "1", "--learning-rate", "2", "--epochs", "40"],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small runs on the same 60 images."""
    root = tmp_path_factory.mktemp("experiment")
    np.save(root / "images.npy", RNG.random((60, 4, 4), np.float32))
    for name, options in RUNS.items():
        argv = [
            "train",
            "--data",
            str(root / "images.npy"),
            "--out",
            str(root / "runs" / name),
            "--epochs",
            "3",
        ]
        assert main([*argv, "--latent-dim", "2", "--hidden", "5", "--quiet", "--no-figures", *options]) == 0
    return root / "runs"


@pytest.fixture
def copies(trained, tmp_path):
    """Copies of them, to be damaged."""
    for name in RUNS:
        (tmp_path / name).mkdir()
        for file in FILES:
            (tmp_path / name / file).write_bytes((trained / name / file).read_bytes())
    return tmp_path


def printed(capsys, *argv, status=0):
    """What the command prints on standard output, and on standard error."""
    capsys.readouterr()
    assert main([str(a) for a in argv]) == status
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return out, err


def best_bound(folder):
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return max(record["held_out"]["bound"] for record in records)


def test_list_says_state_differences_best_bound_and_time(trained, capsys):
    rows = json.loads(printed(capsys, "list", trained, "--format", "json")[0])
    by_name = {row["run"]: row for row in rows}
    assert list(by_name) == sorted(RUNS)
    for name in ("beta1", "beta4", "gaussian", "steep"):
        assert by_name[name]["bound"] == best_bound(trained / name)
    assert by_name["nothing-held-out"]["bound"] is None
    assert by_name["beta1"]["state"] == "done"
    assert by_name["steep"]["state"].startswith("stopped early, epoch ")
    assert [by_name[name]["beta"] for name in ("beta1", "beta4")] == [1, 4]
    assert by_name["gaussian"]["likelihood"] == "gaussian"
    assert by_name["beta1"]["seconds"] > 0
    assert "hidden" not in rows[0]  # in which all agree
    table = printed(capsys, "list", trained)[0]
    for words in (
        "beta",
        "likelihood",
        "bound",
        "time",
        f"{best_bound(trained / 'beta4'):.2f}",
        "stopped early",
    ):
        assert words in table
    # columns are aligned
    assert len({line.index("done") for line in table.splitlines() if "done" in line}) == 1


def test_every_format_of_a_list_holds_the_same_numbers(trained, capsys):
    rows = json.loads(printed(capsys, "list", trained, "--format", "json")[0])
    again = list(csv.DictReader(io.StringIO(printed(capsys, "list", trained, "--format", "csv")[0])))
    for row, other in zip(rows, again, strict=True):
        assert list(row) == list(other)
        assert {name: "" if value is None else str(value) for name, value in row.items()} == other
    lines = printed(capsys, "list", trained, "--format", "markdown")[0].strip().splitlines()
    assert len(lines) == 2 + len(rows)
    assert {line.count("|") for line in lines} == {len(rows[0]) + 1}


def cut(name, keep):
    def damage(folder):
        (folder / name).write_bytes((folder / name).read_bytes()[:keep])

    return damage


def written(name, text):
    return lambda folder: (folder / name).write_text(text)


def of_another_recipe(folder):
    entries = json.loads((folder / "config.json").read_text()) | {"recipe": "mlp(latent_dim=3)"}
    (folder / "config.json").write_text(json.dumps(entries))


DAMAGES = {  # how, and words of the sentence
    "config not JSON": (written("config.json", "{"), "config.json should be JSON"),
    "config of another kind": (written("config.json", "[]"), "one JSON object"),
    "config with an unknown entry": (written("config.json", '{"no_such": 1}'), "no_such"),
    "config gone": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "config a folder": (
        lambda f: ((f / "config.json").unlink(), (f / "config.json").mkdir()),
        "can't be read",
    ),
    "another recipe": (of_another_recipe, "was trained with recipe"),
    "checkpoint gone": (lambda folder: (folder / "checkpoint.safetensors").unlink(), "no such file"),
    "checkpoint empty": (cut("checkpoint.safetensors", 0), "found 0 bytes"),
    "checkpoint cut in its header": (cut("checkpoint.safetensors", 100), "header"),
    "checkpoint cut in its weights": (cut("checkpoint.safetensors", -1), "where its header says"),
    "checkpoint of something else": (written("checkpoint.safetensors", "x" * 100), "header"),
    "metrics not JSON": (written("metrics.jsonl", "{\n"), "metrics.jsonl, line 1"),
    "metrics of other names": (written("metrics.jsonl", '{"epoch": 1}\n'), "step should be"),
    "metrics not UTF-8": (lambda folder: (folder / "metrics.jsonl").write_bytes(b"\xff\xfe"), "UTF-8"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_run_is_a_row_and_a_sentence(name, copies, capsys):
    damage, words = DAMAGES[name]
    damage(copies / "beta1")
    for kind in FORMATS:
        out, _ = printed(capsys, "list", copies, "--format", kind)
        assert "damaged" in out
        assert words in out
        for other in RUNS:
            assert other in out
    found = read_run(copies / "beta1")
    assert (found.state, len(found.damage.splitlines())) == ("damaged", 1)
    out, _ = printed(
        capsys, "compare", copies / "beta1", copies / "beta4", copies / "gaussian", "--out", copies / "c.png"
    )
    assert "beta1 is damaged" in out


def test_no_damage_ends_a_list(copies, capsys):
    rng = np.random.default_rng(0)
    whole = {file: (copies / "beta1" / file).read_bytes() for file in FILES}
    for k in range(90):
        file = FILES[k % 3]
        content = bytearray(whole[file])
        for place in rng.integers(0, len(content), 1 + k % 5):
            content[place] = rng.integers(0, 256)
        (copies / "beta1" / file).write_bytes(bytes(content))
        assert "Traceback" not in "".join(printed(capsys, "list", copies / "beta1"))
        (copies / "beta1" / file).write_bytes(whole[file])


def test_a_run_that_is_trained_in_is_running_and_one_that_was_killed_is_not(copies):
    folder = copies / "beta1"
    claim = Claim(folder)
    assert read_run(folder).state == "running, epoch 3 of 3"
    (folder / "config.json").unlink()  # as before it is written
    assert read_run(folder).state == "running, not yet begun"
    claim.release()
    other = copies / "beta4"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = socket.gethostname()
    for content in (f"process {dead.pid} on {here}", "", "process x on y", f"process 1 on {here}"):
        (other / ".lock").write_text(content)  # left over, and locked by nobody
        assert read_run(other).state == "done"
    (other / ".lock").unlink()
    assert {path.name for path in other.iterdir()} == set(FILES)


def test_a_run_says_how_far_it_is(copies, capsys):
    for name, epochs in (("beta1", 7), ("beta4", 1)):
        path = copies / name / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"epochs": epochs}))
    assert read_run(copies / "beta1").state == "epoch 3 of 7"
    assert read_run(copies / "beta4").state == "done"
    for file in ("metrics.jsonl", "checkpoint.safetensors"):
        (copies / "gaussian" / file).unlink()
    assert read_run(copies / "gaussian").state == "epoch 0 of 3"  # it can be begun
    assert "epoch 0 of 3" in printed(capsys, "list", copies)[0]


def test_runs_are_found_below_and_in_the_order_of_numbers(trained, tmp_path, capsys, monkeypatch):
    for name in ("run-10", "run-2", "deep/er/run-1"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        for file in FILES:
            (tmp_path / "runs" / name / file).write_bytes((trained / "beta1" / file).read_bytes())
    (tmp_path / "runs" / "nothing").mkdir()
    monkeypatch.chdir(tmp_path)
    out, _ = printed(capsys, "list")
    assert [line.split()[0] for line in out.splitlines()] == ["run", "deep/er/run-1", "run-2", "run-10"]
    assert "run-10" in printed(capsys, "list", "runs/run-10")[0]
    assert "no runs in" in printed(capsys, "list", "runs/nothing")[1]
    assert json.loads(printed(capsys, "list", "runs/nothing", "--format", "json")[0]) == []
    monkeypatch.chdir(tmp_path / "runs" / "nothing")
    assert "no runs in runs" in printed(capsys, "list")[1]
    assert "should be a folder of runs" in printed(capsys, "list", "nowhere", status=2)[1]


def test_compare_begins_with_what_differs_and_shows_comparable_numbers_only(trained, tmp_path, capsys):
    picture = tmp_path / "c.png"
    argv = ["compare", trained / "beta1", trained / "beta4"]
    found = json.loads(printed(capsys, *argv, "--format", "json", "--out", picture)[0])
    assert [list(row)[:2] for row in found["runs"]] == [["run", "beta"]] * 2
    for row in found["runs"]:
        assert "loss" not in row
        assert row["bound"] == best_bound(trained / row["run"])
        assert row["bound"] == pytest.approx(row["log_px"] - row["kl"], rel=1e-6)
    assert not any("can't be compared" in sentence for sentence in found["remarks"])
    assert picture.read_bytes()[1:4] == b"PNG"
    names = list(RUNS)
    text = printed(capsys, "compare", *(trained / name for name in names), "--out", picture)[0]
    assert "Bounds of different data or likelihoods can't be compared" in text
    assert "gaussian (images.npy, gaussian)" in text
    assert "No bound of held-out data is recorded for nothing-held-out" in text


@pytest.mark.parametrize("kind", ["text", "markdown", "csv", "json"])
def test_compare_writes_the_table_where_it_is_asked_to(kind, trained, tmp_path, capsys):
    suffix = {"text": ".txt", "markdown": ".md", "csv": ".csv", "json": ".json"}[kind]
    out, _ = printed(
        capsys, "compare", trained / "beta1", trained / "beta4", "--out", tmp_path / f"table{suffix}"
    )
    assert (tmp_path / f"table{suffix}").read_text() == out
    assert (tmp_path / "table.png").exists()
    again, _ = printed(
        capsys, "compare", trained / "beta1", trained / "beta4", "--format", kind, "--out", tmp_path / "a.png"
    )
    assert again == out
    if kind == "csv":
        assert [row["beta"] for row in csv.DictReader(io.StringIO(out))] == ["1", "4"]


def test_compare_takes_a_folder_of_runs_and_puts_the_picture_there(copies, capsys):
    out, _ = printed(capsys, "compare", copies)
    assert all(name in out for name in RUNS)
    assert (copies / "comparison.png").exists()


def test_what_compare_can_not_do_is_one_sentence(trained, tmp_path, capsys):
    for argv, words in (
        (["compare", trained / "beta1"], "two runs or more, found 1"),
        (["compare", trained / "beta1", trained / "beta1"], "two runs or more, found 1"),
        (["compare", trained / "beta1", trained / "beta4", "--out", "c.pdf"], "should end in .png"),
        (
            ["compare", trained / "beta1", trained / "beta4", "--out", tmp_path / "no" / "c.png"],
            "can't be written",
        ),
        (["compare", trained / "beta1", tmp_path / "nowhere"], "found nothing there"),
    ):
        _, err = printed(capsys, *argv, status=2)
        assert words in err
        assert len(err.strip().splitlines()) == 1


def test_an_evaluation_is_kept_and_shown_until_the_weights_change(copies, capsys):
    folder = copies / "beta1"
    assert read_run(folder).evaluation == {}
    printed(capsys, "evaluate", folder, "--samples", "5", "--split", "train")
    assert read_run(folder).evaluation == {}  # of other examples than those that runs are compared on
    printed(capsys, "evaluate", folder, "--samples", "5")
    kept = read_run(folder).evaluation
    assert kept["bound"] == pytest.approx(read_run(folder).best["bound"], abs=2.0)
    rows = compared([read_run(folder), read_run(copies / "beta4")], ["a", "b"])
    assert [row["log_likelihood"] for row in rows] == [kept["log_likelihood"], None]
    path = folder / "evaluation.json"
    path.write_text(path.read_text().replace('"step": 3', '"step": 2'))
    assert read_run(folder).evaluation == {}
    path.write_text("[")
    assert read_run(folder).evaluation == {}
    by_a_sweep = {
        "step": read_run(folder).history[-1]["step"],
        "epochs": 3,
        "metrics": {"log_likelihood": -7.5},
    }
    (folder / "judgement.json").write_text(json.dumps(by_a_sweep))
    assert read_run(folder).evaluation == {"log_likelihood": -7.5}


def test_a_run_says_what_its_steps_were_computed_with(copies, monkeypatch):
    folder = copies / "beta1"
    assert read_environments(folder) == []  # of a version that kept none
    Run.resume(folder).claim.release()
    step = read_run(folder).history[-1]["step"]
    assert read_environments(folder) == [(step, environment())]
    Run.resume(folder).claim.release()
    assert len(read_environments(folder)) == 1  # nothing has changed
    monkeypatch.setattr(sys.modules["scratchvae.runs.environment"], "environment", lambda: {"numpy": "9"})
    Run.resume(folder).claim.release()
    assert [facts.get("numpy") for _, facts in read_environments(folder)] == [environment()["numpy"], "9"]
    page = report(Run.open(folder))
    assert f"from step {step:,} on" in page
    with (folder / "environment.jsonl").open("a") as file:
        file.write("[\nnull\n{}\n")
    assert len(read_environments(folder)) == 2


DIFFERENCES = [
    ([{}, {}], [{}, {}]),
    ([{}, {"seed": 1}], [{"seed": 0}, {"seed": 1}]),
    ([{"objective": "elbo"}, {"objective": "elbo(beta=4)"}], [{"beta": 1.0}, {"beta": 4}]),
    ([{}, {"objective": "default(beta=4)"}], [{"beta": 1.0}, {"beta": 4}]),
    ([{}, {"recipe": "mlp(latent_dim=20)"}], [{}, {}]),
    ([{}, {"recipe": "mlp(hidden=(400, 30))"}], [{"hidden": "400"}, {"hidden": "400 30"}]),
    (
        [{"recipe": "mlp(likelihood=gaussian(learned=True))"}, {"recipe": "mlp(likelihood=laplace)"}],
        [{"likelihood": "gaussian(learned=True)"}, {"likelihood": "laplace"}],
    ),
    ([{"data": "/a/x.npy"}, {"data": "/b/y.npy"}], [{"data": "x.npy"}, {"data": "y.npy"}]),
    ([{"data": "/a/x.npy"}, {"data": "/b/x.npy"}], [{"data": "/a/x.npy"}, {"data": "/b/x.npy"}]),
    ([{"data_dir": "/a"}, {"data_dir": "/b"}], [{}, {}]),
    (
        # what comes with a recipe at its default is no difference of its own
        [{}, {"recipe": "belief_net(layers=(3, 2))"}],
        [{"recipe": "mlp", "layers": None}, {"recipe": "belief_net", "layers": "3 2"}],
    ),
    (
        [{"optimizer": "adam"}, {"optimizer": "adam(learning_rate=cosine(rate=0.1))"}],
        [{"learning_rate": 0.001}, {"learning_rate": "cosine(rate=0.1)"}],
    ),
    ([{}, {"binarized": True}, {"limit": 9}],
     [{"limit": None, "binarized": False}, {"limit": None, "binarized": True},
      {"limit": 9, "binarized": False}]),
]  # fmt: skip


@pytest.mark.parametrize(("entries", "expected"), DIFFERENCES, ids=lambda one: str(one)[:60])
def test_differences_of_configs(entries, expected):
    assert differing([Config(**one) for one in entries]) == expected


def test_settings_hold_every_parameter():
    found = settings(Config(recipe="mlp(likelihood=laplace)", objective="iwae(samples=7)"))
    assert (found["recipe"], found["objective"], found["samples"], found["latent_dim"]) == (
        "mlp",
        "iwae",
        7,
        20,
    )
    assert str(found["likelihood"]) == "laplace"
    assert "examples" not in found


def test_which_runs_can_be_compared(trained):
    one, gaussian = read_run(trained / "beta1"), read_run(trained / "gaussian")
    config = one.config
    others = {
        "likelihood": gaussian,
        "data": replace(one, config=replace(config, data="/b/others.npy")),
        "folder": replace(one, config=replace(config, data="/b/images.npy")),
        "limit": replace(one, config=replace(config, limit=30)),
        "held out": replace(one, config=replace(config, held_out=9)),
        "binarized": replace(one, config=replace(config, binarized=True)),
        "examples": replace(one, config=replace(config, examples=61)),
    }
    for name, other in others.items():
        found = groups([one, other])
        assert list(found.values()) == [[0], [1]], name
        assert len(found) == 2  # no two groups are called the same
        assert any("can't be compared" in sentence for sentence in remarks([one, other], ["a", "b"]))
    assert list(
        groups([one, replace(one, config=replace(config, seed=1)), replace(one, digest="another")]).values()
    ) == [[0, 1, 2]]
    iwae = replace(one, config=replace(config, objective="iwae(samples=5)"))
    assert any("more draws" in sentence for sentence in remarks([one, iwae], "ab"))
    assert not any("more draws" in sentence for sentence in remarks([one, one], "ab"))


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"epochs": 9}, True),
        ({"seed": 1}, False),  # which draws the held-out examples
        ({"digest": "another"}, False),
        ({"seed": 1, "held_out_last": True}, True),
        ({"seed": 1, "held_out": 0}, True),
    ],
)
def test_runs_that_are_judged_on_other_examples_say_so(changed, same, trained):
    one = read_run(trained / "beta1")
    digests = {name: changed.pop(name) for name in ("digest",) if name in changed}
    held_out = {name: value for name, value in changed.items() if name.startswith("held_out")}
    first = replace(one, config=replace(one.config, **held_out))
    second = replace(one, config=replace(one.config, **changed), **digests)
    said = any(
        "not all judged on the same examples" in sentence for sentence in remarks([first, second], "ab")
    )
    assert said is not same


def test_tables_show_what_names_say_and_do_nothing_else():
    rows = [{"run": "a|b\n\x1b[31m<i>", "bound": -1.5, "n": 3}, {"run": "c", "bound": None, "n": 12}]
    words = {"bound": ("best", "{:.1f}".format)}
    assert FORMATS["text"](rows, words).splitlines()[1:] == [
        "a|b��[31m<i>  -1.5   3",
        "c                   12",
    ]
    table = FORMATS["markdown"](rows, words).splitlines()
    assert table[:2] == ["| run | best | n |", "| --- | ---: | ---: |"]
    assert table[2] == r"| a\|b��[31m\<i\> | -1.5 | 3 |"
    again = list(csv.DictReader(io.StringIO(FORMATS["csv"](rows, words), newline="")))
    assert again[0]["run"] == rows[0]["run"]
    assert json.loads(FORMATS["json"](rows, words)) == rows
    assert printable("\u202eabc\x00") == "�abc�"
    assert [duration(seconds) for seconds in (0.04, 59.6, 3599, 3600)] == [
        "0.0 s",
        "1 min 00 s",
        "59 min 59 s",
        "1 h 00 min",
    ]


def test_a_checkpoint_is_described_without_its_arrays(trained, tmp_path):
    path = trained / "beta1" / "checkpoint.safetensors"
    whole, described = load_checkpoint(path), load_checkpoint(path, arrays=False)
    assert (described.config, described.position, described.data) == (
        whole.config,
        whole.position,
        whole.data,
    )
    assert whole.arrays
    assert not described.arrays
    assert read_safetensors_metadata(path) == read_safetensors(path)[1]
    longer = tmp_path / "longer.safetensors"
    longer.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="where its header says"):
        read_safetensors_metadata(longer)


def test_bounds_are_drawn_as_recorded_with_the_gap_to_the_best_and_the_best_on_top():
    one, other = ([1, 2, 3], [-9.0, -5.0, -4.0]), ([1, 2, 3], [-8.0, -6.0, -4.5])
    figure = plots.bounds({"group": {"one": one, "other": other}})
    curves, gaps, best = figure.axes
    assert [list(line.get_ydata()) for line in curves.get_lines()] == [one[1], other[1]]
    np.testing.assert_array_equal(gaps.get_lines()[0].get_ydata(), [1, np.nan, np.nan])
    np.testing.assert_array_equal(gaps.get_lines()[1].get_ydata(), [np.nan, 1, 0.5])
    assert [label.get_text() for label in best.get_yticklabels()] == ["other", "one"]  # from below
    assert [text.get_text() for text in best.texts] == ["−4.50", "−4.00"]
    colours = {line.get_color() for line in curves.get_lines()}
    assert colours == {line.get_color() for line in gaps.get_lines()}
    many = plots.bounds({"": {f"run {k}": ([1, 2], [-9.0 - k, -8.0 - k]) for k in range(20)}})
    assert len({(line.get_color(), str(line._dash_pattern)) for line in many.axes[0].get_lines()}) == 20


def test_steep_first_epochs_reach_out_and_even_curves_do_not():
    epochs = np.arange(1.0, 41)
    low, high = visible_range([(epochs, -90 - 500 * np.exp(-epochs))])
    assert -130 < low < -90 < high < -80
    even = np.linspace(-100, -60, 40)
    low, high = visible_range([(epochs, even)])
    assert low < -100 < -60 < high
    assert visible_range([(np.ones(1), np.full(1, np.nan))]) == (0, 1)
    assert visible_range([]) == (0, 1)
    low, high = visible_range([(np.ones(1), np.full(1, -7.0))])
    assert low < -7 < high
    assert round_numbers(1e-3, 10, most=5).tolist() == pytest.approx([1e-3, 1e-2, 0.1, 1, 10])


def test_a_run_is_read_without_its_data(trained):
    config = json.loads((trained / "beta1" / "config.json").read_text())
    assert Run.open(trained / "beta1").config.data == config["data"]
    (row,) = listed(read_runs(trained / "beta1"), ["beta1"])
    assert row["bound"] == best_bound(trained / "beta1")
