"""Runs as folders: what they are called, who may have them, how they stop and go on, what is said of wrong
options.
"""

import csv
import json
import os
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scratchvae.__main__ import COMMANDS, main
from scratchvae.arrays import InputError
from scratchvae.runs import Config, Run, configured, folder_name, load_like, read_run
from scratchvae.training import load_checkpoint

RNG = np.random.default_rng(0)
SMALL = [
    "--epochs",
    "2",
    "--latent-dim",
    "2",
    "--hidden",
    "8",
    "--batch-size",
    "10",
    "--quiet",
    "--no-figures",
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A file of 60 small images."""
    path = tmp_path_factory.mktemp("data") / "images.npy"
    np.save(path, RNG.random((60, 8, 8), np.float32))
    return path


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    """A run that has been trained on them for two epochs."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--data", str(images), "--out", str(folder), *SMALL]) == 0
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """The run again, to be changed."""
    return copied(trained, tmp_path / "run")


def copied(run, folder):
    folder.mkdir()
    for name in ("config.json", "metrics.jsonl", "checkpoint.safetensors"):
        (folder / name).write_bytes((run / name).read_bytes())
    return folder


def contents(folder):
    return {
        path: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def weights(folder):
    return {
        name: array
        for name, array in load_checkpoint(folder / "checkpoint.safetensors").arrays.items()
        if "model/" in name
    }


def assert_same_weights(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])


def fails(capsys, argv, *words):
    """The command ends with status 2 and one sentence, which holds these words."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    out, err = capsys.readouterr()
    assert len(err.strip().splitlines()) == 1, out + err
    assert err.startswith(f"scratchvae {argv[0]}: ") or argv[0] not in COMMANDS
    for word in words:
        assert word in err, err


# ---- names
# ------------------------------------------------------------------------------------------------------------

NAMED = {
    "fashion-mnist-mlp-beta4-seed1": {"data": "fashion-mnist", "beta": 4, "seed": 1},
    "numerals-mlp": {
        "latent_dim": 20,
        "epochs": 20,
        "beta": 1.0,
        "optimizer": "adam",
        "init": "pytorch",
    },
    "faces-mlp-latent-dim32-epochs50": {"data": "some/where/faces.npy", "latent_dim": 32, "epochs": 50},
    "numerals-convolutional-gaussian-learned": {
        "recipe": "convolutional",
        "likelihood": "gaussian(learned=True)",
    },
    "numerals-mlp-iwae-samples5-adamw-learning-rate0.01": {
        "objective": "iwae",
        "samples": 5,
        "optimizer": "adamw",
        "learning_rate": 0.01,
    },
    "numerals-mlp-hidden400-300-beta-minus1e-05": {"hidden": (400, 300), "beta": -1e-5},
    "numerals-mlp-held-out0-binarized": {"binarized": True, "held_out": 0},
    "gro-e-a-mlp-vamp-components50": {
        "data": "Größe: a?.npy".replace("ß", "*"),
        "prior": "vamp(components=50)",
    },
    "data-mlp-patience3-seed9007199254740993": {"data": "日本.npy", "seed": 2**53 + 1, "patience": 3},
    "numerals-mlp-autoencoder-l1-weight10": {"model": "autoencoder", "penalty": "l1(weight=10)"},
}


@pytest.mark.parametrize("name", NAMED)
def test_a_folder_is_called_after_what_differs_from_the_defaults(name):
    assert folder_name(configured(NAMED[name])) == name


@pytest.mark.parametrize("data", ["CON", "a" * 300, "../..", "a..", "-x-", "x\ny", "a/b\\c", "..."])
def test_a_name_is_short_and_safe_on_every_file_system(data):
    name = folder_name(Config(data=data, seed=7))
    assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name)
    assert len(name) <= 72
    assert ".." not in name


def test_names_that_are_cut_still_differ():
    names = {folder_name(configured({"data": "a" * 99, "beta": beta})) for beta in (1, 2, 3)}
    assert len(names) == 3
    assert max(map(len, names)) <= 72


STARTS = """
import os, sys
from pathlib import Path
from scratchvae.arrays import InputError
from scratchvae.runs import Config, Run

images, root = sys.argv[1], Path(sys.argv[2])
gate, opened = os.pipe()
for k in range(30):
    if os.fork() == 0:
        os.close(opened)
        os.read(gate, 1)  # until the parent lets all of them go
        try:
            config = Config(data=images, recipe="mlp(latent_dim=2, hidden=8)", epochs=1, data_dir=str(k))
            one = Run.start(None, config, root=root / "own") if k < 20 else Run.start(root / "shared", config)
            os.write(1, f"{one.folder.name} {k}\\n".encode())
        except InputError as error:
            understood = 'holds a run' in str(error) or 'being trained in' in str(error)
            os.write(1, f"refused {understood}\\n".encode())
        os._exit(0)
os.close(opened)
for k in range(30):
    os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are begun at the same moment by fork")
def test_twenty_simultaneous_starts_never_share_a_folder(images, tmp_path):
    environment = os.environ | {"SCRATCHVAE_KERNELS": "textbook", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", STARTS, str(images), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    said = [line.split() for line in done.stdout.splitlines()]
    name = "images-mlp-latent-dim2-hidden8-epochs1"
    assert {folder for folder, k in said if folder.startswith("images")} == {
        name,
        *(f"{name}-{k}" for k in range(2, 21)),
    }
    assert [folder for folder, _ in said].count("shared") == 1
    assert said.count(["refused", "True"]) == 9
    for folder, k in said:
        if folder != "refused":
            one = tmp_path / folder if folder == "shared" else tmp_path / "own" / folder
            of = {
                json.loads((one / "config.json").read_text())["data_dir"],
                load_checkpoint(one / "checkpoint.safetensors").config["data_dir"],
            }
            assert of == {k}


# ---- going on
# ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            {"seed": 3},
            ["was trained with seed 0, config.json says 3: put that back into config.json, or --resume"],
        ),
        (
            {"batch_size": 7, "binarized": True},
            [
                (
                    "binarized False, config.json says True; with batch_size 10, config.json says 7: "
                    "put those back"
                )
            ],
        ),
        (
            {"objective": "elbo(beta=4)"},
            ["objective 'default', config.json says 'elbo(beta=4)'", "--force goes on all the same"],
        ),
        ({"recipe": "mlp(latent_dim=3)"}, ["should hold one run", "put mlp(latent_dim=2, hidden=(8,)) back"]),
        ({"epochs": 1}, ["no fewer epochs than the 2 that are done, found 1: --epochs 2, or more"]),
        ({"held_out": 7}, ["held_out None, config.json says 7"]),
    ],
    ids=str,
)
def test_a_config_edited_by_hand_is_refused_with_the_difference_and_the_fix(edit, words, copy, capsys):
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | edit))
    before = contents(copy)
    fails(capsys, ["train", "--resume", copy, "--quiet"], *words)
    assert contents(copy) == before


def test_a_run_that_aims_at_fewer_epochs_than_it_has_done_is_looked_at_and_not_trained_on(copy, capsys):
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"epochs": 1}))
    assert read_run(copy).state == "done"
    assert main(["evaluate", str(copy), "--samples", "0"]) == 0
    fails(
        capsys,
        ["train", "--resume", copy, "--quiet"],
        "than the 2 that are done, found 1: --epochs 2, or more",
    )
    assert main(["train", "--resume", str(copy), "--epochs", "2", "--quiet", "--no-figures"]) == 0
    assert json.loads(path.read_text())["epochs"] == 2


def test_more_epochs_in_the_config_and_force_go_on(copy):
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"epochs": 3}))
    assert main(["train", "--resume", str(copy), "--quiet", "--no-figures"]) == 0
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": 3, "epochs": 4}))
    assert main(["train", "--resume", str(copy), "--force", "--quiet", "--no-figures"]) == 0
    assert load_checkpoint(copy / "checkpoint.safetensors").config["seed"] == 3


def test_a_run_without_its_first_checkpoint_can_be_resumed(trained, copy, tmp_path, capsys):
    (copy / "checkpoint.safetensors").unlink()
    fails(
        capsys,
        ["train", "--resume", copy, "--quiet"],
        "beside the records of 2 epochs: put it back, or remove",
    )
    (copy / "metrics.jsonl").unlink()
    assert main(["train", "--resume", str(copy), "--quiet", "--no-figures"]) == 0
    assert_same_weights(copy, trained)
    only = tmp_path / "only"
    only.mkdir()
    (only / "config.json").write_bytes((trained / "config.json").read_bytes())
    assert main(["train", "--resume", str(only), "--quiet", "--no-figures"]) == 0
    assert_same_weights(only, trained)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_after_its_step_with_a_checkpoint(
    number, status, images, trained, tmp_path, capsys, monkeypatch
):
    kept, before = Run.keep, [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]

    def sending(run, every=0):
        keeper = kept(run, every)

        def callback(training, event):
            if training.step == 3 and event == "step":
                signal.raise_signal(number)
            keeper(training, event)

        return callback

    monkeypatch.setattr(Run, "keep", sending)
    folder = tmp_path / "run"
    assert main(["train", "--data", str(images), "--out", str(folder), *SMALL]) == status
    assert "stopped after step 3" in capsys.readouterr().err
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
    monkeypatch.undo()
    assert load_checkpoint(folder / "checkpoint.safetensors").position["step"] == 3
    assert main(["train", "--resume", str(folder), "--quiet", "--no-figures"]) == 0
    assert_same_weights(folder, trained)


def test_other_data_lie_where_one_says_or_else_where_the_run_found_its_own(tmp_path):
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        with (tmp_path / place / "t10k-images-idx3-ubyte").open("wb") as file:
            images = np.full((4, 2, 2), {"here": 10, "there": 20}[place], np.uint8)
            file.write(struct.pack(">IIII", 0x803, *images.shape) + images.tobytes())
    config = Config(data="mnist", data_dir=str(tmp_path / "here"), kind="pixels", event_shape=(1, 2, 2))
    for asked, found in (({}, 10), ({"data_dir": str(tmp_path / "there")}, 20)):
        assert load_like(config, "mnist", split="test", **asked).images.ravel()[0] == found


def test_moved_data_are_pointed_to_and_other_data_refused(trained, images, tmp_path, capsys):
    moved, other, gone = tmp_path / "moved.npy", tmp_path / "other.npy", tmp_path / "gone.npy"
    folder = copied(trained, tmp_path / "run")
    config = json.loads((folder / "config.json").read_text()) | {"data": str(gone)}
    (folder / "config.json").write_text(json.dumps(config))
    moved.write_bytes(images.read_bytes())
    np.save(other, np.load(images)[::-1])
    for argv in (
        ["evaluate", folder],
        ["plot", folder, "reconstructions"],
        ["train", "--resume", folder, "--quiet"],
    ):
        fails(capsys, argv, "gone.npy")
    for argv in (["plot", folder, "reconstructions"], ["train", "--resume", folder, "--quiet"]):
        fails(
            capsys,
            [*argv, "--data", other],
            f"{other} should hold the examples that the run was trained on",
            "--data",
        )
    judged, others, numbers = [], [], tmp_path / "numbers.json"
    for data, found in ((moved, judged), (other, others)):
        assert (
            main(["evaluate", str(folder), "--data", str(data), "--samples", "0", "--json", str(numbers)])
            == 0
        )
        found += [json.loads(numbers.read_text())["bound"], capsys.readouterr().out]
    assert main(["evaluate", str(trained), "--samples", "0", "--json", str(numbers)]) == 0
    assert judged[0] == json.loads(numbers.read_text())["bound"]  # of the run's own held-out examples
    assert "on 6 examples" in judged[1]
    assert "on 60 examples" in others[1]
    assert main(["plot", str(folder), "reconstructions", "--data", str(moved)]) == 0
    assert json.loads((folder / "config.json").read_text())["data"] == str(gone)
    assert (
        main(
            [
                "train",
                "--resume",
                str(folder),
                "--data",
                str(moved),
                "--epochs",
                "3",
                "--quiet",
                "--no-figures",
            ]
        )
        == 0
    )
    assert json.loads((folder / "config.json").read_text())["data"] == str(moved)
    np.save(moved, np.load(other))
    fails(capsys, ["evaluate", folder], "should hold the examples that the run was trained on")


# ---- --config
# ------------------------------------------------------------------------------------------------------------

BASE = {
    "recipe": "mlp(latent_dim=2, hidden=8)",
    "objective": "elbo(beta=2, free_bits=0.1)",
    "seed": 5,
    "limit": 50,
}
OVERRIDDEN = [
    ({}, {}),
    ({"beta": 4}, {"objective": "elbo(beta=4, free_bits=0.1)"}),
    ({"objective": "iwae"}, {"objective": "iwae"}),
    ({"objective": "iwae", "samples": 3}, {"objective": "iwae(samples=3)"}),
    ({"latent_dim": 3, "seed": 1}, {"recipe": "mlp(latent_dim=3, hidden=8)", "seed": 1}),
    ({"recipe": "convolutional"}, {"recipe": "convolutional"}),
    ({"beta_warm_up": 10}, {"objective": "elbo(beta=ramp(start=0, end=2, steps=10), free_bits=0.1)"}),
    ({"learning_rate": 0.1}, {"optimizer": "adam(learning_rate=0.1)"}),
    ({"schedule": "cosine"}, {"optimizer": "adam(learning_rate=cosine(rate=0.001))"}),
    ({"binarized": True, "limit": 20}, {"binarized": True, "limit": 20}),
    ({"data": "notes"}, {"data": "notes", "examples": None, "event_shape": None}),
]


@pytest.mark.parametrize(("given", "expected"), OVERRIDDEN, ids=str)
def test_what_is_given_overrides_the_config_that_it_begins_with(given, expected):
    base = Config(**BASE, examples=60, event_shape=(1, 8, 8))
    settled = Config(**(vars(base) | expected))
    assert configured(given, base) == settled


@pytest.mark.parametrize(
    ("optimizer", "given", "expected"),
    [
        ("adam(learning_rate=0.01)", {"warm_up": 5}, "adam(learning_rate=constant(warm_up=5, rate=0.01))"),
        ("adam(learning_rate=0.01)", {"schedule": "cosine"}, "adam(learning_rate=cosine(rate=0.01))"),
        (
            "adam(learning_rate=0.01)",
            {"schedule": "cosine", "learning_rate": 0.2},
            "adam(learning_rate=cosine(rate=0.2))",
        ),
        (
            "adam(learning_rate=cosine(rate=0.01))",
            {"warm_up": 5},
            "adam(learning_rate=cosine(rate=0.01, warm_up=5))",
        ),
        ("adam(learning_rate=cosine(rate=0.01))", {"learning_rate": 0.5}, "adam(learning_rate=0.5)"),
        ("sgd(momentum=0.9)", {"learning_rate": 0.5}, "sgd(momentum=0.9, learning_rate=0.5)"),
        ("sgd(momentum=0.9)", {"optimizer": "adam"}, "adam"),
    ],
    ids=str,
)
def test_the_learning_rate_overrides_that_of_the_config(optimizer, given, expected):
    assert configured(given, Config(optimizer=optimizer)).optimizer == expected


def test_a_run_is_begun_from_the_config_of_another(trained, tmp_path, capsys, monkeypatch):
    argv = ["train", "--config", str(trained / "config.json"), "--quiet", "--no-figures"]
    assert main([*argv, "--out", str(tmp_path / "same")]) == 0
    assert (tmp_path / "same" / "config.json").read_bytes() == (trained / "config.json").read_bytes()
    assert_same_weights(tmp_path / "same", trained)
    assert (
        main([*argv, "--seed", "1", "--no-binarized", "--beta", "2", "--out", str(tmp_path / "other")]) == 0
    )
    config = json.loads((tmp_path / "other" / "config.json").read_text())
    assert (config["seed"], config["objective"], config["batch_size"]) == (1, "default(beta=2)", 10)
    fails(capsys, ["train", "--config", tmp_path / "no.json"], "no.json")
    fails(capsys, ["train", "--config", trained / "metrics.jsonl"], "metrics.jsonl should be JSON")
    fails(
        capsys,
        ["train", "--resume", trained, "--config", trained / "config.json"],
        "--config can't be changed by --resume",
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.json").write_text('{"recipe": "mlp(latent_dim=2)", "sede": 3}')
    fails(capsys, ["train", "--config", "few.json"], "few.json: entry should be one of", "did you mean seed?")


# ---- curves
# ------------------------------------------------------------------------------------------------------------


def test_metrics_are_a_table_too(trained):
    with (trained / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    records = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == len(records) == 2
    for row, record in zip(rows, records, strict=True):
        flat = {name: value for name, value in record.items() if not isinstance(value, dict)}
        flat |= {
            f"{part}.{term}": mean for part in ("train", "held_out") for term, mean in record[part].items()
        }
        assert {name: float(value) for name, value in row.items()} == flat


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_shows_every_epoch_of_a_run_and_of_its_going_on(images, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "run"
    assert main(["train", "--data", str(images), "--out", str(folder), "--tensorboard", *SMALL]) == 0
    assert (
        main(["train", "--resume", str(folder), "--epochs", "3", "--tensorboard", "--quiet", "--no-figures"])
        == 0
    )
    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    assert {"bound/held_out", "kl/train", "learning_rate"} <= set(
        found.Tags()["tensors"] + found.Tags()["scalars"]
    )
    from tensorboard.util.tensor_util import make_ndarray

    points = {event.step: make_ndarray(event.tensor_proto) for event in found.Tensors("bound/held_out")}
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert list(points) == [record["step"] for record in records]
    for record in records:
        # events are float32
        assert points[record["step"]] == pytest.approx(record["held_out"]["bound"], rel=1e-6)


@pytest.mark.parametrize(
    ("missing", "argv"), [("tensorboard", ["train", "--tensorboard"]), ("shtab", ["completion", "bash"])]
)
def test_a_package_that_is_missing_is_said_before_anything_is_done(
    missing, argv, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in (missing, "tensorboard.summary", "tensorboardX"):
        monkeypatch.setitem(sys.modules, name, None)
    fails(capsys, argv, f"needs the package {missing}: pip install {missing}")
    assert not any(tmp_path.iterdir())


# ---- command lines
# ----------------------------------------------------------------------------------------------------------

LARGE = 10**20
WRONG = [
    (["trian"], "unknown command 'trian' (did you mean train?)"),
    (["Evaluate"], "unknown command 'Evaluate' (did you mean evaluate?)"),
    (["--verison"], "unknown command '--verison' (did you mean --version?)"),
    (["train", "--epohcs", "3"], "unknown option --epohcs (did you mean --epochs?)"),
    (["train", "--epohcs=3"], "unknown option --epohcs (did you mean --epochs?)"),
    (["train", "--epoch", "3"], "unknown option --epoch (did you mean --epochs?)"),
    (["train", "--qqqqqq"], "unknown option --qqqqqq; `scratchvae train --help` lists all options"),
    (["train", "-z"], "unknown option -z; `scratchvae train --help`"),
    (["train", "--epochs", "many"], "--epochs should be a whole number, found 'many'"),
    (["train", "--epochs", "1.5"], "--epochs should be a whole number, found '1.5'"),
    (["train", "--epochs", "1_0"], "--epochs should be a whole number"),
    (["train", "--epochs"], "--epochs: expected one argument"),
    (["train", "--epochs", LARGE], f"--epochs should be below 2^31, found {LARGE}"),
    (["train", "--epochs", -LARGE], f"--epochs should be below 2^31, found -{LARGE}"),
    (["train", "--epochs", "9" * 5000], "--epochs should be a whole number, found '999"),
    (["train", "--seed", LARGE], "--seed should be below 2^63"),
    (["train", "--beta", LARGE], "whole numbers should be below 2^63"),
    (["train", "--max-norm", "inf"], "--max-norm should be a finite number, found 'inf'"),
    (["train", "--max-norm", "x"], "--max-norm should be a number, found 'x'"),
    (["train", "extra"], "'extra' is one argument too many"),
    (["train", "--likelihood", "bernouli"], "(did you mean bernoulli?)"),
    (["train", "--recipe", "mpl"], "(did you mean mlp?)"),
    (["train", "--objective", "elbo(bta=4)"], "objective elbo has no bta (did you mean beta?)"),
    (["train", "--activation", "reul"], "(did you mean relu?)"),
    (["evaluate"], "RUN should be given, found none"),
    (
        ["evaluate", "RUN", "--split", "heldout"],
        "--split should be one of held-out, train, test; found 'heldout' (did you mean held-out?)",
    ),
    (["evaluate", "RUN", "--metrics", "bond"], "(did you mean bound?)"),
    (["evaluate", "RUN", "--metrics", ","], "--metrics should be names with commas between them, found ','"),
    (["plot", "RUN", "curvs"], "(did you mean curves?)"),
    (["diagnose", "--reduction", "men"], "(did you mean mean?)"),
    (["golden"], "--out should be given, found none"),
    (["sample", "RUN", "-n", LARGE], "-n should be below 2^31"),
    (["completion", "bsh"], "SHELL should be one of bash, zsh, tcsh; found 'bsh' (did you mean bash?)"),
    (["sweep"], "sweep should be given what varies"),
    (["sweep", "bta=1,2"], "command 1 (bta=1): bta is no setting of a run (did you mean beta?)"),
    (["sweep", "beta"], "an axis should be name=value,value"),
    (["sweep", "beta=1", "beta=2"], "beta should be given once"),
    (["sweep", "beta=1,2,1"], "beta should have each value once, found 1 twice"),
    (["sweep", "beta="], "beta should be values with commas between them"),
    (["sweep", "seed=4..0"], "4..0 goes down"),
    (["sweep", "seed=0..99999999"], "has more than 10,000 values"),
    (["sweep", "beta=1,(2"], "its parentheses do not match"),
    (["sweep", "beta=1", "--workers", "0"], "--workers should be at least 1, found 0"),
    (["sweep", "beta=1", "--workers", "2", "--dask", "tcp://x"], "--workers goes without --dask"),
    (["sweep", "beta=1", "--", "--quiet"], "behind --: --quiet is no setting of a run"),
    (
        ["sweep", "beta=1", "--", "--epohcs", "3"],
        "behind --: unknown option --epohcs (did you mean --epochs?)",
    ),
    (["sweep", "--commands", "nowhere.txt"], "nowhere.txt"),
]


@pytest.mark.parametrize(
    ("argv", "words"), WRONG, ids=lambda a: " ".join(map(str, a))[:60] if isinstance(a, list) else None
)
def test_a_wrong_command_line_is_one_sentence(argv, words, trained, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fails(capsys, [trained if word == "RUN" else word for word in argv], words)
    assert not any(tmp_path.iterdir())


def every_option():
    """Every option of every command that takes a value:

    (command, what the command needs, the option's flag, its type).
    """
    import argparse
    from importlib import import_module

    for name in COMMANDS:
        parser = argparse.ArgumentParser()
        import_module(f"scratchvae.commands.{name}").add_arguments(parser)
        needs = [a for a in parser._actions if not a.option_strings and a.nargs not in ("*", "?")]
        required = [a for a in parser._actions if a.option_strings and a.required]
        for action in parser._actions:
            if (
                action.option_strings
                and action.nargs != 0
                and type(action).__name__ != "BooleanOptionalAction"
            ):
                others = [word for a in required if a is not action for word in (a.option_strings[-1], "x")]
                needed = ["bash" if a.choices else "RUN" for a in needs] + others
                yield name, needed, action.option_strings[-1], action.type


@pytest.mark.parametrize(
    ("name", "needed", "flag", "kind"), list(every_option()), ids=lambda v: v if isinstance(v, str) else None
)
def test_no_option_takes_nothing_or_what_can_not_be_counted(
    name, needed, flag, kind, trained, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    given = [str(trained) if word == "RUN" else word for word in needed]
    for empty in ("", " "):
        fails(capsys, [name, *given, flag, empty], f"{flag} ")
    if kind is int:
        fails(capsys, [name, *given, flag, LARGE], f"{flag} should be below 2^")
    if flag == "--seed":
        fails(capsys, [name, *given, flag, "-1"], "--seed should be at least 0, found -1")
    assert not any(tmp_path.iterdir())


def test_completion_knows_commands_options_and_names(capsys):
    for shell in ("bash", "zsh", "tcsh"):
        assert main(["completion", shell]) == 0
        script = capsys.readouterr().out
        for word in (
            *COMMANDS,
            "--latent-dim" if shell != "tcsh" else "latent-dim",
            "gaussian_optimal",
            "held-out",
        ):
            assert word in script, word


@pytest.mark.parametrize(
    "given",
    [{"beta": 4, "bta": 3}, {"recipe": 3}, {"penalty": [3]}, {"beta": "(("}, {"epochs": "three"}],
    ids=str,
)
def test_settings_that_do_not_fit_are_one_sentence(given):
    with pytest.raises(InputError) as caught:
        configured(given)
    assert len(str(caught.value).splitlines()) == 1


def test_a_path_among_the_settings_leads_there_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = configured({"data": Path("a.npy"), "data_dir": "here"})
    assert (config.data, config.data_dir) == (str(tmp_path / "a.npy"), str(tmp_path / "here"))
