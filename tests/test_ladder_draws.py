"""A ladder's draws, divergences and slopes, at several draws of each example and in three layers."""

import numpy as np
import pytest

from scratchvae import mlp
from scratchvae.checks import check_pullback
from scratchvae.layers import EVALUATION, Dropout, Linear, Mode, Sequential, Tanh, cast, named_parameters
from scratchvae.networks import POSTERIORS, Parts
from scratchvae.posteriors import Ladder, TopDown

RNG = np.random.default_rng(0)
SIZES, B, K = (3, 2, 1), 2, 3
Z = sum(SIZES)


def ladder():
    """Three layers whose steps bend, float64."""
    steps = [
        Sequential(Linear(above, 4, rng=i), Tanh(), Linear(4, 2 * below, rng=i + 5))
        for i, (above, below) in enumerate([(2, 3), (1, 2)])
    ]
    made = Ladder(TopDown(*steps, sizes=SIZES))
    cast(made.top_down, np.float64)
    return made


Q_PARAMS, NOISE, POINTS = RNG.normal(size=(B, 2 * Z)), RNG.normal(size=(B * K, Z)), RNG.normal(size=(B, Z))


def of_parameters(q, call):
    """`call(q_params)` as an op of q_params and of the steps' Parameters, which the checks may move."""
    parameters = named_parameters(q.top_down)

    def op(q_params, *values):
        for parameter, value in zip(parameters.values(), values, strict=True):
            parameter.value = value
        value, call_pullback = call(q_params)

        def pullback(*dvalues):
            for parameter in parameters.values():
                parameter.grad = None
            found = call_pullback(*dvalues)
            return (
                found,
                *(p.grad if p.grad is not None else np.zeros_like(p.value) for p in parameters.values()),
            )

        return value, pullback

    return op, [Q_PARAMS, *(parameter.value for parameter in parameters.values())]


@pytest.mark.parametrize("verb", ["sample", "sample_with_log_prob", "sample_with_kl"])
def test_gradients_of_several_draws_of_each_example(verb):
    """The gradients reach what the encoder says, and the steps.

    A divergence is a mean over draws, and a draw is not.
    """
    q = ladder()
    op, arrays = of_parameters(q, lambda q_params: getattr(q, verb)(q_params, noise=NOISE, draws=K))
    assert not [str(check) for check in check_pullback(op, arrays) if not check.ok]


def test_a_density_moves_with_each_layer_of_its_point_and_with_the_steps():
    """The point of a layer stands in its own law, and shifts the law of the layer below."""
    q = ladder()
    op, arrays = of_parameters(q, lambda q_params: q.log_prob(q_params, POINTS))
    only_q = lambda q_params, *values: _first_of_two(op, q_params, *values)  # noqa: E731
    assert not [str(check) for check in check_pullback(only_q, arrays) if not check.ok]
    of_z = lambda z: _last_of_two(q, z)  # noqa: E731
    assert not [str(check) for check in check_pullback(of_z, [POINTS]) if not check.ok]


def _first_of_two(op, *arrays):
    value, op_pullback = op(*arrays)

    def pullback(dvalue):
        (dq_params, _), *others = op_pullback(dvalue)
        return (dq_params, *others)

    return value, pullback


def _last_of_two(q, z):
    value, density_pullback = q.log_prob(Q_PARAMS, z)

    def pullback(dvalue):
        return density_pullback(dvalue)[1]

    return value, pullback


def test_without_the_score_log_q_moves_as_the_density_does_at_the_draw():
    """The slope is that of `log_prob` at z, and the draw carries it on.

    No step receives a share by the law's own numbers.
    """
    q, parameters = ladder(), None
    dlog_q = RNG.normal(size=B * K)
    parameters = named_parameters(q.top_down)

    def received(pullback, *gradients):
        for parameter in parameters.values():
            parameter.grad = None
        found = pullback(*gradients)
        return [found, *(p.grad for p in parameters.values())]

    (z, _), pullback = q.sample_with_log_prob(Q_PARAMS, noise=NOISE, draws=K, score=False)
    _, density_pullback = q.log_prob(np.repeat(Q_PARAMS, K, axis=0), z)
    _, slope = density_pullback(dlog_q)
    _, draw_pullback = q.sample(Q_PARAMS, noise=NOISE, draws=K)
    found = received(pullback, np.zeros_like(z), dlog_q)
    expected = received(draw_pullback, slope)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
    both = received(pullback, np.ones_like(z), dlog_q)
    np.testing.assert_allclose(both[0], received(draw_pullback, slope + 1)[0], rtol=1e-9, atol=1e-11)


def test_a_law_so_narrow_that_1_over_σ_is_beyond_the_format_has_finite_slopes():
    q = ladder()
    cast(q.top_down, np.float32)
    narrow = Q_PARAMS.astype(np.float32)
    narrow[:, -1] = -200  # e¹⁰⁰ is beyond float32
    (z, log_q), pullback = q.sample_with_log_prob(
        narrow, noise=0 * NOISE.astype(np.float32), draws=K, score=False
    )
    assert np.isfinite(pullback(np.zeros_like(z), np.ones_like(log_q))).all()  # −0 · ∞ is no number


def test_the_steps_are_told_the_mode():
    step = Sequential(Linear(1, 8, rng=0), Dropout(0.5), Linear(8, 2, rng=1))
    q = Ladder(TopDown(step, sizes=(1, 1)))
    cast(q.top_down, np.float64)
    q_params, noise = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 2))

    def drawn(mode):
        return q.sample(q_params, noise=noise, mode=mode)[0]

    np.testing.assert_array_equal(drawn(EVALUATION), drawn(EVALUATION))
    dropped = [drawn(Mode(np.random.default_rng(seed), 0)) for seed in (0, 1)]
    assert (dropped[0] != dropped[1]).any()
    np.testing.assert_array_equal(dropped[0], drawn(Mode(np.random.default_rng(0), 0)))


def test_a_ladder_by_its_name_has_a_third_of_its_latents_above_and_steps_of_the_widths_that_are_asked_for():
    made = POSTERIORS.build("ladder(hidden=(5, 7))", **vars(Parts((4,), 9, np.random.default_rng(0))))
    assert made.top_down.sizes == (6, 3)
    assert [p.value.shape for p in named_parameters(made.top_down).values()] == [
        (3, 5),
        (5,),
        (5, 7),
        (7,),
        (7, 12),
        (12,),
    ]
    assert mlp((4,), latent_dim=2, posterior="ladder", prior="hierarchical").posterior.top_down.sizes == (
        1,
        1,
    )
