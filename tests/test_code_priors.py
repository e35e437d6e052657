"""Priors over codes and priors fitted after training, beside sums over all tuples and laws that are known."""

import re
from itertools import product

import numpy as np
import pytest

from scratchvae import Autoencoder, mlp
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import impute
from scratchvae.layers import cast, named_buffers, named_parameters
from scratchvae.models import VAE, fit_prior
from scratchvae.models.prior_fit import FITTED
from scratchvae.objectives import Elbo, SampledElbo, closed_form_kl
from scratchvae.posteriors import DiagonalGaussian, VectorQuantized
from scratchvae.priors import AutoregressiveCodes, Codes, GaussianMixture, StandardGaussian
from scratchvae.reference.cases.fitted_priors import autoregressive

G, K = 3, 3
RNG = np.random.default_rng(0)
TUPLES = np.array(list(product(range(K), repeat=G)))
IMAGES = (RNG.random((40, 1, 4, 4)) > 0.5).astype(np.float32)


def test_the_probabilities_of_all_tuples_sum_to_one_and_are_those_of_their_conditionals():
    prior = autoregressive(G, hidden=(9, 8))
    z, _ = prior.posterior.vectors(TUPLES)
    log_pz, _ = prior.log_prob(z)
    p = np.exp(log_pz).reshape(K, K, K)
    assert p.sum() == pytest.approx(1, rel=1e-13)
    log_p, _ = prior.log_prob_of(TUPLES, z)
    expected = (
        p.sum(axis=(1, 2)),
        p.sum(axis=2) / p.sum(axis=(1, 2))[:, None],
        p / p.sum(axis=2, keepdims=True),
    )
    for g, conditional in enumerate(expected):
        at = tuple(TUPLES[:, : g + 1].T)
        np.testing.assert_allclose(np.exp(log_p[:, g]), conditional[at], rtol=1e-12)
    assert (
        np.ptp(p.sum(axis=2) / p.sum(axis=(1, 2))[:, None], axis=0).max() > 0.1
    )  # which depend on each other
    assert (prior.log_prob(z + 1e-3)[0] == -np.inf).all()


def test_no_code_reaches_the_logits_of_its_own_choice_or_of_one_before():
    prior = autoregressive(G, hidden=(9, 8))
    at = np.zeros((1, G), np.int64)
    start, _ = prior.logits(at, np.empty(0))
    for g in range(G):
        other = at.copy()
        other[0, g] = 1
        moved, _ = prior.logits(other, np.empty(0))
        np.testing.assert_array_equal(moved[0, : g + 1], start[0, : g + 1])
        assert (moved[0, g + 1 :] != start[0, g + 1 :]).all()


def test_at_first_it_is_the_uniform_prior():
    q = VectorQuantized(G, K, G, rng=0)
    z, _ = q.vectors(TUPLES)
    np.testing.assert_array_equal(AutoregressiveCodes(q, rng=1).log_prob(z)[0], Codes(q).log_prob(z)[0])


def test_draws_have_the_joint_law():
    """A chi-square of 27 tuples, whose 1 − 10⁻⁶ quantile at 26 degrees of freedom is 77."""
    prior, n = autoregressive(G, hidden=(9, 8)), 20_000
    indices = prior.sample_indices(n, np.random.default_rng(1))
    log_p, _ = prior.log_prob_of(TUPLES, np.empty(0))
    expected = n * np.exp(log_p.sum(axis=1))
    counts = np.bincount(np.ravel_multi_index(tuple(indices.T), (K,) * G), minlength=K**G)
    keep = expected > 5
    rest = np.array([expected[~keep].sum(), counts[~keep].sum()])
    square = ((counts - expected)[keep] ** 2 / expected[keep]).sum() + (rest[1] - rest[0]) ** 2 / max(
        rest[0], 5
    )
    assert square < 77
    z = prior.sample(5, np.random.default_rng(1))
    assert z.dtype == np.float32
    np.testing.assert_array_equal(
        prior.posterior.indices_of(z), prior.sample_indices(5, np.random.default_rng(1))
    )


def quantized(prior="codes", **settings):
    return mlp(
        (1, 4, 4),
        latent_dim=4,
        hidden=(6,),
        posterior="vq(codes=3, groups=2, depth=2)",
        prior=prior,
        **settings,
    )


def test_the_kl_of_a_model_is_minus_log_p_of_its_codes():
    model = quantized("autoregressive")
    cast(model, np.float64)
    for weight in model.prior.weights:
        weight.value = RNG.normal(size=weight.value.shape)
    x = IMAGES[:6].reshape(6, -1).astype(np.float64)
    q_params, _ = model.encoder(x)
    indices = model.posterior.indices(q_params)
    log_p, _ = model.prior.log_prob_of(indices, x)
    kl, _ = closed_form_kl(model.posterior, model.prior, q_params)
    np.testing.assert_array_equal(kl, -log_p)
    closed, _ = Elbo()(model, Batch(x), np.zeros((6, 0)))
    sampled, _ = SampledElbo()(model, Batch(x), np.zeros((6, 0)))
    np.testing.assert_allclose(closed.terms["bound"], sampled.terms["bound"], rtol=1e-13)
    np.testing.assert_allclose(closed.terms["kl"], -log_p.sum(axis=1), rtol=1e-13)


def test_the_kl_to_the_uniform_prior_needs_no_codes_and_is_that_of_any_codes(monkeypatch):
    model = quantized()
    q_params, _ = model.encoder(IMAGES[:6].reshape(6, -1))
    log_p, _ = model.prior.log_prob_of(model.posterior.indices(q_params), q_params)
    monkeypatch.setattr(model.posterior, "indices", None)
    kl, pullback = closed_form_kl(model.posterior, model.prior, q_params)
    np.testing.assert_allclose(kl, -log_p, rtol=1e-6, strict=True)
    np.testing.assert_array_equal(pullback(np.ones_like(kl)), np.zeros_like(q_params), strict=True)
    with pytest.raises(InputError, match=r"shape \(B, 4\), found \(6, 3\)"):
        closed_form_kl(model.posterior, model.prior, q_params[:, :-1])


def test_a_fit_reaches_the_entropy_of_the_codes_and_changes_nothing_else(tmp_path):
    """No law of the codes of given examples has a mean log-probability above minus the entropy of their
    shares.

    That of independent choices is below it by their total correlation.
    """
    model = quantized().fit(IMAGES, epochs=2, batch_size=8)
    held = {
        name: owner.value.copy() for name, owner in (named_parameters(model) | named_buffers(model)).items()
    }
    q_params, _ = model.encoder(IMAGES.reshape(40, -1))
    indices = model.posterior.indices(q_params)
    _, counts = np.unique(indices, axis=0, return_counts=True)
    entropy = -(counts / 40 * np.log(counts / 40)).sum()
    gained = fit_prior(
        model, IMAGES, "autoregressive(hidden=32)", epochs=150, learning_rate=0.02, batch_size=40
    )
    assert gained.shape == (150,)
    assert gained[0] == pytest.approx(-4 * np.log(3), rel=1e-6)
    log_p, _ = model.prior.log_prob_of(indices, q_params)
    reached = log_p.sum(axis=1).mean()
    assert -entropy - 0.05 < reached <= -entropy + 1e-5
    by_choice = [np.bincount(column, minlength=3) / 40 for column in indices.T]
    alone = sum((p[p > 0] * np.log(p[p > 0])).sum() for p in by_choice)
    assert reached > alone + 0.1
    for name, value in held.items():
        np.testing.assert_array_equal((named_parameters(model) | named_buffers(model))[name].value, value)
    drawn = model.posterior.indices_of(model.prior.sample(2000, np.random.default_rng(0)))
    seen = {tuple(row) for row in indices.tolist()}
    assert np.mean([tuple(row) in seen for row in drawn.tolist()]) > 0.9
    images = model.sample(5, 0)
    assert images.shape == (5, 1, 4, 4)
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(VAE.load(tmp_path / "model.safetensors").sample(5, 0), images)
    np.testing.assert_allclose(
        model.score_samples(IMAGES, samples=2),
        Elbo()(model, Batch(IMAGES.reshape(40, -1)), np.zeros((40, 0)))[0].terms["bound"],
        rtol=1e-5,
    )


@pytest.mark.parametrize("prior", ["flow(steps=2)", "vamp(components=3)"])
def test_other_priors_of_the_table_can_be_fitted_too(prior):
    model = mlp((1, 4, 4), latent_dim=2, hidden=(6,)).fit(IMAGES, epochs=2)
    encoder = {name: p.value.copy() for name, p in named_parameters(model.encoder).items()}
    gained = fit_prior(model, IMAGES, prior, epochs=30, learning_rate=0.01)
    assert np.isfinite(gained).all()
    if prior.startswith("flow"):  # which is N(0, I) at first; pseudo-inputs at first are spread
        assert gained[-10:].mean() > gained[0]
    for name, p in named_parameters(model.encoder).items():
        np.testing.assert_array_equal(p.value, encoder[name])


def test_the_seed_decides_and_a_mixture_is_fitted_by_its_own_name_too():
    model = Autoencoder(latent_dim=2, hidden=4, epochs=1).fit(IMAGES)
    fitted = []
    for given in ({"components": 3}, {"prior": "gaussian_mixture(3)"}, {"prior": GaussianMixture(2, 3)}):
        fit_prior(model, IMAGES, **given)
        fitted.append(model.sample(4, 0))
    for other in fitted[1:]:
        np.testing.assert_array_equal(other, fitted[0])
    model, runs = quantized().fit(IMAGES, epochs=1), []
    for seed in (0, 0, 1):
        fit_prior(model, IMAGES, "autoregressive", epochs=1, seed=seed)
        runs.append(model.prior.weights[-2].value)
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_the_command_line_samples_by_a_prior_over_codes(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    argv = [
        "train",
        "--data",
        str(tmp_path / "x.npy"),
        "--out",
        str(tmp_path / "run"),
        "--quiet",
        "--no-figures",
    ]
    argv += ["--model", "rq-vae", "--hidden", "4", "--latent-dim", "2", "--epochs", "1"]
    assert main(argv) == 0
    drawn = []
    for prior in ([], ["--fit-prior", "autoregressive(hidden=8)"]):
        out = tmp_path / f"{len(drawn)}.npy"
        assert main(["sample", str(tmp_path / "run"), "-n", "5", "--out", str(out), *prior]) == 0
        drawn.append(np.load(out))
    assert not np.array_equal(*drawn)
    assert main(["sample", str(tmp_path / "run"), "--out", str(tmp_path / "x.npy"), "--fit-prior", "5"]) == 2


GAUSSIAN = mlp((1, 4, 4), latent_dim=2, hidden=(4,))


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (
            lambda: fit_prior(GAUSSIAN, IMAGES, "autoregressive"),
            (
                "^fit_prior: prior autoregressive is for the posterior vq; found a DiagonalGaussian: "
                "the codes of this model take gaussian_mixture, flow or two_stage$"
            ),
        ),
        (
            lambda: fit_prior(quantized(), IMAGES),
            r"codes of a codebook; found real .* this model take autoregressive or codes\(learned=True\)$",
        ),
        (lambda: fit_prior(GAUSSIAN, IMAGES, StandardGaussian(3)), "as many latents, found 2 and 3"),
        (
            lambda: fit_prior(GAUSSIAN, IMAGES, "standard_gaussian"),
            "found none in a StandardGaussian: the codes of this model take gaussian_mixture, flow or two_stage$",
        ),
        (
            lambda: fit_prior(GAUSSIAN, IMAGES, "flow", components=3),
            "where no prior is given; found 3 beside 'flow'",
        ),
        (lambda: fit_prior(GAUSSIAN, IMAGES, "flow", epochs=0), "epochs"),
        (
            lambda: AutoregressiveCodes(DiagonalGaussian(2)),
            "AutoregressiveCodes: the posterior should be a VectorQuantized, found a DiagonalGaussian",
        ),
        (lambda: AutoregressiveCodes(VectorQuantized(2), hidden=0), "hidden"),
    ],
)
def test_what_can_not_be_fitted_is_refused_and_the_prior_stays(fit, words):
    before = GAUSSIAN.prior
    with pytest.raises(InputError, match=words):
        fit()
    assert GAUSSIAN.prior is before


def test_a_prior_is_fitted_to_codes_that_averages_moved_before():
    """The codes of a fit are those of the codebook as it is, and not those that a training pass has moved on from."""
    x = np.random.default_rng(0).random((60, 4)).astype(np.float32)
    model = mlp(
        4, latent_dim=2, hidden=(5,), posterior="vq(codes=3, groups=2, decay=0.5)", prior="codes", seed=0
    )
    model.fit(x, epochs=2, batch_size=10, seed=0)
    fit_prior(model, x, "autoregressive", epochs=1, seed=0)
    log_pz, _ = model.prior.log_prob(model.transform(x))
    assert np.isfinite(log_pz).all()


SPACES = {
    "real vectors": ({}, "standard_gaussian"),
    "points of the unit sphere": ({"posterior": "von_mises_fisher", "prior": "uniform_sphere"}, "flow"),
    "codes of a codebook": ({"posterior": "vq(codes=3, groups=2)", "prior": "codes"}, "flow"),
    "one-hot codes": ({"posterior": "gumbel_softmax(categories=2)", "prior": "one_hot"}, "flow"),
    "logarithms of points of a simplex": (
        {"posterior": "concrete(categories=2)", "prior": "concrete"},
        "gaussian_mixture",
    ),
    "real vectors × one-hot codes": (
        {"posterior": "joint(categories=2)", "prior": "product"},
        "gaussian_mixture",
    ),
}


@pytest.mark.parametrize("space", FITTED)
def test_each_prior_that_a_refusal_names_can_be_fitted(space):
    settings, other = SPACES[space]
    model = mlp((1, 4, 4), latent_dim=4, hidden=(4,), **settings)
    assert model.posterior.space == space
    with pytest.raises(InputError, match=re.escape(f"the codes of this model take {FITTED[space]}")):
        fit_prior(model, IMAGES, other)
    for name in re.split(", | or ", FITTED[space]):
        fit_prior(model, IMAGES, name, epochs=1)
        assert np.isfinite(model.sample(2, 0)).all()


def test_an_imputation_by_codes_is_worth_one_draw_unless_nothing_was_observed():
    """All draws of an example are its codes. Where nothing was observed, each is one from the prior."""
    x = np.where(np.arange(16) < 5, IMAGES[:3].reshape(3, 16), np.nan)
    x[1] = np.nan
    for posterior, prior, worth in (
        ("vq(codes=3, groups=2)", "codes", [1, 7, 1]),
        ("vq(codes=3, depth=2, decay=0.9)", "codes(learned=True)", [1, 7, 1]),
    ):
        model = mlp(16, latent_dim=4, hidden=(6,), posterior=posterior, prior=prior)
        found = impute(model, Dataset("x", x), samples=7, rng=np.random.default_rng(0), draws=2)
        np.testing.assert_allclose(found.effective, worth, rtol=1e-12)
        assert np.isfinite(found.draws).all()
