"""Flows: each log |det| beside slogdet of a numerical Jacobian, ∫q = 1, inverses, slopes, and models that are
made of them.
"""

from typing import get_type_hints

import numpy as np
import pytest
from scipy import stats

from scratchvae import evaluation, flows
from scratchvae.arrays import InputError
from scratchvae.data import Batch
from scratchvae.distributions import gaussian, gaussian_full
from scratchvae.flows import (
    Chain,
    Coupling,
    Householder,
    InverseAutoregressive,
    MaskedAutoregressive,
    Planar,
    Radial,
    planar,
    radial,
)
from scratchvae.flows.network import masks_of
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import Elbo, SampledElbo
from scratchvae.posteriors import FlowPosterior
from scratchvae.priors import FlowPrior, StandardGaussian
from scratchvae.recipes import POSTERIORS, PRIORS, Parts, mlp
from scratchvae.reference.cases.flow_roles import drawn

B, Z, C = 5, 3, 2
RNG = np.random.default_rng(0)
STEPS = {  # each with Z latents, and weights that are far from their first values
    "Planar": lambda Z=Z: Planar(Z),
    "Radial": lambda Z=Z: Radial(Z),
    "Householder": lambda Z=Z: Householder(Z),
    "InverseAutoregressive": lambda Z=Z: drawn(InverseAutoregressive(Z, C, hidden=(6, 5))),
    "InverseAutoregressive, reversed": lambda Z=Z: drawn(InverseAutoregressive(Z, hidden=7, reverse=True)),
    "MaskedAutoregressive": lambda Z=Z: drawn(MaskedAutoregressive(Z, hidden=(6, 5))),
    "MaskedAutoregressive, reversed": lambda Z=Z: drawn(MaskedAutoregressive(Z, C, hidden=7, reverse=True)),
    "Coupling": lambda Z=Z: drawn(Coupling(Z, C, hidden=5)),
    "Coupling, reversed": lambda Z=Z: drawn(Coupling(Z, hidden=(5, 4), reverse=True)),
    "Chain": lambda Z=Z: Chain([Planar(Z), drawn(Coupling(Z, C, hidden=5)), Radial(Z), Householder(Z)]),
    "Chain, shared": lambda Z=Z: Chain(
        [
            drawn(InverseAutoregressive(Z, C, hidden=6)),
            drawn(InverseAutoregressive(Z, C, hidden=6, reverse=True), seed=9),
        ],
        shared=True,
    ),
}


def made(name, Z=Z):
    """A step, and z and params for it."""
    step, rng = STEPS[name](Z), np.random.default_rng(7)
    return step, rng.normal(size=(B, Z)), rng.normal(size=(B, step.n_params))


def differences(f, z, h=1e-5):
    """∂f/∂z (B, …, Z) by central differences."""
    return np.stack([(f(z + h * e) - f(z - h * e)) / (2 * h) for e in np.eye(z.shape[1])], axis=-1)


def test_every_step_is_tried():
    assert {name.partition(",")[0] for name in STEPS} == set(flows.__all__) - {"Step"}


# ------------------------------------------------------------------------------------------------------------
# each step


def require_right_log_det(op, z):
    """slogdet of differences of y, whose truncation is h² and whose rounding is ε/h: 1e-10 and 1e-11 of J."""
    (_, log_det), _ = op(z)
    J = differences(lambda z: op(z)[0][0], z)
    np.testing.assert_allclose(np.linalg.slogdet(J).logabsdet, log_det, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", STEPS)
def test_log_det_is_that_of_a_numerical_jacobian(name):
    step, z, params = made(name)
    require_right_log_det(lambda z: step.forward(z, params), z)
    require_right_log_det(lambda y: step.inverse(y, params), step.forward(z, params)[0][0])


W, U = np.array([[0.9, -1.1, 0.4]]), np.array([[0.3, 0.8, -0.5]])
EXTREMES = {  # every branch of a step and both sides of it, with one z
    "wᵀu far below −1": lambda z: planar.forward(z, W, -9 * W, np.array([[0.3]])),
    "wᵀu far above": lambda z: planar.forward(z, W, 9 * W, np.array([[0.3]])),
    "tanh flat, a < 0": lambda z: planar.forward(z, W, U, np.array([[-7.0]])),
    "tanh flat, a > 0": lambda z: planar.forward(z, W, U, np.array([[7.0]])),
    "w = 0": lambda z: planar.forward(z, 0 * W, U, np.array([[0.3]])),
    "inverse, wᵀû < 0": lambda z: planar.inverse(z, W, -2 * W, np.array([[0.3]])),
    "inverse, wᵀû > 0": lambda z: planar.inverse(z, W, 2 * W, np.array([[0.3]])),
    "inverse, c < 0": lambda z: planar.inverse(z, W, U, np.array([[-4.0]])),
    "inverse, c far": lambda z: planar.inverse(z, W, 3 * W, np.array([[9.0]])),
    "α < m": lambda z: radial.forward(z, U, np.array([[-2.0]]), np.array([[3.0]])),
    "α > m": lambda z: radial.forward(z, U, np.array([[3.0]]), np.array([[-2.0]])),
    "inverse, R < m": lambda z: radial.inverse(z, U, np.array([[0.0]]), np.array([[9.0]])),
    "inverse, R > m": lambda z: radial.inverse(z, U, np.array([[0.0]]), np.array([[-9.0]])),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_log_det_on_every_branch(name):
    require_right_log_det(EXTREMES[name], np.array([[0.5, -0.2, 1.3]]))


@pytest.mark.parametrize("name", STEPS)
def test_the_inverse_of_the_forward_is_the_identity_to_rounding(name):
    """Off by some roundoffs of z and y, times what J⁻¹ makes of a change of y."""
    step, z, params = made(name)
    (y, log_det), _ = step.forward(z, params)
    (again, log_det_again), _ = step.inverse(y, params)
    J = differences(lambda z: step.forward(z, params)[0][0], z)
    parts = sum(np.abs(p.value).sum() for p in named_parameters(step).values()) + np.abs(params).sum() + 10
    allowed = 4 * np.finfo(float).eps * parts * (1 + np.linalg.norm(np.linalg.inv(J), axis=(1, 2)).max())
    assert np.abs(again - z).max() <= allowed
    assert np.abs(log_det_again + log_det).max() <= allowed * parts


@pytest.mark.parametrize("name", STEPS)
def test_the_slope_that_a_step_carries_on_is_that_of_its_density(name):
    step, z, params = made(name)
    before = {key: p.value.copy() for key, p in named_parameters(step).items()}
    y, slope = step.steepness(z, params, -z)  # of N(0, I)

    def log_p(y):
        (z, log_det), _ = step.inverse(y, params)
        return gaussian.standard_log_prob(z)[0] + log_det

    np.testing.assert_array_equal(y, step.forward(z, params)[0][0])
    expected = differences(log_p, y, h=1e-6)
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
    for key, parameter in named_parameters(step).items():
        assert parameter.grad is None
        np.testing.assert_array_equal(parameter.value, before[key])


def test_planar_steps_satisfy_their_constraint_as_the_paper_has_it():
    """wᵀû = −1 + log(1 + e^(wᵀu)) > −1.

    Without the division by |w|² it is another number, and the map has two z for one y.
    """
    w, s = 2 * W, np.array([-30.0, -3.0, 0.0, 2.0, 40.0])
    u = s[:, None] * w / (w**2).sum()
    tall = np.tile(w, (5, 1))
    u_hat, q = planar._corrected(tall, u)
    np.testing.assert_allclose((w * u_hat).sum(axis=1), np.log1p(np.exp(s)) - 1, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(q, np.log1p(np.exp(s)), rtol=1e-12)
    assert (q > 0).all()
    forgotten = u[1] + (np.log1p(np.exp(-3.0)) - 1 + 3) * w[0]
    t = np.linspace(-3, 3, 2001)
    for direction, monotone in ((u_hat[1], True), (forgotten, True), (-forgotten, False)):
        along = t + (w[0] @ direction) * np.tanh(t)  # wᵀy as wᵀz moves, b = 0
        assert ((np.diff(along) > 0).all()) == monotone
    assert abs(w[0] @ forgotten - (np.log1p(np.exp(-3.0)) - 1)) > 1
    np.testing.assert_array_equal(planar._corrected(0 * w, u[:1])[0], u[:1])


@pytest.mark.parametrize("m", [-1.0, -1 + 1e-12, -0.9, 0.0, 3.0, 1e6])
def test_the_scalar_root_solves_its_equation_to_rounding(m):
    c = np.concatenate([[0.0], 10.0 ** np.arange(-12, 7), -(10.0 ** np.arange(-12, 7))])
    a = planar._root(c, np.full_like(c, m))
    left = a + m * np.tanh(a)
    np.testing.assert_allclose(
        left, c, rtol=0, atol=4 * np.finfo(float).eps * (np.abs(a) + np.abs(m * np.tanh(a))).max()
    )
    if m > -0.95:  # where the root moves little when c is rounded
        np.testing.assert_allclose(left, c, rtol=1e-14, atol=1e-25)


# ------------------------------------------------------------------------------------------------------ masks
# and orders


@pytest.mark.parametrize("Z", [1, 2, 5])
@pytest.mark.parametrize("context", [0, 3])
@pytest.mark.parametrize("hidden", [(1,), (4,), (3, 7), (9, 2, 8)])
def test_each_latent_moves_by_the_latents_before_it_and_by_the_context(Z, context, hidden):
    for reverse in (False, True):
        step = drawn(InverseAutoregressive(Z, context, hidden=hidden, reverse=reverse))
        rng = np.random.default_rng(1)
        z, params = rng.normal(size=(2, Z)), rng.normal(size=(2, context))
        J = differences(lambda z, step=step, params=params: step.forward(z, params)[0][0], z)
        lower = np.tril(np.ones((Z, Z), bool))[:: -1 if reverse else 1, :: -1 if reverse else 1]
        assert (J[:, ~lower] == 0).all()
        if min(hidden) >= Z:  # enough units for every place
            assert (J[:, lower] != 0).all()
            assert (
                not context
                or (differences(lambda p, z=z, step=step: step.forward(z, p)[0][0], params) != 0).all()
            )


def test_masks_connect_all_that_they_may():
    """The product of the masks says which latents reach which outputs: those of lower places, all of them."""
    for order in ((0, 1, 2, 3), (2, 0, 3, 1), (0, 0, 1, 1)):
        for contextual in (False, True):
            reached = np.linalg.multi_dot([m.astype(int) for m in masks_of(order, (6, 5, 8), contextual)])
            np.testing.assert_array_equal(reached > 0, np.array(order)[:, None] < np.tile(order, 2))


def test_half_of_the_latents_stays_in_a_coupling():
    for reverse, stays in ((False, [0]), (True, [1, 2])):
        step = drawn(Coupling(Z, hidden=4, reverse=reverse))
        z = RNG.normal(size=(B, Z))
        (y, _), _ = step.forward(z, z[:, :0])
        assert [d for d in range(Z) if (y[:, d] == z[:, d]).all()] == stays


# --------------------------------------------------------------------------------------------------
# posteriors and priors

TWO = np.linspace(-9, 9, 301)
PLANE = np.stack(np.meshgrid(TWO, TWO, indexing="ij"), axis=-1).reshape(-1, 2)
AREA = (TWO[1] - TWO[0]) ** 2


def posterior(name, Z=Z):
    q = FlowPosterior(STEPS[name](Z))
    return q, np.random.default_rng(8).normal(size=(B, q.n_params), scale=0.6)


@pytest.mark.parametrize("name", STEPS)
def test_densities_of_two_latents_integrate_to_1(name):
    """By the trapezoid rule on smooth functions that vanish at the ends, whose error is below any power of
    the distance.
    """
    q, q_params = posterior(name, 2)
    for parameter in named_parameters(q).values():
        parameter.value = 0.5 * parameter.value  # so that the grid holds the densities
    log_q, _ = q.log_prob(np.tile(q_params[:1], (len(PLANE), 1)), PLANE)
    # of what is beyond ±9, and of kinks of elu; measured 2e-4
    assert np.exp(log_q).sum() * AREA == pytest.approx(1, abs=2e-3)
    if not q.flow.n_params:
        log_p, _ = FlowPrior(q.flow).log_prob(PLANE)
        assert np.exp(log_p).sum() * AREA == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", STEPS)
def test_a_draw_has_the_density_of_its_point_and_without_the_score_the_slope_there(name):
    q, q_params = posterior(name)
    noise, none, seed = RNG.normal(size=(B, Z)), np.zeros((B, Z)), RNG.normal(size=B)
    (z, log_q), total_pullback = q.sample_with_log_prob(q_params, noise=noise)
    of_point, point_pullback = q.log_prob(q_params, z)
    np.testing.assert_allclose(of_point, log_q, rtol=1e-9, atol=1e-9)  # rounding, times 1/σ(a) of the gates
    np.testing.assert_array_equal(q.code(q_params), q.sample(q_params, noise=none)[0])

    def received(pullback, *d):
        for parameter in named_parameters(q).values():
            parameter.grad = None
        found = pullback(*d)
        return found, {
            n: np.zeros_like(p.value) if p.grad is None else p.grad for n, p in named_parameters(q).items()
        }

    total, total_weights = received(total_pullback, none, seed)
    (score, dz), score_weights = received(point_pullback, seed)
    _, path_pullback = q.sample_with_log_prob(q_params, noise=noise, score=False)
    path, path_weights = received(path_pullback, none, seed)
    by_z, z_weights = received(q.sample(q_params, noise=noise)[1], dz)
    close = {"rtol": 1e-7, "atol": 1e-8}
    np.testing.assert_allclose(path, by_z, **close)  # log q moves with z alone
    np.testing.assert_allclose(total, score + by_z, **close)
    for key in total_weights:  # and so for the flow's own Parameters
        np.testing.assert_allclose(path_weights[key], z_weights[key], **close)
        np.testing.assert_allclose(total_weights[key], score_weights[key] + z_weights[key], **close)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("score", [True, False])
def test_each_q_has_its_draws(name, score):
    K, (q, q_params) = 3, posterior(name)
    noise, dz, dlog_q = RNG.normal(size=(B * K, Z)), RNG.normal(size=(B * K, Z)), RNG.normal(size=B * K)
    (z, log_q), pullback = q.sample_with_log_prob(q_params, noise=noise, draws=K, score=score)
    (one_z, one_log_q), one_pullback = q.sample_with_log_prob(
        np.repeat(q_params, K, axis=0), noise=noise, score=score
    )
    np.testing.assert_allclose(z, one_z, rtol=1e-13)
    np.testing.assert_allclose(log_q, one_log_q, rtol=1e-13)
    summed = one_pullback(dz, dlog_q).reshape(B, K, -1).sum(axis=1)
    np.testing.assert_allclose(pullback(dz, dlog_q), summed, rtol=1e-10, atol=1e-12)


def test_reflections_of_a_gaussian_are_the_gaussian_of_any_covariance():
    q, q_params = FlowPosterior(Chain([Householder(Z), Householder(Z)])), RNG.normal(size=(B, 4 * Z))
    z = RNG.normal(size=(B, Z))
    log_q, _ = q.log_prob(q_params, z)
    for b in range(B):
        H = np.eye(Z)
        for v in q_params[b, 2 * Z :].reshape(2, Z):
            H = (np.eye(Z) - 2 * np.outer(v, v) / (v @ v)) @ H
        S = H @ np.diag(np.exp(q_params[b, Z : 2 * Z])) @ H.T
        assert log_q[b] == pytest.approx(
            stats.multivariate_normal(H @ q_params[b, :Z], S).logpdf(z[b]), rel=1e-11
        )
        full, _ = gaussian_full.log_prob(
            z[b : b + 1], (H @ q_params[b, :Z])[None], np.linalg.cholesky(S)[None]
        )
        assert log_q[b] == pytest.approx(full[0], rel=1e-11)


@pytest.mark.parametrize("text", ["flow", "flow(steps=3, hidden=(5, 4), kind=autoregressive)"])
def test_a_flow_prior_begins_as_the_standard_gaussian(text):
    prior, z = (
        PRIORS.build(text, latent_dim=4, rng=np.random.default_rng(0)),
        RNG.normal(size=(B, 4)).astype(np.float32),
    )
    np.testing.assert_array_equal(prior.log_prob(z)[0], StandardGaussian(4).log_prob(z)[0])
    expected = StandardGaussian(4).sample(7, np.random.default_rng(3))
    np.testing.assert_array_equal(prior.sample(7, np.random.default_rng(3)), expected)
    assert prior.sample(0, np.random.default_rng(3)).shape == (0, 4)


def test_the_gates_of_an_inverse_autoregressive_flow_begin_open():
    q = POSTERIORS.build("iaf(steps=1)", latent_dim=3, rng=np.random.default_rng(0))
    q_params, noise = np.zeros((2, q.n_params), np.float32), np.ones((2, 3), np.float32)
    np.testing.assert_allclose(q.sample(q_params, noise=noise)[0], 1 / (1 + np.exp(-2.0)), rtol=1e-6)


TABLED = ("coupling", "householder", "iaf", "planar", "radial")


def test_every_flow_of_the_table_is_tried_in_both_dtypes():
    made = {name: get_type_hints(build).get("return") for name, build in POSTERIORS.rows.items()}
    assert {name for name, kind in made.items() if kind is FlowPosterior} == set(TABLED)


@pytest.mark.parametrize("text", TABLED)
def test_float32_stays_float32_and_agrees_with_float64(text):
    found = {}
    for dtype in (np.float32, np.float64):
        q, rng = POSTERIORS.build(text, **parts()), np.random.default_rng(5)
        cast(q, dtype)
        q_params, noise = (
            rng.normal(size=(B, q.n_params)).astype(dtype),
            rng.normal(size=(B, 4)).astype(np.float32),
        )
        (z, log_q), pullback = q.sample_with_log_prob(q_params, noise=noise, score=False)
        of_point, point_pullback = q.log_prob(q_params, z)
        dz, dlog_q = rng.normal(size=z.shape).astype(dtype), rng.normal(size=B).astype(dtype)
        found[dtype] = [z, log_q, pullback(dz, dlog_q), of_point, *point_pullback(dlog_q), q.code(q_params)]
        assert all(part.dtype == dtype for part in found[dtype])
    for single, double in zip(found[np.float32], found[np.float64], strict=True):
        np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-3 * np.abs(double).max())


def parts():
    return vars(Parts((6,), 4, np.random.default_rng(0)))


# ------------------------------------------------------------------------------------------------------------
# models

FLOWS = {
    "planar": {"posterior": "planar(steps=2)"},
    "radial": {"posterior": "radial(steps=2)"},
    "householder": {"posterior": "householder(steps=2)"},
    "iaf": {"posterior": "iaf(steps=2, hidden=5, context=3)"},
    "coupling": {"posterior": "coupling(steps=2, hidden=5)"},
    "flow": {"prior": "flow(steps=2, hidden=5)"},
    "both": {"posterior": "planar(steps=1)", "prior": "flow(steps=2, hidden=(5, 4), kind=autoregressive)"},
}
DATA = np.random.default_rng(2).normal(size=(40, 6)).astype(np.float32) ** 2


@pytest.mark.parametrize("name", FLOWS)
def test_a_model_with_flows_learns_by_the_sampled_bound_and_is_saved(name, tmp_path):
    model = mlp((6,), latent_dim=2, hidden=(8,), likelihood="gaussian", **FLOWS[name])
    assert type(model.default_objective()) is SampledElbo
    first = model.score(DATA)
    before = {key: p.value.copy() for key, p in named_parameters(model).items()}
    model.fit(DATA, epochs=20, batch_size=20, learning_rate=1e-2)
    assert model.score(DATA) > first
    moved = {key for key, p in named_parameters(model).items() if (p.value != before[key]).any()}
    still = {key for key in before if key.endswith("weights.0") and not before[key].size}  # of no context
    assert moved == before.keys() - still
    model.save(tmp_path / "m.safetensors")
    again = type(model).load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.score_samples(DATA), model.score_samples(DATA))
    np.testing.assert_array_equal(again.sample(3, 0), model.sample(3, 0))
    with pytest.raises(
        InputError,
        match=r"no closed form is known from .*Flow.*; of the objectives sampled_elbo and iwae need none",
    ):
        Elbo()(model, Batch(DATA), model.draw_noise(len(DATA), RNG))


def test_the_score_of_a_flow_agrees_with_quadrature():
    """The score is log p(x) by 5,000 importance-weighted draws; the sum over a grid of two latents is exact.

    The posterior is trained until its weights have no heavy tail: the mean of four scores has a standard
    deviation of 0.004 over seeds. The draws differ between machines, whose training rounds differently.
    """
    rng = np.random.default_rng(2)
    data = (rng.normal(size=(400, 2)) @ rng.normal(size=(2, 6)) / 2).astype(np.float32)
    model = mlp((6,), latent_dim=2, hidden=(8,), likelihood="gaussian", posterior="iaf", prior="flow", seed=3)
    model.fit(data, epochs=30, learning_rate=1e-2)
    exact = evaluation.evidence(model, data[:4], points=301, reach=15.0).log_px
    found = model.score_samples(data[:4], samples=5_000)
    assert found.mean() == pytest.approx(exact.mean(), abs=0.02)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Chain([]), "steps should be one flow step or more"),
        (lambda: Chain([Planar(2), Planar(3)]), r"should have one latent_dim, found \[2, 3\]"),
        (lambda: Chain([Planar(2), Radial(2)], shared=True), r"should have one n_params, found \[5, 4\]"),
        (lambda: Coupling(1), "latent_dim should be at least 2, found 1: one latent has no other half"),
        (lambda: Coupling(2, reverse="no"), "reverse should be True or False"),
        (lambda: InverseAutoregressive(2, -1), "context should be at least 0, found -1"),
        (lambda: MaskedAutoregressive(2, hidden=()), "hidden should be one whole number or more"),
        (lambda: FlowPosterior("planar"), "flow should be a step, such as a Chain, found 'planar'"),
        (
            lambda: FlowPosterior(Planar(2)).sample(np.zeros((3, 4)), noise=np.zeros((3, 2))),
            r"q_params should have shape \(B, 9\)",
        ),
        (
            lambda: FlowPosterior(Planar(2)).log_prob(np.zeros((3, 9)), np.zeros((3, 1))),
            r"z should have shape \(B, 2\)",
        ),
        (
            lambda: Chain([Planar(2)]).forward(np.zeros((3, 2)), np.zeros((3, 4))),
            r"params should have shape \(B, 5\)",
        ),
        (lambda: FlowPrior(Planar(2)), "the flow should have Parameters and read no params"),
        (lambda: FlowPrior(Coupling(2, 1)), "the flow should have Parameters and read no params"),
        (lambda: FlowPrior(Coupling(2)).log_prob(np.zeros((3, 1))), r"z should have shape \(B, 2\)"),
        (lambda: FlowPrior(Coupling(2)).sample(-1, RNG), "n should be at least 0, found -1"),
        (lambda: mlp((6,), posterior="planar(steps=0)"), "planar: steps should be at least 1, found 0"),
        (lambda: mlp((6,), prior="flow(kind=square)"), "kind should be one of coupling, autoregressive"),
        (lambda: mlp((6,), latent_dim=1, prior="flow"), "one latent has no other half"),
        (
            lambda: mlp((6,), posterior="iaf", log_var_bounds=(-1, 1)),
            "log_var_bounds are for .* found a FlowPosterior",
        ),
    ],
)
def test_what_cannot_be_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()
