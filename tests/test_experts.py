"""Products of experts: the exact posterior of every subset of linear-Gaussian modalities, and what is
missing.
"""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from scratchvae import VAE
from scratchvae.arrays import InputError
from scratchvae.data import Batch
from scratchvae.distributions import gaussian
from scratchvae.layers import Linear, ProductOfExperts, cast, named_parameters
from scratchvae.likelihoods import Gaussian
from scratchvae.objectives import Elbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian

SIZES, Z = (3, 2, 4), 2
RNG = np.random.default_rng(0)


def linear_model():
    """x_m = z W_m + noise with orthogonal rows of each W_m, and encoders that give each modality's exact
    expert.
    """
    likelihood = Gaussian(0.5)
    variance = np.exp(np.float64(likelihood.log_var.value[0]))
    # W_m (Z, size)
    bases = [np.linalg.qr(RNG.normal(size=(size, Z)))[0].T * [[0.7], [1.6]] for size in SIZES]
    encoders = [Linear(size, 2 * Z, rng=0) for size in SIZES]
    experts, decoder = ProductOfExperts(*encoders, sizes=SIZES), Linear(Z, sum(SIZES), rng=0)
    parts = {"posterior": DiagonalGaussian(Z), "prior": StandardGaussian(Z), "likelihood": likelihood}
    model = VAE(event_shape=(sum(SIZES),), encoder=experts, decoder=decoder, shows_mask=True, **parts)
    cast(model, np.float64)
    for encoder, W in zip(encoders, bases, strict=True):
        squares = (W**2).sum(axis=1)
        encoder.weight.value = np.hstack([W.T / squares, np.zeros_like(W.T)])  # the mean is x Wᵀ (W Wᵀ)⁻¹
        encoder.bias.value = np.concatenate([np.zeros(Z), np.log(variance / squares)])
    decoder.weight.value, decoder.bias.value = np.hstack(bases), np.zeros(sum(SIZES))
    return model, np.hstack(bases), variance


def observed(subset):
    return np.repeat(subset, SIZES)[None].astype(np.float64)


@pytest.mark.parametrize("subset", list(product((0, 1), repeat=3)), ids=str)
def test_the_product_is_the_exact_posterior_of_every_subset(subset):
    """So every log-weight log p(x|z) + log p(z) − log q(z|x) is log p of what was observed, N(0, WᵀW + σ² I)
    of it.
    """
    model, W, variance = linear_model()
    x, mask = RNG.normal(size=(1, sum(SIZES))), observed(subset)
    noise = RNG.normal(size=(5, Z))
    one, _ = model.run(Batch(np.where(mask, x, 0), observed=mask), noise, draws=5, kl="sampled")
    seen = mask[0] > 0
    S = W[:, seen].T @ W[:, seen] + variance * np.eye(seen.sum())
    expected = stats.multivariate_normal(cov=S).logpdf(x[0, seen]) if seen.any() else 0.0
    np.testing.assert_allclose(
        one.log_px + one.log_pz - one.log_q, expected, atol=1e-12 * (1 + abs(expected))
    )


def test_an_encoder_of_what_is_missing_learns_nothing():
    model, _, _ = linear_model()
    mask = observed((1, 0, 1))
    _, pullback = Elbo()(model, Batch(RNG.normal(size=(1, 9)) * mask, observed=mask), RNG.normal(size=(1, Z)))
    pullback()
    gradients = {name: np.abs(p.grad).max() for name, p in named_parameters(model.encoder).items()}
    assert [name for name, size in gradients.items() if size == 0] == [
        name for name in gradients if ".1." in f".{name}"
    ]


def test_whatever_a_missing_expert_says_counts_for_nothing():
    means, log_vars = RNG.normal(size=(2, 3, Z)), RNG.normal(size=(2, 3, Z))
    present = np.array([[1, 0, 1], [0, 0, 0]])
    wild = [np.where(present[:, :, None], a, value) for a, value in ((means, np.nan), (log_vars, -np.inf))]
    (mean, log_var), pullback = gaussian.product_of_experts(*wild, present=present)
    (same, same_log_var), _ = gaussian.product_of_experts(means[:1, ::2], log_vars[:1, ::2])
    np.testing.assert_array_equal(mean[0], same[0])
    np.testing.assert_array_equal(log_var[0], same_log_var[0])
    assert not mean[1].any()
    assert not log_var[1].any()  # nobody but the prior
    for gradient in pullback(np.ones((2, Z)), np.ones((2, Z))):
        assert not gradient[present == 0].any()


@pytest.mark.parametrize("log_var", [-700.0, 700.0])
def test_sure_and_ignorant_experts_overflow_nothing(log_var):
    means = np.full((1, 2, 1), 3.0)
    (mean, found), pullback = gaussian.product_of_experts(means, np.full_like(means, log_var))
    assert mean[0, 0] == pytest.approx(3.0 if log_var < 0 else 0.0)
    assert found[0, 0] == pytest.approx(log_var - np.log(2) if log_var < 0 else 0.0)
    assert all(np.isfinite(g).all() for g in pullback(np.ones((1, 1)), np.ones((1, 1))))


def test_each_modality_needs_an_encoder():
    with pytest.raises(
        InputError, match="each modality should have an encoder and a size, found 1 encoders and 2 sizes"
    ):
        ProductOfExperts(Linear(3, 4, rng=0), sizes=(3, 2))
    with pytest.raises(InputError, match=r"ProductOfExperts: x should have shape \(B, 6\), found \(1, 3\)"):
        ProductOfExperts(Linear(3, 4, rng=0), sizes=(3,))(np.zeros((1, 3), np.float32))
