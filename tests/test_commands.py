"""The command line: each command as a user types it, and every kind of bad input as one clear sentence with
exit status 2.
"""

import gzip
import json
import os
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scratchvae import plots, reference
from scratchvae.__main__ import COMMANDS, main
from scratchvae.commands import check
from scratchvae.runs import Config, Run, figures

RNG = np.random.default_rng(0)
SMALL = ["--epochs", "2", "--latent-dim", "2", "--hidden", "8", "--quiet"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A file of 60 small images."""
    path = tmp_path_factory.mktemp("data") / "images.npy"
    np.save(path, RNG.integers(0, 256, (60, 8, 8)) / np.float32(255))
    return path


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    """A run that has been trained on them."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--data", str(images), "--out", str(folder), *SMALL]) == 0
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """The run again, to be damaged."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("config.json", "metrics.jsonl", "checkpoint.safetensors"):
        (folder / name).write_bytes((trained / name).read_bytes())
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def fails(capsys, argv, *words):
    """The command ends with status 2 and one sentence, which holds these words."""
    capsys.readouterr()
    assert main([str(a) for a in argv]) == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith(f"scratchvae {argv[0]}: ")
    for word in words:
        assert word in err, err


def test_train_leaves_a_run(trained):
    files = {
        "config.json",
        "metrics.jsonl",
        "metrics.csv",
        "checkpoint.safetensors",
        "evaluation.json",
        "environment.jsonl",
    }
    assert {p.name for p in trained.iterdir()} == files | {"figures"}
    figures = {p.stem for p in (trained / "figures").iterdir()}
    assert figures == {
        "codes",
        "curves",
        "interpolations",
        "manifold",
        "reconstructions",
        "samples",
        "traversals",
    }
    assert [json.loads(line)["epoch"] for line in (trained / "metrics.jsonl").read_text().splitlines()] == [
        1,
        2,
    ]
    config = json.loads((trained / "config.json").read_text())
    assert (config["epochs"], config["recipe"]) == (2, "mlp(latent_dim=2, hidden=(8,))")


def test_train_prints_what_it_learned(images, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k in ("", "-2"):
        assert main(["train", "--data", str(images), *SMALL, "--no-figures"]) == 0
        out = capsys.readouterr().out
        assert f"runs/images-mlp-latent-dim2-hidden8-epochs2{k}:" in out
        for words in (
            "54 examples, 6 held out",
            "after 2 epochs",
            "bound",
            "KL(q",
            "importance-weighted",
            "of 2",
            "examples/s",
        ):
            assert words in out


OPTIONS = [
    ["--recipe", "convolutional", "--channels", "2", "--hidden", "4"],
    ["--model", "autoencoder", "--noise-std", "0.1", "--mask-rate", "0.2"],
    ["--prior", "gaussian_mixture", "--likelihood", "gaussian_optimal"],
    ["--prior", "vamp", "--likelihood", "gaussian", "--posterior", "full_gaussian"],
    [
        "--objective",
        "iwae",
        "--samples",
        "3",
        "--optimizer",
        "adamw",
        "--schedule",
        "cosine",
        "--warm-up",
        "2",
    ],
    ["--objective", "sampled_elbo", "--samples", "2", "--beta", "2", "--beta-warm-up", "3"],
    ["--capacity", "3", "--capacity-steps", "5", "--beta", "10", "--likelihood", "laplace(learned=True)"],
    [
        "--free-bits",
        "0.1",
        "--binarized",
        "--optimizer",
        "sgd",
        "--schedule",
        "step",
        "--decay-every",
        "2",
        "--max-norm",
        "1",
    ],
    [
        "--held-out",
        "0",
        "--limit",
        "20",
        "--optimizer",
        "rmsprop",
        "--batch-size",
        "7",
        "--init",
        "orthogonal",
    ],
    ["--patience", "1", "--held-out", "10", "--learning-rate", "0.5", "--activation", "silu"],
    ["--likelihood", "gaussian_diagonal"],
    ["--posterior", "von_mises_fisher", "--prior", "uniform_sphere"],
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: " ".join(o))
def test_every_option_trains_a_run_that_can_be_opened(options, images, tmp_path, capsys):
    folder = tmp_path / "run"
    shape = [] if "--recipe" in options else ["--hidden", "8"]
    argv = [
        "train",
        "--data",
        str(images),
        "--out",
        str(folder),
        "--latent-dim",
        "2",
        "--epochs",
        "1",
        "--quiet",
        *shape,
    ]
    assert main([*argv, *options, "--no-figures"]) == 0
    for command in (
        ["evaluate", folder, "--samples", "2"],
        ["info", folder],
        ["plot", folder],
        ["sample", folder],
    ):
        assert main([str(a) for a in command]) == 0
    assert "nan" not in capsys.readouterr().out


def test_a_resumed_run_is_the_run_that_never_stopped(images, trained, tmp_path, capsys):
    folder = tmp_path / "run"
    argv = ["train", "--data", str(images), "--out", str(folder), *SMALL, "--no-figures"]
    argv[argv.index("--epochs") + 1] = "1"
    assert main(argv) == 0
    assert main(["train", "--resume", str(folder), "--epochs", "2", "--quiet", "--no-figures"]) == 0
    assert "resumed after 1 step\n" in capsys.readouterr().out
    one, other = (Run.open(f).resumed() for f in (trained, folder))
    assert one.step == other.step == 2
    for name, parameter in one.parameters.items():
        np.testing.assert_array_equal(parameter.value, other.parameters[name].value)


def test_evaluate_sample_reconstruct_plot_info(trained, tmp_path, capsys):
    numbers = tmp_path / "numbers.json"
    assert main(["evaluate", str(trained), "--samples", "5", "--json", str(numbers)]) == 0
    summary = json.loads(numbers.read_text())
    assert summary["bound"] == pytest.approx(summary["log_px"] - summary["kl"], rel=1e-6)
    # 0.3 above it, give or take 0.3
    assert summary["log_likelihood"] == pytest.approx(summary["bound"], abs=1.5)
    assert main(["evaluate", str(trained), "--split", "train", "--samples", "0", "--limit", "7"]) == 0
    assert "on 7 examples of" in capsys.readouterr().out
    for name in ("a.npy", "b.png"):
        assert main(["sample", str(trained), "-n", "5", "--draw", "--out", str(tmp_path / name)]) == 0
    assert np.load(tmp_path / "a.npy").shape == (5, 1, 8, 8)
    assert main(["reconstruct", str(trained), "-n", "3", "--out", str(tmp_path / "c.png")]) == 0
    for name in ("b.png", "c.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 50
    assert main(["plot", str(trained), "curves"]) == 0
    assert main(["info", str(trained)]) == 0
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert "encoder.0.weight" in out
    assert "BLAS" in out


def test_a_run_that_stopped_early_is_opened_at_its_best_and_goes_on_from_its_last(images, tmp_path, capsys):
    folder, whole = tmp_path / "run", tmp_path / "whole"
    argv = ["train", "--data", str(images), *SMALL, "--no-figures", "--learning-rate", "0.1"]
    argv += ["--held-out", "20", "--patience", "9"]
    argv[argv.index("--epochs") + 1] = "5"
    assert main([*argv, "--out", str(folder)]) == 0
    printed = capsys.readouterr().out
    best = max(
        json.loads(line)["held_out"]["bound"] for line in (folder / "metrics.jsonl").read_text().splitlines()
    )
    assert main(["evaluate", str(folder), "--samples", "0"]) == 0
    shown = [float(out.split("bound")[1].split()[0]) for out in (printed, capsys.readouterr().out)]
    assert shown == pytest.approx([best, best], abs=0.5)
    assert main(["train", "--resume", str(folder), "--epochs", "7", "--quiet", "--no-figures"]) == 0
    argv[argv.index("--epochs") + 1] = "7"
    assert main([*argv, "--out", str(whole)]) == 0
    one, other = (Run.open(f).resumed() for f in (folder, whole))
    for name, parameter in one.parameters.items():
        np.testing.assert_array_equal(parameter.value, other.parameters[name].value)


def test_the_least_active_latents_are_left_out_of_the_traversals(monkeypatch, trained):
    one = Run.open(trained)
    monkeypatch.setattr(figures, "ROWS", 1)
    variances = one.model.encode(one.judged).var(axis=0)
    drawn = []
    monkeypatch.setattr(plots, "traversals", lambda decoded, values, latents, title: drawn.append(latents))
    figures.traversals(one)
    assert drawn == [[int(variances.argmax())]]


def test_check_prints_a_table_and_writes_it(tmp_path, capsys):
    path = tmp_path / "table.json"
    assert main(["check", "--case", "gaussian.", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert "0 failed" in out
    rows = json.loads(path.read_text())
    assert {"gaussian.log_prob", "gaussian.kl", "gaussian.reparameterize"} <= {row["case"] for row in rows}
    assert all(row["compiled"] < 1e-6 and row["textbook"] < 1e-6 for row in rows if "argument" in row)


def test_check_fails_with_status_1(capsys, monkeypatch):
    right = next(case for case in reference.all_cases() if case.name == "gaussian.kl")

    def op(*arrays):
        value, pullback = right.op(*arrays)
        return value, lambda dkl: tuple(1.001 * gradient for gradient in pullback(dkl))

    monkeypatch.setattr(check, "all_cases", lambda: [replace(right, op=op)])
    assert main(["check", "--case", "gaussian.kl"]) == 1
    said = capsys.readouterr().out
    assert "FAILS with textbook kernels: dmean is wrong" in said
    assert "worst relative error 0.001" in said


def test_help_and_version(capsys):
    assert main([]) == 0
    assert "commands:" in capsys.readouterr().out
    for argv, words in (
        (["--help"], "commands:"),
        (["--version"], "scratchvae 0"),
        *(([c, "--help"], c) for c in COMMANDS),
    ):
        with pytest.raises(SystemExit) as end:
            main(argv)
        assert end.value.code == 0
        assert words in capsys.readouterr().out


def test_python_m_scratchvae():
    done = subprocess.run(
        [sys.executable, "-m", "scratchvae", "no-such"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "unknown command 'no-such'; there are train, sweep" in done.stderr


BAD_DATA = {
    "NaN": (lambda p: np.save(p, np.full((5, 4), np.nan)), "x.npy", "observed in some example"),
    "infinity": (lambda p: np.save(p, np.full((5, 4), np.inf)), "x.npy", "should be finite"),
    "2 under a Bernoulli": (
        lambda p: np.save(p, np.full((50, 4), 2.0)),
        "x.npy",
        "column 0 of example 0 is 2 in x.npy",
    ),
    "a flat array": (lambda p: np.save(p, np.zeros(5)), "x.npy", "shape"),
    "an empty file": (lambda p: p.write_bytes(b""), "x.npy", "x.npy"),
    "a truncated file": (
        lambda p: (np.save(p, np.zeros((9, 9))), p.write_bytes(p.read_bytes()[:200])),
        "x.npy",
        "x.npy",
    ),
    "objects": (lambda p: np.save(p, np.array([{}], object), allow_pickle=True), "x.npy", "x.npy"),
    "no IDX": (lambda p: p.write_bytes(b"hello, world"), "x-ubyte", "x-ubyte"),
    "an IDX that promises more": (
        lambda p: p.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 9, 28, 28) + b"\0" * 100),
        "x-ubyte",
        "100",
    ),
    "a damaged gzip": (lambda p: p.write_bytes(gzip.compress(b"\0" * 999)[:-9]), "x-ubyte.gz", "x-ubyte.gz"),
    "an empty folder": (lambda p: p.mkdir(), "folder", "folder"),
    "nothing there": (lambda p: None, "nowhere", "glyphs, mnist, fashion-mnist"),
}


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data_is_one_sentence(kind, tmp_path, capsys):
    make, name, words = BAD_DATA[kind]
    path = tmp_path / name
    make(path)
    fails(capsys, ["train", "--data", path, "--out", tmp_path / "run", *SMALL], words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "--data", "mnist", "--data-dir", "DIR"], "mnist"),
        (["train", "--data", "IMAGES", "--held-out", "60"], "held out"),
        (["train", "--data", "IMAGES", "--limit", "61"], "between 1 and 60"),
        (["train", "--data", "IMAGES", "--epochs", "0"], "at least 1"),
        (["train", "--data", "IMAGES", "--learning-rate", "-1"], "at least 0, found -1"),
        (["train", "--data", "IMAGES", "--held-out", "0", "--patience", "3"], "held-out data"),
        (["train", "--data", "IMAGES", "--free-bits", "1", "--capacity", "1"], "give one of them"),
        (["train", "--data", "IMAGES", "--max-norm", "-1"], "max_norm should be positive, found -1"),
        (["train", "--data", "IMAGES", "--max-norm", "0"], "max_norm should be positive, found 0"),
        (["train", "--data", "IMAGES", "--standardize"], "one of real values"),
        (["train", "--data", "IMAGES", "--log-var-bounds", "2", "1"], "the lower one first; found 2 and 1"),
        (
            ["train", "--data", "IMAGES", "--drop-last"],
            "examples for one batch at least; found 54 in batches of 128",
        ),
        (["train", "--data", "IMAGES", "--warm-up", "-1"], "warm_up should be at least 0"),
        (
            ["train", "--data", "IMAGES", "--schedule", "step", "--decay-every", "0"],
            "every should be at least 1",
        ),
        (["train", "--data", "IMAGES", "--beta", "nan"], "beta should be a number or a schedule"),
        (["train", "--data", "IMAGES", "--patience", "0"], "patience should be at least 1"),
        (["train", "--data", "IMAGES", "--seed", "-1"], "seed should be at least 0"),
        (
            ["train", "--data", "IMAGES", "--objective", "iwae", "--beta", "4"],
            "iwae has no beta, which ciwae and elbo and",
        ),
        (
            ["train", "--data", "IMAGES", "--noise-std", "1"],
            "elbo has no noise_std, which reconstruction has",
        ),
        (
            ["train", "--data", "IMAGES", "--model", "autoencoder", "--prior", "vamp"],
            "prior should be left alone, found vamp",
        ),
        (
            ["train", "--data", "IMAGES", "--log-var-bounds", "2"],
            "log_var_bounds should be 2 values in parentheses",
        ),
        (["train", "--data", "IMAGES", "--capacity-steps", "5"], "should come with a capacity"),
        (
            ["train", "--data", "IMAGES", "--prior", "gaussian_mixture", "--objective", "elbo"],
            "no closed form",
        ),
        (
            ["train", "--data", "IMAGES", "--model", "autoencoder", "--objective", "iwae"],
            "should have a density",
        ),
        (["train", "--data", "x" * 300], "x" * 300),
        (["train", "--resume", "RUN", "--epochs", "0"], "epochs should be at least 1, found 0"),
        (
            ["train", "--resume", "RUN", "--epochs", "1"],
            "no fewer epochs than the 2 that are done, found 1: --epochs 2",
        ),
        (["evaluate", "RUN", "--likelihood-of", "-5"], "--likelihood-of should be at least 1"),
        (["evaluate", "RUN", "--seed", "-1"], "--seed should be at least 0"),
        (["sample", "RUN", "--seed", "-1"], "--seed should be at least 0"),
        (["bench", "mlp", "--seconds", "-1"], "--seconds should be at least 0.01"),
        (
            ["train", "--data", "IMAGES", "--recipe", "convolutional", "--hidden", "3", "4"],
            "a whole number, found (3, 4)",
        ),
        (
            ["train", "--data", "IMAGES", "--recipe", "convolutional", "--channels", "2", "2", "2", "2"],
            "16 x 16 pixels",
        ),
        (["train", "--data", "IMAGES", "--channels", "3"], "mlp has no channels, which convolutional has"),
        (["train", "--data", "IMAGES", "--model", "autoencoder", "--objective", "elbo"], "no closed form"),
        (["train", "--resume", "RUN", "--latent-dim", "3"], "--latent-dim can't be changed by --resume"),
        (["train", "--resume", "DIR"], "should be a run's folder, found no config.json"),
        (["evaluate", "RUN", "--data", "glyphs"], "(1, 8, 8), found (1, 28, 28)"),
        (["evaluate", "RUN", "--split", "test"], "test"),
        (["evaluate", "RUN", "--samples", "-1"], "at least 0, found -1"),
        (["evaluate", "RUN", "--json", "DIR/no/file"], "can't be written"),
        (["sample", "RUN", "-n", "0"], "at least 1, found 0"),
        (["sample", "RUN", "--out", "DIR/x.jpg"], ".png"),
        (["reconstruct", "RUN", "--data", "glyphs"], "(N, 1, 8, 8)"),
        (["plot", "RUN", "portrait"], "one of codes, columns, curves"),
        (["info", "DIR"], "config.json"),
        (["check", "--case", "no such case"], "no case with 'no such case'"),
    ],
    ids=lambda a: " ".join(a) if isinstance(a, list) else None,
)
def test_bad_arguments_are_one_sentence(argv, words, images, trained, tmp_path, capsys):
    before = contents(trained)
    names = {"DIR": tmp_path, "RUN": trained, "IMAGES": images}
    given = [str(names.get(a, a)).replace("DIR/", f"{tmp_path}/") for a in argv]
    given += (
        ["--out", str(tmp_path / "run"), "--quiet"] if argv[0] == "train" and "--resume" not in argv else []
    )
    fails(capsys, given, words)
    assert contents(trained) == before


@pytest.mark.parametrize(
    ("file", "damage", "words"),
    [
        ("config.json", lambda t: t[:50], "config.json should be JSON"),
        ("config.json", lambda t: "[]", "one JSON object, found list"),
        ("config.json", lambda t: t.replace('"epochs"', '"epoch"'), "found 'epoch'"),
        (
            "config.json",
            lambda t: t.replace('"epochs": 2', '"epochs": "two"'),
            "epochs should be a whole number, found 'two'",
        ),
        ("config.json", lambda t: t.replace('"mlp(', '"perceptron('), "found 'perceptron'"),
        ("config.json", lambda t: t.replace('"mlp(', '"convolutional('), "a whole number, found (8,)"),
        ("config.json", lambda t: t.replace("latent_dim=2", "latent_dim=3"), "should hold one run"),
        ("config.json", lambda t: t.replace('"adam"', '"magic"'), "optimizer should be one of"),
        (
            "config.json",
            lambda t: t.replace('"patience": null', '"patience": "3"'),
            "patience should be a whole number or None",
        ),
        (
            "config.json",
            lambda t: t.replace('"examples": 60', '"examples": 61'),
            "with examples 60, config.json says 61",
        ),
        ("checkpoint.safetensors", lambda t: "", "arrays of numbers, whole, found 0 bytes"),
    ],
)
def test_a_damaged_run_is_one_sentence(file, damage, words, copy, capsys):
    path = copy / file
    path.write_text(damage(path.read_text() if file == "config.json" else ""))
    before = contents(copy)
    fails(capsys, ["train", "--resume", copy, "--quiet"], words)
    assert contents(copy) == before


def test_a_run_can_be_moved_and_drawn_from_without_its_data(images, tmp_path, monkeypatch, capsys):
    folder, data = tmp_path / "run", tmp_path / "data.npy"
    data.write_bytes(images.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", "data.npy", "--out", "run", *SMALL, "--no-figures"]) == 0
    monkeypatch.chdir(folder)
    assert main(["evaluate", str(folder), "--samples", "0"]) == 0
    data.unlink()
    assert main(["sample", str(folder), "-n", "2"]) == 0
    assert main(["info", str(folder)]) == 0
    fails(capsys, ["evaluate", folder], str(data))
    np.save(data, np.zeros((50, 8, 8), np.uint8))
    fails(capsys, ["train", "--resume", folder, "--epochs", "3"], "should hold 60 examples", "found 50")


def test_an_interrupted_run_goes_on_to_the_same_weights(images, tmp_path, capsys, monkeypatch):
    argv = ["train", "--data", str(images), *SMALL, "--no-figures", "--batch-size", "10"]
    assert main([*argv, "--out", str(tmp_path / "whole")]) == 0
    kept = Run.keep

    def interrupting(run, every=0):
        keeper = kept(run, every)

        def callback(training, event):
            keeper(training, event)
            if training.step == 3 and event == "step":
                signal.raise_signal(signal.SIGINT)

        return callback

    monkeypatch.setattr(Run, "keep", interrupting)
    assert main([*argv, "--out", str(tmp_path / "run")]) == 130
    assert (
        f"stopped after step 3; `scratchvae train --resume {tmp_path / 'run'}` goes on"
        in capsys.readouterr().err
    )
    monkeypatch.undo()
    assert main(["train", "--resume", str(tmp_path / "run"), "--quiet", "--no-figures"]) == 0
    one, other = (Run.open(tmp_path / f).resumed() for f in ("run", "whole"))
    for name, parameter in one.parameters.items():
        np.testing.assert_array_equal(parameter.value, other.parameters[name].value)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_stopped_before_its_first_step_can_be_resumed(images, tmp_path):
    config = Config(data=str(images), recipe="mlp(latent_dim=2, hidden=8)", epochs=1)
    Run.start(tmp_path / "run", config).claim.release()
    assert main(["train", "--resume", str(tmp_path / "run"), "--quiet", "--no-figures"]) == 0


def test_a_wrong_kernel_twin_in_the_environment_is_one_sentence():
    environment = os.environ | {"SCRATCHVAE_KERNELS": "foo"}
    command = [sys.executable, "-m", "scratchvae", "info"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("scratchvae info: ")
    assert "Traceback" not in done.stderr


def test_a_run_is_not_overwritten(images, copy, capsys):
    before = contents(copy)
    fails(capsys, ["train", "--data", images, "--out", copy, *SMALL], "holds a run already", "--resume")
    assert contents(copy) == before


def test_a_folder_that_cannot_be_made(images, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    fails(capsys, ["train", "--data", images, "--out", tmp_path / "file" / "run", *SMALL], "can't be made")


def test_a_full_disk_keeps_the_last_checkpoint(copy, capsys, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    argv = ["train", "--resume", str(copy), "--epochs", "3", "--quiet"]
    before = (copy / "checkpoint.safetensors").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    fails(capsys, argv, "No space left on device")
    assert (copy / "checkpoint.safetensors").read_bytes() == before


def test_a_run_that_diverges_says_so_and_can_still_be_opened(images, tmp_path, capsys):
    folder = tmp_path / "run"
    argv = [
        "train",
        "--data",
        images,
        "--out",
        folder,
        "--optimizer",
        "sgd",
        "--learning-rate",
        "1e30",
        "--batch-size",
        "9",
    ]
    fails(capsys, [*argv, "--checkpoint-every", "1", *SMALL], "step")
    assert Path(folder / "config.json").exists()
