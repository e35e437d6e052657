"""Every public function and class that takes a number of things refuses all but whole numbers."""

import inspect

import numpy as np
import pytest

from scratchvae import evaluation, models, objectives, posteriors, priors
from scratchvae.arrays import InputError, sum_of_draws
from scratchvae.data import Batch, Dataset
from scratchvae.distributions import bernoulli, gaussian
from scratchvae.layers import Linear
from scratchvae.likelihoods import Bernoulli
from scratchvae.recipes import belief_net, mlp

X = np.random.default_rng(0).uniform(0, 1, (12, 2)).astype(np.float32)
DATA = Dataset("x", X)
HOLED = Dataset("holed", np.where(np.eye(12, 2, dtype=bool), np.nan, X))
RNG = np.random.default_rng(0)
RECORDS = {"EstimatorNoise", "Grid", "RatePoint"}  # what functions return
NO_COUNTS = {"ddof", "rng", "seed"}  # `fit` checks ddof against the number of examples


def vae(prior="standard_gaussian"):
    return mlp((2,), latent_dim=1, hidden=(3,), prior=prior)


def machine(**settings):
    layers = {"generation": [Linear(1, 2, rng=0)], "recognition": [Linear(2, 1, rng=0)]}
    return models.HelmholtzMachine(event_shape=(2,), **{"hidden": (1,), **layers, **settings})


def flat(q_params):
    return q_params.sum(axis=1), lambda d: d[:, None] + 0 * q_params


ends = np.zeros((1, 1)), np.ones((1, 1))


def at_least_two(n):
    """2 for a whole number 1, which no sphere has so few coordinates as; anything else as it is."""
    return n + type(n)(1) if type(n) in (int, np.int64, np.uint8) and n == 1 else n


CALLS = {
    "objectives.Iwae.samples": objectives.Iwae,
    "objectives.Iwae.groups": lambda n: objectives.Iwae(2, groups=n),
    "objectives.Ciwae.samples": objectives.Ciwae,
    "objectives.Renyi.samples": objectives.Renyi,
    "objectives.SlicedWasserstein.projections": lambda n: objectives.SlicedWasserstein(1.0, n),
    "objectives.Thermodynamic.samples": objectives.Thermodynamic,
    "objectives.Thermodynamic.pieces": lambda n: objectives.Thermodynamic(2, n),
    "objectives.TotalCorrelation.examples": lambda n: objectives.TotalCorrelation(1.0, n),
    "objectives.Vimco.samples": lambda n: objectives.Vimco(n),
    "objectives.jacobian_norm.features": lambda n: objectives.jacobian_norm(
        Linear(2, 2, rng=0), X, features=n
    ),
    "objectives.slope_norm.latents": lambda n: objectives.slope_norm(Linear(2, 2, rng=0), X, latents=n),
    "evaluation.coherence.shown": lambda n: evaluation.coherence(np.eye(2), DATA, shown=n),
    "evaluation.likeliest_words.shown": lambda n: evaluation.likeliest_words(np.eye(2), n),
    "evaluation.decompose_kl.draws": lambda n: evaluation.decompose_kl(vae(), DATA, draws=n, rng=RNG),
    "evaluation.kl_by_latent.batch_size": lambda n: evaluation.kl_by_latent(
        vae(), DATA, rng=RNG, batch_size=n
    ),
    "objectives.Cycles.steps": objectives.Cycles,
    "objectives.Cycles.count": lambda n: objectives.Cycles(9, n),
    "priors.fit_mixture.components": lambda n: priors.fit_mixture(X, n),
    "priors.fit_mixture.max_steps": lambda n: priors.fit_mixture(X, 1, max_steps=n),
    "models.fit_prior.components": lambda n: models.fit_prior(vae(), X, components=n),
    **{
        f"models.fit_prior.{name}": lambda n, name=name: models.fit_prior(vae(), X, "vamp", **{name: n})
        for name in ("epochs", "batch_size")
    },
    "objectives.Ramp.steps": lambda n: objectives.Ramp(0.0, 1.0, n),
    "objectives.ReweightedRecognition.samples": objectives.ReweightedRecognition,
    "objectives.ReweightedWake.samples": objectives.ReweightedWake,
    "objectives.SampledElbo.samples": lambda n: objectives.SampledElbo(samples=n),
    "objectives.ScoreFunctionElbo.samples": lambda n: objectives.ScoreFunctionElbo(n),
    "objectives.sigma_points.latent_dim": lambda n: objectives.sigma_points(Batch(X), n),
    "posteriors.DiagonalGaussian.latent_dim": posteriors.DiagonalGaussian,
    "posteriors.FullGaussian.latent_dim": posteriors.FullGaussian,
    "posteriors.Point.latent_dim": posteriors.Point,
    "priors.ConditionalGaussian.latent_dim": lambda n: priors.ConditionalGaussian(n, 2),
    "priors.ConditionalGaussian.condition_dim": lambda n: priors.ConditionalGaussian(1, n),
    "priors.GaussianMixture.latent_dim": priors.GaussianMixture,
    "priors.GaussianMixture.components": lambda n: priors.GaussianMixture(1, n),
    "priors.StandardGaussian.latent_dim": priors.StandardGaussian,
    "priors.VampPrior.components": lambda n: priors.VampPrior(
        (2,), Linear(2, 2), posteriors.DiagonalGaussian(1), components=n
    ),
    "evaluation.ascend.steps": lambda n: evaluation.ascend(flat, np.ones((1, 2)), steps=n, rate=0.1),
    "evaluation.binary_states.n": evaluation.binary_states,
    "evaluation.bits_per_dimension.n_entries": lambda n: evaluation.bits_per_dimension(-1.0, n),
    "evaluation.bits_per_dimension.levels": lambda n: evaluation.bits_per_dimension(-1.0, 2, levels=n),
    "evaluation.bound.batch_size": lambda n: evaluation.bound(
        vae(), DATA, objectives.Elbo(), rng=RNG, batch_size=n
    ),
    "evaluation.codes.batch_size": lambda n: evaluation.codes(vae(), DATA, batch_size=n),
    "evaluation.continuity.steps": lambda n: evaluation.continuity(vae(), *ends, steps=n),
    "evaluation.density_and_coverage.k": lambda n: evaluation.density_and_coverage(X, X, k=n),
    "evaluation.estimator_noise.draws": lambda n: evaluation.estimator_noise(
        vae(), objectives.Elbo(), Batch(X), draws=n, rng=RNG
    ),
    "evaluation.even_grid.latent_dim": evaluation.even_grid,
    "evaluation.even_grid.points": lambda n: evaluation.even_grid(1, points=n),
    "evaluation.evidence.points": lambda n: evaluation.evidence(vae(), X, points=n),
    "evaluation.expected_coverage.n_data": lambda n: evaluation.expected_coverage(n, 20),
    "evaluation.expected_coverage.n_samples": lambda n: evaluation.expected_coverage(20, n),
    "evaluation.expected_coverage.k": lambda n: evaluation.expected_coverage(20, 20, k=n),
    "evaluation.impute.samples": lambda n: evaluation.impute(vae(), HOLED, samples=n, rng=RNG),
    "evaluation.impute_hidden.samples": lambda n: evaluation.impute_hidden(
        vae(), DATA, share=0.5, samples=n, rng=RNG
    ),
    "objectives.StratifiedElbo.samples": lambda n: objectives.StratifiedElbo(samples=n),
    "objectives.SubsampledElbo.subsets": lambda n: objectives.SubsampledElbo(n),
    "objectives.sample_with_kl.draws": lambda n: objectives.sample_with_kl(
        posteriors.DiagonalGaussian(1), priors.StandardGaussian(1), X, noise=X[:, :1], draws=n
    ),
    "posteriors.MixturePosterior.latent_dim": posteriors.MixturePosterior,
    "posteriors.MixturePosterior.components": lambda n: posteriors.MixturePosterior(1, n),
    "evaluation.impute.draws": lambda n: evaluation.impute(vae(), HOLED, samples=2, draws=n, rng=RNG),
    "evaluation.log_likelihood.samples": lambda n: evaluation.log_likelihood(vae(), DATA, samples=n, rng=RNG),
    "evaluation.rate_distortion.samples": lambda n: evaluation.rate_distortion(vae, [{}], DATA, samples=n),
    **{
        f"evaluation.regularity.{name}": lambda n, name=name: evaluation.regularity(
            vae(), DATA, rng=RNG, **{name: n}
        )
        for name in ("pairs", "steps", "samples", "k", "permutations")
    },
    "evaluation.reverse_water_filling.latent_dim": lambda n: evaluation.reverse_water_filling(
        [1.0], 0.1, latent_dim=n
    ),
    "evaluation.two_sample_test.permutations": lambda n: evaluation.two_sample_test(
        X, X, rng=RNG, permutations=n
    ),
    **{
        f"models.{kind.__name__}.{name}": lambda n, kind=kind, name=name: kind(**{name: n}).fit(
            X, range(len(X))
        )
        for kind in (models.Autoencoder, models.ConditionalVAE, models.VAE)
        for name in ("latent_dim", "epochs", "batch_size")
    },
    "models.ConditionalVAE.classes": lambda n: models.ConditionalVAE(classes=n).fit(X, range(len(X))),
    "models.ConditionalVAE.condition_dim": lambda n: models.ConditionalVAE(condition_dim=n).fit(
        X, range(len(X))
    ),
    **{
        f"models.{kind.__name__}.{name}": lambda n, kind=kind, name=name: kind(
            **{"latent_dim": 1, name: n}
        ).fit(X)
        for kind in (models.FactorAnalysis, models.ProbabilisticPCA)
        for name in ("latent_dim", "max_steps")
    },
    "posteriors.VonMisesFisher.latent_dim": lambda n: posteriors.VonMisesFisher(at_least_two(n)),
    "priors.UniformSphere.latent_dim": lambda n: priors.UniformSphere(at_least_two(n)),
    "priors.TwoStage.latent_dim": priors.TwoStage,
    "priors.TwoStage.draws": lambda n: priors.TwoStage(2, draws=n),
    "posteriors.VectorQuantized.latent_dim": posteriors.VectorQuantized,
    "posteriors.VectorQuantized.codes": lambda n: posteriors.VectorQuantized(2, n),
    "posteriors.VectorQuantized.groups": lambda n: posteriors.VectorQuantized(2, 3, n),
    "posteriors.VectorQuantized.depth": lambda n: posteriors.VectorQuantized(2, 3, depth=n),
    "posteriors.VectorQuantized.revive": lambda n: posteriors.VectorQuantized(2, 3, decay=0.9, revive=n),
    **{
        f"{room}.{kind.__name__}.{name}": lambda n, kind=kind, name=name: kind(**{name: n})
        for room, kind in (
            ("posteriors", posteriors.Concrete),
            ("posteriors", posteriors.GumbelSoftmax),
            ("priors", priors.ConcretePrior),
            ("priors", priors.OneHot),
        )
        for name in ("groups", "categories")
    },
    "evaluation.code_usage.batch_size": lambda n: evaluation.code_usage(vae(), DATA, batch_size=n),
    "models.Classes.count": models.Classes,
    "priors.LogisticNormal.latent_dim": priors.LogisticNormal,
    "models.Reals.width": models.Reals,
    "models.HelmholtzMachine.samples": lambda n: machine(samples=n),
}
OTHERS = {
    "latents of networks of one's own": lambda n: models.Autoencoder(
        event_shape=(2,), latent_dim=n, encoder=Linear(2, 1), decoder=Linear(1, 2), likelihood=Bernoulli()
    ),
    "a width": lambda n: machine(hidden=(n,)),
    "draws of a pass": lambda n: vae().run(Batch(X), X[:, :1], draws=n),
    "samples of a score": lambda n: vae().score_samples(X, samples=n),
    "samples of a model": lambda n: vae().sample(n),
    "samples of a machine": lambda n: belief_net((2,)).sample(n),
    "samples of factor analysis": lambda n: models.ProbabilisticPCA(1).fit(X).sample(n),
    "samples of a prior": lambda n: priors.StandardGaussian(1).sample(n, RNG),
    "samples of a mixture": lambda n: priors.GaussianMixture(1).sample(n, RNG),
    "samples of a second stage": lambda n: priors.TwoStage(1).sample(n, RNG),
    "samples of a VampPrior": lambda n: vae("vamp").prior.sample(n, RNG),
    "samples of choices": lambda n: priors.OneHot(1, 2).sample(n, RNG),
    "samples of relaxed choices": lambda n: priors.ConcretePrior(1, 2).sample(n, RNG),
    "samples of codes": lambda n: priors.Codes(posteriors.VectorQuantized(2, 3)).sample(n, RNG),
    "samples of codes in order": lambda n: priors.AutoregressiveCodes(
        posteriors.VectorQuantized(2, 3)
    ).sample(n, RNG),
    "draws of choices": lambda n: posteriors.GumbelSoftmax(1, 2).sample(X, noise=X, draws=n),
    "draws of relaxed choices": lambda n: posteriors.Concrete(1, 2).sample(X, noise=X, draws=n),
    "draws of codes": lambda n: posteriors.VectorQuantized(2, 3).sample(X, noise=(X[:, :0], None), draws=n),
    "draws of a point": lambda n: posteriors.Point(1).sample(X[:, :1], noise=None, draws=n),
    "draws of a full Gaussian": lambda n: posteriors.FullGaussian(1).sample(X, noise=X[:, :1], draws=n),
    "draws of a Gaussian": lambda n: gaussian.reparameterize(X, X, noise=X, draws=n),
    "log q of draws": lambda n: gaussian.log_prob_of_draw(X, noise=X, draws=n),
    "draws of a Bernoulli": lambda n: bernoulli.log_prob(X, x=X, draws=n),
}


def test_every_count_of_these_rooms_is_tried():
    found = set()
    for room in (objectives, posteriors, priors, evaluation, models):
        for name in set(room.__all__) - RECORDS:
            thing = getattr(room, name)
            if not inspect.isroutine(thing) and not (
                inspect.isclass(thing) and not inspect.isabstract(thing)
            ):
                continue
            for parameter in inspect.signature(thing, eval_str=True).parameters.values():
                if parameter.annotation in (int, int | None) and parameter.name not in NO_COUNTS:
                    found.add(f"{room.__name__.removeprefix('scratchvae.')}.{name}.{parameter.name}")
    assert CALLS.keys() == found


@pytest.mark.parametrize("count", [2.0, 2.5, True, "2", [2], np.float64(2), np.ones(2, int), -1], ids=repr)
@pytest.mark.parametrize("name", [*CALLS, *OTHERS])
def test_a_count_is_a_whole_number(name, count):
    with pytest.raises(
        InputError, match=r"should be (a whole number, at least \d+; found|at least \d+, found -1)"
    ):
        (CALLS | OTHERS)[name](count)


@pytest.mark.parametrize("count", [1, np.int64(1), np.uint8(1)], ids=repr)
def test_integers_of_numpy_are_whole_numbers(count):
    assert objectives.Iwae(count).samples == 1
    assert evaluation.binary_states(count).shape == (2, 1)
    assert priors.StandardGaussian(count).sample(count, RNG).shape == (1, 1)


def test_the_sum_of_draws_is_over_those_of_one_example():
    a = np.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(sum_of_draws(a, 3), [a[:3].sum(axis=0), a[3:].sum(axis=0)])
    assert sum_of_draws(a, 1) is a
    assert sum_of_draws(a.astype(np.float32), 2).dtype == np.float32
