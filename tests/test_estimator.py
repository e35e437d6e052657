"""What `fit` does with every model: where it starts, what it leaves behind, which Parameters move."""

from copy import deepcopy

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.layers import Linear, Parameter, cast, named_buffers, named_parameters
from scratchvae.objectives import Elbo, Reconstruction
from scratchvae.recipes import belief_net, mlp
from scratchvae.training import (
    SGD,
    Adam,
    Phase,
    Training,
    load_checkpoint,
    restore_model,
    save_checkpoint,
    train_step,
)

X = np.random.default_rng(0).uniform(0, 1, (30, 4)).astype(np.float32)
BINARY = (X > 0.5).astype(np.float32)
MODELS = {
    "vae": lambda: (mlp((4,), latent_dim=2, hidden=(3,), likelihood="gaussian_optimal", seed=1), X),
    "autoencoder": lambda: (mlp((4,), latent_dim=2, hidden=(3,), model="autoencoder", seed=1), X),
    "helmholtz machine": lambda: (belief_net((4,), layers=(3, 2), seed=1), BINARY),
}
SETTINGS = {"epochs": 2, "batch_size": 10, "seed": 3}


def state(model):
    return {n: held.value.copy() for n, held in (named_parameters(model) | named_buffers(model)).items()}


def require_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize("name", MODELS)
def test_two_fits_with_one_seed_give_one_result_and_a_warm_start_goes_on(name):
    model, x = MODELS[name]()
    before = state(model)
    first = state(model.fit(x, **SETTINGS))
    assert any((first[n] != before[n]).any() for n in first)
    again = state(model.fit(x[::-1], **SETTINGS).fit(x, **SETTINGS))
    require_same(again, first)
    further = state(model.fit(x, warm_start=True, **SETTINGS))
    assert any((further[n] != first[n]).any() for n in first)
    fresh, _ = MODELS[name]()
    require_same(state(fresh.fit(x, **SETTINGS)), first)
    assert len(model.history) == 2


def by_hand(model, _):
    """One entry of one Parameter, in place."""
    next(iter(named_parameters(model).values())).value[0] += 1


def by_restoring(model, folder):
    """The weights of another model, from a file."""
    other = mlp((4,), latent_dim=2, hidden=(3,), likelihood="gaussian_optimal", seed=7)
    save_checkpoint(
        folder / "c.safetensors", Training(other, other.phases(SGD(0.1)), Dataset("x", X), epochs=1), {}
    )
    restore_model(load_checkpoint(folder / "c.safetensors"), model)


def by_another_part(model, _):
    """A decoder of other shapes and names."""
    model.decoder = Linear(2, 4, rng=8)


def by_another_training(model, _):
    Training(model, model.phases(SGD(0.1)), Dataset("x", X), epochs=1).run()


@pytest.mark.parametrize(
    "change", [by_hand, by_restoring, by_another_part, by_another_training], ids=lambda f: f.__name__
)
def test_weights_changed_since_a_fit_are_where_fits_start(change, tmp_path):
    model, x = MODELS["vae"]()
    model.fit(x, **SETTINGS)
    change(model, tmp_path)
    given = state(model)
    fresh = deepcopy(model)
    fresh.first_weights, fresh.left_weights = {}, {}
    expected = state(fresh.fit(x, **SETTINGS))
    require_same(state(model.fit(x, **SETTINGS)), expected)
    require_same(state(model.fit(x, **SETTINGS)), expected)  # and again
    require_same(model.first_weights, given)
    change(model, tmp_path)
    model.fit(x, warm_start=True, **SETTINGS).fit(x, **SETTINGS)
    assert any((model.first_weights[name] != given[name]).any() for name in given) or change is by_restoring


@pytest.mark.parametrize("there_and_back", [(np.float64,), (np.float64, np.float32), (np.float32,)])
def test_another_precision_is_no_change_of_weights(there_and_back):
    model, x = MODELS["vae"]()
    if there_and_back == (np.float32,):
        cast(model, np.float64)
    first = state(model)
    model.fit(x, **SETTINGS)
    for dtype in there_and_back:
        cast(model, dtype)
    model.fit(x, **SETTINGS)
    require_same(model.first_weights, first)


def test_an_interrupted_fit_leaves_weights_that_are_not_new():
    model, x = MODELS["vae"]()
    expected = state(model.fit(x, **SETTINGS))

    def interrupt(training, event):
        if event == "step" and training.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(x, callbacks=[interrupt], **SETTINGS)
    require_same(state(model.fit(x, **SETTINGS)), expected)


def test_an_optimizer_given_to_fit_is_copied_and_not_used_up():
    optimizer = Adam(1e-2)
    results = []
    for _ in range(2):
        model, x = MODELS["vae"]()
        results.append(state(model.fit(x, optimizer=optimizer, **SETTINGS)))
    require_same(*results)
    assert optimizer.state() == Adam(1e-2).state()


@pytest.mark.parametrize("name", MODELS)
def test_an_interrupted_fit_keeps_what_it_has_learned_and_recorded(name):
    model, x = MODELS[name]()
    before = state(model)

    def interrupt(training, event):
        if event == "step" and training.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(x, callbacks=[interrupt], **SETTINGS)
    assert [record["epoch"] for record in model.history] == [1]
    after = state(model)
    assert any((after[n] != before[n]).any() for n in before)


@pytest.mark.parametrize("max_norm", [None, 1e-3])
def test_a_phase_moves_and_clips_the_parameters_that_it_is_over(max_norm):
    model, x = MODELS["vae"]()
    before, parameters = state(model), named_parameters(model)
    phase = Phase(Elbo(), SGD(1.0), max_norm, over=("decoder", "encoder.0"))
    train_step(model, parameters, phase, Batch(x), np.random.default_rng(0), step=0)
    moved = {n for n, p in parameters.items() if (p.value != before[n]).any()}
    assert moved == {n for n in parameters if n.startswith(("decoder", "encoder.0"))}
    if max_norm:
        length = np.sqrt(sum(((parameters[n].value - before[n]) ** 2).sum() for n in moved))
        assert length == pytest.approx(max_norm, rel=1e-3)  # differences of weights in float32


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ("decoder", "over should be a tuple of names, found 'decoder'"),
        (("decodr",), "each phase should move some Parameters"),
    ],
)
def test_a_phase_over_nothing_is_named(over, words):
    model, x = MODELS["vae"]()
    with pytest.raises(InputError, match=words):
        Training(model, [Phase(Elbo(), SGD(1.0), over=over)], Dataset("x", x), epochs=1)


def test_a_name_is_not_the_beginning_of_another():
    parameters = {
        name: Parameter(np.zeros(1)) for name in ("encoder.1.weight", "encoder.10.weight", "top", "topmost")
    }
    phase = Phase(Elbo(), SGD(1.0), over=("encoder.1", "top"))
    assert list(phase.moved(parameters)) == ["encoder.1.weight", "top"]


def test_a_schedule_is_read_at_the_step_of_the_mode():
    seen = []
    model, x = MODELS["vae"]()
    model.fit(x, objective=Elbo(beta=lambda step: seen.append(step) or 1.0), held_out=x[:5], **SETTINGS)
    assert seen == [0, 1, 2, np.inf, 3, 4, 5, np.inf]  # and every judgement after all steps


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.fit(X, epochs=2.5), "epochs should be a whole number, at least 1; found 2.5"),
        (lambda m: m.fit(X, batch_size=0), "batch_size should be at least 1, found 0"),
        (lambda m: m.fit(X, learning_rate=-1), "learning_rate should be at least 0, found -1"),
        (lambda m: m.fit(X, learning_rate=np.nan), "learning_rate should be at least 0, found nan"),
        (lambda m: m.fit(X, max_norm=0.0), "max_norm should be positive, found 0.0"),
        (lambda m: m.sample(-1), "n should be at least 0, found -1"),
        (lambda m: m.sample(2.0), r"a whole number, at least 0; found 2\.0"),
        (
            lambda m: m.fit(X, objective=Reconstruction(penalties=("L1",))),
            "penalties should be such as L1, .*found 'L1'",
        ),
    ],
)
def test_what_fit_cannot_do_is_said(call, words):
    model, _ = MODELS["vae"]()
    with pytest.raises(InputError, match=words):
        call(model)
