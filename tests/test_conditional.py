"""Models that are told y: labels or real numbers reach encoder, decoder and prior, and every verb and
evaluation.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from scratchvae import evaluation, plots
from scratchvae.arrays import InputError
from scratchvae.checks import check_pullback
from scratchvae.data import Batch, Dataset
from scratchvae.layers import (
    EVALUATION,
    Bypass,
    Dropout,
    Linear,
    Mode,
    Sequential,
    Tanh,
    cast,
    named_parameters,
)
from scratchvae.likelihoods import Gaussian
from scratchvae.models import Classes, ConditionalVAE, Reals
from scratchvae.objectives import Elbo, Iwae, SampledElbo, sigma_points
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import ConditionalGaussian, GaussianMixture, StandardGaussian
from scratchvae.recipes import convolutional, mlp
from scratchvae.training import Adam, Phase, Training, load_checkpoint, restore_model, save_checkpoint

RNG = np.random.default_rng(0)
N, D, Z, K = 12, 4, 2, 3
X, LABELS, CONDITIONS = RNG.uniform(0.1, 0.9, (N, D)), RNG.integers(0, K, N), RNG.normal(size=(N, 2))
IMAGES = RNG.uniform(0.1, 0.9, (N, 1, 8, 8))


def labelled(**settings):
    """A small conditional model of K classes, float64."""
    model = mlp(
        (D,), latent_dim=Z, hidden=(5,), activation="tanh", model="conditional_vae", classes=K, **settings
    )
    cast(model, np.float64)
    return model


def gradients(model, pullback, **parts):
    for parameter in named_parameters(model).values():
        parameter.grad = None
    pullback(**parts)
    return {
        n: np.zeros_like(p.value) if p.grad is None else p.grad for n, p in named_parameters(model).items()
    }


# ------------------------------------------------------------------------------- one class, and the plain VAE
# that it leaves


def told_and_plain(recipe, k):
    """A conditional model, and the plain VAE with what class k adds to each layer that gets it merged into
    that layer's bias.
    """
    if recipe == "mlp":
        build, event_shape = lambda **s: mlp((D,), latent_dim=Z, hidden=(5,), activation="tanh", **s), (D,)
    else:
        build, event_shape = (
            lambda **s: convolutional((1, 8, 8), latent_dim=Z, channels=(2, 3), hidden=5, **s),
            (1, 8, 8),
        )
    told, plain = build(model="conditional_vae", classes=K, seed=1), build(seed=2)
    for model in (told, plain):
        cast(model, np.float64)
    for mine, other in zip(named_parameters(plain).values(), named_parameters(told).values(), strict=True):
        mine.value = other.value[: len(mine.value)].copy()
    theirs = {name: p.value for name, p in named_parameters(told).items()}
    first = "encoder.0" if recipe == "mlp" else "encoder.1"
    names = {"encoder": "encoder.0" if recipe == "mlp" else "encoder.6", "decoder": "decoder.0"}
    for part, name in names.items():
        row = theirs[f"{first if part == 'encoder' else name}.weight"][-K + k]
        mine = named_parameters(plain)[f"{name}.bias"]
        mine.value = mine.value + row
    return told, plain, event_shape


TOLD_AT = {
    "encoder.0.weight",
    "encoder.1.weight",
    "decoder.0.weight",
}  # which of them there are depends on the recipe


def on_noise(objective):
    def loss_and_gradients(model, data):
        batch = data.batch(slice(None), np.float64)
        report, pullback = objective(
            model, batch, objective.draw_noise(model, len(batch), np.random.default_rng(3))
        )
        found = gradients(model, pullback)
        # the label's own rows have the gradient of the bias, and those of other labels none
        if model.condition:
            for name in TOLD_AT & found.keys():
                own, rest = found[name][:-K], found[name][-K:]
                bias = found[name.replace("weight", "bias")]
                for k, row in enumerate(rest):
                    np.testing.assert_allclose(
                        row, bias if (data.labels == k).all() else row, rtol=1e-10, atol=1e-12
                    )
                    assert (data.labels == k).any() or (row == 0).all()
                found[name] = own
        return [report.loss, *report.terms.values(), *found.values()]

    return loss_and_gradients


def paths(model, data):
    z = evaluation.codes(model, data)
    along = evaluation.continuity(model, z[:3], z[3:6], data.y[:3], steps=5)
    return [along.speeds, along.steps, along.ends]


def two_latents(model, data):
    found = evaluation.evidence(model, data.batch(slice(0, 4), np.float64).x, data.y[:4], points=101)
    return [found.log_px, found.bound, found.kl_to_posterior]


def point(model, data):
    (found,) = evaluation.rate_distortion(lambda: model, [{}], data, samples=2)
    return [found.rate, found.distortion, found.squared_error]


def regular(model, data):
    found = evaluation.regularity(
        model, data, rng=np.random.default_rng(5), pairs=3, steps=4, k=2, permutations=9
    )
    parts = (found.to_data, found.to_decoded)
    return [found.continuity.speeds, *[[p.density, p.coverage, p.test.mmd2, p.test.p_value] for p in parts]]


def scatter(model, data):
    batch = data.batch(slice(None), np.float64)
    found = evaluation.estimator_noise(model, Elbo(), batch, draws=4, rng=np.random.default_rng(6))
    return [found.loss_mean, found.loss_variance, found.gradient_mean["decoder.0.bias"]]


VERBS = {
    "Elbo": on_noise(Elbo(beta=2.0, free_bits=0.1)),
    "SampledElbo": on_noise(SampledElbo(samples=2)),
    "Iwae": on_noise(Iwae(3, gradient="dreg")),
    "codes": lambda model, data: [
        model.encode(data),
        model.transform(data),
        evaluation.active_units(model.encode(data)),
    ],
    "reconstruct": lambda model, data: [model.reconstruct(data)],
    "score_samples": lambda model, data: [model.score_samples(data, samples=7), model.score(data)],
    "bound": lambda model, data: list(
        evaluation.bound(model, data, Elbo(), rng=np.random.default_rng(4)).values()
    ),
    "continuity": paths,
    "evidence": two_latents,
    "rate_distortion": point,
    "regularity": regular,
    "estimator_noise": scatter,
}


@pytest.mark.parametrize("recipe", ["mlp", "convolutional"])
@pytest.mark.parametrize("verb", VERBS)
def test_told_one_class_a_model_is_the_plain_vae_with_that_class_in_its_biases(verb, recipe):
    """Both add up the same numbers in another order.

    They differ by roundoffs of sums of fewer than 100 terms.
    """
    told, plain, event_shape = told_and_plain(recipe, 1)
    data = Dataset("x", (X if recipe == "mlp" else IMAGES).reshape(N, *event_shape), np.ones(N, int))
    for mine, other in zip(VERBS[verb](told, data), VERBS[verb](plain, data), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12)


def test_another_class_is_another_model():
    told, plain, _ = told_and_plain("mlp", 1)
    data = Dataset("x", X, np.full(N, 2))
    for name in ("codes", "reconstruct", "score_samples", "evidence"):
        assert np.abs(VERBS[name](told, data)[0] - VERBS[name](plain, data)[0]).max() > 1e-3, name


def test_decoding_and_sampling_at_a_class_are_those_of_the_plain_vae():
    told, plain, _ = told_and_plain("mlp", 1)
    z = RNG.normal(size=(7, Z))
    np.testing.assert_allclose(told.decode(z, 1), plain.decode(z), rtol=1e-12)
    np.testing.assert_array_equal(told.inverse_transform(z, np.full(7, 1)), told.decode(z, 1))
    for mean in (True, False):
        np.testing.assert_allclose(
            told.sample(6, 3, y=1, mean=mean), plain.sample(6, 3, mean=mean), rtol=1e-10
        )
    rows = told.sample(6, 3, y=[0, 1, 2, 2, 1, 0])
    for k in range(K):
        chosen = np.array([0, 1, 2, 2, 1, 0]) == k
        # one draw of z for every class
        np.testing.assert_allclose(rows[chosen], told.sample(6, 3, y=k)[chosen], rtol=1e-12)


def test_where_the_weights_of_the_label_are_0_the_label_changes_nothing():
    told, plain, _ = told_and_plain("mlp", 1)
    for name in ("encoder.0", "decoder.0"):
        weight, bias = (named_parameters(told)[f"{name}.{part}"] for part in ("weight", "bias"))
        weight.value[-K:] = 0
        named_parameters(plain)[f"{name}.bias"].value = bias.value
    for labels in (LABELS, LABELS[::-1]):
        for verb in ("Elbo", "Iwae", "codes", "score_samples"):
            data = Dataset("x", X, labels)
            for mine, other in zip(VERBS[verb](told, data), VERBS[verb](plain, data), strict=True):
                np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-14)


# ------------------------------------------------------------------------------------------- a linear model,
# in closed form

W, V, MEAN = RNG.normal(size=(Z, D)), RNG.normal(size=(2, D)), RNG.normal(size=D)
VARIANCE = np.exp(-0.5)  # whose logarithm float32 holds
W = np.linalg.qr(W.T)[0].T * np.array([[1.5], [0.7]])  # orthogonal rows, so that the posterior is diagonal
SHIFT, TAU = (
    0.4 * RNG.normal(size=(2, Z)),
    np.array([0.3, -0.5]),
)  # p(z|y): what y adds to its mean, and its log τ²


def linear_gaussian(condition, learned):
    """x = z W + c V + mean + ε, z ~ p(z|y), with q(z|x, y) its posterior where its variances do not depend on
    y.

    p(z|y) = N(a, diag τ²), a = c SHIFT: q = N(M⁻¹ (Ψ⁻¹ W (x − c V − mean) + a/τ²), M⁻¹),
    M = diag(W Wᵀ)/Ψ + 1/τ².
    """
    C = condition.width
    v, shift = (np.vstack([a, a[:1] - 0.3])[:C] for a in (V, SHIFT))
    shift = shift * learned
    log_tau = TAU if learned else np.zeros(Z)
    encoder, decoder, prior = Linear(D + C, 2 * Z, rng=0), Linear(Z + C, D, rng=0), ConditionalGaussian(Z, C)
    model = ConditionalVAE(
        event_shape=(D,),
        condition=condition,
        encoder=encoder,
        posterior=DiagonalGaussian(Z),
        prior=prior if learned else StandardGaussian(Z),
        decoder=decoder,
        likelihood=Gaussian(VARIANCE),
    )
    cast(model, np.float64)
    cast(prior, np.float64)
    M = (W**2).sum(axis=1) / VARIANCE + np.exp(-log_tau)
    towards = W.T / VARIANCE / M
    on_mean = np.vstack([towards, -v @ towards + shift * np.exp(-log_tau) / M])
    encoder.weight.value = np.hstack([on_mean, np.zeros((D + C, Z))])
    encoder.bias.value = np.concatenate([-MEAN @ towards, -np.log(M)])
    decoder.weight.value, decoder.bias.value = np.vstack([W, v]), MEAN.copy()
    prior.layer.weight.value = np.hstack([shift, np.zeros((C, Z))])
    prior.layer.bias.value = np.concatenate([np.zeros(Z), log_tau])
    return model, v, shift, np.exp(log_tau)


CONDITION = {"labels": (Classes(K), LABELS), "conditions": (Reals(2), CONDITIONS)}


def exact(x, c, v, shift, tau2):
    """log p(x|y) = log N(x; a W + c V + mean, Wᵀ diag τ² W + Ψ)."""
    covariance = W.T @ (tau2[:, None] * W) + VARIANCE * np.eye(D)
    return np.array(
        [
            multivariate_normal(row, covariance).logpdf(one)
            for row, one in zip(c @ (shift @ W + v) + MEAN, x, strict=True)
        ]
    )


@pytest.mark.parametrize("learned", [False, True], ids=["N(0, I)", "learned"])
@pytest.mark.parametrize("kind", CONDITION)
def test_a_linear_model_has_the_evidence_of_its_gaussian(kind, learned):
    condition, y = CONDITION[kind]
    model, *parts = linear_gaussian(condition, learned)
    x = 2 * RNG.normal(size=(N, D))
    log_px = exact(x, condition.numbers(y, np.float64), *parts)
    # every weight is p(x|y)
    np.testing.assert_allclose(model.score_samples(x, y, samples=1), log_px, rtol=1e-9)
    np.testing.assert_allclose(model.score_samples(x, y, samples=5), log_px, rtol=1e-9)
    batch, points = sigma_points(Batch(x, y), Z)  # which integrate exactly
    for objective in (Elbo(), SampledElbo(), Iwae(1)):
        report, _ = objective(model, batch, points)
        np.testing.assert_allclose(report.terms["bound"].reshape(N, -1).mean(axis=1), log_px, rtol=1e-9)
    found = evaluation.evidence(model, x[:3] / 4, y[:3], points=401)
    some = exact(x[:3] / 4, condition.numbers(y[:3], np.float64), *parts)
    np.testing.assert_allclose(found.log_px, some, rtol=1e-9)
    np.testing.assert_allclose(found.kl_to_posterior, 0, atol=1e-9)
    z = model.prior_given(Batch(x, y)).sample(N * 2000, np.random.default_rng(1)).reshape(N, 2000, Z)
    a, tau2 = condition.numbers(y, np.float64) @ parts[1], parts[2]
    assert np.abs(z.mean(axis=1) - a).max() < 5 * np.sqrt(tau2.max() / 2000)
    assert np.abs(z.var(axis=1) / tau2 - 1).max() < 5 * np.sqrt(2 / 2000)


def test_the_bound_is_largest_where_q_and_the_prior_are_those_that_made_the_data():
    """At the posterior, and where x are moments of p(x|y) themselves, the gradient of the expected bound is
    0.
    """
    condition, _ = CONDITION["labels"]
    model, v, shift, tau2 = linear_gaussian(condition, True)
    covariance = W.T @ (tau2[:, None] * W) + VARIANCE * np.eye(D)
    axes = np.sqrt(D) * np.linalg.cholesky(covariance).T
    around = np.concatenate([axes, -axes])  # whose mean is 0 and whose second moment is the covariance
    y = np.repeat(np.arange(K), len(around))
    x = np.tile(around, (K, 1)) + np.eye(K)[y] @ (shift @ W + v) + MEAN
    for objective in (Elbo(), SampledElbo(), SampledElbo(gradient="stl")):
        _, pullback = objective(model, *sigma_points(Batch(x, y), Z))
        for name, gradient in gradients(model, pullback).items():
            np.testing.assert_allclose(gradient, 0, atol=1e-11, err_msg=f"{objective} {name}")


def test_the_evidence_of_all_classes_is_that_of_the_mixture():
    condition, _ = CONDITION["labels"]
    model, v, shift, tau2 = linear_gaussian(condition, True)
    x, p = 2 * RNG.normal(size=(N, D)), np.array([0.5, 0.2, 0.3])
    by_class = np.stack([model.score_samples(x, k, samples=2) for k in range(K)], axis=1)
    covariance = W.T @ (tau2[:, None] * W) + VARIANCE * np.eye(D)
    densities = [
        share * multivariate_normal(shift[k] @ W + v[k] + MEAN, covariance).pdf(x)
        for k, share in enumerate(p)
    ]
    np.testing.assert_allclose(
        logsumexp(by_class + np.log(p), axis=1), np.log(np.sum(densities, axis=0)), rtol=1e-9
    )


# ------------------------------------------------------------------------------------------------------------
# gradients


@pytest.mark.parametrize("kl", ["none", "closed_form", "sampled"])
@pytest.mark.parametrize("draws", [1, 2])
@pytest.mark.parametrize("kind", CONDITION)
def test_a_pass_gives_each_part_its_own_gradient(kind, draws, kl):
    """Σ seeds · parts as a function of every Parameter, those of p(z|y) among them."""
    condition, y = CONDITION[kind]
    prior = ConditionalGaussian(
        Z,
        condition.width,
        layer=Sequential(Linear(condition.width, 3, rng=8), Tanh(), Linear(3, 2 * Z, rng=9)),
    )
    model = ConditionalVAE(
        event_shape=(D,),
        condition=condition,
        encoder=Sequential(
            Bypass(Sequential(Linear(D, 3, rng=1), Tanh()), condition.width),
            Linear(3 + condition.width, 2 * Z, rng=2),
        ),
        posterior=DiagonalGaussian(Z),
        prior=prior,
        decoder=Sequential(Linear(Z + condition.width, 3, rng=3), Tanh(), Linear(3, D, rng=4)),
        likelihood=Gaussian(0.3),
    )
    cast(model, np.float64)
    rng, batch = np.random.default_rng(4), Batch(X[:3], y[:3])
    noise = rng.normal(size=(3 * draws, Z))
    names = [
        "log_px",
        "z",
        "q_params",
        *{"sampled": ["log_pz", "log_q"], "closed_form": ["kl"], "none": []}[kl],
    ]
    first, _ = model.run(batch, noise, draws=draws, kl=kl)
    seeds = {name: rng.normal(size=getattr(first, name).shape) for name in names}
    parameters = named_parameters(model)

    def op(*values):
        for parameter, value in zip(parameters.values(), values, strict=True):
            parameter.value = value
        one, run_pullback = model.run(batch, noise, draws=draws, kl=kl)

        def pullback(dvalue):
            return tuple(
                gradients(
                    model, run_pullback, **{f"d{name}": dvalue * seed for name, seed in seeds.items()}
                ).values()
            )

        return np.asarray(sum((seed * getattr(one, name)).sum() for name, seed in seeds.items())), pullback

    assert not [str(c) for c in check_pullback(op, {n: p.value for n, p in parameters.items()}) if not c.ok]
    z = rng.normal(size=(3 * draws, Z))
    assert all(c.ok for c in check_pullback(lambda z: model.log_joint(batch, z, draws=draws), [z]))


def test_the_layer_of_the_prior_is_told_the_mode():
    """Its dropout drops in training, by the mode's own generator, and nothing in evaluation."""
    model = labelled(prior="conditional_gaussian")
    layer = Sequential(Linear(K, 8, rng=0), Dropout(0.5), Linear(8, 2 * Z, rng=1))
    model.prior = ConditionalGaussian(Z, K, layer=layer)
    cast(model, np.float64)

    def mean(mode):
        (found, _), _ = model.prior_given(Batch(X, LABELS), mode=mode).mean_and_log_var()
        return found

    y = np.eye(K)[LABELS]
    for mode in (EVALUATION, Mode(np.random.default_rng(0), 0)):
        again = mode if mode is EVALUATION else Mode(np.random.default_rng(0), 0)
        expected, _ = layer(y, mode=again)
        np.testing.assert_array_equal(mean(mode), expected[:, :Z])
    assert (mean(EVALUATION) != mean(Mode(np.random.default_rng(0), 0))).any()


def test_draws_of_one_example_have_its_y():
    model, noise = labelled(prior="conditional_gaussian"), RNG.normal(size=(N * 3, Z))
    for parameter in named_parameters(model.prior).values():
        parameter.value = RNG.normal(size=parameter.value.shape)
    together, _ = model.run(Batch(X, LABELS), noise, draws=3, kl="sampled")
    copies, _ = model.run(Batch(X, LABELS).repeat(3), noise, kl="sampled")
    for part in ("log_px", "log_pz", "log_q"):
        np.testing.assert_allclose(getattr(together, part).ravel(), getattr(copies, part).ravel(), rtol=1e-10)


def test_a_learned_prior_starts_as_the_standard_one():
    z = RNG.normal(size=(3, Z))
    log_pz, _ = ConditionalGaussian(Z, 2).given(CONDITIONS[:3]).log_prob(z)
    np.testing.assert_allclose(log_pz, StandardGaussian(Z).log_prob(z)[0], rtol=1e-12)


def test_no_draws_of_each_example_are_no_rows():
    prior = ConditionalGaussian(Z, 2).given(CONDITIONS[:3])
    assert prior.sample(0, RNG).shape == (0, Z)
    log_pz, pullback = prior.log_prob(np.zeros((0, Z)))
    assert log_pz.shape == (0,)
    assert pullback(log_pz).shape == (0, Z)


def test_the_closed_form_is_the_mean_of_the_sampled_divergence():
    model = labelled(prior="conditional_gaussian")
    for parameter in named_parameters(model.prior).values():
        parameter.value = RNG.normal(size=parameter.value.shape)
    batch, points = sigma_points(Batch(X, LABELS), Z)
    closed, _ = model.run(Batch(X, LABELS), np.zeros((N, Z)), kl="closed_form")
    sampled, _ = model.run(batch, points, kl="sampled")  # log q − log p(z|y) is quadratic in the noise
    np.testing.assert_allclose(
        sampled.sampled_kl.reshape(N, -1).mean(axis=1), closed.kl.sum(axis=1), rtol=1e-10
    )
    by_hand = GaussianMixture(Z, components=1, rng=0)
    cast(by_hand, np.float64)
    table = model.prior.layer.weight.value[LABELS[0]] + model.prior.layer.bias.value
    by_hand.means.value, by_hand.log_vars.value = table[None, :Z], table[None, Z:]
    z = RNG.normal(size=(5, Z))
    both = [prior.log_prob(z)[0] for prior in (model.prior_given(Batch(X[:1], LABELS[:1])), by_hand)]
    np.testing.assert_allclose(*both, rtol=1e-12)


# -----------------------------------------------------------------------------------------------------
# training and its verbs


@pytest.mark.parametrize("prior", ["standard_gaussian", "gaussian_mixture", "conditional_gaussian"])
@pytest.mark.parametrize(
    ("settings", "y"),
    [({"classes": K}, LABELS), ({"condition_dim": 2}, CONDITIONS)],
    ids=["classes", "reals"],
)
@pytest.mark.parametrize("recipe", ["mlp", "convolutional"])
def test_every_parameter_learns_whatever_form_y_comes_in(recipe, settings, y, prior):
    build = {
        "mlp": lambda **s: mlp((1, 8, 8), hidden=(5,), **s),
        "convolutional": lambda **s: convolutional((1, 8, 8), channels=(2, 3), hidden=5, **s),
    }
    models = [
        build[recipe](latent_dim=2, model="conditional_vae", prior=prior, activation="silu", **settings)
        for _ in range(2)
    ]
    first = {name: p.value.copy() for name, p in named_parameters(models[0]).items()}
    models[0].fit(IMAGES, y.tolist(), epochs=2, batch_size=5, held_out=(IMAGES[:4], y[:4]))
    moved = {name for name, p in named_parameters(models[0]).items() if (p.value != first[name]).any()}
    assert moved == first.keys()
    as_data = Dataset("x", IMAGES, y) if "classes" in settings else Dataset("x", IMAGES, conditions=y)
    models[1].fit(as_data, epochs=2, batch_size=5, held_out=as_data.subset(slice(0, 4)))
    for one, other in zip(*(named_parameters(m).values() for m in models), strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    for one, other in zip(*(m.history for m in models), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    np.testing.assert_array_equal(models[0].score_samples(IMAGES, y), models[0].score_samples(as_data))


def test_the_label_of_each_example_goes_with_it():
    """Pictures that are all white for one label and black for the other: what the labels say is learned in a
    few steps.
    """
    y = np.arange(40) % 2
    x = np.repeat(y[:, None], D, axis=1).astype(float)
    model = mlp((D,), latent_dim=1, hidden=(8,), model="conditional_vae", classes=2).fit(
        x, y, epochs=60, learning_rate=0.03
    )
    samples = model.sample(50, 0, y=y[:50].tolist() + [0] * 10)
    assert np.abs(samples[:40] - x).max() < 0.1
    swapped = model.decode(model.encode(x, y), 1 - y)  # another label, the code as it was
    assert np.abs(swapped - (1 - x)).max() < 0.1
    assert model.score(x, y) > model.score(x, 1 - y) + 1


def test_models_that_are_told_nothing_ignore_y():
    for settings in ({}, {"model": "autoencoder"}):
        models = [mlp((D,), latent_dim=Z, hidden=(5,), **settings) for _ in range(2)]
        for model, y in zip(models, (None, np.array(["a", "b", "c"] * 4)), strict=True):
            model.fit(X, y, epochs=1)
        for verb in ("score_samples", "score", "encode", "transform", "reconstruct"):
            np.testing.assert_array_equal(
                getattr(models[0], verb)(X), getattr(models[1], verb)(X, "anything")
            )


def test_a_checkpoint_holds_the_prior_of_each_class(tmp_path):
    one, other = (labelled(prior="conditional_gaussian", seed=seed) for seed in (1, 2))
    training = Training(one, [Phase(Elbo(), Adam())], Dataset("x", X, LABELS), epochs=1).run()
    save_checkpoint(tmp_path / "one.safetensors", training, {})
    restore_model(load_checkpoint(tmp_path / "one.safetensors"), other)
    assert "prior.layer.weight" in named_parameters(other)
    np.testing.assert_array_equal(one.score_samples(X, LABELS), other.score_samples(X, LABELS))


def test_each_class_is_a_row_of_the_picture():
    images = RNG.uniform(size=(3, 4, 1, 5, 6))
    figure = plots.classes(images, ("a", "b", "c"))
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words[:3] == ["a", "b", "c"]
    assert [text.get_text() for text in plots.classes(images).axes[0].texts][:3] == ["0", "1", "2"]
    with pytest.raises(InputError, match="names should hold 3 words, one for each class, found 2"):
        plots.classes(images, ("a", "b"))
    with pytest.raises(InputError, match="images should have shape"):
        plots.classes(images[0])


# ----------------------------------------------------------------------------------------------------------
# what is refused

TOLD, REAL, ONE_REAL = (
    labelled(),
    *(mlp((D,), latent_dim=Z, hidden=(5,), model="conditional_vae", condition_dim=C) for C in (2, 1)),
)
PLAIN = mlp((D,), latent_dim=Z, hidden=(5,))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: TOLD.fit(X),
            "ConditionalVAE: y should be a class of each example, a whole number from 0 to 2; found none",
        ),
        (lambda: TOLD.score_samples(X), "found none"),
        (lambda: TOLD.encode(Dataset("x", X)), "found none"),
        (
            lambda: TOLD.decode(np.zeros((2, Z))),
            r"ConditionalVAE\.decode: y should be a class .*; found none",
        ),
        (lambda: TOLD.sample(3), r"ConditionalVAE\.sample: y should be a class .*; found none"),
        (lambda: TOLD.run(Batch(X), np.zeros((N, Z))), "ConditionalVAE: y should be a class .*; found none"),
        (lambda: evaluation.evidence(TOLD, X), "found none"),
        (lambda: TOLD.fit(X, LABELS[:5]), r"\(12,\) of them, or one for all; found shape \(5,\)"),
        (lambda: TOLD.fit(X, LABELS[:, None]), r"\(12,\) of them, or one for all; found shape \(12, 1\)"),
        (lambda: TOLD.fit(X, LABELS + 1), "from 0 to 2; found 3"),
        (lambda: TOLD.fit(X, LABELS - 1), "from 0 to 2; found -1"),
        (lambda: TOLD.sample(2, y=3), "from 0 to 2; found 3"),
        (lambda: TOLD.sample(2, y=[0, 1, 2]), r"\(2,\) of them, or one for all; found shape \(3,\)"),
        (
            lambda: TOLD.fit(X, np.array(["a", "b", "c"] * 4)),
            r"found strings\. np\.unique\(y, return_inverse=True\) numbers labels",
        ),
        (lambda: TOLD.fit(X, LABELS.astype(float)), "found floating numbers"),
        (lambda: TOLD.fit(X, LABELS > 0), "found bools"),
        (lambda: TOLD.fit(X, LABELS, held_out=X), "found none"),
        (lambda: TOLD.fit(X, LABELS, held_out=(X, LABELS + 9)), "from 0 to 2; found"),
        (
            lambda: Training(TOLD, [Phase(Elbo(), Adam())], Dataset("x", X, LABELS + 2), epochs=1).run(),
            "from 0 to 2; found",
        ),
        (
            lambda: REAL.fit(X, CONDITIONS[:, :1]),
            r"2 finite numbers .*: \(12, 2\) of them, or \(2,\) for all; found shape \(12, 1\)",
        ),
        (
            lambda: REAL.fit(X, np.where(CONDITIONS > 1, np.nan, CONDITIONS)),
            "ConditionalVAE: y should be finite, found",
        ),
        (lambda: REAL.fit(X, [["a", "b"]] * N), "2 finite numbers for each example; found strings"),
        (lambda: REAL.sample(2, y=0.5), r"or \(2,\) for all; found shape \(\)"),
        (
            lambda: ONE_REAL.fit(X, CONDITIONS),
            r"1 finite number for each example: \(12, 1\) of them, or \(1,\) for all; found shape \(12, 2\)",
        ),
        (
            lambda: PLAIN.sample(2, y=1),
            r"VAE\.sample: y should be None, since the model is not told it; a ConditionalVAE is\. Found 1",
        ),
        (lambda: PLAIN.decode(np.zeros((2, Z)), 1), r"VAE\.decode: y should be None"),
        (
            lambda: ConditionalVAE(latent_dim=2, hidden=3, epochs=1).fit(X, ["a", "b"] * 6).sample(1, y="z"),
            "one of the labels that the model was fitted to, 'a', 'b'; found 'z'$",
        ),
        (lambda: Classes(0), "count should be at least 1, found 0"),
        (lambda: Reals(0), "width should be at least 1, found 0"),
        (
            lambda: mlp((D,), model="conditional_vae"),
            "either classes or a condition_dim, .* found model conditional_vae, classes None",
        ),
        (
            lambda: mlp((D,), model="conditional_vae", classes=2, condition_dim=2),
            "found model conditional_vae, classes 2, condition_dim 2",
        ),
        (lambda: mlp((D,), classes=2), "and any other model neither; found model vae, classes 2"),
        (
            lambda: mlp((D,), prior="conditional_gaussian"),
            "prior conditional_gaussian is for the model conditional_vae",
        ),
        (
            lambda: ConditionalGaussian(Z, 2).sample(3, RNG),
            r"y should be known before p\(z\|y\) is; found none",
        ),
        (
            lambda: ConditionalGaussian(Z, 2).given(np.eye(2)).sample(3, RNG),
            "as many draws of each of 2 examples, found 3",
        ),
        (
            lambda: ConditionalGaussian(Z, 2).given(np.zeros((0, 2))).sample(3, RNG),
            "ConditionalGaussian: .* as many draws of each of 0 examples, found 3",
        ),
        (
            lambda: ConditionalGaussian(Z, 2, layer=Linear(2, 3)).given(np.eye(2)),
            r"should have shape \(B, 4\), found \(2, 3\)",
        ),
        (lambda: Bypass(Linear(2, 2), 3)(np.zeros((4, 3))), "more than width = 3 entries, found 3"),
        (
            lambda: Dataset("x", X, conditions=CONDITIONS[:3]),
            r"conditions should be \(12, C\) floating numbers, found float64 of shape \(3, 2\)",
        ),
        (
            lambda: Dataset("x", X, conditions=LABELS[:, None]),
            r"conditions should be \(12, C\) floating numbers, found int64",
        ),
        (lambda: Dataset("x", X, conditions=np.full((N, 1), np.inf)), "conditions should be finite"),
    ],
)
def test_bad_y_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_one_y_stands_for_all():
    for model, one, each in (
        (TOLD, 2, np.full(N, 2)),
        (REAL, CONDITIONS[0], np.tile(CONDITIONS[0], (N, 1))),
        (ONE_REAL, 0.5, np.full(N, 0.5)),
    ):
        np.testing.assert_array_equal(model.encode(X, one), model.encode(X, each))
        np.testing.assert_array_equal(model.sample(N, 0, y=one), model.sample(N, 0, y=each))
    assert TOLD.sample(0, y=1).shape == (0, D)
    np.testing.assert_array_equal(
        ONE_REAL.encode(X, LABELS), ONE_REAL.encode(Dataset("x", X, LABELS))
    )  # whole numbers are numbers
    np.testing.assert_array_equal(
        ONE_REAL.encode(X, LABELS), ONE_REAL.encode(X, LABELS[:, None].astype(float))
    )


def test_a_dataset_keeps_conditions_beside_their_examples():
    data = Dataset("x", X, LABELS, conditions=CONDITIONS)
    chosen = data.subset([3, 1])
    np.testing.assert_array_equal(chosen.conditions, CONDITIONS[[3, 1]])
    np.testing.assert_array_equal(chosen.y, CONDITIONS[[3, 1]])
    np.testing.assert_array_equal(replace(chosen, conditions=None).y, LABELS[[3, 1]])
    batch = data.batch([5, 0], np.float32)
    np.testing.assert_array_equal(batch.y, CONDITIONS[[5, 0]].astype(np.float32))
    assert batch.y.dtype == np.float32
    # what is given goes before what is there
    np.testing.assert_array_equal(TOLD.encode(data, LABELS), TOLD.encode(X, LABELS))
