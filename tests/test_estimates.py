"""Estimates beside what they estimate:

penalties, Rényi's bound, codes of hidden labels, imputations of nothing observed.
"""

import mpmath
import numpy as np
import pytest

from scratchvae import VAE, ConditionalVAE
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import impute
from scratchvae.layers import EVALUATION
from scratchvae.objectives import Mmd, Pass, Renyi, TotalCorrelation, aggregate_log_prob
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.recipes import belief_net

B, K, Z = 4, 3, 2
RNG = np.random.default_rng(0)
KERNELS = {
    "gaussian": lambda x, y, width: np.exp(-((x - y) ** 2).sum(-1) / (2 * width)),
    "inverse_multiquadratic": lambda x, y, width: 2 * width / (2 * width + ((x - y) ** 2).sum(-1)),
}


class Codes:
    """What penalties read of a model whose codes are given."""

    def __init__(self, latents):
        self.posterior, self.prior = DiagonalGaussian(latents), StandardGaussian(latents)


def value_of(penalty, z, *, draws, noise=None, q_params=None):
    rows = len(z) // draws
    q_params = np.zeros((rows, 2 * z.shape[1])) if q_params is None else q_params
    one = Pass(np.zeros((rows, draws)), q_params, z)
    return penalty(Codes(z.shape[1]), Batch(np.zeros((rows, 3))), one, noise, mode=EVALUATION)


# The discrepancy of several draws of each example


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("estimator", ["u", "v", "closed_form"])
def test_pairs_of_draws_of_one_example_are_left_out(kernel, estimator, draws):
    """Return the value by loops over pairs, and its gradient by central differences.

    The error of the differences is some h² = 1e-10.
    """
    if estimator == "closed_form" and kernel != "gaussian":
        return
    z, p, width = RNG.normal(size=(B * draws, Z)), RNG.normal(size=(B, Z)), 0.7 * Z

    def expected(z):
        k = lambda x, y: KERNELS[kernel](x, y, width)  # noqa: E731
        rows = range(len(z))
        among = [k(z[i], z[j]) for i in rows for j in rows if estimator == "v" or i // draws != j // draws]
        if estimator == "closed_form":
            near = (width / (width + 1)) ** (Z / 2) * np.exp(-(z * z).sum(axis=1) / (2 * (width + 1)))
            return np.mean(among) + (width / (width + 2)) ** (Z / 2) - 2 * near.mean()
        prior = [k(p[i], p[j]) for i in range(B) for j in range(B) if estimator == "v" or i != j]
        return np.mean(among) + np.mean(prior) - 2 * np.mean([k(a, b) for a in z for b in p])

    value, pullback = value_of(Mmd(1.0, kernel, estimator, 0.7), z, draws=draws, noise=p)
    assert value == pytest.approx(expected(z), rel=1e-12)
    h, numeric = 1e-5, np.empty_like(z)
    for place in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[place] = h
        numeric[place] = (expected(z + step) - expected(z - step)) / (2 * h)
    np.testing.assert_allclose(pullback(np.asarray(1.0))["dz"], numeric, atol=1e-8)


@pytest.mark.parametrize("draws", [1, 4])
def test_codes_whose_marginal_is_the_prior_have_no_discrepancy_on_average(draws):
    """z_bk = μ_b + 0.1 ε is N(0, I) for each b and k. Over 1,000 batches each mean lies within 5 standard
    errors.

    With the pairs of one example the mean of "u" is 0.05 at K = 4. "v" exceeds 0 by (2 − 2 E k)/B at K = 1,
    and never by more than 2/B, with E k = (γ²/(γ² + 2))^(Z/2).
    """
    rng, batches, rows, width = np.random.default_rng(1), 1000, 8, float(Z)
    found = {"u": [], "closed_form": [], "v": []}
    for _ in range(batches):
        centre = np.sqrt(1 - 0.01) * rng.normal(size=(rows, Z))
        z = np.repeat(centre, draws, axis=0) + 0.1 * rng.normal(size=(rows * draws, Z))
        p = rng.normal(size=(rows, Z))
        for estimator, values in found.items():
            values.append(value_of(Mmd(1.0, "gaussian", estimator), z, draws=draws, noise=p)[0])
    mean = {name: np.mean(values) for name, values in found.items()}
    error = {name: np.std(values) / np.sqrt(batches) for name, values in found.items()}
    for name in ("u", "closed_form"):
        assert abs(mean[name]) < 5 * error[name]
    same = (width / (width + 2)) ** (Z / 2)
    if draws == 1:
        assert abs(mean["v"] - 2 * (1 - same) / rows) < 5 * error["v"]
    assert 0 < mean["v"] < 2 / rows


# Total correlation


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
@pytest.mark.parametrize("examples", [None, 1000])
@pytest.mark.parametrize("rows", [1, 4])
def test_independent_latents_have_no_total_correlation(estimator, examples, rows):
    """All q(z|x) are the same: the term is 0 whatever N is, up to rounding of densities of some 10 nats."""
    z = RNG.normal(size=(rows, 3))
    q_params = np.tile([0.3, -1.0, 2.0, 0.1, -0.5, 0.7], (rows, 1))
    value, pullback = value_of(TotalCorrelation(1.0, examples, estimator), z, draws=1, q_params=q_params)
    np.testing.assert_allclose(value, 0, atol=1e-12)
    if rows == 1:
        for gradient in pullback(np.ones(1)).values():
            np.testing.assert_allclose(gradient, 0, atol=1e-12)


def test_the_weighted_term_is_the_paper_s_but_for_a_constant():
    """Chen et al. 2018 have the shares 1/NB: their term is (Z − 1) log N more, and its gradients are the
    same.
    """
    rows, latents, N = 4, 3, 1000
    z, mean, log_var = RNG.normal(size=(3, rows, latents))
    penalty = TotalCorrelation(1.0, N, "weighted")
    value, pullback = value_of(penalty, z, draws=1, q_params=np.hstack([mean, log_var]))
    (joint, alone), paper = aggregate_log_prob(z, mean, log_var, shares=np.full((rows, rows), 1 / (N * rows)))
    np.testing.assert_allclose(joint - alone.sum(axis=1) - value, (latents - 1) * np.log(N), rtol=1e-12)
    dz, dmean, dlog_var = paper(np.ones(rows), -np.ones((rows, latents)))
    found = pullback(np.ones(rows))
    np.testing.assert_allclose(found["dz"], dz, atol=1e-12)
    np.testing.assert_allclose(found["dq_params"], np.hstack([dmean, dlog_var]), atol=1e-12)


# Rényi's bound

ALPHAS = (
    -3.0,
    0.0,
    0.5,
    0.9,
    *(1 + sign * p for p in (1e-1, 1e-2, 1e-3, 1e-6, 1e-7, 1e-9) for sign in (-1, 1)),
    2.5,
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_renyi_s_bound_beside_mpmath(dtype, alpha):
    """Rows of weights from near each other to far apart, so that |p d| lies below 1, at 1 and above it.

    What may be lost: a few roundings of F, of p, whose effect on F is at most the range of log w, and of that
    range.
    """
    spread = np.array([1e-3, 0.1, 0.9, 1.1, 3.0, 30.0]) / max(abs(1 - alpha), 0.1)
    log_w = (np.random.default_rng(0).uniform(-1, 1, (6, 5)) * spread[:, None] - 90).astype(dtype)
    value, slope = Renyi(5, alpha=alpha).weigh(log_w)
    assert value.dtype == slope.dtype == dtype
    with mpmath.workdps(60):
        p = 1 - mpmath.mpf(alpha)
        for row, F, w in zip(log_w, value, slope, strict=True):
            powers = [mpmath.exp(p * mpmath.mpf(float(one))) for one in row]
            exact = mpmath.log(mpmath.fsum(powers) / 5) / p if p else mpmath.fsum(map(float, row)) / 5
            least = np.finfo(dtype).eps * (abs(float(exact)) + np.ptp(row))
            assert abs(float(F - exact)) <= 8 * least
            shares = [float(power / mpmath.fsum(powers)) for power in powers]
            np.testing.assert_allclose(
                w, shares, rtol=8 * np.finfo(dtype).eps * (4 + abs(float(p)) * np.abs(row).max())
            )


def test_renyi_s_bound_of_a_weight_of_zero():
    log_w = np.array([[-np.inf, np.log(3.0), 0.0], [0.0, 0.0, 0.0]])
    value, slope = Renyi(3, alpha=0.5).weigh(log_w)
    np.testing.assert_allclose(value, [2 * np.log((np.sqrt(3) + 1) / 3), 0], atol=1e-15)
    assert slope[0, 0] == 0
    assert np.isfinite(slope).all()
    # some at the mean, and one whose e^d is no float32
    far = np.array([[-200.0, 0.0, 0.0, 200.0]], np.float32)
    assert Renyi(4, alpha=0.0).weigh(far)[0][0] == pytest.approx(200 - np.log(4), rel=1e-6)


# A label that is hidden


def test_a_code_without_its_label_is_weighed_by_as_many_draws_as_are_asked_for():
    rng = np.random.default_rng(0)
    y = np.array(["a", "b", "c"])[np.arange(24) % 3]
    x = rng.normal(size=(24, 4)) + (np.arange(24) % 3)[:, None]
    model = ConditionalVAE(latent_dim=2, hidden=8, epochs=3).fit(x, y)
    for samples in (1, 7):
        joint = np.stack(
            [model.score_samples(x, np.full(24, label), samples=samples) for label in "abc"], axis=1
        )
        joint += np.log(model.class_prior_)
        weights = np.exp(joint - joint.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        codes = np.stack([model.encode(x, np.full(24, label)) for label in "abc"], axis=1)
        expected = (weights[:, :, None] * codes).sum(axis=1)
        for verb in (model.encode, model.transform):
            # float32 networks
            np.testing.assert_allclose(verb(x, samples=samples), expected, rtol=1e-4, atol=1e-5)
    whole = model.transform(x)
    np.testing.assert_allclose(model.transform(x, samples=100), whole)
    assert not np.allclose(model.transform(x, samples=1), whole, atol=1e-3)
    # whatever its neighbours
    np.testing.assert_allclose(model.transform(x[5:6]), whole[5:6], rtol=1e-4, atol=1e-5)


# Nothing was observed


def narrow(model):
    """The model with a q(z|x) of deviation e^-3 around 2, far from its prior."""
    last = model.encoder.layers[-1]
    last.weight.value = np.zeros_like(last.weight.value)
    last.bias.value = np.array([2.0, 2.0, -6.0, -6.0], np.float32)
    return model


def unseen(kind):
    rng = np.random.default_rng(0)
    x = (rng.random((40, 5)) < np.linspace(0.2, 0.8, 5)).astype(np.float32)
    if kind == "belief_net":
        return belief_net(5, layers=(3, 2)).fit(x, epochs=1), {}
    settings = {"latent_dim": 2, "hidden": 8, "epochs": 30, "likelihood": "bernoulli", "batch_size": 8}
    if kind == "VAE":
        model = VAE(**settings).fit(x)
        narrow(model.model_)
        return model, {}
    y = np.arange(40) % 2
    x[:, 0] = y  # which p(z|y) may tell
    model = ConditionalVAE(**settings, prior="conditional_gaussian", classes=2).fit(x, y)
    narrow(model.model_)
    return model, {"y": 1}


@pytest.mark.parametrize("kind", ["VAE", "ConditionalVAE", "belief_net"])
def test_where_nothing_was_observed_every_draw_is_one_of_the_prior(kind):
    """Expectations within 5 standard errors, of numbers in [0, 1], of those of the model's own draws."""
    model, told = unseen(kind)
    n, ready = 4000, getattr(model, "model_", model)
    labels = None if not told else np.full(2, 1)
    holes = np.full((2, 5), np.nan)
    holes[1, 2] = 1.0
    found = impute(
        ready, Dataset("x", holes, labels=labels), samples=n, rng=np.random.default_rng(0), draws=n
    )
    expected = model.sample(n, 1, **told)
    np.testing.assert_allclose(found.effective[0], n, rtol=1e-9)
    error = np.sqrt((0.25 + expected.reshape(n, 5).var(axis=0)) / n) + 1e-6
    assert (np.abs(found.x[0] - expected.reshape(n, 5).mean(axis=0)) < 5 * error).all()
    assert (np.abs(found.draws[:, 0].mean(axis=0) - expected.reshape(n, 5).mean(axis=0)) < 7 * error).all()
    assert found.x[1, 2] == 1
    assert kind == "belief_net" or found.effective[1] < 0.9 * n  # the others are weighed as before
