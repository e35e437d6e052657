"""Missing entries from the data to the imputation:

NaN and masks mean one thing, and what they hide changes no bit.
"""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import logsumexp

from scratchvae import evaluation, likelihoods, recipes
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Layer, Linear, Mode, cast, named_parameters
from scratchvae.models import VAE, FactorAnalysis, ProbabilisticPCA
from scratchvae.objectives import Elbo, Iwae, Reconstruction, SampledElbo, ScoreFunctionElbo, Sleep
from scratchvae.posteriors import FullGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.recipes import FILLS, belief_net, mlp
from scratchvae.runs import metrics
from scratchvae.training import minimize

B, D, Z, K = 3, 4, 2, 3
RNG = np.random.default_rng(0)
X = RNG.uniform(0.1, 0.9, (B, D))
COUNTS = RNG.poisson(2.0, (B, D)).astype(float)
OBSERVED = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
GARBAGE = (1.0, -3.0, np.nan, np.inf, -1e300)
LIKELIHOODS = {
    "Bernoulli": (likelihoods.Bernoulli, X),
    "Categorical": (lambda: likelihoods.Categorical(3), X),
    "Gaussian": (lambda: likelihoods.Gaussian(0.3, learned=True), X),
    "GaussianDiagonal": (lambda: likelihoods.GaussianDiagonal(np.linspace(0.4, 1.9, D)), X),
    "GaussianOptimal": (likelihoods.GaussianOptimal, X),
    "GaussianPerPixel": (likelihoods.GaussianPerPixel, X),
    "Laplace": (lambda: likelihoods.Laplace(0.3, learned=True), X),
    "Multinomial": (likelihoods.Multinomial, COUNTS),
    "Poisson": (likelihoods.Poisson, COUNTS),
}
OBJECTIVES = {
    "Elbo": (Elbo(), 1),
    "SampledElbo": (SampledElbo(samples=K), K),
    "SampledElbo stl": (SampledElbo(gradient="stl"), 1),
    "Iwae": (Iwae(K), K),
    "Iwae dreg": (Iwae(K, gradient="dreg"), K),
    "ScoreFunctionElbo": (ScoreFunctionElbo(samples=K), K),
    "Reconstruction": (Reconstruction(noise_std=0.1, mask_rate=0.2), 1),
}


def small(law, fill="zero", *, kind="vae", dtype=np.float64):
    model = mlp(
        (D,), latent_dim=Z, hidden=(3,), activation="tanh", likelihood=law, fill=fill, model=kind, seed=3
    )
    cast(model, dtype)
    if fill == "learned":
        model.encoder.layers[0].fill.value = np.linspace(-1, 1, D).astype(dtype)
    return model


def step(model, objective, batch, noise, mode=EVALUATION):
    """The loss, the terms and all gradients, as one list of arrays."""
    for parameter in named_parameters(model).values():
        parameter.grad = None
    report, pullback = objective(model, batch, noise, mode=mode)
    pullback()
    grads = (np.zeros_like(p.value) if p.grad is None else p.grad for p in named_parameters(model).values())
    return [np.asarray(report.loss), *report.terms.values(), *grads]


# ------------------------------------------------------------------------------------------------------------
# the data


MASKED = np.ma.MaskedArray
SAME = {  # ways to say that the entries outside OBSERVED are missing, whatever stands there
    "nan": lambda x: np.where(OBSERVED, x, np.nan),
    "mask": lambda x: MASKED(np.where(OBSERVED, x, np.inf), ~OBSERVED),
    "observed": lambda x: Dataset("d", np.where(OBSERVED, x, -1e300), observed=OBSERVED.astype(int)),
    "nan and mask": lambda x: MASKED(
        np.where(np.arange(D) == 1, np.where(OBSERVED, x, np.nan), x), ~OBSERVED
    ),
}


def as_set(given):
    return given if isinstance(given, Dataset) else Dataset("d", given)


@pytest.mark.parametrize("way", SAME)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_missing_is_0_in_a_batch_and_marked(way, dtype):
    whole = as_set(SAME[way](X))
    batch = whole.batch(slice(None), dtype)
    np.testing.assert_array_equal(batch.x, np.where(OBSERVED, X, 0).astype(dtype), strict=True)
    np.testing.assert_array_equal(batch.observed, OBSERVED)
    np.testing.assert_array_equal(np.isnan(batch.x_or_nan), ~OBSERVED)
    np.testing.assert_array_equal(whole.subset([2, 0]).batch([1]).observed, OBSERVED[:1])
    assert whole.batch([2]).observed is None  # of which nothing is missing
    assert whole.split(1, last=True)[1].observed is None
    assert whole.share_missing == pytest.approx(5 / 12)


def test_masks_of_bytes_and_of_black_and_white_count():
    grey = np.arange(12, dtype=np.uint8).reshape(B, D)
    for images, kind, expected in (
        (grey, "pixels", grey / 255),
        (grey, "values", grey),
        (grey > 5, "values", grey > 5),
    ):
        batch = Dataset("d", MASKED(images, ~OBSERVED), kind=kind).batch(slice(None), np.float64)
        np.testing.assert_array_equal(batch.x, np.where(OBSERVED, expected, 0))
        np.testing.assert_array_equal(batch.observed, OBSERVED)
    images = MASKED(grey.reshape(B, 1, 2, 2), ~OBSERVED.reshape(B, 1, 2, 2))
    np.testing.assert_array_equal(Dataset("d", images).batch(slice(None)).observed, OBSERVED)


def test_complete_data_cost_nothing():
    for given in (
        X,
        MASKED(X),
        MASKED(X, np.zeros_like(OBSERVED)),
        Dataset("d", X, observed=np.ones((B, D))),
    ):
        whole = as_set(given)
        assert whole.observed is None
        assert whole.batch(slice(None)).observed is None
        assert whole.share_missing == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: Dataset("d", [[np.nan, np.inf]]),
            r"NaN where an entry is missing; found 1 .* inf in column 1 of example 0",
        ),
        (
            lambda: Dataset("d", MASKED([[1.0, -np.inf]], [[1, 0]])),
            r"found 1 infinite values, the first -inf in column 1",
        ),
        (
            lambda: Dataset("d", X, observed=OBSERVED[:1]),
            r"observed should have the shape of x, \(3, 4\).*\(1, 4\)",
        ),
        (
            lambda: small("gaussian").fit(np.where(np.arange(D) == 2, np.nan, X), epochs=1),
            (
                "every entry should be observed in some example of x; column 2 is missing in all of them, "
                "and 1 such"
            ),
        ),
        (
            lambda: evaluation.regularity(small("gaussian"), Dataset("d", SAME["nan"](X)), rng=None, k=1),
            "distances between",
        ),
    ],
)
def test_what_cannot_be_is_said_in_words(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.parametrize("kind", [FactorAnalysis, ProbabilisticPCA])
def test_factor_analysis_reads_masks_and_data_sets_too(kind):
    x = np.random.default_rng(1).normal(size=(40, D))
    holes = np.random.default_rng(2).random((40, D)) < 0.2
    model = kind(1).fit(np.where(holes, np.nan, x))
    expected = model.score_samples(np.where(holes, np.nan, x))
    for given in (MASKED(np.where(holes, 9.0, x), holes), Dataset("d", x, observed=~holes)):
        np.testing.assert_array_equal(model.score_samples(given), expected)


# --------------------------------------------------------------------------------------------------- whatever
# stands under it


@pytest.mark.parametrize("law", LIKELIHOODS)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_what_stands_under_the_mask_changes_no_bit(law, name):
    make, x = LIKELIHOODS[law]
    objective, draws = OBJECTIVES[name]
    kind = "autoencoder" if name == "Reconstruction" else "vae"
    for fill, training in product(FILLS, (False, True)):
        noise = np.random.default_rng(1).normal(size=(B * draws, Z))
        if kind == "autoencoder":
            noise = (noise[:, :0], np.ones((B, D)), np.arange(B * D).reshape(B, D) % 3 > 0)
        found = []
        for garbage in GARBAGE[: 5 if fill == "zero" else 3]:
            model = small(make(), fill, kind=kind)
            batch = Batch(np.where(OBSERVED, x, garbage), observed=OBSERVED)
            mode = Mode(np.random.default_rng(0), 0) if training else EVALUATION
            found.append(step(model, objective, batch, noise, mode))
        for other in found[1:]:
            for one, two in zip(found[0], other, strict=True):
                assert np.isfinite(one).all()
                np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("law", LIKELIHOODS)
def test_all_observed_is_the_bound_itself_bit_for_bit(law, dtype):
    make, x = LIKELIHOODS[law]
    noise, x = np.random.default_rng(1).normal(size=(B * K, Z)).astype(dtype), x.astype(dtype)
    for fill, training in product(FILLS, (False, True)):
        plain, masked = (
            step(
                small(make(), fill, dtype=dtype),
                Iwae(K),
                batch,
                noise,
                Mode(np.random.default_rng(0)) if training else EVALUATION,
            )
            for batch in (Batch(x), Batch(x, observed=np.ones((B, D))))
        )
        for one, two in zip(plain, masked, strict=True):
            np.testing.assert_array_equal(one, two)


def test_a_fill_that_is_0_is_the_zero_fill_and_moves_when_it_is_learned():
    x = np.random.default_rng(1).normal(size=(50, D)).astype(np.float32)
    x[np.random.default_rng(2).random(x.shape) < 0.3] = np.nan
    zero, learned = (
        mlp((D,), latent_dim=Z, hidden=(3,), likelihood="gaussian", fill=fill) for fill in ("zero", "learned")
    )
    np.testing.assert_array_equal(zero.encode(x), learned.encode(x))
    learned.fit(x, epochs=1)
    assert (learned.encoder.layers[0].fill.value != 0).all()
    images = x[:, :, None, None] * np.ones((1, 1, 4, 4), np.float32)
    for fill in FILLS:
        model = recipes.convolutional(
            (D, 4, 4), latent_dim=Z, channels=(2,), hidden=3, likelihood="gaussian", fill=fill
        )
        model.fit(images, epochs=1)
        assert np.isfinite(model.impute(images, samples=2)).all()


# ------------------------------------------------------------------------------------------------------------
# every verb


@pytest.mark.parametrize("kind", ["vae", "autoencoder"])
def test_every_verb_takes_missing_entries_however_they_are_said(kind):
    found = []
    for way in SAME.values():
        model = mlp((D,), latent_dim=Z, hidden=(3,), likelihood="gaussian", model=kind)
        given = way(X)
        model.fit(given, epochs=2, held_out=given)
        verbs = (
            model.transform,
            model.score_samples,
            model.reconstruct,
            lambda x, m=model: m.impute(x, samples=7),
        )
        found.append([verb(given) for verb in verbs])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
    assert found[0][1][1] == 0  # log p of nothing
    np.testing.assert_array_equal(found[0][3][OBSERVED], X[OBSERVED].astype(np.float32))


def test_binarized_data_with_missing_entries_are_trained_on_and_judged():
    x, model = SAME["nan"](X), mlp((D,), latent_dim=Z, hidden=(3,))
    model.fit(x, epochs=2, binarized=True, held_out=x)
    assert np.isfinite(model.history[-1]["held_out"]["loss"])
    assert np.isfinite(
        evaluation.log_likelihood(model, as_set(x), samples=3, rng=np.random.default_rng(0), binarized=True)
    ).all()


def test_distortion_and_error_are_those_of_what_was_observed():
    model = mlp((D,), latent_dim=Z, hidden=(3,), likelihood="gaussian", model="autoencoder")
    (point,) = evaluation.rate_distortion(lambda: model, [{}], Dataset("d", SAME["nan"](X)))
    error = np.where(OBSERVED, X - model.reconstruct(SAME["nan"](X)), 0)
    assert point.squared_error == pytest.approx((error**2).sum(axis=1).mean(), rel=1e-5)
    assert point.distortion == pytest.approx(
        (0.5 * (error**2 + np.log(2 * np.pi)) * OBSERVED).sum(axis=1).mean(), rel=1e-5
    )


def test_a_minimum_takes_no_notice_of_what_is_hidden():
    model = small("gaussian")
    batch = Batch(np.where(OBSERVED, X, np.nan), observed=OBSERVED)
    assert np.isfinite(minimize(model, Elbo(), batch, np.zeros((B, Z)), max_steps=3).losses).all()


# ------------------------------------------------------------------------------------------------- against
# the exact answers


class ExactPosterior(Layer):
    """[x | o]  ->  q_params of p(z|x_o) under x = z W + mean + ε, for any holes."""

    def __init__(self, exact, posterior):
        self.exact, self.posterior = exact, posterior

    def __call__(self, x, *, mode=EVALUATION, needs_dx=True):
        half = x.shape[1] // 2
        mean, covariance = self.exact.posterior(np.where(x[:, half:] > 0, x[:, :half], np.nan))
        L = np.linalg.cholesky(covariance)
        n, rows = mean.shape[1], np.tril_indices(mean.shape[1], -1)
        return np.concatenate([mean, np.log(L[:, range(n), range(n)]), L[:, rows[0], rows[1]]], axis=1), None


def holed(kind):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 2)) @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(80, 5))
    # without it one is 4e-8, and rounding grows by 1/σ²
    bounded = {"min_noise_variance": 0.05} if kind is FactorAnalysis else {}
    exact = kind(2, **bounded).fit(x)
    twin = exact.to_vae()
    q = FullGaussian(2)
    parts = {
        "event_shape": (5,),
        "prior": StandardGaussian(2),
        "decoder": twin.decoder,
        "likelihood": twin.likelihood,
    }
    model = VAE(**parts, encoder=ExactPosterior(exact, q), posterior=q, shows_mask=True)
    holes = np.where(rng.random((7, 5)) < 0.5, np.nan, x[:7])
    holes[0] = np.nan
    return exact, model, holes


@pytest.mark.parametrize("kind", [FactorAnalysis, ProbabilisticPCA])
def test_with_the_exact_posterior_every_draw_says_the_same(kind):
    exact, model, holes = holed(kind)
    np.testing.assert_allclose(
        model.score_samples(holes, samples=1), exact.score_samples(holes), rtol=1e-11, atol=1e-11
    )
    found = evaluation.impute(
        model, Dataset("d", holes), samples=400, rng=np.random.default_rng(0), draws=3000
    )
    np.testing.assert_allclose(found.effective, 400, rtol=1e-10)
    missing = np.isnan(holes)
    covariance = np.stack([exact.weight.T @ c @ exact.weight for c in exact.posterior(holes)[1]])
    of_mean = np.diagonal(covariance, axis1=1, axis2=2)  # Var E[x_d|z] given x_o
    expected = exact.impute(holes)
    off = np.abs(found.x - expected)[missing] / np.sqrt(of_mean / 400)[missing]
    assert off.max() < 4.5  # standard errors, of some 18 numbers
    # draws: of 400 different z, so that z's share has the variance of a mean over 400 more
    error = np.sqrt((of_mean + exact.noise_variance) / 3000 + of_mean / 400)
    assert (np.abs(found.draws.mean(axis=0) - expected)[missing] / error[missing]).max() < 4.5
    spread = (found.draws.var(axis=0) / (of_mean + exact.noise_variance))[missing]
    assert np.abs(spread - 1).max() < 4.5 * np.sqrt(2 / 3000 + 2 / 400)
    np.testing.assert_array_equal(
        found.draws[:, ~missing], np.broadcast_to(holes[~missing], (3000, (~missing).sum()))
    )


@pytest.mark.parametrize("chunk", [pytest.param(16, marks=pytest.mark.slow), 1024])
def test_weights_make_up_for_a_wrong_posterior(monkeypatch, chunk):
    """q = N(0, I) is the prior, whatever was observed.

    The sums over chunks are then those over all draws together.
    """
    monkeypatch.setattr(evaluation.imputation, "ROWS", chunk)
    exact, model, holes = holed(ProbabilisticPCA)
    blind = Linear(10, 5, rng=0)
    cast(blind, np.float64)
    blind.weight.value, blind.bias.value = np.zeros((10, 5)), np.zeros(5)
    model.encoder = blind
    n = 20_000
    found = evaluation.impute(model, Dataset("d", holes), samples=n, rng=np.random.default_rng(0), draws=500)
    missing, expected = np.isnan(holes), exact.impute(holes)
    scale = np.sqrt(np.diag(exact.get_covariance()))
    assert (
        np.abs(found.x - expected)[missing] / (scale / np.sqrt(found.effective[:, None]))[missing]
    ).max() < 4.5
    nothing = missing.all(axis=1)
    np.testing.assert_allclose(found.effective[nothing], n, rtol=1e-9)  # there the prior is right
    assert (found.effective[~nothing] < 0.9 * n).all()
    assert (found.effective > 50).all()  # and the standard errors mean something
    error = np.sqrt(1 / 500 + 1 / found.effective[:, None]) * scale
    assert (np.abs(found.draws.mean(axis=0) - expected)[missing] / error[missing]).max() < 4.5


def test_sums_over_chunks_are_those_over_all_draws(monkeypatch):
    """Chunk after chunk of ever larger weights, so that everything summed before has to be scaled down."""
    _, model, holes = holed(ProbabilisticPCA)
    blind = Linear(10, 5, rng=0)
    cast(blind, np.float64)
    blind.weight.value, blind.bias.value = np.zeros((10, 5)), np.zeros(5)
    model.encoder = blind
    one, n = Dataset("d", holes[3:4]), 24
    noise = np.random.default_rng(0).normal(size=(n, 2))
    weights = model.run(one.batch([0], np.float64), noise, draws=n, kl="sampled")[0].log_weights[0]
    noise = noise[np.argsort(weights)]
    found = []
    for rows in (1024, 1, 5):
        monkeypatch.setattr(evaluation.imputation, "ROWS", rows)
        left = iter(noise)
        model.draw_noise = lambda count, rng, left=left: np.stack([next(left) for _ in range(count)])
        found.append(evaluation.impute(model, one, samples=n, rng=RNG))
    for other in found[1:]:
        np.testing.assert_allclose(other.x, found[0].x, rtol=1e-11)
        np.testing.assert_allclose(other.effective, found[0].effective, rtol=1e-11)


def test_the_bound_is_one_of_what_was_observed_and_rises_to_it():
    exact, model, holes = holed(ProbabilisticPCA)
    twin, batch = exact.to_vae(), Dataset("d", holes).batch(slice(None), np.float64)
    truth, rng = exact.score_samples(holes), np.random.default_rng(0)
    bounds = [
        Iwae(k)(twin, batch, rng.normal(size=(7 * k, 2)))[0].terms["bound"].mean() for k in (1, 10, 1000)
    ]
    assert bounds[0] < bounds[1] < bounds[2] < truth.mean() + 0.05
    tight, _ = Iwae(3)(model, batch, rng.normal(size=(21, 2)))
    np.testing.assert_allclose(tight.terms["bound"], truth, rtol=1e-12, atol=1e-12)


def test_missing_words_go_with_those_that_were_counted():
    """E[x_d|z, x_o] under the prior 1/n of the number of words, by a sum over all counts of two missing
    words.
    """
    p, n = np.array([0.2, 0.15, 0.4, 0.25]), 5.0
    batch = Batch(np.array([[3, np.nan, 2, np.nan]]), observed=np.array([[1, 0, 1, 0]]))
    law, counts = likelihoods.Multinomial(), np.arange(400)
    from scipy.special import gammaln

    a, b = np.meshgrid(counts, counts)
    log_w = gammaln(n + a + b) - gammaln(a + 1) - gammaln(b + 1) + a * np.log(p[1]) + b * np.log(p[3])
    w = np.exp(log_w - logsumexp(log_w))
    mean = likelihoods.missing_mean(law, np.log(p)[None], batch)
    np.testing.assert_allclose(mean, [[0, (w * a).sum(), 0, (w * b).sum()]], rtol=1e-10)
    rng, rows = np.random.default_rng(0), 20_000
    drawn = likelihoods.missing_sample(law, np.tile(np.log(p), (rows, 1)), batch.repeat(rows), rng)
    for d, values in ((1, a), (3, b)):
        deviation = np.sqrt((w * values**2).sum() - (w * values).sum() ** 2)
        assert abs(drawn[:, d].mean() - (w * values).sum()) < 4.5 * deviation / np.sqrt(rows)
        assert drawn[:, d].std() == pytest.approx(deviation, rel=0.05)
    nothing = Batch(np.zeros((1, 4)), observed=np.zeros((1, 4)))
    np.testing.assert_array_equal(likelihoods.missing_mean(law, np.log(p)[None], nothing), np.zeros((1, 4)))


@pytest.mark.parametrize("law", LIKELIHOODS)
def test_every_likelihood_fills_in(law):
    make, x = LIKELIHOODS[law]
    model, x = small(make()), np.where(OBSERVED, x, np.nan)
    one, several = model.impute(x, samples=50), model.impute(x, samples=50, draws=9)
    assert one.shape == (B, D)
    assert several.shape == (9, B, D)
    for filled in (one, *several):
        assert np.isfinite(filled).all()
        np.testing.assert_array_equal(filled[OBSERVED], x[OBSERVED])
    for filled in several:
        model.likelihood.require_support(filled)
    assert (several != several[0])[:, ~OBSERVED].any()


def test_draws_that_cannot_be_are_named():
    model = small(likelihoods.Gaussian(1e-300))
    with pytest.raises(
        InputError, match="should give what was observed a probability; found none of 3 for example 2 of d"
    ):
        evaluation.impute(
            model, Dataset("d", np.where(OBSERVED, 1e200, np.nan)[[1, 1, 0]]), samples=3, rng=RNG
        )


# -------------------------------------------------------------------------------------------------- belief
# nets, and the rest


def test_a_belief_net_gives_what_was_observed_the_sum_over_what_was_not():
    model = belief_net((D,), layers=(3, 2), seed=1)
    cast(model, np.float64)
    x, observed = (X > 0.5).astype(float), OBSERVED
    h = evaluation.binary_states(model.n_hidden).astype(float)
    S = len(h)
    (log_px, log_ph), _ = model.log_joint(
        Batch(np.where(observed, x, np.nan), observed=observed), np.tile(h, (B, 1)), draws=S
    )
    found = logsumexp(log_px + log_ph, axis=1)
    everything = evaluation.binary_states(D).astype(float)
    log_p = evaluation.enumerate_hidden(model, everything).log_px
    fits = [[(row[o] == one[o]).all() for row in everything] for one, o in zip(x, observed, strict=True)]
    np.testing.assert_allclose(found, [logsumexp(log_p[fit]) for fit in fits], rtol=1e-10, atol=1e-12)
    assert found[1] == pytest.approx(0, abs=1e-12)
    noise = RNG.random((B, D + model.n_hidden))
    (dreamt, units), batch = (
        model.dream(uniform=noise),
        Batch(np.where(observed, x, np.nan), observed=observed),
    )
    expected, _ = model.log_recognition(x=np.where(observed, dreamt, 0), h=units)
    np.testing.assert_array_equal(Sleep()(model, batch, noise)[0].terms["log_q"], expected)
    for algorithm in ("wake_sleep", "reweighted_wake_sleep"):
        trained = [
            belief_net((D,), layers=(3, 2), seed=1, algorithm=algorithm).fit(given, epochs=2)
            for given in (np.where(observed, x, np.nan), MASKED(np.where(observed, x, 7.0), ~observed))
        ]
        for one, two in zip(*(named_parameters(m).values() for m in trained), strict=True):
            np.testing.assert_array_equal(one.value, two.value)


def test_files_with_nan_are_trained_on_and_filled_in_from_the_command_line(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.random((30, 1, 4, 4)).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = np.nan
    np.save(tmp_path / "holes.npy", x)
    np.savez(tmp_path / "holes.npz", images=x)
    run = str(tmp_path / "run")
    shape = ["--hidden", "5", "--latent-dim", "2", "--likelihood", "gaussian", "--fill", "learned"]
    flags = ["--data", str(tmp_path / "holes.npy"), "--epochs", "1", "--quiet", "--out", run, *shape]
    assert main(["train", *flags]) == 0
    assert "of their entries missing" in capsys.readouterr().out
    for draws, expected in (([], (30, 1, 4, 4)), (["--draws", "2"], (2, 30, 1, 4, 4))):
        out = tmp_path / f"filled{len(draws)}.npy"
        assert (
            main(
                [
                    "impute",
                    run,
                    "--data",
                    str(tmp_path / "holes.npz"),
                    "--out",
                    str(out),
                    "--samples",
                    "9",
                    *draws,
                ]
            )
            == 0
        )
        filled = np.load(out)
        assert filled.shape == expected
        known = np.broadcast_to(~np.isnan(x), expected)
        np.testing.assert_array_equal(filled[known], np.broadcast_to(x, expected)[known])
    assert "the 9 weighted draws of an example are worth" in capsys.readouterr().out
    np.save(tmp_path / "whole.npy", np.zeros((3, 1, 4, 4), np.float32))
    assert main(["impute", run, "--data", str(tmp_path / "whole.npy"), "--out", str(out)]) == 2
    assert "something to fill in" in capsys.readouterr().err


def test_missing_pixels_are_orange_in_pictures():
    from scratchvae import plots

    x = np.zeros((2, 1, 4, 4))
    x[0, 0, 1] = np.nan
    figure = plots.reconstructions(x, np.zeros_like(x))
    picture = figure.axes[0].images[0].get_array().reshape(-1, 3)
    assert (picture == np.array([0xF0, 0xC2, 0x7A])).all(axis=1).any()
    assert "data (orange: missing)" in {text.get_text() for text in figure.axes[0].texts}
    with pytest.raises(InputError, match="reconstructed should be finite"):
        plots.reconstructions(np.zeros_like(x), x)


def test_bits_are_by_entry_of_what_was_observed():
    """−log₂ p(x_o) of all examples, by the number of observed entries; a run of nothing observed has 0 bits,
    not 0/0.
    """
    x = np.zeros((2, 3))
    log_px = np.log([2.0**-4, 2.0**-6])
    for hidden, expected in (([], 10 / 6), ([(0, 1), (1, 0)], 10 / 4)):
        holed = x.copy()
        for place in hidden:
            holed[place] = np.nan
        run = SimpleNamespace(model=SimpleNamespace(event_shape=(3,)))
        judged = SimpleNamespace(first=Dataset("x", holed), log_px=log_px, run=run)
        assert metrics.bits(judged) == pytest.approx(expected, rel=1e-12)
    nothing = SimpleNamespace(first=Dataset("x", np.full((2, 3), np.nan)), log_px=np.zeros(2), run=None)
    assert metrics.bits(nothing) == 0
