"""The Helmholtz machine against sums over all its states; each objective's expected gradient against an exact
one.
"""

from importlib import import_module
from itertools import pairwise, product
from math import prod

import numpy as np
import pytest
from scipy.special import expit, logsumexp

from scratchvae.arrays import InputError
from scratchvae.checks import check_draws
from scratchvae.data import Batch, Dataset, bars, bars_law
from scratchvae.evaluation import binary_states, bound, enumerate_hidden, log_likelihood
from scratchvae.layers import Linear, Sequential, Tanh, cast, named_parameters
from scratchvae.models import HelmholtzMachine
from scratchvae.models.alternation import ALGORITHMS
from scratchvae.objectives import ReweightedRecognition, ReweightedWake, Sleep, Wake
from scratchvae.recipes import belief_net, mlp
from scratchvae.training import (
    Adam,
    EarlyStopping,
    Phase,
    Training,
    load_checkpoint,
    restore_model,
    restore_training,
    save_checkpoint,
)

D, HIDDEN = 3, (2, 1)
H = sum(HIDDEN)
IMAGES, STATES = binary_states(D).astype(float), binary_states(H).astype(float)
X = IMAGES[[1, 3, 6, 6, 0]]


def machine(hidden=HIDDEN, seed=0, entries=D):
    """Weights of normal numbers, so that no conditional is near a coin."""
    widths = (entries, *hidden)
    up = [Linear(a, b, rng=0) for a, b in pairwise(widths)]
    down = [Linear(b, a, rng=0) for a, b in pairwise(widths)]
    one = HelmholtzMachine(event_shape=(entries,), hidden=hidden, generation=down[::-1], recognition=up)
    rng = np.random.default_rng(seed)
    for parameter in named_parameters(one).values():
        parameter.value = rng.standard_normal(parameter.value.shape)
    return one


def generative(name):
    return not name.startswith("recognition")


def bernoulli(units, logits):
    return prod(p if unit else 1 - p for unit, p in zip(units, expit(logits), strict=True))


def affine(layer, units):
    return np.array(units) @ layer.weight.value + layer.bias.value


def p_of(model, x, h1, h2):
    """p(x, h) by the definition, as a product of numbers."""
    down = model.generation
    return (
        bernoulli(h2, model.top.value)
        * bernoulli(h1, affine(down[0], h2))
        * bernoulli(x, affine(down[1], h1))
    )


def q_of(model, x, h1, h2):
    """q(h|x) likewise."""
    return bernoulli(h1, affine(model.recognition[0], x)) * bernoulli(h2, affine(model.recognition[1], h1))


def gradients(model, objective, x, noise):
    for parameter in named_parameters(model).values():
        parameter.grad = None
    report, pullback = objective(model, Batch(x), noise)
    pullback()
    return report, {name: parameter.grad for name, parameter in named_parameters(model).items()}


def slopes(model, loss, kept):
    """d loss() by central differences, for the Parameters whose names are kept."""
    found = {}
    for name, parameter in named_parameters(model).items():
        if kept(name):
            value, found[name] = parameter.value, np.empty_like(parameter.value)
            for index in np.ndindex(value.shape):
                ends = []
                for step in (1e-5, -1e-5):
                    parameter.value = value.copy()
                    parameter.value[index] += step
                    ends.append(loss())
                found[name][index] = (ends[0] - ends[1]) / 2e-5
            parameter.value = value
    return found


def require_close(found, expected):
    assert {name for name, gradient in found.items() if gradient is not None} == expected.keys()
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-7, atol=1e-8, err_msg=name)


def weighted(terms):
    """Σ weight · gradients over pairs (weight, gradients), those that are None apart."""
    total = {}
    for weight, found in terms:
        for name, gradient in found.items():
            if gradient is not None:
                total[name] = total.get(name, 0) + weight * gradient
    return total


# Probabilities


def test_the_joint_and_the_recognition_are_what_their_definitions_say():
    model = machine()
    found = enumerate_hidden(model, IMAGES)
    for (i, x), (s, h) in product(enumerate(IMAGES), enumerate(STATES)):
        assert np.exp(found.log_joint[i, s]) == pytest.approx(p_of(model, x, h[:2], h[2:]), rel=1e-12)
        assert np.exp(found.log_q[i, s]) == pytest.approx(q_of(model, x, h[:2], h[2:]), rel=1e-12)


@pytest.mark.parametrize("hidden", [(1,), (4,), (2, 3), (3, 1, 2)])
def test_probabilities_of_all_events_and_of_all_states_sum_to_one(hidden):
    found = enumerate_hidden(machine(hidden), IMAGES)
    assert np.exp(found.log_px).sum() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(np.exp(found.log_q).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(found.log_posterior).sum(axis=1), 1, rtol=1e-12)


def test_the_evidence_is_the_bound_and_the_divergence_whatever_q_is():
    evidences = []
    for seed in range(5):
        model = machine()
        for name, parameter in named_parameters(machine(seed=seed)).items():
            if not generative(name):
                named_parameters(model)[name].value = parameter.value
        found = enumerate_hidden(model, IMAGES)
        np.testing.assert_allclose(found.bound + found.kl, found.log_px, rtol=1e-12)
        assert (found.kl > 1e-3).all()
        evidences.append(found.log_px)
    assert np.ptp(evidences, axis=0).max() < 1e-12


def test_draws_have_the_probabilities_that_the_model_gives_them():
    model, code = machine(), 2 ** np.arange(D + H)[::-1]
    exact = enumerate_hidden(model, IMAGES)
    rng = np.random.default_rng(0)
    x, h = model.dream(uniform=rng.random((40_000, D + H)))
    pairs = check_draws(
        np.hstack([x, h]) @ code, lambda t: exact.log_joint.ravel()[t.astype(int)], np.arange(2 ** (D + H))
    )
    (h, log_q), _ = model.recognize(x=np.tile(IMAGES[5], (40_000, 1)), uniform=rng.random((40_000, H)))
    state = (h @ code[D:]).astype(int)
    np.testing.assert_allclose(log_q, exact.log_q[5][state], rtol=1e-12)
    recognized = check_draws(state, lambda t: exact.log_q[5][t.astype(int)], np.arange(2**H))
    assert all(moment.ok for moment in (*pairs, *recognized))


def test_importance_sampling_tends_to_the_evidence():
    model = machine()
    exact = enumerate_hidden(model, IMAGES).log_px
    estimated = model.score_samples(IMAGES, samples=20_000)
    assert np.abs(estimated - exact).max() < 0.05
    data = Dataset("all", IMAGES)
    one = np.mean(
        [log_likelihood(model, data, samples=1, rng=np.random.default_rng(s)) for s in range(200)], axis=0
    )
    np.testing.assert_allclose(one, enumerate_hidden(model, IMAGES).bound, atol=0.35)
    assert model.score(IMAGES) == pytest.approx(exact.mean(), abs=0.1)


# Gradients: uniform numbers 1 − h draw exactly h, so that expectations over draws are sums


def every_draw(model, x):
    """(q(h|x), uniform numbers that draw h) for all assignments of a state to each row of x."""
    log_q = enumerate_hidden(model, x).log_q
    for states in product(range(len(STATES)), repeat=len(x)):
        yield np.exp(log_q[range(len(x)), states].sum()), 1 - STATES[list(states)]


@pytest.mark.parametrize("rows", [[1], [6, 3]])
def test_wake_follows_the_bound_in_expectation(rows):
    model, x = machine(), IMAGES[rows]
    draws = [(q, *gradients(model, Wake(), x, noise)) for q, noise in every_draw(model, x)]
    found, exact = weighted((q, gradient) for q, _, gradient in draws), enumerate_hidden(model, x)
    energy = -(np.exp(exact.log_q) * exact.log_joint).sum(axis=1).mean()
    assert sum(q * report.loss for q, report, _ in draws) == pytest.approx(energy, rel=1e-12)
    require_close(found, slopes(model, lambda: -enumerate_hidden(model, x).bound.mean(), generative))


def test_sleep_follows_the_divergence_of_dreams_in_expectation():
    model = machine()
    p = np.exp(enumerate_hidden(model, IMAGES).log_joint)

    def divergence():
        # Σ_x p(x) KL(p(h|x) ‖ q(h|x)) + what q can't change
        return -(p * enumerate_hidden(model, IMAGES).log_q).sum()

    draws = [
        (p[i, s], *gradients(model, Sleep(), X[:1], 1 - np.concatenate([x, h])[None]))
        for (i, x), (s, h) in product(enumerate(IMAGES), enumerate(STATES))
    ]
    assert sum(weight * report.loss for weight, report, _ in draws) == pytest.approx(divergence(), rel=1e-12)
    found = weighted((weight, gradient) for weight, _, gradient in draws)
    require_close(found, slopes(model, divergence, lambda name: not generative(name)))


def test_reweighted_wake_follows_its_bound_in_expectation():
    model, x = machine((2,)), IMAGES[[5]]
    states = binary_states(2).astype(float)

    def multi_sample_bound():
        """E[log ½ (w_1 + w_2)], both draws from q."""
        exact = enumerate_hidden(model, x)
        log_w, q = (exact.log_joint - exact.log_q)[0], np.exp(exact.log_q[0])
        return sum(
            q[i] * q[j] * (np.logaddexp(log_w[i], log_w[j]) - np.log(2))
            for i, j in product(range(4), repeat=2)
        )

    q = np.exp(enumerate_hidden(model, x).log_q[0])
    reports = {
        (i, j): gradients(model, ReweightedWake(2), x, 1 - states[[i, j]])
        for i, j in product(range(4), repeat=2)
    }
    assert sum(q[i] * q[j] * report.loss for (i, j), (report, _) in reports.items()) == pytest.approx(
        -multi_sample_bound()
    )
    found = weighted((q[i] * q[j], gradient) for (i, j), (_, gradient) in reports.items())
    require_close(found, slopes(model, lambda: -multi_sample_bound(), generative))


def even(model):
    """The model with a q that gives every state the same probability."""
    for name, parameter in named_parameters(model).items():
        if not generative(name):
            parameter.value = np.zeros_like(parameter.value)
    return model


def test_drawing_every_state_once_gives_the_exact_gradients_of_the_evidence_and_of_the_posterior():
    """With an even q and each of the 2^H states drawn once, 1/K Σ w is p(x) and w̃ is p(h|x)."""
    model = even(machine())
    noise, K = np.tile(1 - STATES, (len(X), 1)), len(STATES)
    exact = enumerate_hidden(model, X)
    posterior = np.exp(exact.log_posterior)
    report, found = gradients(model, ReweightedWake(K), X, noise)
    np.testing.assert_allclose(report.terms["bound"], exact.log_px, rtol=1e-12)
    require_close(found, slopes(model, lambda: -enumerate_hidden(model, X).log_px.mean(), generative))
    report, found = gradients(model, ReweightedRecognition(K), X, noise)
    np.testing.assert_allclose(report.terms["log_q"], np.log(1 / K), rtol=1e-12)
    assert report.loss == pytest.approx(np.log(K), rel=1e-12)
    np.testing.assert_allclose(report.terms["bound"], exact.log_px, rtol=1e-12)

    def to_posterior():
        # KL(p(h|x) ‖ q(h|x)) + a constant
        return -(posterior * enumerate_hidden(model, X).log_q).sum(axis=1).mean()

    require_close(found, slopes(model, to_posterior, lambda name: not generative(name)))


def test_the_joint_passes_each_part_its_own_gradient():
    model, rng = machine((2, 2, 1)), np.random.default_rng(0)
    h = binary_states(5)[rng.integers(32, size=len(X))].astype(float)
    dlog_px, dlog_ph = rng.standard_normal((2, len(X), 1))
    _, pullback = model.log_joint(Batch(X), h)
    pullback(dlog_px, dlog_ph)

    def weighed():
        (log_px, log_ph), _ = model.log_joint(Batch(X), h)
        return (dlog_px * log_px + dlog_ph * log_ph).sum()

    require_close(
        {name: p.grad for name, p in named_parameters(model).items()}, slopes(model, weighed, generative)
    )


def test_one_draw_is_wake():
    model, noise = machine(), np.random.default_rng(0).random((len(X), H))
    wake, from_wake = gradients(model, Wake(), X, noise)
    one, from_one = gradients(model, ReweightedWake(1), X, noise)
    for name in wake.terms:
        np.testing.assert_allclose(one.terms[name], wake.terms[name], rtol=1e-12)
    require_close(from_one, {name: gradient for name, gradient in from_wake.items() if gradient is not None})


def test_more_draws_come_nearer_to_the_evidence_and_to_its_gradient():
    model, x = machine(), np.repeat(IMAGES, 400, axis=0)
    exact = enumerate_hidden(model, IMAGES).log_px.mean()
    expected = slopes(model, lambda: -enumerate_hidden(model, IMAGES).log_px.mean(), generative)
    gaps, distances = [], []
    for K in (1, 10, 100):
        objective = ReweightedWake(K)
        report, found = gradients(
            model, objective, x, objective.draw_noise(model, len(x), np.random.default_rng(0))
        )
        gaps.append(exact + report.loss)
        distances.append(np.sqrt(sum(((found[name] - g) ** 2).sum() for name, g in expected.items())))
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0
    assert distances[0] > 2 * distances[1] > 4 * distances[2]


@pytest.mark.parametrize(
    ("objective", "fills"),
    [(Wake(), True), (Sleep(), False), (ReweightedWake(3), True), (ReweightedRecognition(3), False)],
    ids=lambda o: type(o).__name__,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_objective_fills_exactly_its_own_parameters_in_the_dtype_it_is_given(objective, fills, dtype):
    model = machine((3, 2, 2))
    cast(model, dtype)
    noise = objective.draw_noise(model, len(X), np.random.default_rng(0))
    report, found = gradients(model, objective, X.astype(dtype), noise)
    assert {name for name, gradient in found.items() if gradient is not None} == {
        n for n in found if generative(n) is fills
    }
    for name, gradient in found.items():
        if gradient is not None:
            assert gradient.dtype == dtype
            assert gradient.shape == named_parameters(model)[name].value.shape
    assert all(term.dtype == dtype and term.shape == (len(X),) for term in report.terms.values())


def test_terms_add_up():
    model = machine()
    for objective in (Wake(), ReweightedWake(4)):
        noise = objective.draw_noise(model, len(X), np.random.default_rng(0))
        terms = objective(model, Batch(X), noise)[0].terms
        plain = terms["log_px"] - terms["kl"]
        assert (terms["bound"] >= plain - 1e-12).all()
        assert isinstance(objective, ReweightedWake) or np.array_equal(terms["bound"], plain)


# Training


def small_bars(n):
    return bars(n, side=2, on=0.3)


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_training_comes_nearer_to_the_law_of_the_data(algorithm):
    model = belief_net((1, 2, 2), layers=(4, 1), algorithm=algorithm, seed=1)
    images, p = bars_law(side=2, on=0.3)

    def divergence():
        """KL(data ‖ model)."""
        return (p * (np.log(p) - enumerate_hidden(model, images).log_px)).sum()

    before = divergence()
    model.fit(small_bars(2000), epochs=15, batch_size=50, learning_rate=0.1, held_out=small_bars(400))
    assert 0 < divergence() < before / 3
    exact = (p * enumerate_hidden(model, images).bound).sum()
    assert model.history[-1]["held_out"]["0.bound"] == pytest.approx(exact, abs=0.3)


def test_the_verbs():
    model = belief_net((1, 2, 2), layers=(4, 3, 1), seed=0).fit(small_bars(50), epochs=1)
    x = small_bars(7)
    h = model.transform(x)
    assert h.shape == (7, 8)
    np.testing.assert_allclose(
        h[:, :4], expit(affine(model.recognition[0], x.batch(slice(None)).x)), rtol=1e-5
    )
    images = expit(affine(model.generation[-1], h[:, :4])).reshape(7, 1, 2, 2)
    np.testing.assert_allclose(model.inverse_transform(h), images, rtol=1e-5)
    np.testing.assert_array_equal(model.reconstruct(x), model.inverse_transform(h))
    assert model.score_samples(x).shape == (7,)
    for images in (
        model.sample(7, 0),
        model.sample(7, 0, mean=False),
        model.reconstruct(x),
        model.inverse_transform(h),
    ):
        assert images.shape == (7, 1, 2, 2)
        assert ((images >= 0) & (images <= 1)).all()
    assert set(np.unique(model.sample(200, 0, mean=False))) == {0, 1}
    np.testing.assert_allclose(
        model.sample(4000, 0, mean=False).mean(0), model.sample(4000, 0).mean(0), atol=0.02
    )


@pytest.mark.parametrize("draws", [None, 3000])
def test_what_is_missing_is_filled_in_by_the_posterior_of_all_states(draws):
    """E[x_m|x_o] = Σ_h p(h|x_o) f_h, f_h = p(x_m = 1|h), by summing over every h.

    K weighted draws have the variance Σ_h p(h|x_o)²/q(h|x_o) (f_h − E)²/K, and M of them drawn E (1 − E)/M
    besides.
    """
    model, hole, K = machine(), 1, 3000
    x = IMAGES[[1, 6]].copy()
    x[:, hole] = np.nan
    exact, variance = [], []
    for row in np.nan_to_num(x):  # q sees 0 where an entry is missing
        on, off = (
            np.array([p_of(model, np.where(np.arange(D) == hole, bit, row), h[:2], h[2:]) for h in STATES])
            for bit in (1, 0)
        )
        q, p, f = (
            np.array([q_of(model, row, h[:2], h[2:]) for h in STATES]),
            (on + off) / (on + off).sum(),
            on / (on + off),
        )
        exact.append(p @ f)
        variance.append((p**2 / q) @ (f - p @ f) ** 2 / K + (p @ f * (1 - p @ f) / draws if draws else 0))
    filled = model.impute(x, samples=K, draws=draws, seed=0)
    assert filled.shape == ((2, D) if draws is None else (draws, 2, D))
    seen = np.delete(filled, hole, axis=-1)
    np.testing.assert_array_equal(seen, np.broadcast_to(np.delete(x, hole, axis=1), seen.shape))
    found = filled[..., hole] if draws is None else filled[..., hole].mean(axis=0)
    assert (np.abs(found - exact) < 5 * np.sqrt(variance)).all()
    if draws:
        assert set(np.unique(filled[..., hole])) == {0, 1}


def test_a_machine_is_told_nothing():
    model = machine()
    np.testing.assert_array_equal(
        model.fit_transform(X, [1, 2, 3, 4, 5], epochs=1, seed=2), model.transform(X)
    )
    for call in (lambda: model.sample(2, y=3), lambda: model.inverse_transform(STATES, [1])):
        with pytest.raises(
            InputError, match=r"HelmholtzMachine\.\w+: y should be None, since the model is not told it"
        ):
            call()


def test_bars_follow_their_law():
    """Against a list of all uniform choices, image by image."""
    side, on, vertical = 3, 0.3, 0.6
    expected = {}
    for upright, lit in product((True, False), product((0, 1), repeat=side)):
        image = np.tile(lit, (side, 1)) if upright else np.tile(lit, (side, 1)).T
        weight = (vertical if upright else 1 - vertical) * prod(on if bar else 1 - on for bar in lit)
        expected[tuple(image.ravel())] = expected.get(tuple(image.ravel()), 0) + weight
    images, p = bars_law(side=side, on=on, vertical=vertical)
    assert p.sum() == pytest.approx(1)
    assert {tuple(image): pytest.approx(weight) for image, weight in zip(images, p, strict=True)} == expected
    drawn = bars(60_000, side=side, on=on, vertical=vertical)
    assert set(np.unique(drawn.images)) == {0, 255}
    code = 2.0 ** np.arange(side**2)
    (counts,) = (
        np.bincount((drawn.batch(slice(None)).x @ code).astype(int), minlength=2**9)[
            (images @ code).astype(int)
        ],
    )
    assert counts.sum() == 60_000
    assert (np.abs(counts / 60_000 - p) < 5 * np.sqrt(p / 60_000)).all()
    assert drawn.labels.mean() == pytest.approx(vertical, abs=0.01)
    np.testing.assert_array_equal(bars(10, seed=3).images, bars(20, seed=3).images[:10])


def test_bars_as_in_the_paper():
    images, p = bars_law()
    assert images.shape == (30, 16)
    assert p[images.sum(axis=1) == 0] == pytest.approx([0.8**4])
    # one upright bar
    assert p[(images == np.tile([1, 0, 0, 0], 4)).all(axis=1)] == pytest.approx([2 / 3 * 0.2 * 0.8**3])
    assert -(p * np.log2(p)).sum() == pytest.approx(3.4284, abs=1e-4)
    assert bars(3000).labels.mean() == pytest.approx(2 / 3, abs=0.03)


def test_each_algorithm_has_its_phases():
    p, q = ("top", "generation"), ("recognition",)
    phases = {n: belief_net((3,), layers=(2,), algorithm=n, samples=7).phases(Adam(1e-3)) for n in ALGORITHMS}
    assert {n: [(type(phase.objective), phase.over) for phase in found] for n, found in phases.items()} == {
        "wake_sleep": [(Wake, p), (Sleep, q)],
        "reweighted_wake_sleep": [(ReweightedWake, p), (ReweightedRecognition, q), (Sleep, q)],
    }
    assert [phase.objective.samples for phase in phases["reweighted_wake_sleep"][:2]] == [7, 7]
    assert len({id(phase.optimizer) for phase in phases["reweighted_wake_sleep"]}) == 3  # each has its own


def run(callbacks=(), epochs=4):
    model = machine((3, 2))
    cast(model, np.float32)
    phases = [Phase(objective, Adam(1e-2), max_norm=5.0) for objective in (Wake(), Sleep())]
    grey = Dataset("grey", np.random.default_rng(1).random((60, D)))
    return Training(
        model,
        phases,
        grey,
        epochs=epochs,
        batch_size=25,
        seed=1,
        held_out=grey,
        binarized=True,
        callbacks=callbacks,
    )


def test_a_run_stopped_and_resumed_comes_to_the_same_bits(tmp_path):
    whole = run().run()

    def stop(training, event):
        training.interrupted = training.step == 5

    part = run([stop]).run()
    save_checkpoint(tmp_path / "a.safetensors", part, {})
    checkpoint = load_checkpoint(tmp_path / "a.safetensors")
    again = run()
    restore_training(checkpoint, again)
    again.run()
    for name, parameter in named_parameters(whole.model).items():
        np.testing.assert_array_equal(parameter.value, named_parameters(again.model)[name].value)
    restored = run().model
    restore_model(checkpoint, restored)
    np.testing.assert_array_equal(restored.transform(IMAGES), part.model.transform(IMAGES))


def test_a_run_goes_with_what_other_runs_go_with():
    training = run([EarlyStopping(1)], epochs=30)
    training.look_ahead()
    assert training.run().best
    judged = bound(training.model, Dataset("all", IMAGES), Wake(), rng=np.random.default_rng(0))
    assert judged["bound"] == pytest.approx(judged["log_px"] - judged["kl"], rel=1e-5)


# What can't be


def linear(*widths):
    return [Linear(a, b, rng=0) for a, b in pairwise(widths)]


def built(hidden=(2, 1), generation=(1, 2, 3), recognition=(3, 2, 1)):
    return HelmholtzMachine(
        event_shape=(3,), hidden=hidden, generation=linear(*generation), recognition=linear(*recognition)
    )


MODEL = machine()
ERRORS = {
    "no hidden layer": (lambda: built((), (3,), (3,)), "one whole number or more"),
    "no hidden units": (lambda: built((2, 0)), "hidden should be at least 1, found 0"),
    "a layer too few": (
        lambda: built(generation=(2, 3)),
        "2 layers each, one for each hidden layer, found 1 and 2",
    ),
    "inputs of another width": (
        lambda: built(recognition=(3, 4, 1)),
        "recognition\\[0\\] should map 3 units to 2, found",
    ),
    "layers the wrong way round": (
        lambda: built(generation=(3, 2, 1)),
        "generation\\[0\\] should map 1 units to 2: linear",
    ),
    "outputs of another width": (
        lambda: built(generation=(1, 2, 4)),
        "generation\\[1\\] should map 2 units to 3, found",
    ),
    "grey": (
        lambda: Wake()(MODEL, Batch(X + 0.25), np.zeros((5, H))),
        "x should be 0 or 1 .*, found 0.25; data.binarize",
    ),
    "grey, in training": (lambda: machine().fit(X / 2), "x should be 0 or 1 everywhere, found 0.5"),
    "grey, enumerated": (lambda: enumerate_hidden(MODEL, X / 2), "x should be 0 or 1"),
    "not a number": (
        lambda: Wake()(MODEL, Batch(X * np.nan), np.zeros((5, H))),
        "x should be 0 or 1 everywhere, found nan",
    ),
    "half a hidden unit": (lambda: MODEL.log_recognition(x=X, h=np.full((5, H), 0.5)), "h should be 0 or 1"),
    "outside": (lambda: machine().fit(3 * X), r"numbers in \[0, 1\] only"),
    "too few uniforms": (
        lambda: Wake()(MODEL, Batch(X), np.zeros((5, 2))),
        "uniform should have shape \\(B, 3\\) with B = 5",
    ),
    "uniforms of other rows": (
        lambda: Wake()(MODEL, Batch(X), np.zeros((4, H))),
        "uniform should have shape",
    ),
    "uniforms of a wake": (
        lambda: Sleep()(MODEL, Batch(X), np.zeros((5, H))),
        "uniform should have shape \\(B, 6\\)",
    ),
    "events of another width": (lambda: MODEL.transform(np.zeros((4, 5))), "x should have shape \\(N, 3\\)"),
    "codes of another width": (lambda: MODEL.inverse_transform(np.zeros((4, 5))), "h should have shape"),
    "codes that are no numbers": (
        lambda: MODEL.inverse_transform(np.full((4, H), np.nan)),
        "h should be finite",
    ),
    "an unknown algorithm": (
        lambda: belief_net((3,), layers=(2, 1), algorithm="dreaming"),
        "reweighted_wake_sleep, wake_sleep",
    ),
    "no draws": (lambda: ReweightedWake(0), "samples should be at least 1"),
    "no draws for q": (lambda: ReweightedRecognition(0), "samples should be at least 1"),
    "another kind of model": (
        lambda: Wake().draw_noise(mlp((3,)), 2, np.random.default_rng(0)),
        "a HelmholtzMachine, found VAE",
    ),
    "another kind, asleep": (
        lambda: Sleep().draw_noise(mlp((3,)), 2, np.random.default_rng(0)),
        "a HelmholtzMachine, found VAE",
    ),
    "a recipe without layers": (lambda: belief_net((3,), layers=()), "one whole number or more"),
    "a recipe with an empty layer": (
        lambda: belief_net((3,), layers=(4, 0)),
        "layers should be at least 1, found 0",
    ),
    "no bars": (lambda: bars(0), "n should be at least 1"),
    "no pixels": (lambda: bars(3, side=0), "side should be at least 1"),
    "bars on too often": (lambda: bars_law(on=1.5), "probabilities, found 1.5"),
    "too many bars": (lambda: bars_law(side=17), "at most 16"),
    "too many states": (lambda: enumerate_hidden(machine((21,)), X), "at most 20, .*found 21"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_can_not_be_is_said(case):
    attempt, words = ERRORS[case]
    with pytest.raises(InputError, match=words):
        attempt()


def test_one_example_one_unit_and_deeper_conditionals_are_fine():
    one = HelmholtzMachine(
        event_shape=(1, 2, 2),
        hidden=(1,),
        generation=[Sequential(Linear(1, 3, rng=0), Tanh(), Linear(3, 4, rng=1))],
        recognition=linear(4, 1),
    )
    x = np.ones((1, 1, 2, 2), bool)
    one.fit(x, epochs=200, learning_rate=0.05)
    assert one.score(x) > -0.1
    assert one.sample(3, 0).shape == (3, 1, 2, 2)
    exact = enumerate_hidden(one, np.ones((1, 4)))
    np.testing.assert_allclose(exact.log_px, logsumexp(exact.bound + exact.kl), rtol=1e-5)


class AllZero:
    """A generator whose draws are all 0, as one in 2²⁴ is."""

    def random(self, shape, dtype):
        return np.zeros(shape, dtype)


def test_a_unit_that_is_as_good_as_never_on_is_never_drawn():
    model = belief_net((2,), layers=(3,), seed=0)
    for layer in model.recognition:
        layer.bias.value = np.full_like(layer.bias.value, -60)
    for objective in (Wake(), ReweightedWake(2)):
        noise = objective.draw_noise(model, 4, AllZero())
        (h, _), _ = model.recognize(x=np.ones((len(noise), 2), np.float32), uniform=noise)
        assert not h.any()


@pytest.mark.parametrize("rows", [1, 5, 7, 8, 39, 40, 41])
def test_enumeration_in_pieces_of_any_size_is_complete(rows, monkeypatch):
    """5 examples and 8 states: pieces that end anywhere, also one pair before the end."""
    one = machine()
    whole = enumerate_hidden(one, X)
    monkeypatch.setattr(import_module("scratchvae.evaluation.enumeration"), "ROWS", rows)
    sizes, log_joint = [], one.log_joint
    one.log_joint = lambda batch, h: sizes.append(len(batch)) or log_joint(batch, h)
    found = enumerate_hidden(one, X)
    assert sizes[:-1] == [rows] * (len(sizes) - 1)
    assert sum(sizes) == 40
    np.testing.assert_allclose(found.log_joint, whole.log_joint, rtol=1e-13)
    np.testing.assert_allclose(found.log_q, whole.log_q, rtol=1e-13)
