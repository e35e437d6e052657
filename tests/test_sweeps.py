"""Sweeps: one table whoever trains the runs, whatever stops them, and nothing trained where a command is
wrong.
"""

import csv
import importlib.util
import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from scratchvae import choices
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.choices import Choice, parse_values
from scratchvae.models import LatentVariableModel
from scratchvae.recipes import mlp
from scratchvae.runs import Run, dask_executor, grid, sweep, sweep_tables
from scratchvae.runs import trial as one_trial
from scratchvae.runs.dask_cluster import say_when_no_worker_is_left
from scratchvae.training import load_checkpoint

RNG = np.random.default_rng(0)
SETTINGS = {"epochs": 2, "latent_dim": 2, "hidden": 4, "batch_size": 10, "held_out": 10}
OPTIONS = ["--epochs", "2", "--latent-dim", "2", "--hidden", "4", "--batch-size", "10", "--held-out", "10"]
COMMANDS = grid({"beta": (1, 4), "seed": range(2)})


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A file of 40 small images."""
    path = tmp_path_factory.mktemp("data") / "images.npy"
    np.save(path, RNG.random((40, 4, 4), np.float32))
    return path


@pytest.fixture(scope="module")
def common(images):
    return SETTINGS | {"data": str(images)}


@pytest.fixture(scope="module")
def serial(common, tmp_path_factory):
    """The table of a sweep that was trained run by run, and its folder."""
    folder = tmp_path_factory.mktemp("serial") / "sweep"
    return sweep(COMMANDS, folder=folder, common=common), folder


def states(folder):
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def trained_folders(folder):
    return {path.parent.name for path in folder.rglob("checkpoint.safetensors")}


# ---- what varies
# ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1", (1,)),
        ("1,2.5, -3", (1, 2.5, -3)),
        ("0..4", (0, 1, 2, 3, 4)),
        ("-1..1,7", (-1, 0, 1, 7)),
        ("5..5", (5,)),
        ("(8,),(16,16)", ((8,), (16, 16))),
        ("True,None", (True, None)),
        ("'0..4','a.npy'", ("0..4", "a.npy")),
        ("adam,adam(betas=(0.9, 0.99))", (Choice("adam"), Choice("adam", {"betas": (0.9, 0.99)}))),
    ],
)
def test_values_are_read_by_the_grammar_of_choices(text, values):
    assert parse_values(text) == values


@pytest.mark.parametrize(
    "text",
    ["", " ", ",", "1,,2", "4..0", "0..10000", "1..", "..2", "0..2..4", "a b", "[1", "1+1", "1" * 3000],
)
def test_other_values_are_one_sentence(text):
    with pytest.raises(InputError) as caught:
        parse_values(text, "beta")
    assert str(caught.value).startswith("beta should be ")
    assert len(str(caught.value)) < 400


def test_a_range_has_as_many_values_as_may_be():
    assert parse_values("0..9999") == tuple(range(choices.grammar.MOST_VALUES))


# ---- one table
# ------------------------------------------------------------------------------------------------------------


def test_a_row_has_the_settings_first_and_then_what_the_run_was_judged(serial):
    rows, folder = serial
    assert [(row["beta"], row["seed"]) for row in rows] == [(1, 0), (1, 1), (4, 0), (4, 1)]
    assert list(rows[0])[:3] == ["beta", "seed", "epochs"]
    assert "loss" not in rows[0]
    for row in rows:
        assert row["epochs"] == 2
        assert row["bound"] == pytest.approx(row["log_px"] - row["kl"], rel=1e-6)
        one = Run.open(folder / f"beta{row['beta']}-seed{row['seed']}")
        # other draws of 10 examples
        assert one.history()[-1]["held_out"]["bound"] == pytest.approx(row["bound"], abs=0.5)
    assert rows[0]["kl"] > rows[2]["kl"]  # a larger beta leaves less of it
    assert trained_folders(folder) == {"beta1-seed0", "beta1-seed1", "beta4-seed0", "beta4-seed1"}


def test_the_table_is_markdown_and_csv(serial):
    rows, _ = serial
    lines = sweep_tables.as_markdown(rows).splitlines()
    assert lines[0].startswith("| beta | seed | epochs | bound ")
    assert len(lines) == 6
    assert len({len(line) for line in lines}) == 1
    read = list(csv.DictReader(sweep_tables.as_csv(rows).splitlines()))
    assert [float(row["bound"]) for row in read] == [row["bound"] for row in rows]
    assert "failed" not in read[0]


def test_a_finished_run_is_not_trained_again(serial, common, monkeypatch):
    rows, folder = serial
    before = states(folder)
    monkeypatch.setattr(one_trial, "judge", None)
    assert sweep(COMMANDS, folder=folder, common=common) == rows
    assert states(folder) == before


def test_a_run_that_was_stopped_anywhere_goes_on_to_the_same_table(serial, common, tmp_path, monkeypatch):
    rows, _ = serial
    kept = Run.keep

    def stopping(run, every=0):
        keeper = kept(run, every)

        def callback(training, event):
            keeper(training, event)
            if run.folder.name == "beta1-seed1" and training.step == 4 and event == "step":
                os.kill(os.getpid(), signal.SIGINT)

        return callback

    monkeypatch.setattr(Run, "keep", stopping)
    with pytest.raises(KeyboardInterrupt):
        sweep(COMMANDS, folder=tmp_path, common=common)
    assert trained_folders(tmp_path) == {"beta1-seed0", "beta1-seed1"}
    assert load_checkpoint(tmp_path / "beta1-seed1" / "checkpoint.safetensors").position["step"] in (4, 5)
    monkeypatch.undo()
    (tmp_path / "beta1-seed0" / "judgement.json").unlink()  # killed between its last step and its judgement
    assert sweep(COMMANDS, folder=tmp_path, common=common) == rows


def test_an_executor_of_threads_makes_the_same_table(serial, common, tmp_path):
    told = []
    with ThreadPoolExecutor(2) as executor:
        rows = sweep(
            COMMANDS,
            folder=tmp_path,
            common=common,
            executor=executor,
            on_row=lambda row, trial: told.append(row),
        )
    assert rows == serial[0]
    assert sorted(map(str, told)) == sorted(map(str, rows))


def test_processes_make_the_same_table_from_the_command_line(serial, images, tmp_path, capsys):
    argv = [
        "sweep",
        "beta=1,4",
        "--workers",
        "2",
        "seed=0..1",
        "--out",
        str(tmp_path),
        "--",
        "--data",
        str(images),
        *OPTIONS,
    ]
    before = dict(os.environ)
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert out == sweep_tables.as_pages(serial[0]) == (tmp_path / "table.md").read_text()
    assert (tmp_path / "table.csv").read_text() == sweep_tables.as_csv(serial[0])
    assert "4 of 4: " in err
    assert dict(os.environ) == before


def test_a_sweep_has_a_folder_of_its_own_and_may_be_a_list(images, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("# two runs\n--beta 4\n\n--model autoencoder --penalty 'l1(weight=1)'\n")
    argv = [
        "sweep",
        "--commands",
        "list.txt",
        "--workers",
        "1",
        "--quiet",
        "--",
        "--data",
        str(images),
        *OPTIONS,
    ]
    assert main(argv) == 0
    (folder,) = Path("runs").iterdir()
    name = "sweep-images-mlp-latent-dim2-hidden4-held-out10-epochs2-batch-s"
    assert folder.name.startswith(name)
    assert trained_folders(folder) == {"beta4", "l1-weight1-autoencoder"}
    out = capsys.readouterr().out
    assert "beta" in out
    assert "| l1(weight=1) |" in out
    state = states(folder / "beta4")
    assert main(argv) == 0
    assert states(folder / "beta4") == state


# ---- what goes wrong
# --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ([{"beta": 1}, {"beta": 2}, {"beta": -1}], "command 3 (beta=-1): "),
        ([{"beta": 1}, {"seed": 3}, {"latent_dim": 0}], "command 3 (latent_dim=0): "),
        ([{"seed": 1}, {"seed": 2}, {"seed": -3}], "command 3 (seed=-3): "),
        (
            [{"beta": 1}, {"beta": 2}, {"bta": 1}],
            "command 3 (bta=1): bta is no setting of a run (did you mean beta?)",
        ),
        ([{"beta": 1}, {"beta": 2}, {"data": "nowhere.npy"}], "command 3 (data=nowhere.npy): "),
        ([{"beta": 1}, {"beta": 2}, {"held_out": 40}], "command 3 (held_out=40): "),
        ([{"beta": 1}, {"beta": 2}, {"prior": "vmap"}], "(did you mean vamp?)"),
        (
            [{"beta": 1}, {"beta": 2}, {"recipe": "convolutional", "channels": (1, 1, 1)}],
            "command 3 (recipe=convolutional",
        ),
        ([{"beta": 1}, {"beta": 2}, {"objective": "iwae", "beta": 3}], "iwae has no beta"),
        (
            [{"beta": 1}, {"beta": 2}, {"beta": 1, "seed": 0}],
            "command 3 (beta=1, seed=0): each command should describe another",
        ),
        ([], "there should be one command or more"),
    ],
    ids=str,
)
def test_nothing_is_trained_where_a_command_is_wrong(commands, words, common, tmp_path):
    plain = {name: value for name, value in common.items() if name not in ("latent_dim", "hidden")}
    with pytest.raises(InputError) as caught:
        sweep(commands, folder=tmp_path / "sweep", common=plain)
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_runs_of_other_settings_is_refused(serial, common):
    _, folder = serial
    before = states(folder)
    with pytest.raises(
        InputError, match=r"beta1-seed0 holds a run with other settings, epochs 2 there, 3 here"
    ):
        sweep(COMMANDS, folder=folder, common=common | {"epochs": 3})
    assert states(folder) == before


def test_a_run_that_fails_has_the_sentence_in_its_row_and_the_others_go_on(common, tmp_path, capsys):
    commands = grid({"learning_rate": (1e30, 0.001)})
    rows = sweep(commands, folder=tmp_path, common=common | {"optimizer": "sgd"})
    assert "step" in rows[0]["failed"]
    assert rows[0]["bound"] is None
    assert rows[1]["failed"] is None
    assert np.isfinite(rows[1]["bound"])
    assert "| failed" in sweep_tables.as_markdown(rows)
    argv = [
        "sweep",
        "learning-rate=1e30,0.001",
        "--workers",
        "1",
        "--quiet",
        "--out",
        str(tmp_path),
        "--",
        "--data",
        common["data"],
    ]
    assert main([*argv, *OPTIONS, "--optimizer", "sgd"]) == 1
    capsys.readouterr()


class GivingUp:
    """An executor that cancels what it was given, as Dask does whose scheduler has gone."""

    def submit(self, function, *arguments):
        future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


def test_runs_that_an_executor_gives_up_are_one_sentence(common, tmp_path):
    with pytest.raises(InputError, match=r"gave up the runs that are left.*the same sweep goes on with them"):
        sweep(COMMANDS, folder=tmp_path, common=common, executor=GivingUp())


class Cluster:
    """A Dask client whose cluster has so many workers at each look.

    After the last look the sweep has ended, or the cluster is gone.
    """

    def __init__(self, workers, ended):
        self.workers, self.ended = workers, ended

    def nthreads(self):
        if not self.workers:
            self.ended.set()
            raise OSError("the scheduler is gone")
        return dict.fromkeys(range(self.workers.pop(0)), 1)


def test_a_cluster_without_workers_is_said_once_each_time(monkeypatch, caplog):
    monkeypatch.setattr("scratchvae.runs.dask_cluster.WATCHED", 1e-3)
    ended = threading.Event()
    say_when_no_worker_is_left(Cluster([2, 0, 0, 1, 0], ended), "tcp://x", ended)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert all(one.startswith("tcp://x: no worker is left: the sweep waits until one joins") for one in said)


class Dying:
    """An executor whose only worker dies."""

    def submit(self, function, *arguments):
        future = Future()
        from concurrent.futures.process import BrokenProcessPool

        future.set_exception(BrokenProcessPool("A process was terminated abruptly"))
        return future


def test_a_pool_that_breaks_is_one_sentence(common, tmp_path):
    with pytest.raises(
        InputError, match="a process was killed, perhaps for want of memory; the same sweep goes on"
    ):
        sweep(COMMANDS, folder=tmp_path, common=common, executor=Dying())


def test_a_sweep_waits_for_a_process_that_was_killed_to_let_go(common, serial, tmp_path, monkeypatch):
    (tmp_path / "beta1-seed0").mkdir()
    claim = one_trial.Run.start(tmp_path / "beta1-seed0", one_trial.Config(data=common["data"])).claim
    (tmp_path / "beta1-seed0" / "config.json").unlink()
    threading.Timer(0.3, claim.release).start()
    assert sweep(COMMANDS[:1], folder=tmp_path, common=common) == serial[0][:1]
    held = one_trial.Run.resume(tmp_path / "beta1-seed0").claim
    (tmp_path / "beta1-seed0" / "judgement.json").unlink()
    monkeypatch.setattr(one_trial, "PATIENCE", 0.1)
    assert (
        "is being trained in by process" in sweep(COMMANDS[:1], folder=tmp_path, common=common)[0]["failed"]
    )
    held.release()


# ---- a cluster
# ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed")
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_one_of_whose_two_workers_is_killed_makes_the_serial_table_bit_for_bit(images, tmp_path):
    from dask.distributed import LocalCluster

    longer = SETTINGS | {"data": str(images), "epochs": 60, "batch_size": 2}
    rows = sweep(COMMANDS, folder=tmp_path / "serial", common=longer)
    killed = []

    def kill_one():
        """Kill the process that has first written an epoch's metrics."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            for path in (tmp_path / "dask").glob("*/metrics.jsonl"):
                if path.stat().st_size and (path.parent / ".lock").exists():
                    killed.append(int((path.parent / ".lock").read_text().split()[1]))
                    os.kill(killed[0], signal.SIGKILL)
                    return
            time.sleep(0.01)

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        workers = {worker.pid for worker in cluster.workers.values()}
        killer = threading.Thread(target=kill_one)
        killer.start()
        with dask_executor(cluster.scheduler_address) as executor:
            found = sweep(COMMANDS, folder=tmp_path / "dask", common=longer, executor=executor)
        killer.join()
    assert set(killed) < workers
    assert found == rows
    assert sweep_tables.as_csv(found) == sweep_tables.as_csv(rows)


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed")
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_does_not_answer_is_one_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("scratchvae.runs.dask_cluster.TIMEOUT", "200ms")
    argv = ["sweep", "beta=1,2", "--dask", "tcp://127.0.0.1:1", "--out", str(tmp_path / "sweep")]
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert "--dask should be the address of a scheduler that runs" in said.splitlines()[-1]
    assert not (tmp_path / "sweep").exists()


# ---- a search
# ------------------------------------------------------------------------------------------------------------


class Pruned(Exception):
    """What a library for searches raises to end a trial."""


@pytest.mark.parametrize("when", ["step", "epoch"])
def test_a_callback_that_raises_leaves_a_model_that_can_be_used_and_fitted_again(when):
    x = RNG.random((60, 5), np.float32)

    def prune(training, event):
        if event == when and training.step >= 2:
            raise Pruned

    def fitted(**options):
        model: LatentVariableModel = mlp((5,), latent_dim=2, hidden=(4,), likelihood="gaussian", seed=0)
        return model.fit(x, epochs=3, batch_size=30, **options)

    model = mlp((5,), latent_dim=2, hidden=(4,), likelihood="gaussian", seed=0)
    with pytest.raises(Pruned):
        model.fit(x, epochs=3, batch_size=30, held_out=x, callbacks=[prune])
    assert len(model.history) == (1 if when == "epoch" else 0)
    assert np.isfinite(model.score_samples(x)).all()
    whole = fitted()
    np.testing.assert_array_equal(model.fit(x, epochs=3, batch_size=30).transform(x), whole.transform(x))


def test_optuna_prunes_by_the_callback():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    x = RNG.random((60, 5), np.float32)
    models = []

    def objective(trial):
        model = mlp((5,), latent_dim=2, hidden=(4,), likelihood="gaussian", seed=0)
        models.append(model)

        def report(training, event):
            if event == "epoch":
                trial.report(training.history[-1]["held_out"]["bound"], training.epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

        rate = trial.suggest_categorical("rate", [1e-2, 1e-7])
        model.fit(x, epochs=4, batch_size=30, learning_rate=rate, held_out=x, callbacks=[report])
        return model.history[-1]["held_out"]["bound"]

    sampler = optuna.samplers.GridSampler({"rate": [1e-2, 1e-7]}, seed=1)
    study = optuna.create_study(
        direction="maximize", sampler=sampler, pruner=optuna.pruners.MedianPruner(n_startup_trials=1)
    )
    study.enqueue_trial({"rate": 1e-2})
    study.optimize(objective, n_trials=2)
    kinds = [trial.state.name for trial in study.trials]
    assert kinds == ["COMPLETE", "PRUNED"]
    assert study.best_params == {"rate": 1e-2}
    assert all(np.isfinite(model.transform(x)).all() for model in models)
