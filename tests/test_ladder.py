"""Latents in layers: exact evidence of linear Gaussians, one layer beside a plain VAE, and the verbs of a
model that has them.
"""

import numpy as np
import pytest

from scratchvae import VAE, ConditionalVAE, convolutional, mlp
from scratchvae.arrays import InputError
from scratchvae.checks import check_pullback
from scratchvae.data import Batch
from scratchvae.distributions import gaussian, gaussian_full, gaussian_product
from scratchvae.layers import FirstColumns, Linear, Sequential, cast, named_parameters, pushforward
from scratchvae.likelihoods import Gaussian
from scratchvae.models import Estimator
from scratchvae.objectives import Elbo, Iwae, SampledElbo, closed_form_kl
from scratchvae.posteriors import DiagonalGaussian, Ladder, TopDown
from scratchvae.priors import HierarchicalGaussian, StandardGaussian, VampPrior
from scratchvae.recipes import PRIORS
from scratchvae.reference.cases.ladder import ladder_vae

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3))
# their mean is that of N(0, I) for every quadratic
SIGNS = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
A, SHIFT, STEP_LOG_VAR, W, C, VARIANCE = (
    0.8,
    -0.3,
    -0.5,
    np.array([[1.1, -0.4, 0.7]]),
    np.array([0.2, -0.1, 0.5]),
    1.0,
)


def linear_gaussian(*, exact=True):
    """x = W z_1 + c + noise, z_1 = a z_2 + b + noise, z_2 ~ N(0, 1), and with `exact` the posterior
    q(z|x) = p(z|x).
    """
    step, decoder, encoder = Linear(1, 2), Linear(1, 3), Linear(3, 4)
    step.weight.value, step.bias.value = np.array([[A, 0.0]]), np.array([SHIFT, STEP_LOG_VAR])
    decoder.weight.value, decoder.bias.value = W, C
    # of z_1 x says N(Wᵀ(x − c)/WᵀW, v/WᵀW); of z_2 it says what z_1 does with the variances added
    spread = VARIANCE / (W @ W.T).item()
    to_z1 = W / (W @ W.T)
    precision = 1 + A**2 / (np.exp(STEP_LOG_VAR) + spread)
    gain = A / (np.exp(STEP_LOG_VAR) + spread) / precision
    weight = np.stack([to_z1[0], np.zeros(3), gain * to_z1[0], np.zeros(3)], axis=1)
    bias = np.array(
        [-(to_z1 @ C).item(), np.log(spread), -gain * ((to_z1 @ C).item() + SHIFT), -np.log(precision)]
    )
    off = 0 if exact else 0.3
    encoder.weight.value, encoder.bias.value = weight + off, bias - off
    top_down = TopDown(step, sizes=(1, 1))
    roles = {
        "posterior": Ladder(top_down),
        "prior": HierarchicalGaussian(top_down),
        "likelihood": Gaussian(VARIANCE),
    }
    model = VAE(event_shape=(3,), encoder=encoder, decoder=Sequential(FirstColumns(1), decoder), **roles)
    cast(model, np.float64)
    return model


def evidence(x):
    S = VARIANCE * np.eye(3) + W.T @ W * (np.exp(STEP_LOG_VAR) + A**2)
    mean = np.tile(C + SHIFT * W[0], (len(x), 1))
    return gaussian_full.log_prob(x, mean, np.tile(np.linalg.cholesky(S), (len(x), 1, 1)))[0]


def run_at_signs(model, kl):
    return model.run(Batch(X), np.tile(SIGNS, (len(X), 1)), draws=4, kl=kl)[0]


def test_with_the_exact_posterior_every_weight_is_the_evidence():
    one = run_at_signs(linear_gaussian(), "sampled")
    # sums of some ten terms below 20
    assert np.allclose(one.log_weights, evidence(X)[:, None], rtol=0, atol=1e-12)


def test_the_bound_by_layers_is_the_evidence_and_that_with_divergences_from_the_standard_is_not():
    model = linear_gaussian()
    one = run_at_signs(model, "closed_form")
    assert np.allclose(one.log_px.mean(axis=1) - one.kl.sum(axis=1), evidence(X), rtol=0, atol=1e-12)
    z_2 = one.z[:, 1:]
    mean, log_var = np.split(np.repeat(one.q_params, 4, axis=0)[:, :2], 2, axis=1)
    law, _ = gaussian_product.product(mean, log_var, A * z_2 + SHIFT, np.full_like(z_2, STEP_LOG_VAR))
    faulty = gaussian.kl_to_standard_by_dimension(*law)[0].reshape(len(X), 4).mean(axis=1)
    assert (np.abs(faulty - one.kl[:, 0]) > 0.05).all()


def test_the_divergence_by_layers_is_the_mean_of_the_sampled_one():
    """Of any q: log q(z) − log p(z) is a quadratic in the noise where steps are linear."""
    model = linear_gaussian(exact=False)
    sampled, closed = (run_at_signs(model, kl) for kl in ("sampled", "closed_form"))
    assert (closed.kl > 0.01).all()
    assert np.allclose(sampled.sampled_kl.mean(axis=1), closed.kl.sum(axis=1), rtol=0, atol=1e-12)
    assert np.array_equal(sampled.z, closed.z)


@pytest.mark.parametrize(
    "objective", [Elbo(), Elbo(free_bits=0.2), SampledElbo(samples=3, gradient="stl"), Iwae(3, "dreg")]
)
def test_one_layer_is_a_plain_vae(objective):
    """To the bit, but for gradients without the score, which take the slope by z through one product more."""
    ladder = ladder_vae((2,))
    cast(ladder, np.float64)
    roles = {"posterior": DiagonalGaussian(2), "prior": StandardGaussian(2), "likelihood": ladder.likelihood}
    plain = VAE(
        event_shape=(4,), encoder=ladder.encoder, decoder=Sequential(*ladder.decoder.layers[1:]), **roles
    )
    batch, found = Batch(RNG.random((3, 4))), []
    for model in (ladder, plain):
        noise = objective.draw_noise(model, 3, np.random.default_rng(1))
        report, pullback = objective(model, batch, noise)
        pullback()
        found.append((report, [p.grad for p in named_parameters(plain).values()]))
        for parameter in named_parameters(model).values():
            parameter.grad = None
    (one, ours), (other, theirs) = found
    assert one.loss == other.loss
    assert all(np.array_equal(one.terms[name], other.terms[name]) for name in other.terms)
    same = (
        np.array_equal
        if isinstance(objective, Elbo)
        else lambda a, b: np.allclose(a, b, rtol=1e-12, atol=1e-14)
    )
    assert all(same(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_product_of_two_gaussians_is_that_of_their_densities():
    t = np.linspace(-20, 20, 4001)[:, None]
    laws = np.array([[0.7], [-0.4], [-1.2], [0.9]])
    (m, log_s2), _ = gaussian_product.product(*(row[None] for row in laws))
    both = sum(
        gaussian.log_prob(t, *(np.full_like(t, a) for a in pair))[0] for pair in (laws[:2, 0], laws[2:, 0])
    )
    both -= np.log(np.exp(both).sum() * 0.01)
    assert np.allclose(both, gaussian.log_prob(t, m + 0 * t, log_s2 + 0 * t)[0], rtol=1e-11, atol=1e-11)


def test_the_product_keeps_its_digits_where_one_variance_is_nothing_beside_the_other():
    mean, other = np.array([[3.0]]), np.array([[-5.0]])
    for big in (60.0, 800.0):
        (m, log_s2), _ = gaussian_product.product(mean, np.full((1, 1), -big), other, np.full((1, 1), big))
        assert (m.item(), log_s2.item()) == (pytest.approx(3.0, rel=1e-15), -big)
        (m, log_s2), _ = gaussian_product.product(mean, np.full((1, 1), big), other, np.full((1, 1), -big))
        assert (m.item(), log_s2.item()) == (pytest.approx(-5.0, rel=1e-15), -big)


def small_ladder():
    model = ladder_vae()
    cast(model, np.float64)
    for parameter in named_parameters(model).values():
        parameter.value = RNG.normal(size=parameter.value.shape)
    return model


def test_the_density_of_a_draw_is_what_it_was_drawn_with():
    model = small_ladder()
    q, q_params = model.posterior, RNG.normal(size=(4, 12))
    noise = RNG.normal(size=(8, 6))
    (z, log_q), _ = q.sample_with_log_prob(q_params, noise=noise, draws=2)
    found, _ = q.log_prob(np.repeat(q_params, 2, axis=0), z)
    assert np.allclose(found, log_q, rtol=1e-11, atol=1e-11)
    assert np.array_equal(q.sample(q_params, noise=noise, draws=2)[0], z)
    assert np.allclose(q.code(q_params), q.sample(q_params, noise=0 * noise[:4])[0], rtol=1e-12)


@pytest.mark.parametrize("name", ["log_prob", "sample_with_kl", "prior"])
def test_gradients_to_what_no_objective_gives_alone(name):
    model = small_ladder()
    q_params, z = RNG.normal(size=(2, 12)), RNG.normal(size=(2, 6))
    if name == "log_prob":
        check_pullback(model.posterior.log_prob, {"q_params": q_params, "z": z})
    elif name == "prior":
        check_pullback(model.prior.log_prob, {"z": z})
    else:
        check_pullback(
            model.posterior.sample_with_kl,
            {"q_params": q_params},
            {"noise": RNG.normal(size=(6, 6)), "draws": 3},
        )


def test_the_layers_of_the_prior_shift_those_below():
    """E[z_1 | z_2] is the step's, in draws: 4000 of them, whose mean departs by 6 of its standard errors once
    in 10⁹.
    """
    prior = linear_gaussian().prior
    z = prior.sample(4000, np.random.default_rng(3))
    rest = z[:, 0] - A * z[:, 1] - SHIFT
    assert abs(rest.mean()) < 6 * np.exp(STEP_LOG_VAR / 2) / 4000**0.5
    assert abs(np.corrcoef(rest, z[:, 1])[0, 1]) < 6 / 4000**0.5
    assert prior.sample(0, np.random.default_rng(0)).shape == (0, 2)


def test_a_model_that_builds_its_ladder_fits_saves_and_is_cloned(tmp_path):
    from sklearn.base import clone

    x = RNG.random((40, 6)).astype(np.float32)
    model = VAE(
        latent_dim=4, hidden=5, epochs=2, posterior="ladder(sizes=(2, 1, 1), hidden=3)", prior="hierarchical"
    ).fit(x)
    made = model.model_
    assert made.posterior.top_down is made.prior.top_down
    assert isinstance(made.default_objective(), Elbo)
    assert model.transform(x).shape == (40, 4)
    assert model.sample(3, 0).shape == (3, 6)
    assert np.isfinite(model.score_samples(x[:2])).all()
    assert model.summary().total == sum(row.parameters for row in model.summary().rows)
    model.save(tmp_path / "ladder.safetensors")
    again = Estimator.load(tmp_path / "ladder.safetensors")
    assert again.model_.posterior.top_down is again.model_.prior.top_down
    assert np.array_equal(again.transform(x), model.transform(x))
    assert clone(made).prior.top_down is not made.prior.top_down
    twin = clone(made)
    assert twin.prior.top_down is twin.posterior.top_down


def test_the_estimates_come_from_the_bottom_up():
    """What is said of z_1 does not depend on the further hidden layers, and the decoder sees z_1 alone."""
    model = mlp(
        6, latent_dim=6, hidden=(5, 4), posterior="ladder(sizes=(3, 2, 1))", prior="hierarchical", model="vae"
    )
    x = RNG.random((3, 6)).astype(np.float32)
    before, _ = model.encoder(x)
    upper = model.encoder.layers[-1].heads[1].layers[0]
    assert upper.weight.value.shape == (4, 4)
    upper.weight.value = upper.weight.value + 1
    after, _ = model.encoder(x)
    assert np.array_equal(before[:, :6], after[:, :6])
    assert (before[:, 6:] != after[:, 6:]).all()
    z = RNG.normal(size=(2, 6)).astype(np.float32)
    other = np.concatenate([z[:, :3], z[:, 3:] + 1], axis=1)
    assert np.array_equal(model.decode(z), model.decode(other))
    assert np.array_equal(pushforward(model.decoder.layers[0], z, z)[1], z[:, :3])


def test_images_labels_and_pseudo_inputs_go_with_a_ladder():
    roles = {"posterior": "ladder(sizes=(2, 1))", "prior": "hierarchical"}
    images = RNG.random((6, 1, 8, 8)).astype(np.float32)
    small = convolutional((1, 8, 8), latent_dim=3, channels=(2,), hidden=4, **roles)
    assert small.fit(images, epochs=1).reconstruct(images).shape == images.shape
    x = RNG.random((12, 3)).astype(np.float32)
    told = ConditionalVAE(latent_dim=3, hidden=4, epochs=1, **roles).fit(x, np.arange(12) % 2)
    assert told.sample(2, 0, y=[0, 1]).shape == (2, 3)
    pseudo = VAE(latent_dim=3, hidden=4, epochs=1, posterior="ladder", prior="vamp(components=2)").fit(x)
    assert isinstance(pseudo.model_.prior, VampPrior)
    assert isinstance(pseudo.model_.default_objective(), SampledElbo)


def test_what_does_not_fit_is_said():
    top_down = TopDown(sizes=(2,))
    for make, words in (
        (lambda: TopDown(sizes=(2, 1)), "1 steps between 2 layers; found 0"),
        (lambda: mlp(4, latent_dim=1, posterior="ladder"), "latent_dim 2 or more; found 1"),
        (
            lambda: mlp(4, latent_dim=4, posterior="ladder(sizes=(2, 1))", prior="hierarchical"),
            "sum to latent_dim = 4; found 2, 1",
        ),
        (lambda: mlp(4, prior="hierarchical"), "for the posterior ladder; found a DiagonalGaussian"),
        (lambda: FirstColumns(3)(np.zeros((1, 2))), "at least 3 entries, found 2"),
        (lambda: top_down.by_layer(np.zeros((1, 3))), "z"),
        (
            lambda: closed_form_kl(Ladder(top_down), HierarchicalGaussian(top_down), np.zeros((1, 4))),
            "depends on the draws of the layers above",
        ),
    ):
        with pytest.raises(InputError, match=words):
            make()
    model = ladder_vae((2,))
    model.prior = HierarchicalGaussian(TopDown(sizes=(2,)))
    with pytest.raises(InputError, match="share one TopDown"):
        model.run(Batch(np.zeros((1, 4))), np.zeros((1, 2)), kl="closed_form")
    wrong = TopDown(Linear(1, 3, rng=0), sizes=(1, 1))
    with pytest.raises(InputError, match="what step 1 puts out"):
        HierarchicalGaussian(wrong).log_prob(np.zeros((1, 2), np.float32))
    assert "hierarchical" in PRIORS
