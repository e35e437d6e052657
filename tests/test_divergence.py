"""What is no number: it is found before it is kept, named with its example, and the advice that comes with it
is true.
"""

import json
import re

import numpy as np
import pytest

from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import NotFinite, bound
from scratchvae.layers import (
    BatchNorm,
    LayerNorm,
    Linear,
    Parameter,
    ReLU,
    Sequential,
    named_buffers,
    named_parameters,
)
from scratchvae.likelihoods import GaussianOptimal
from scratchvae.objectives import Elbo
from scratchvae.recipes import mlp
from scratchvae.strict_json import dump_finite
from scratchvae.training import (
    SGD,
    Adam,
    Constant,
    Cosine,
    Diverged,
    EarlyStopping,
    Phase,
    RMSprop,
    StepDecay,
    Training,
    clip_by_norm,
    load_checkpoint,
    minimize,
    restore_training,
    save_checkpoint,
)
from scratchvae.training.divergence import require_usable_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)).astype(np.float32)
OUTLYING = X.copy()
OUTLYING[17, 1] = 1e30  # whose square is no number in float32


def vae(likelihood="gaussian", **settings):
    return mlp((3,), latent_dim=2, hidden=(8,), likelihood=likelihood, seed=1, **settings)


def state(model):
    return {n: held.value.copy() for n, held in (named_parameters(model) | named_buffers(model)).items()}


def require_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


# Judgements


def test_a_held_out_example_that_is_no_number_ends_the_run_by_its_name():
    words = r"epoch 1, judged on x: the loss is (inf|nan); its term kl is not finite first, "
    words += (
        r"for example 17, whose largest entry is 1e\+30 in column 1; .*unlike what the model is trained on: "
    )
    words += r"it has 1e\+30 in column 1, which is -\d.* to \d.* in x$"
    with pytest.raises(Diverged, match=words) as caught:
        vae().fit(X, epochs=2, held_out=OUTLYING, callbacks=[EarlyStopping(2)])
    assert "learning rate" not in str(caught.value)  # which can't help an outlier


def test_a_judgement_that_fails_later_goes_back_to_the_best_epoch():
    weights, model = {}, vae()
    held_out = Dataset("held out", X[:40].copy())

    def spoil(training, event):
        if event == "epoch":
            weights[training.epoch] = state(training.model)
            if training.epoch == 3:
                held_out.images[7, 2] = -1e30

    with pytest.raises(
        Diverged, match=r"^epoch 4, judged on held out: .*example 7, .*the best epoch again, (\d)$"
    ) as caught:
        model.fit(X, epochs=9, held_out=held_out, learning_rate=0.05, callbacks=[EarlyStopping(9), spoil])
    losses = [record["held_out"]["loss"] for record in model.history]
    assert len(losses) == 3
    best = losses.index(min(losses)) + 1
    assert str(caught.value).endswith(str(best))
    require_same(state(model), weights[best])


def test_a_bound_of_no_number_says_so_wherever_its_example_stands():
    """Batches of 500: example 700 is the 200th of its batch."""
    many = Dataset("many", np.tile(X, (4, 1)))
    many.images[700] = 1e30
    many.images[720] = -1e30
    with pytest.raises(
        NotFinite,
        match=r"^many: .*for example 700, whose largest entry is 1e\+30 in column 0, and 1 more of 300",
    ):
        bound(vae(), many, Elbo(), rng=np.random.default_rng(0))


def strictly(text):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


ARGV = [
    "--likelihood",
    "gaussian",
    "--latent-dim",
    "2",
    "--hidden",
    "8",
    "--quiet",
    "--no-figures",
    "--epochs",
    "3",
]


@pytest.mark.parametrize("held_out", ["0", "20"])
def test_a_run_whose_first_judgement_fails_leaves_no_folder(held_out, tmp_path, capsys):
    """The last example, held out or not, is 1e30; the first one is what a run without held-out data is tried
    with.
    """
    rows = X.copy()
    rows[[0, -1] if held_out == "0" else -1] = 1e30
    np.save(tmp_path / "x.npy", rows)
    argv = [
        "train",
        "--data",
        tmp_path / "x.npy",
        "--out",
        tmp_path / "run",
        "--held-out",
        held_out,
        "--held-out-last",
        "--patience",
        "1",
        *ARGV,
    ]
    argv = [a for a in argv if held_out != "0" or a not in ("--patience", "1")]
    assert main([str(a) for a in argv]) == 2
    said = capsys.readouterr().err
    assert said.startswith("scratchvae train: before the first step, judged on ")
    assert f"for example {0 if held_out == '0' else 19}, whose largest entry is 1e+30" in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_run_that_diverges_keeps_records_that_are_json(tmp_path, capsys):
    np.save(tmp_path / "x.npy", X)
    argv = [
        "train",
        "--data",
        tmp_path / "x.npy",
        "--out",
        tmp_path / "run",
        "--optimizer",
        "sgd",
        "--learning-rate",
        "30",
    ]
    status = main([str(a) for a in [*argv, *ARGV, "--batch-size", "200"]])
    said = capsys.readouterr().err
    assert status == 2, said
    assert "learning rate" in said
    records = [strictly(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert len(records) < 3
    strictly((tmp_path / "run" / "config.json").read_text())
    assert load_checkpoint(tmp_path / "run" / "checkpoint.safetensors").position["history"] == records


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({"a": [{"b": float("nan")}]}, "found nan at a[0].b"),
        ([1.0, (2.0, -float("inf"))], "found -inf at [1][1]"),
        ({"z": np.float64("inf")}, "found inf at z"),
    ],
)
def test_json_has_no_words_for_what_is_no_number(content, where):
    with pytest.raises(
        InputError, match=re.escape(f"report.json should hold finite numbers, as JSON has no others; {where}")
    ):
        dump_finite("report.json", content)
    assert strictly(dump_finite("x", {"a": [1, 2.5, None, "é"], "b": (True,)})) == {
        "a": [1, 2.5, None, "é"],
        "b": [True],
    }


# Advice


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian_optimal", "laplace(learned=True)"])
@pytest.mark.parametrize("top", [1e3, 1e6, 1e15])
def test_a_column_of_large_numbers_is_named_and_standardized_columns_help(top, likelihood):
    """As advised: no learning rate helps, and what is said to help does."""
    rows = X * [1, 1, top]
    deviation = re.escape(f"{rows[:, 2].std():.4g}")
    words = r"step 1: .*term kl is not finite first, for example \d+, .* in column 2, "
    words += r".*no learning rate is at fault\. The scale of the data is at fault: "
    words += rf"column 2 has mean .* and standard deviation {deviation}\. standardize=True"
    for settings in ({}, {"learning_rate": 1e-9}, {"max_norm": 1e-3}):
        with pytest.raises(Diverged, match=words):
            vae(likelihood).fit(rows, epochs=1, **settings)
    model = vae(likelihood, standardize=True).fit(rows, epochs=3)
    losses = [record["train"]["loss"] for record in model.history]
    assert losses[2] < losses[0] < np.inf


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            X + np.array([0, 1e6, 0]),
            (
                r"column 1 of the data has mean 1e\+06 and standard deviation "
                r".*Subtract a constant near that mean"
            ),
        ),
        (
            OUTLYING,
            (
                r"for example 17, whose largest entry .*column 1 has mean 5e\+27 and "
                r".* deviation 7\.\d+e\+28\. standardize=True"
            ),
        ),
        (
            np.tile(X, (1, 5)) * np.geomspace(1e3, 1e6, 15),
            r"fault: column 14 has mean .*, column 13 .*, column 12 .*, and 12 more of 15 columns",
        ),
    ],
)
def test_what_is_wrong_with_columns_is_said(rows, words):
    model = mlp((rows.shape[1],), latent_dim=2, hidden=(8,), likelihood="gaussian", seed=1)
    with pytest.raises(Diverged, match=words) as caught:
        model.fit(rows, epochs=1)
    assert "lower learning rate" not in str(caught.value)


def test_counts_have_no_other_units_and_a_bounded_log_variance_helps():
    counts = np.random.default_rng(1).poisson(1500, (200, 1)).astype(np.float64)

    def model(**settings):
        raw = "poisson(log_inputs=False)"  # so that the encoder sees counts as they are
        return mlp((1,), latent_dim=2, hidden=(8,), likelihood=raw, seed=2, **settings)

    with pytest.raises(
        Diverged, match=r"column 0 has mean 1.*log σ² overflows\. log_var_bounds=\(-10\.0, 10\.0\) helps"
    ) as caught:
        model().fit(counts, epochs=3)
    assert "standardize" not in str(caught.value)
    losses = [
        record["train"]["loss"] for record in model(log_var_bounds=(-10, 10)).fit(counts, epochs=3).history
    ]
    assert losses[2] < losses[0] < np.inf


def test_a_learning_rate_that_is_too_high_is_at_fault_once_parameters_have_moved():
    with pytest.raises(
        Diverged, match=r"^step [2-9]\d*: .*A lower learning rate, or clipping by norm \(max_norm\)"
    ) as caught:
        vae().fit(X, epochs=9, optimizer=SGD(1e3))
    assert "scale of the data" not in str(caught.value)
    for settings in ({"optimizer": SGD(1e-3)}, {"optimizer": SGD(1e3), "max_norm": 1e-6}):  # as advised
        assert np.isfinite(vae().fit(X, epochs=3, **settings).score(X))


def test_a_rare_pixel_is_not_blamed_for_a_learning_rate():
    """An entry that is 0 in all training examples but one lies within their range.

    It lies many deviations away all the same.
    """
    pixels = np.random.default_rng(4).random((4000, 3)).astype(np.float32)
    pixels[:, 1] = 0
    pixels[:1, 1] = 1
    held_out = np.tile(np.float32([0.5, 1, 0.5]), (5, 1))
    with pytest.raises(Diverged, match="A lower learning rate") as caught:
        vae().fit(pixels, epochs=3, optimizer=SGD(3e3), held_out=held_out, batch_size=4000)
    assert "unlike" not in str(caught.value)


def test_weights_that_were_no_numbers_before_training_are_not_blamed_on_it():
    model = vae()
    model.decoder.layers[0].bias.value[2] = np.inf
    with pytest.raises(
        Diverged, match=r"step 1: .*of the parameters decoder\.0\.bias went first: the training began with"
    ):
        model.fit(X, epochs=1)


def test_minimize_says_as_much():
    model = vae()
    rows = Batch((X * [1, 1, 1e3]).astype(np.float32))
    noise = Elbo().draw_noise(model, len(rows), np.random.default_rng(0))
    with pytest.raises(
        Diverged,
        match=r"minimize: .*kl is not finite first, .*The scale of the data is at fault: column 2 has",
    ):
        minimize(model, Elbo(), rows, noise)


def test_a_step_that_diverges_leaves_running_statistics_as_they_were():
    """Neither the step itself nor the trials of remedies after it."""
    model = normalized()
    model.likelihood = GaussianOptimal()
    rows = X.copy()
    rows[5, 1] = 1e30
    before = state(model)
    with pytest.raises(Diverged, match="step 1: "):
        model.fit(rows, epochs=1, batch_size=200)
    require_same(state(model), before)


# Gradients


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", ["large", "inf", "nan"])
def test_a_gradient_whose_square_is_no_number_is_refused_by_name(bad, dtype):
    """Adam's running mean square would be infinite for ever, and that entry would never move again, without a
    word.
    """
    limit = np.sqrt(np.finfo(dtype).max)
    value = {"large": -2 * limit, "inf": np.inf, "nan": np.nan}[bad]
    a, b = Parameter(np.zeros((2, 3), dtype)), Parameter(np.zeros((2, 3), dtype))
    a.grad, b.grad = np.ones((2, 3), dtype), np.ones((2, 3), dtype)
    b.grad[1, 2] = value
    with pytest.raises(
        Diverged,
        match=r"step 5: the gradient of b is .* at \(1, 2\), .* nothing was updated\. A lower learning",
    ):
        require_usable_gradients({"a": a, "b": b}, step=4, moved=True)
    with pytest.raises(Diverged, match=r"nothing was updated\. Standardized columns"):
        require_usable_gradients({"b": b}, step=0, moved=False)
    b.grad = np.full((2, 3), 0.9 * limit, dtype)  # no sum of squares, but squares
    with np.errstate(over="ignore"):
        require_usable_gradients({"a": a, "b": b, "none": Parameter(np.zeros(2))}, step=0, moved=True)


def test_such_a_gradient_updates_nothing():
    class Steep(Elbo):
        def __call__(self, model, batch, noise, *, mode):
            report, pullback = super().__call__(model, batch, noise, mode=mode)

            def steep():
                pullback()
                model.encoder.layers[0].weight.grad[2, 1] = 1e21

            return report, steep

    model = vae()
    before = state(model)
    with pytest.raises(Diverged, match=r"step 1: the gradient of encoder\.0\.weight is 1e\+21 at \(2, 1\)"):
        model.fit(X, objective=Steep(), epochs=1)
    require_same(state(model), before)


def test_gradients_of_length_zero_are_left_as_they_are():
    parameter = Parameter(np.zeros(3))
    parameter.grad = np.zeros(3)
    assert clip_by_norm([parameter], 1.0) == 0
    np.testing.assert_array_equal(parameter.grad, 0)
    assert clip_by_norm([], 1.0) == 0


@pytest.mark.parametrize("max_norm", [0, -1.0, np.nan, np.inf, True, "1", None, 10**400])
@pytest.mark.parametrize("taker", ["Phase", "clip_by_norm"])
def test_a_norm_to_clip_by_is_one_positive_number_everywhere(max_norm, taker):
    if taker == "Phase" and max_norm is None:
        return  # no clipping
    with pytest.raises(InputError, match=f"{taker}: max_norm should be positive, found "):
        clip_by_norm([], max_norm) if taker == "clip_by_norm" else Phase(Elbo(), Adam(), max_norm)


# The last batch


def normalized():
    model = vae()
    model.encoder = Sequential(Linear(3, 8, rng=1), BatchNorm(8), ReLU(), Linear(8, 4, rng=2))
    return model


def test_what_overflows_in_a_layer_while_held_out_data_are_judged_is_a_divergence():
    model, rows = vae(), X.copy()
    model.encoder = Sequential(Linear(3, 8, rng=1), LayerNorm((8,)), ReLU(), Linear(8, 4, rng=2))
    rows[5] = 1e25
    with pytest.raises(Diverged, match="epoch 1, judged on x: layer_norm: the variance should be finite"):
        model.fit(X, epochs=1, held_out=rows)


def test_a_last_batch_of_one_is_known_before_the_first_step():
    """Half of 129 examples: 128, which go into the first batch, and one that has no variance."""
    steps = []
    model = normalized().fit(X, epochs=1)
    before = state(model)
    words = (
        "129 examples in batches of 128 make a batch of one example, and batch_norm: .*; take drop_last=True"
    )
    with pytest.raises(InputError, match=words):
        model.fit(X[:129], epochs=1, callbacks=[lambda training, event: steps.append(event)])
    assert not steps
    require_same(state(model), before)
    vae().fit(X[:129], epochs=1)  # which nothing couples
    for settings in ({"drop_last": True}, {"batch_size": 100}, {"batch_size": 129}):  # as advised
        assert len(normalized().fit(X[:129], epochs=1, **settings).history) == 1
    with pytest.raises(InputError, match="1 examples in batches of 128"):
        normalized().fit(X[:1], epochs=1)
    with pytest.raises(
        InputError,
        match="with drop_last there should be examples for one batch at least; found 129 in batches",
    ):
        normalized().fit(X[:129], epochs=1, batch_size=130, drop_last=True)


def dropping(epochs=3, callbacks=()):
    data = Dataset("x", X[:129])
    return Training(
        normalized(),
        [Phase(Elbo(), Adam(1e-2))],
        data,
        epochs=epochs,
        batch_size=32,
        drop_last=True,
        callbacks=callbacks,
    )


def test_a_dropped_batch_counts_nowhere():
    """Each epoch leaves out another example, and its means are over the 128 that it saw."""
    seen = []

    class Watched(Elbo):
        def __call__(self, model, batch, noise, *, mode):
            seen.append(batch.x)
            return super().__call__(model, batch, noise, mode=mode)

    run = dropping(epochs=2)
    run.phases[0].objective = Watched()
    run.run()
    assert [len(x) for x in seen] == [32] * 8
    assert run.step == 8
    left_out = [set(map(tuple, X[:129])) - set(map(tuple, np.concatenate(seen[i : i + 4]))) for i in (0, 4)]
    assert [len(rows) for rows in left_out] == [1, 1]
    assert left_out[0] != left_out[1]
    losses = []
    again = dropping(
        epochs=1,
        callbacks=[lambda training, event: losses.append(dict(training.totals)) if event == "step" else None],
    )
    again.run()
    assert again.history[0]["train"]["kl"] == pytest.approx(losses[-1]["kl"] / 128)


@pytest.mark.parametrize("stop_at", [2, 4, 7])
def test_a_run_that_drops_batches_goes_on_to_the_same_bits(stop_at, tmp_path):
    whole = dropping().run()

    def stop(training, event):
        if event == "step" and training.step == stop_at:
            training.interrupted = True

    part = dropping(callbacks=[stop]).run()
    save_checkpoint(tmp_path / "checkpoint", part, {})
    again = dropping()
    restore_training(load_checkpoint(tmp_path / "checkpoint"), again)
    require_same(state(again.run().model), state(whole.model))
    assert [r["train"] for r in again.history] == [r["train"] for r in whole.history]


def test_a_run_in_a_folder_drops_batches_and_resumes(tmp_path, capsys):
    np.save(tmp_path / "x.npy", X[:129])
    argv = [
        "train",
        "--data",
        tmp_path / "x.npy",
        "--out",
        tmp_path / "run",
        "--batch-size",
        "32",
        "--held-out",
        "0",
        *ARGV,
    ]
    assert main([str(a) for a in [*argv, "--drop-last", "--schedule", "cosine"]]) == 0
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "4", "--quiet", "--no-figures"]) == 0
    records = [strictly(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [4, 8, 12, 16]
    assert records[2]["learning_rate"] == pytest.approx(Cosine(1e-3, 12)(11))
    assert strictly((tmp_path / "run" / "config.json").read_text())["drop_last"] is True


# Numbers

DATA = Dataset("x", X[:10])


def trained(**settings):
    return Training(vae(), [Phase(Elbo(), Adam())], DATA, **{"epochs": 1, **settings})


COUNTS = {  # name: (what takes it, the least that it takes)
    "Training epochs": (lambda n: trained(epochs=n), 1),
    "Training batch_size": (lambda n: trained(batch_size=n), 1),
    "Training seed": (lambda n: trained(seed=n), 0),
    "EarlyStopping patience": (EarlyStopping, 1),
    "Constant warm_up": (lambda n: Constant(1.0, n), 0),
    "Cosine warm_up": (lambda n: Cosine(1.0, 9, warm_up=n), 0),
    "Cosine steps": (lambda n: Cosine(1.0, n), 0),
    "StepDecay every": (lambda n: StepDecay(1.0, n), 1),
    "StepDecay warm_up": (lambda n: StepDecay(1.0, 9, warm_up=n), 0),
    "minimize max_steps": (lambda n: minimize(vae(), Elbo(), DATA.batch(slice(None)), None, max_steps=n), 1),
}
NUMBERS = {
    "Constant rate": Constant,
    "Cosine rate": lambda n: Cosine(n, 9),
    "Cosine final": lambda n: Cosine(1.0, 9, final=n),
    "StepDecay rate": lambda n: StepDecay(n, 9),
    "StepDecay factor": lambda n: StepDecay(1.0, 9, factor=n),
    "SGD learning_rate": SGD,
    "RMSprop learning_rate": RMSprop,
    "Adam learning_rate": Adam,
    "minimize tolerance": lambda n: minimize(vae(), Elbo(), DATA.batch(slice(None)), None, tolerance=n),
}
NEVER = (np.nan, np.inf, -np.inf, -1, True, "1", [1], None, 1j, np.array([1.0]), 10**400)


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_is_a_whole_number(name):
    take, low = COUNTS[name]
    where, option = name.split()
    for wrong in (*NEVER, 2.5, 2.0, low - 1, np.float64(3)):
        with pytest.raises(
            InputError, match=rf"{where}: {option} should be (a whole number, )?at least {low}[;,] found "
        ):
            take(wrong)
    if where != "minimize":
        for right in (low, low + 1, np.int64(3)):
            take(right)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_one_real_number(name):
    where, option = name.split()
    for wrong in NEVER:
        with pytest.raises(InputError, match=f"{where}: {option} should be at least 0, found "):
            NUMBERS[name](wrong)
    if where != "minimize":
        for right in (0, 0.5, np.float32(0.25), np.int64(1)):
            NUMBERS[name](right)
