"""Training: it learns, it stops where it should, and a run stopped anywhere goes on to the same bits."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import import_module
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from scratchvae import kernels
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.files import write_whole
from scratchvae.layers import (
    EVALUATION,
    BatchNorm,
    Dropout,
    Linear,
    Parameter,
    ReLU,
    Sequential,
    named_buffers,
    named_parameters,
)
from scratchvae.networks import weights_generator
from scratchvae.objectives import Elbo, Objective, Ramp, Report
from scratchvae.recipes import mlp
from scratchvae.training import (
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    Constant,
    Cosine,
    Diverged,
    EarlyStopping,
    Phase,
    ProgressBar,
    Purpose,
    RMSprop,
    StepDecay,
    Training,
    generator,
    load_checkpoint,
    restore_training,
    save_checkpoint,
)
from scratchvae.training.clipping import clip_by_norm
from scratchvae.training.divergence import divergence


def bars(n=300, side=6, seed=0):
    """Images of one horizontal or vertical bar."""
    rng = np.random.default_rng(seed)
    images = np.zeros((n, 1, side, side), np.uint8)
    for image, place, upright in zip(
        images[:, 0], rng.integers(side, size=n), rng.random(n) < 0.5, strict=True
    ):
        image[(slice(None), place) if upright else (place, slice(None))] = 255
    return Dataset("bars", images, kind="pixels")


DATA = bars()
HELD_OUT = bars(100, seed=1)


def model(seed=0):
    """A VAE with every kind of state: batch normalization's statistics, dropout's masks."""
    one = mlp(DATA.event_shape, latent_dim=3, hidden=(16,), seed=seed)
    one.encoder = Sequential(Linear(36, 16, rng=1), BatchNorm(16), ReLU(), Dropout(0.2), Linear(16, 6, rng=2))
    return one


def training(epochs=4, callbacks=(), rate=None, **settings):
    objective = Elbo(beta=Ramp(0.0, 1.0, 8))
    optimizer = Adam(rate or Cosine(3e-3, 24, warm_up=2))
    phases = [Phase(objective, optimizer, max_norm=5.0)]
    settings = {"held_out": HELD_OUT, "binarized": True, **settings}
    return Training(
        model(), phases, DATA, epochs=epochs, batch_size=64, seed=3, callbacks=callbacks, **settings
    )


def state(run):
    held = named_parameters(run.model) | named_buffers(run.model)
    slots = {f"{i}/{k}": a for i, phase in enumerate(run.phases) for k, a in phase.optimizer.state().items()}
    return {k: h.value for k, h in held.items()} | slots


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def test_seconds_are_those_of_an_epochs_steps_also_where_it_was_left_and_gone_on_with(monkeypatch):
    """By a clock that is a second later at each look, an epoch of five steps takes five."""
    clock = SimpleNamespace(perf_counter=count(100.0).__next__)
    monkeypatch.setattr(import_module("scratchvae.training.loop"), "time", clock)
    run = training(
        epochs=2,
        callbacks=[lambda run, event: setattr(run, "interrupted", event == "step" and run.step == 2)],
    )
    run.run()
    assert (run.position, run.seconds) == (128, 2.0)
    clock.perf_counter()  # time passes between the two
    run.callbacks, run.interrupted = [], False
    run.run()
    assert [record["seconds"] for record in run.history] == [5.0, 5.0]


def without_seconds(history):
    return [{k: v for k, v in record.items() if k != "seconds"} for record in history]


@pytest.mark.parametrize("stop_at", [1, 4, 5, 7, 10, 19, 20])
def test_a_run_stopped_at_any_step_and_resumed_has_the_same_bits(stop_at, tmp_path):
    class Stop(Exception):
        pass

    def stopper(run, event):
        if event == "step" and run.step == stop_at:
            save_checkpoint(tmp_path / "checkpoint", run, {})
            raise Stop

    whole = training(callbacks=[EarlyStopping(2)]).run()
    with pytest.raises(Stop):
        training(callbacks=[EarlyStopping(2), stopper]).run()
    resumed = training(callbacks=[EarlyStopping(2)])
    restore_training(load_checkpoint(tmp_path / "checkpoint"), resumed)
    assert resumed.step == stop_at
    resumed.run()
    assert same(state(whole), state(resumed))
    assert without_seconds(whole.history) == without_seconds(resumed.history)
    assert same(whole.best, resumed.best)


STREAMS = {  # the first numbers at index 5 of seed 0: a run that an older version began goes on with these
    "ORDER": [993278118, 369465395, 1175481503],
    "STEP": [3475531642, 460968289, 3028330611],
    "HELD_OUT": [1451203058, 1970415005, 3449149523],
}


@pytest.mark.parametrize("purpose", STREAMS)
def test_what_is_drawn_where_is_the_same_in_every_version(purpose):
    assert generator(0, Purpose[purpose], 5).integers(0, 2**32, 3).tolist() == STREAMS[purpose]


CHILD = """
import json, sys
from pathlib import Path
from typing import ClassVar
sys.path.insert(0, sys.argv[2])
from test_training import training
from scratchvae.training import load_checkpoint, restore_training, save_checkpoint
path = Path(sys.argv[1])
keep = lambda run, event: save_checkpoint(path, run, {}) if event != "step" or run.step % 3 == 0 else None
run = training(epochs=12, callbacks=[keep])
if path.exists():
    restore_training(load_checkpoint(path), run)
run.run()
"""


def test_a_run_killed_at_random_and_resumed_has_the_same_bits(tmp_path):
    """SIGKILL at random moments of three processes, then one left to finish."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    rng = np.random.default_rng(0)

    def run(path, patience=None):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(Path(__file__).parent)], env=environment
        ) as child:
            if patience is not None:
                deadline = time.monotonic() + 60
                while not path.exists() and child.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.005)
                time.sleep(patience)
                child.send_signal(signal.SIGKILL)
            child.wait()
        return child.returncode

    assert run(tmp_path / "whole") == 0
    for patience in rng.uniform(0, 0.05, 3):
        run(tmp_path / "killed", patience)
    assert run(tmp_path / "killed") == 0
    assert same(load_file(tmp_path / "whole"), load_file(tmp_path / "killed"))


def test_it_learns_bars():
    one = mlp(DATA.event_shape, latent_dim=4, hidden=(64,), seed=0).fit(
        DATA, epochs=60, batch_size=32, learning_rate=3e-3
    )
    losses = [record["train"]["loss"] for record in one.history]
    assert losses[-1] < 0.5 * losses[0]
    assert losses[-1] < 7  # a bar is one of twelve: its code costs log 12 = 2.5 nats
    assert np.abs(one.reconstruct(DATA.subset(slice(0, 50))) - DATA.images[:50] / 255).mean() < 0.05


class Watched(Elbo):
    """An Elbo that keeps the noise and the data it was called with."""

    calls: ClassVar[list] = []

    def __call__(self, model, batch, noise, *, mode=EVALUATION):
        self.calls.append((mode.training, batch.x, noise))
        return super().__call__(model, batch, noise, mode=mode)


def test_every_step_has_noise_and_data_of_its_own_and_every_judgement_the_same():
    Watched.calls.clear()
    run = training(epochs=3)
    run.phases[0].objective = Watched()
    run.run()
    steps = [(x, noise) for trains, x, noise in Watched.calls if trains]
    judged = [(x, noise) for trains, x, noise in Watched.calls if not trains]
    assert len(steps) == 15
    assert len(judged) == 3
    for one, other in ((0, 1), (0, 5), (4, 9)):
        assert not np.array_equal(steps[one][1], steps[other][1])
        assert not np.array_equal(steps[one][0], steps[other][0])
    for x, noise in judged:
        np.testing.assert_array_equal(x, judged[0][0])
        np.testing.assert_array_equal(noise, judged[0][1])
        assert set(np.unique(x)) == {0, 1}
    grey = Dataset("grey", np.full((300, 1, 6, 6), 128, np.uint8), kind="pixels")
    Watched.calls.clear()
    run = Training(model(), run.phases, grey, epochs=1, batch_size=100, held_out=grey, binarized=True)
    run.run()
    assert all(set(np.unique(x)) == {0, 1} for _, x, _ in Watched.calls)
    first_noise = Watched.calls[0][2].ravel()[:60]
    assert not np.array_equal(first_noise, Watched.calls[-1][2].ravel()[:60])


def test_streams_do_not_meet():
    streams = [generator(7, purpose, index) for purpose in Purpose for index in (0, 1)]
    streams += [np.random.default_rng(7), weights_generator(7), np.random.default_rng(0)]
    draws = [tuple(stream.random(4)) for stream in streams]
    assert len(set(draws)) == len(draws)


def test_early_stopping_judges_every_epoch_by_the_same_weights():
    def held_out(beta):
        run = Training(
            model(), [Phase(Elbo(beta=beta), Adam(3e-3))], DATA, epochs=2, batch_size=64, held_out=HELD_OUT
        )
        return run.run().history[0]["held_out"]

    record = held_out(Ramp(0.0, 3.0, 9))  # at its end, though the first epoch trained with less
    assert record["loss"] == pytest.approx(-record["log_px"] + 3 * record["kl"], rel=1e-6)


def test_several_phases_keep_their_terms_apart():
    run = training(epochs=1)
    run.phases.append(Phase(Elbo(), Adam(0.0)))
    record = run.run().history[0]
    assert {"0.bound", "1.bound", "0.loss", "1.kl"} <= record["train"].keys() & record["held_out"].keys()
    assert record["train"]["0.bound"] == pytest.approx(record["train"]["1.bound"], rel=0.2)


def test_two_runs_of_one_seed_are_one_run_and_of_two_seeds_two():
    a, b = training().run(), training().run()
    assert same(state(a), state(b))
    assert without_seconds(a.history) == without_seconds(b.history)
    other = training()
    other.seed = 4
    assert not same(state(a), state(other.run()))


def test_a_record_an_epoch():
    run = training(epochs=2).run()
    assert [(r["epoch"], r["step"]) for r in run.history] == [(1, 5), (2, 10)]
    assert (
        set(run.history[0]["train"]) == set(run.history[0]["held_out"]) == {"loss", "bound", "log_px", "kl"}
    )


def test_early_stopping_goes_back_to_the_best_epoch():
    weights = {}

    def remember(run, event):
        if event == "epoch":
            weights[run.epoch] = {k: p.value for k, p in named_parameters(run.model).items()}

    run = training(epochs=40, callbacks=[remember, EarlyStopping(2)], rate=Constant(0.2)).run()
    losses = [record["held_out"]["loss"] for record in run.history]
    best = losses.index(min(losses)) + 1
    assert len(losses) == best + 2 < 40
    assert all(np.array_equal(p.value, weights[best][k]) for k, p in named_parameters(run.model).items())
    with pytest.raises(InputError, match="held-out data to stop by"):
        training(callbacks=[EarlyStopping(2)], held_out=None).run()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_no_number_stops_the_run_and_says_what_went_first(tmp_path):
    path = tmp_path / "checkpoint"

    def keep(run, event):
        if event == "step":
            save_checkpoint(path, run, {})

    def poison(run, event):
        if run.step == 7:
            run.parameters["decoder.2.bias"].value[3] = np.nan

    run = training(callbacks=[keep, poison])
    words = r"step 8: the loss is nan; its term log_px is not finite first, .*decoder\.2\.bias went first"
    with pytest.raises(Diverged, match=words):
        run.run()
    assert load_checkpoint(path).position["step"] == 7
    with pytest.raises(
        Diverged, match=r"decoder\.2\.bias is not finite any more; .* keeps the last good state"
    ):
        save_checkpoint(path, run, {})
    assert load_checkpoint(path).position["step"] == 7


def test_schedules():
    assert [Constant(2.0, warm_up=4)(s) for s in (0, 1, 3, 4, 9)] == pytest.approx([0.4, 0.8, 1.6, 2.0, 2.0])
    assert [StepDecay(1.0, 10, 0.5)(s) for s in (0, 9, 10, 25)] == pytest.approx([1, 1, 0.5, 0.25])
    cosine = Cosine(1.0, 10, final=0.2)
    assert [cosine(s) for s in (0, 5, 10, 99)] == pytest.approx([1, 0.6, 0.2, 0.2])
    warm = Cosine(1.0, 12, warm_up=2)
    assert [warm(s) for s in (0, 1, 2, 7, 12)] == pytest.approx([1 / 3, 2 / 3, 1, 0.5, 0])
    assert [StepDecay(1.0, 10, 0.5, warm_up=4)(s) for s in (3, 4, 13, 14)] == pytest.approx([0.8, 1, 1, 0.5])
    run = training(epochs=1).run()
    assert run.history[0]["learning_rate"] == Cosine(3e-3, 24, warm_up=2)(4)


@pytest.mark.parametrize("max_norm", [0.5, 5.0, 13.0, 14.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_are_clipped_together_to_their_common_norm(max_norm, dtype):
    """(3, 4), 12 and a Parameter that received none have the norm 13; what is not above the limit stays as it
    is.
    """
    parameters = [Parameter(np.zeros(n, dtype)) for n in (2, 1, 3)]
    parameters[0].grad, parameters[1].grad = np.array([3, 4], dtype), np.array([12], dtype)
    assert clip_by_norm(parameters, max_norm) == 13
    share = min(max_norm / 13, 1)
    np.testing.assert_allclose(parameters[0].grad, [3 * share, 4 * share], rtol=1e-6)
    np.testing.assert_allclose(parameters[1].grad, [12 * share], rtol=1e-6)
    assert parameters[2].grad is None
    assert parameters[0].grad.dtype == dtype


def sgd_by_hand(theta, g, slots, t, rate):
    slots["v"] = 0.7 * slots.get("v", 0.0) + g
    return theta - rate * slots["v"]


def rmsprop_by_hand(theta, g, slots, t, rate):
    slots["s"] = 0.8 * slots.get("s", 0.0) + 0.2 * g**2
    return theta - rate * g / (np.sqrt(slots["s"]) + 1e-3)


def adam_by_hand(theta, g, slots, t, rate, decay=0.0):
    slots["m"] = 0.6 * slots.get("m", 0.0) + 0.4 * g
    slots["v"] = 0.95 * slots.get("v", 0.0) + 0.05 * g**2
    m, v = slots["m"] / (1 - 0.6**t), slots["v"] / (1 - 0.95**t)
    return theta - rate * decay * theta - rate * m / (np.sqrt(v) + 1e-3)


BY_HAND = {  # constants none of which is near another
    "sgd": (lambda rate: SGD(rate, momentum=0.7), sgd_by_hand),
    "rmsprop": (lambda rate: RMSprop(rate, decay=0.8, epsilon=1e-3), rmsprop_by_hand),
    "adam": (lambda rate: Adam(rate, betas=(0.6, 0.95), epsilon=1e-3), adam_by_hand),
    "adamw": (
        lambda rate: AdamW(rate, betas=(0.6, 0.95), epsilon=1e-3, weight_decay=0.3),
        lambda *given: adam_by_hand(*given, decay=0.3),
    ),
}


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_follow_their_equations_number_by_number(name, twin):
    """Five steps, at a rate of each step; b receives no gradient at the third, which leaves it and its count
    alone.
    """
    build, by_hand = BY_HAND[name]
    rng, schedule = np.random.default_rng(4), StepDecay(0.2, 2, 0.5)
    optimizer = build(schedule)
    parameters = {"a": Parameter(rng.normal(size=(2, 3))), "b": Parameter(rng.normal(size=4))}
    expected = {key: (p.value.copy(), {}, 0) for key, p in parameters.items()}
    with kernels.using(twin):
        for step in range(5):
            for key, parameter in parameters.items():
                parameter.grad = None if (key, step) == ("b", 2) else rng.normal(size=parameter.value.shape)
                if parameter.grad is not None:
                    theta, slots, t = expected[key]
                    expected[key] = (
                        by_hand(theta, parameter.grad.copy(), slots, t + 1, schedule(step)),
                        slots,
                        t + 1,
                    )
            optimizer.step(parameters)
    for key, parameter in parameters.items():
        np.testing.assert_allclose(parameter.value, expected[key][0], rtol=1e-12)


@pytest.mark.parametrize("n", [1, 500, 501, 1000, 1001])
def test_the_last_example_is_looked_at_before_training_too(n):
    """Data are checked in pieces of 500: a last piece of one is a piece."""
    images = np.zeros((n, 6))
    images[-1, 2] = 1.5
    phases = [Phase(Elbo(), Adam())]
    with pytest.raises(InputError, match=r"numbers in \[0, 1\]"):
        Training(mlp((6,), latent_dim=2, hidden=(3,)), phases, Dataset("x", images), epochs=1)


@pytest.mark.parametrize("rate", [0.3, 2.0])
@pytest.mark.parametrize("warm_up", [0, 1, 5])
def test_schedules_at_every_step(rate, warm_up):
    """By their equations, at a rate that is not 1; a line from 0 reaches the rate at the first step after
    `warm_up`.
    """
    for step in range(40):
        since = step - warm_up
        line = rate * (step + 1) / (warm_up + 1)
        half_cosine = 0.1 + (rate - 0.1) * (1 + np.cos(np.pi * min(since / (30 - warm_up), 1))) / 2
        after = {
            Constant(rate, warm_up=warm_up): rate,
            StepDecay(rate, 7, 0.6, warm_up=warm_up): rate * 0.6 ** (since // 7),
            StepDecay(rate, 7, warm_up=warm_up): rate * 0.1 ** (since // 7),
            Cosine(rate, 30, final=0.1, warm_up=warm_up): half_cosine,
        }
        for schedule, value in after.items():
            assert schedule(step) == pytest.approx(line if since < 0 else value, rel=1e-12), (schedule, step)


@pytest.mark.parametrize(
    ("terms", "bad", "words"),
    [
        (
            {"bound": np.nan, "log_px": 1.0, "kl": np.nan},
            None,
            r"its term kl is not finite first, .*all parameters are still",
        ),
        ({"bound": np.nan, "log_px": np.inf, "kl": np.nan}, None, "its term kl is not finite first"),
        ({"bound": np.nan, "log_px": np.inf, "kl": 1.0}, None, "its term log_px is not finite first"),
        ({"log_q": np.nan}, "b", "its term log_q is not finite first, .*of the parameters b went first"),
        ({"log_q": 1.0, "bound": 2.0}, None, "each of its terms is finite, but not their sum"),
        (
            {"sparsity": np.inf, "log_px": 1.0},
            "a",
            "its term sparsity is not finite first, .*of the parameters a went first",
        ),
        ({"kl": np.inf}, None, "for example 31, whose largest entry is -7 in column 2;"),
    ],
)
def test_what_went_first_is_found_whatever_terms_an_objective_has(terms, bad, words):
    """KL is a function of q(z|x), and log p(x|z) one of a draw from it.

    Where neither is a number, KL was first.
    """
    parameters = {name: Parameter(np.ones(2)) for name in ("a", "b")}
    if bad:
        parameters[bad].value[1] = np.nan
    report = Report(float("nan"), {name: np.array([0.0, value]) for name, value in terms.items()})
    batch = Batch(np.array([[9.0, 9, 9], [1, 2, -7]]))
    given = (SimpleNamespace(likelihood=None), parameters, Total(), batch, None, report)
    assert re.search(words, divergence(*given, mode=EVALUATION, moved=True, places=np.array([8, 31])))


def damaged(path, change):
    tensors = load_file(path)
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        description = dict(file.metadata())
    change(tensors, description)
    save_file(tensors, path, description)


def placed(path, change):
    def both(tensors, description):
        position = json.loads(description["position"])
        change(position)
        description["position"] = json.dumps(position)

    damaged(path, both)


def poisoned(path, name, value):
    def poison(tensors, description):
        tensors.setdefault(
            name, np.array(tensors["model/" + name.split("/", 1)[1]] if "best" in name else tensors[name])
        )
        tensors[name][1] = value

    damaged(path, poison)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p.unlink(), "found no such file"),
        (lambda p: p.write_bytes(b""), "arrays of numbers, whole, found 0 bytes"),
        (lambda p: p.write_bytes(p.read_bytes()[:-100]), "arrays of numbers, whole"),
        (lambda p: p.write_bytes(b"\xff" * 8 + b"{}"), "whose header would have"),
        (lambda p: damaged(p, lambda t, d: d.update(version="99")), "version 1, found version '99'"),
        (lambda p: damaged(p, lambda t, d: d.update(format="x")), "of another kind"),
        (
            lambda p: damaged(p, lambda t, d: d.update(position="{")),
            "checkpoint: position should be JSON, found",
        ),
        (
            lambda p: damaged(p, lambda t, d: d.update(position="[" * 100_000)),
            "position should be JSON nested at most 32",
        ),
        (
            lambda p: damaged(p, lambda t, d: d.update(config="1" * 5000)),
            "config should be a whole number from",
        ),
        (
            lambda p: damaged(p, lambda t, d: d.update(config="null")),
            "config should be an object, found null",
        ),
        (lambda p: damaged(p, lambda t, d: d.pop("config")), "its config is missing"),
        (
            lambda p: placed(p, lambda at: at.update(step=-1)),
            "position.step should be a whole number from 0 .* found -1",
        ),
        (lambda p: placed(p, lambda at: at.update(step=True)), "position.step should be .* found true"),
        (
            lambda p: placed(p, lambda at: at.update(stopping=0)),
            "position.stopping should be true or false, found 0",
        ),
        (
            lambda p: placed(p, lambda at: at.update(totals=None)),
            "position.totals should be an object, found null",
        ),
        (
            lambda p: placed(p, lambda at: at.update(more=1)),
            "position should have the entries step, .*; found 'more'",
        ),
        (
            lambda p: placed(p, lambda at: at.update(seconds="1")),
            "position.seconds should be a finite number .* found '1'",
        ),
        (lambda p: placed(p, lambda at: at.update(position=10**6)), "position.position should be at most"),
        (lambda p: placed(p, lambda at: at.update(history=[])), "history should have 1 records"),
        (
            lambda p: placed(p, lambda at: at["history"][0].pop("train")),
            r"history\[0\].train should be an object, found nothing",
        ),
        (
            lambda p: placed(p, lambda at: at["history"][0].pop("held_out")),
            r"should hold loss in train and held_out",
        ),
        (
            lambda p: placed(p, lambda at: at["history"][0]["train"].pop("loss")),
            r"history\[0\] should hold loss in train",
        ),
        (
            lambda p: placed(p, lambda at: at["history"][0]["train"].update(kl=[])),
            r"history\[0\].train.kl should be a number",
        ),
        (
            lambda p: poisoned(p, "model/encoder.0.bias", np.nan),
            "checkpoint: model/encoder.0.bias should be finite, found 1",
        ),
        (
            lambda p: poisoned(p, "best/encoder.0.bias", np.inf),
            "checkpoint: best/encoder.0.bias should be finite",
        ),
        (
            lambda p: poisoned(p, "optimizer/0/v/encoder.0.bias", np.nan),
            "optimizer/0/v/encoder.0.bias should be finite",
        ),
        (
            lambda p: damaged(p, lambda t, d: t.update({"optimizer/0/m/encoder.0.bias": np.zeros(3)})),
            r"float32 of shape \(16,\)",
        ),
        (lambda p: damaged(p, lambda t, d: t.update({"optimizer/0/m/no": np.zeros(3)})), "found 'no'"),
        (
            lambda p: damaged(p, lambda t, d: t.update({"optimizer/0/steps_taken": np.array([-3])})),
            "one whole number from 0",
        ),
        (
            lambda p: damaged(p, lambda t, d: t.update({"optimizer/0/steps_taken": np.array(3)})),
            "one whole number from 0",
        ),
        (lambda p: damaged(p, lambda t, d: t.update({"best/more": np.zeros(1)})), "it has no"),
        (
            lambda p: damaged(p, lambda t, d: d.update(position="{}")),
            "position.step should be a whole number .* found nothing",
        ),
        (lambda p: damaged(p, lambda t, d: t.pop("model/encoder.0.weight")), "has no encoder.0.weight"),
        (
            lambda p: damaged(p, lambda t, d: t.update({"model/more": np.zeros(1)})),
            "has more, which this model has not",
        ),
        (
            lambda p: damaged(p, lambda t, d: t.update({"model/encoder.0.bias": np.zeros(3)})),
            r"shape \(16,\), found \(3,\)",
        ),
        (
            lambda p: damaged(p, lambda t, d: t.update({"optimizer/0/w/encoder.0.bias": np.zeros(3)})),
            "m, v; found 'w'",
        ),
        (
            lambda p: damaged(p, lambda t, d: t.pop("optimizer/0/v/encoder.0.bias")),
            "every slot and all steps",
        ),
        (lambda p: damaged(p, lambda t, d: t.pop("optimizer/0/steps_taken")), "every slot and all steps"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_whole(damage, words, tmp_path):
    path = tmp_path / "checkpoint"
    save_checkpoint(path, training(epochs=1).run(), {})
    damage(path)
    fresh = training()
    before = state(fresh)
    with pytest.raises(InputError, match=words):
        restore_training(load_checkpoint(path), fresh)
    assert same(before, state(fresh))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_survive_in_the_history(number, tmp_path):
    run = training(epochs=1).run()
    run.history[0]["train"]["kl"] = run.totals["kl"] = number
    save_checkpoint(tmp_path / "checkpoint", run, {})
    resumed = training()
    restore_training(load_checkpoint(tmp_path / "checkpoint"), resumed)
    np.testing.assert_equal(resumed.history, run.history)
    np.testing.assert_equal(resumed.totals, run.totals)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        InputError, match="can't be written: No space left on device; what stood there before is unchanged"
    ):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    with pytest.raises(InputError, match="can't be written"):
        write_whole(tmp_path / "file" / "below", b"")


class Screen(io.StringIO):
    """Text that is written, to a terminal or not."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def test_progress_shows_the_bound_and_its_parts():
    screen, log = Screen(True), Screen(False)
    run = training(epochs=2, callbacks=[ProgressBar(screen), ProgressBar(log)]).run()
    last = run.history[-1]["held_out"]
    words = f"bound {last['bound']:.2f}, log_px {last['log_px']:.2f}, kl {last['kl']:.2f}"
    assert "epoch 2/2" in screen.getvalue()
    assert "600/600" in screen.getvalue()
    assert words in screen.getvalue()
    assert len(log.getvalue().splitlines()) == 2
    assert log.getvalue().endswith(f"epoch 2/2: {words}\n")


class Total(Objective):
    """The sum of each example, a term that no weight changes: its mean over an epoch is that of the data."""

    def draw_noise(self, model, batch, rng):
        return np.empty(0)

    def __call__(self, model, batch, noise, *, mode=EVALUATION):
        total = batch.x.sum(axis=1)
        return Report(float(total.mean()), {"total": total}), lambda: None


@pytest.mark.parametrize("phases", [1, 2])
def test_an_epochs_means_are_over_its_examples_whatever_the_sizes_of_its_batches(phases):
    """Five examples in batches of three and two: no two of these and the other three have the same mean."""
    x = np.array([[0, 1], [10, 0], [100, 0], [1000, 0], [9999, 1]], np.float32)
    one = mlp((2,), latent_dim=1, hidden=(), likelihood="gaussian", seed=0)
    several = [Phase(Total(), Adam(1e-3)) for _ in range(phases)]
    run = Training(one, several, Dataset("five", x), epochs=2, batch_size=3).run()
    assert run.step == 4
    for record in run.history:
        names = ["loss", "total"] if phases == 1 else ["0.loss", "0.total", "1.loss", "1.total"]
        # a mean in float32 is off by 6e-8 at most
        assert record["train"] == pytest.approx(dict.fromkeys(names, 11111 / 5), rel=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_remembers_its_slots_whichever_kernels_it_runs_on(name):
    """The compiled kernels overwrite them, the textbook's return new ones."""
    moved = []
    for twin in kernels.TWINS:
        parameters = {"w": Parameter(np.ones(3)), "never": Parameter(np.ones(2))}
        optimizer = OPTIMIZERS[name](0.1, momentum=0.9) if name == "sgd" else OPTIMIZERS[name](0.1)
        with kernels.using(twin):
            for step in range(5):
                parameters["w"].grad = np.array([1.0, -2.0, 0.5]) * (step + 1)
                optimizer.step(parameters)
        moved.append([parameters["w"].value, *optimizer.slots["w"]])
        assert list(optimizer.slots) == ["w"]
        assert optimizer.updates == {"w": 5}
    assert all(np.abs(slot).min() > 0 for slot in moved[0][1:])
    for textbook, compiled in zip(*moved, strict=True):
        np.testing.assert_allclose(compiled, textbook, rtol=1e-14)
