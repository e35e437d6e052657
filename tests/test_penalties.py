"""Penalties on codes beside closed forms, enumeration and quadrature; the split of the mean KL into its
parts.
"""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from scratchvae import mlp
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import decompose_kl
from scratchvae.layers import EVALUATION, Linear, cast
from scratchvae.objectives import (
    L2,
    CodeCovariance,
    DecoderGradient,
    Mmd,
    Pass,
    SlicedWasserstein,
    TotalCorrelation,
    aggregate_log_prob,
)
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian

N, Z = 5, 2
RNG = np.random.default_rng(0)
MEAN, LOG_VAR = RNG.normal(size=(N, Z)), RNG.normal(size=(N, Z))
X = np.zeros((N, 3))


class Codes:
    """What penalties read of a model whose codes are given."""

    posterior, prior = DiagonalGaussian(Z), StandardGaussian(Z)

    def __init__(self, decoder=None):
        self.decoder = decoder

    def told(self, z, batch, *, draws=1):
        return z


def value_of(penalty, z, *, q_params=None, noise=None, draws=1, model=None):
    rows = len(z) // draws
    q_params = np.zeros((rows, 2 * Z)) if q_params is None else q_params
    one = Pass(np.zeros((rows, draws)), q_params, z)
    return penalty(model or Codes(), Batch(np.zeros((rows, 3))), one, noise, mode=EVALUATION)


def density(z, n):
    return stats.norm.pdf(z, MEAN[n], np.exp(LOG_VAR[n] / 2))  # by latent


def exact_total_correlation(z):
    joint = np.mean([density(z, n).prod() for n in range(N)])
    alone = np.mean([density(z, n) for n in range(N)], axis=0)
    return np.log(joint) - np.log(alone).sum()


def test_total_correlation_of_a_whole_data_set_is_exact():
    z = MEAN + np.exp(LOG_VAR / 2) * RNG.normal(size=(N, Z))
    found, _ = value_of(TotalCorrelation(1.0), z, q_params=np.hstack([MEAN, LOG_VAR]))
    np.testing.assert_allclose(found, [exact_total_correlation(one) for one in z], rtol=1e-12)


def test_the_stratified_estimate_of_q_is_right_on_average():
    """For each example that z may come from, over every ordered batch of it and B − 1 others, as Chen et al.
    ask for.

    Shares in which 1/N stands in one column, whoever z was drawn from, fail this.
    """
    z, B = np.array([0.3, -0.8]), 3
    shares = TotalCorrelation(1.0, examples=N).shares(B)
    column = np.full((B, B), 1 / (B - 1))
    column[:, 0], column[:, 1] = 1 / N, (N - B + 1) / (N * (B - 1))
    every = np.array([density(z, n).prod() for n in range(N)])
    for b in range(B):
        for own in range(N):
            rest = permutations([n for n in range(N) if n != own], B - 1)
            # the batch's example b is z's own
            batches = [np.insert(np.array(others), b, own) for others in rest]
            found, faulty = (
                np.mean([s[b] @ every[members] for members in batches]) for s in (shares, column)
            )
            assert found == pytest.approx(every.mean(), rel=1e-12)
            assert b == 0 or faulty != pytest.approx(every.mean(), rel=1e-3)


def test_the_shares_of_a_batch():
    shares = TotalCorrelation(1.0, examples=10).shares(4)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(np.diagonal(shares), 1 / 10)
    np.testing.assert_allclose(shares[[0, 1, 2, 3], [1, 2, 3, 0]], 7 / 30)
    assert np.all(TotalCorrelation(1.0, examples=10, estimator="weighted").shares(4) == 1 / 4)
    assert np.all(TotalCorrelation(1.0).shares(4) == 1 / 4)


def test_latents_of_one_example_are_independent():
    z = RNG.normal(size=(6, Z))
    (joint, alone), _ = aggregate_log_prob(z, MEAN[:1], LOG_VAR[:1], shares=np.ones((6, 1)))
    np.testing.assert_allclose(joint, alone.sum(axis=1), rtol=1e-13)


def test_the_parts_of_the_mean_kl_sum_to_it():
    data = Dataset("digits", np.random.default_rng(0).random((60, 6)).astype(np.float32))
    model = mlp((6,), latent_dim=3, hidden=(8,), seed=1)
    cast(model, np.float64)
    model.encoder.layers[-1].weight.value *= 4
    parts = decompose_kl(model, data, draws=200, rng=np.random.default_rng(1))
    total = parts.information + parts.total_correlation + parts.by_latent.sum()
    assert total == pytest.approx(parts.kl, rel=1e-10)
    (mean, log_var), _ = model.posterior.mean_and_log_var(
        model.encoder(data.batch(slice(None), np.float64).x)[0]
    )
    closed = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1).mean()
    assert parts.kl == pytest.approx(closed, abs=0.05)  # 5 standard errors of 12,000 draws
    assert 0 < parts.information < np.log(60)
    assert parts.total_correlation > 0
    assert np.all(parts.by_latent > -0.01)


def test_covariances_are_numpys():
    q_params = np.hstack([MEAN, LOG_VAR])
    C = np.cov(MEAN.T, bias=True)
    for of, more in (("means", 0), ("draws", np.diag(np.exp(LOG_VAR).mean(axis=0)))):
        D = C + more
        expected = 2 * D[0, 1] ** 2 + 0.5 * ((D[0, 0] - 1) ** 2 + (D[1, 1] - 1) ** 2)
        found, _ = value_of(CodeCovariance(1.0, diagonal=0.5, of=of), MEAN, q_params=q_params)
        assert found == pytest.approx(expected, rel=1e-12)


KERNELS = {
    "gaussian": lambda x, y, width: np.exp(-((x - y) ** 2).sum(-1) / (2 * width)),
    "inverse_multiquadratic": lambda x, y, width: 2 * width / (2 * width + ((x - y) ** 2).sum(-1)),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("estimator", ["u", "v"])
def test_discrepancies_by_loops_over_pairs(kernel, estimator):
    z, p, scale = RNG.normal(size=(4, Z)), RNG.normal(size=(4, Z)), 0.7
    k = lambda x, y: KERNELS[kernel](x, y, scale * Z)  # noqa: E731
    keep = lambda i, j: estimator == "v" or i != j  # noqa: E731
    among, prior = ([k(a[i], a[j]) for i in range(4) for j in range(4) if keep(i, j)] for a in (z, p))
    between = [k(a, b) for a in z for b in p]
    found, _ = value_of(Mmd(1.0, kernel, estimator, scale), z, noise=p)
    assert found == pytest.approx(np.mean(among) + np.mean(prior) - 2 * np.mean(between), rel=1e-12)


def test_the_closed_form_is_the_prior_s_expectation():
    """E[k(z, p)] and E[k(p, p′)] by Gauss–Hermite quadrature in two dimensions."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    grid = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    mass = np.outer(weights, weights).ravel()
    z, scale = RNG.normal(size=(3, Z)), 1.3
    k = lambda x, y: KERNELS["gaussian"](x, y, scale * Z)  # noqa: E731
    near = [mass @ k(one, grid) for one in z]
    pairs = mass @ np.array([mass @ k(one, grid) for one in grid])
    among = np.mean([k(z[i], z[j]) for i in range(3) for j in range(3) if i != j])
    found, _ = value_of(Mmd(1.0, "gaussian", "closed_form", scale), z)
    assert found == pytest.approx(among + pairs - 2 * np.mean(near), rel=1e-10)


def test_codes_that_follow_the_prior_have_no_discrepancy_on_average():
    """The mean of 2,000 batches within 5 standard errors of 0; with n − 1 for n (n − 1), or by V, it is far
    off.
    """
    rng = np.random.default_rng(3)
    for penalty in (Mmd(1.0), Mmd(1.0, "gaussian"), Mmd(1.0, "gaussian", "closed_form")):
        found = [
            value_of(penalty, rng.normal(size=(6, Z)), noise=rng.normal(size=(6, Z)))[0] for _ in range(2000)
        ]
        assert abs(np.mean(found)) < 5 * np.std(found) / np.sqrt(2000)
    assert all(
        value_of(Mmd(1.0, estimator="v"), rng.normal(size=(6, Z)), noise=rng.normal(size=(6, Z)))[0] > 0
        for _ in range(20)
    )


def test_a_shift_has_the_sliced_distance_of_its_projections():
    p, shift = RNG.normal(size=(7, Z)), np.array([0.7, -1.1])
    directions = RNG.normal(size=(9, Z))
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    found, pullback = value_of(SlicedWasserstein(1.0, 9), p[::-1] + shift, noise=np.vstack([p, directions]))
    assert found == pytest.approx(np.mean((unit @ shift) ** 2), rel=1e-12)
    step = -pullback(np.asarray(1.0))["dz"]
    assert np.all(step @ shift < 0)  # every code moves back


def test_a_linear_decoder_has_the_norm_of_its_matrix():
    decoder = Linear(Z, 3, rng=0)
    cast(decoder, np.float64)
    found, _ = value_of(DecoderGradient(1.0), RNG.normal(size=(4, Z)), model=Codes(decoder))
    np.testing.assert_allclose(found, (decoder.weight.value**2).sum(), rtol=1e-12)


@pytest.mark.parametrize("estimator", ["u", "v", "closed_form"])
def test_a_batch_of_one_code_has_a_finite_penalty(estimator):
    found, pullback = value_of(Mmd(1.0, "gaussian", estimator), np.ones((1, Z)), noise=np.zeros((1, Z)))
    assert np.isfinite(found)
    assert np.isfinite(pullback(np.asarray(1.0))["dz"]).all()


def test_half_the_square_of_a_code():
    z = RNG.normal(size=(6, Z))
    found, _ = value_of(L2(1.0), z, draws=3)
    np.testing.assert_allclose(found, 0.5 * (z**2).sum(axis=1).reshape(2, 3).mean(axis=1), rtol=1e-13)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Mmd(1.0, "inverse_multiquadratic", "closed_form"), 'with kernel "gaussian"'),
        (lambda: Mmd(1.0, scale=0), "scale"),
        (lambda: Mmd(-1.0), "weight"),
        (lambda: TotalCorrelation(1.0, examples=0), "examples"),
        (lambda: TotalCorrelation(1.0, examples=3).shares(4), "4 or more; found 3"),
        (lambda: CodeCovariance(1.0, of="codes"), "draws"),
    ],
)
def test_what_makes_no_sense_is_refused(build, words):
    with pytest.raises(InputError, match=words):
        build()
