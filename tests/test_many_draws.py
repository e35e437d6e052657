"""Objectives of several draws: what each is at its ends, with many draws, and summed over all draws of two
bits.
"""

from itertools import product

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.data import Batch
from scratchvae.evaluation import enumerate_hidden
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import Ciwae, Iwae, Pass, Renyi, ScoreFunctionElbo, Thermodynamic, Vimco
from scratchvae.objectives.vimco import without_each
from scratchvae.recipes import belief_net, mlp

B, M, K = 3, 4, 5
LOG_W = np.random.default_rng(0).normal(-90, 3, (B, M * K))


def log_mean(log_w):
    top = log_w.max()
    return top + np.log(np.mean(np.exp(log_w - top)))


def test_groups_are_of_draws_that_stand_side_by_side():
    """M and K differ here: with M = K nobody would see the two axes exchanged."""
    value, slope = Iwae(K, groups=M).weigh(LOG_W)
    groups = LOG_W.reshape(B, M, K)
    expected = [np.mean([log_mean(group) for group in row]) for row in groups]
    weights = np.exp(groups - groups.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(slope, (weights / M).reshape(B, -1), rtol=1e-12)
    exchanged = [np.mean([log_mean(group) for group in row.reshape(K, M)]) for row in LOG_W]
    assert np.abs(value - exchanged).min() > 1e-3


ENDS = {  # an objective, and what it has to be there
    "M groups of one draw are the plain bound": (Iwae(1, groups=M * K), np.mean),
    "one group is the importance-weighted bound": (Iwae(M * K), log_mean),
    "CIWAE at beta = 1": (Ciwae(M * K, beta=1), np.mean),
    "CIWAE at beta = 0": (Ciwae(M * K, beta=0), log_mean),
    "CIWAE between them": (Ciwae(M * K, beta=0.3), lambda w: 0.3 * np.mean(w) + 0.7 * log_mean(w)),
    "Rényi at alpha = 0": (Renyi(M * K, alpha=0), log_mean),
    "Rényi at alpha = 1": (Renyi(M * K, alpha=1), np.mean),
    "Rényi at alpha = 2": (Renyi(M * K, alpha=2), lambda w: -log_mean(-w)),
    "Rényi far below 0 is the largest": (Renyi(M * K, alpha=-1e6), np.max),
    "Rényi far above 0 is the smallest": (Renyi(M * K, alpha=1e6), np.min),
    "one piece of the path": (Thermodynamic(M * K, pieces=1), np.mean),
}


@pytest.mark.parametrize("name", ENDS)
def test_at_its_ends_it_is_what_is_known(name):
    objective, known = ENDS[name]
    value, slope = objective.weigh(LOG_W)
    np.testing.assert_allclose(value, [known(row) for row in LOG_W], rtol=1e-6 if "far" in name else 1e-13)
    np.testing.assert_allclose(slope.sum(axis=1), 1, rtol=1e-12)  # an offset of log w is one of F


def test_renyi_goes_through_the_plain_bound_without_a_jump():
    plain = LOG_W.mean(axis=1)
    near = [Renyi(M * K, alpha=alpha).weigh(LOG_W)[0] - plain for alpha in (1 - 1e-5, 1 + 1e-5)]
    variance = LOG_W.var(axis=1)  # F = mean + (1 − α)/2 · variance + …
    np.testing.assert_allclose(near[0], 0.5e-5 * variance, rtol=1e-3)
    np.testing.assert_allclose(near[1], -0.5e-5 * variance, rtol=1e-3)


def test_the_path_leads_from_below_to_log_p():
    """log w ~ N(−s²/2, s²) under q, so that E_q[w] = 1 and log p = 0; E_π_β[log w] = s² (β − ½) is the path's
    integrand.
    """
    s, draws = 1.5, 400_000
    log_w = np.random.default_rng(1).normal(-(s**2) / 2, s, (1, draws))
    for pieces in (1, 2, 5, 40):
        objective = Thermodynamic(draws, pieces=pieces, first=0.02)
        ends = objective.ends
        exact = float(np.sum(np.diff(ends) * s**2 * (ends[:-1] - 0.5)))
        value, _ = objective.weigh(log_w)
        assert exact < 0
        # 5 standard errors of the mean of log w at β near 1
        assert value[0] == pytest.approx(exact, abs=0.03)
    assert ends[[0, 1, -1]] == pytest.approx([0, 0.02, 1])


@pytest.mark.parametrize(
    "objective", [Iwae(4, groups=5), Ciwae(20, beta=0.4), Renyi(20, alpha=-0.5), Thermodynamic(20, pieces=4)]
)
def test_slopes_are_those_of_the_value(objective):
    _, slope = objective.weigh(LOG_W)
    h = 1e-5
    for index in [(0, 0), (1, 7), (2, 19)]:
        up, down = LOG_W.copy(), LOG_W.copy()
        up[index] += h
        down[index] -= h
        difference = (objective.weigh(up)[0] - objective.weigh(down)[0])[index[0]] / (2 * h)
        assert slope[index] == pytest.approx(difference, abs=1e-8)


def test_what_the_others_would_be_without_a_draw():
    L = without_each(LOG_W)
    for b, k in ((0, 0), (1, 3), (2, 19)):
        others = np.delete(LOG_W[b], k)
        assert L[b, k] == pytest.approx(log_mean(np.append(others, others.mean())), rel=1e-13)


class Held:
    """A belief net whose draws h are those that `states` (K, H) says, whatever the noise."""

    dream = None

    def __init__(self, net, states):
        self.net, self.states = net, states

    def run(self, batch, noise, *, draws, **options):
        (log_px, log_pz), joint_pullback = self.net.log_joint(batch, self.states, draws=draws)
        log_q, q_pullback = self.net.log_recognition(x=np.repeat(batch.x, draws, axis=0), h=self.states)

        def pullback(*, dlog_px, dlog_pz, dlog_q):
            joint_pullback(dlog_px, dlog_pz)
            q_pullback(dlog_q.reshape(-1))

        return Pass(
            log_px, log_px[:, :0], self.states, log_pz=log_pz, log_q=log_q.reshape(-1, draws)
        ), pullback


@pytest.mark.parametrize("samples", [2, 3])
def test_vimco_has_the_gradient_of_the_bound_in_expectation(samples):
    """Sums over all K-tuples of two bits stand beside finite differences.

    The sums are Σ q(h_1) … q(h_K) · estimate, and the differences are those of Σ q … L.
    """
    net = belief_net((3,), layers=(2,))
    cast(net, np.float64)
    rng = np.random.default_rng(2)
    parameters = named_parameters(net)
    for parameter in parameters.values():
        parameter.value = rng.normal(size=parameter.value.shape)
    batch, tuples = Batch(np.array([[1.0, 0.0, 1.0]])), [list(t) for t in product(range(4), repeat=samples)]

    def expected_bound():
        found = enumerate_hidden(net, batch.x)
        log_q, log_w = found.log_q[0], (found.log_joint - found.log_q)[0]
        return sum(np.exp(log_q[t].sum()) * log_mean(log_w[t]) for t in tuples)

    found = enumerate_hidden(net, batch.x)
    estimate = {name: np.zeros_like(parameter.value) for name, parameter in parameters.items()}
    for t in tuples:
        for parameter in parameters.values():
            parameter.grad = None
        report, pullback = Vimco(samples)(Held(net, found.states[t]), batch, None)
        assert report.loss == pytest.approx(-log_mean((found.log_joint - found.log_q)[0, t]), abs=1e-12)
        pullback()
        for name, parameter in parameters.items():
            estimate[name] += np.exp(found.log_q[0, t].sum()) * parameter.grad
    for name, parameter in parameters.items():
        value, h = parameter.value, 1e-5
        for index in np.ndindex(value.shape):
            ends = []
            for moved in (h, -h):
                parameter.value = value.copy()
                parameter.value[index] += moved
                ends.append(expected_bound())
            parameter.value = value
            assert estimate[name][index] == pytest.approx(-(ends[0] - ends[1]) / (2 * h), abs=1e-8), (
                name,
                index,
            )


@pytest.mark.parametrize("objective", [Vimco(3), ScoreFunctionElbo(2)], ids=["vimco", "score function"])
def test_the_gradient_of_a_batch_is_the_mean_of_those_of_its_examples(objective):
    """No finite differences are taken of these two, which would see how a batch is weighed."""
    model, rng = mlp(4, latent_dim=2, hidden=3, seed=0), np.random.default_rng(1)
    cast(model, np.float64)
    x, parameters = rng.random((3, 4)), named_parameters(model).values()
    noise = objective.draw_noise(model, 3, rng).astype(np.float64).reshape(3, objective.samples, 2)

    def gradients(rows):
        for parameter in parameters:
            parameter.grad = None
        _, pullback = objective(model, Batch(x[rows]), noise[rows].reshape(-1, 2))
        pullback()
        return [parameter.grad for parameter in parameters]

    alone = [gradients([row]) for row in range(3)]
    for together, *each in zip(gradients([0, 1, 2]), *alone, strict=True):
        np.testing.assert_allclose(together, np.mean(each, axis=0), rtol=1e-10, atol=1e-12)


def test_draws_that_are_all_alike_teach_the_encoder_nothing_by_their_score():
    """What one of them is worth is then the mean of the others."""
    model, rng = mlp(4, latent_dim=2, hidden=3, seed=0), np.random.default_rng(1)
    cast(model, np.float64)
    batch, noise = Batch(rng.random((2, 4))), np.repeat(rng.normal(size=(2, 2)), 3, axis=0)
    for leave_one_out in (True, False):
        parameters = named_parameters(model.encoder).values()
        for parameter in parameters:
            parameter.grad = None
        _, pullback = ScoreFunctionElbo(3, leave_one_out=leave_one_out)(model, batch, noise)
        pullback()
        assert all(np.allclose(p.grad, 0, rtol=0, atol=1e-12) for p in parameters) is leave_one_out


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Vimco(1), "a draw is judged by the others"),
        (lambda: Iwae(2, groups=0), "groups"),
        (lambda: Ciwae(2, beta=1.5), "beta"),
        (lambda: Renyi(2, alpha=np.inf), "alpha"),
        (lambda: Thermodynamic(2, first=1.0), "first"),
        (lambda: Iwae(3, "stl", 2), "stl"),
    ],
)
def test_what_makes_no_sense_is_refused(build, words):
    with pytest.raises(InputError, match=words):
        build()
