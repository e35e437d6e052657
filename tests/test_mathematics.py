"""Limits and states in which a right formula gave a wrong number: weights of 0, codebooks that move, masks that are no
data, digits that were lost.
"""

import mpmath
import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.data import Batch
from scratchvae.distributions import categorical
from scratchvae.layers import EVALUATION, Linear, Mode, Sequential, Tanh, cast
from scratchvae.likelihoods import Gaussian
from scratchvae.models import VAE, Autoencoder
from scratchvae.objectives import (
    Ciwae,
    Contraction,
    Elbo,
    Iwae,
    Reconstruction,
    Renyi,
    SampledElbo,
    Thermodynamic,
    TotalCorrelation,
    has_closed_form,
    jacobian_norm,
)
from scratchvae.objectives.vimco import without_each
from scratchvae.posteriors import (
    DiagonalGaussian,
    GumbelSoftmax,
    JointPosterior,
    Ladder,
    Point,
    TopDown,
    VectorQuantized,
)
from scratchvae.priors import (
    Codes,
    GaussianMixture,
    HierarchicalGaussian,
    OneHot,
    ProductPrior,
    StandardGaussian,
)

TRAINING = Mode(np.random.default_rng(0), 1)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    "objective",
    [Elbo(), SampledElbo(), Iwae(3), Iwae(2, groups=2), Ciwae(3), Renyi(3), Thermodynamic(3)],
    ids=repr,
)
def test_a_codebook_that_moves_in_a_training_pass_gives_it_the_loss_of_the_codes_that_were_drawn(
    objective, shared
):
    """The averages move before p(z) is asked for; a z that was a code is one for the pass that drew it."""
    rng = np.random.default_rng(1)
    posterior = VectorQuantized(4, codes=5, groups=2, shared=shared, decay=0.5, rng=0)
    prior = Codes(posterior, learned=True)
    prior.choices.logits.value = rng.standard_normal((2, 5)).astype(np.float32)
    model = VAE(
        event_shape=(3,),
        encoder=Linear(3, 4, rng=0),
        posterior=posterior,
        prior=prior,
        decoder=Linear(4, 3, rng=1),
        likelihood=Gaussian(),
    )
    cast(model, np.float64)
    batch = Batch(rng.standard_normal((6, 3)))
    noise = objective.draw_noise(model, 6, rng)
    expected, _ = objective(model, batch, noise, mode=EVALUATION)
    before = posterior.codebooks.value
    found, pullback = objective(model, batch, noise, mode=TRAINING)
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    pullback()
    assert np.abs(model.encoder.weight.grad).max() > 0
    assert np.abs(posterior.codebooks.value - before).max() > 1e-3
    again, _ = objective(model, batch, noise, mode=EVALUATION)  # which sees the codebook where it is now
    assert np.isfinite(again.loss)
    assert again.loss != pytest.approx(expected.loss, rel=1e-6)


def test_a_product_has_a_closed_form_where_each_pair_of_its_parts_has_one():
    choices, one_hot = GumbelSoftmax(1, 3), OneHot(1, 3)
    joint = JointPosterior(DiagonalGaussian(2), choices)
    assert has_closed_form(joint, ProductPrior(StandardGaussian(2), one_hot))
    mixed = ProductPrior(GaussianMixture(2, 2, rng=0), one_hot)
    assert not has_closed_form(joint, mixed)
    assert not has_closed_form(JointPosterior(joint, choices), ProductPrior(mixed, one_hot))
    top_down = TopDown(Linear(1, 4, rng=0), sizes=(2, 1))
    ladder, hierarchical = Ladder(top_down), HierarchicalGaussian(top_down)
    assert has_closed_form(ladder, hierarchical)  # at draws, of which those of a product know nothing
    assert not has_closed_form(JointPosterior(ladder, choices), ProductPrior(hierarchical, one_hot))
    model = VAE(
        event_shape=(3,),
        encoder=Linear(3, 7, rng=0),
        posterior=JointPosterior(DiagonalGaussian(2), GumbelSoftmax(1, 3, straight_through=True)),
        prior=mixed,
        decoder=Linear(5, 3, rng=1),
        likelihood=Gaussian(),
    )
    assert isinstance(model.default_objective(), SampledElbo)


def test_a_codebook_beside_other_parts_moves_by_averages():
    """Quantization reads a VectorQuantized alone: a learned codebook in a joint posterior would never move."""
    with pytest.raises(
        InputError, match="JointPosterior: a codebook beside other parts should move by averages"
    ):
        JointPosterior(DiagonalGaussian(2), VectorQuantized(4, rng=0))
    posterior = JointPosterior(DiagonalGaussian(2), VectorQuantized(4, 3, decay=0.5, rng=0))
    q_params = np.random.default_rng(4).standard_normal((5, posterior.n_params))
    before = posterior.parts[1].codebooks.value
    posterior.sample(q_params, noise=posterior.draw_noise(5, np.random.default_rng(5)), mode=TRAINING)
    assert np.abs(posterior.parts[1].codebooks.value - before).max() > 1e-3


def test_a_mask_that_the_encoder_reads_is_no_data_that_a_code_could_move_with():
    rng = np.random.default_rng(2)
    encoder = Sequential(Linear(6, 5, rng=0), Tanh(), Linear(5, 2, rng=1))
    model = Autoencoder(
        latent_dim=2,
        event_shape=(3,),
        encoder=encoder,
        decoder=Linear(2, 3, rng=2),
        likelihood=Gaussian(),
        shows_mask=True,
    )
    cast(model, np.float64)
    assert isinstance(model.posterior, Point)
    x = rng.standard_normal((4, 3))
    batch = Batch(x, observed=rng.random((4, 3)) < 0.7)
    seen, h = model.seen(batch), 1e-5
    columns = []
    for d in range(3):
        step = h * np.eye(1, 6, d)
        columns.append((encoder(seen + step)[0] - encoder(seen - step)[0]) / (2 * h))
    expected = (np.stack(columns) ** 2).sum(axis=(0, 2))
    objective = Reconstruction(penalties=(Contraction(1.0),))
    report, _ = objective(model, batch, objective.draw_noise(model, 4, rng))
    np.testing.assert_allclose(report.terms["contraction"], expected, rtol=1e-8)
    assert (jacobian_norm(encoder, seen)[0] > report.terms["contraction"] * 1.01).all()
    _, norm_pullback = jacobian_norm(encoder, seen, features=3)
    norm_pullback(np.ones(4))
    weight, grad = encoder.layers[0].weight, encoder.layers[0].weight.grad
    direction = rng.standard_normal(weight.value.shape)
    values = []
    for side in (h, -h):
        weight.value = weight.value + side * direction
        values.append(jacobian_norm(encoder, seen, features=3)[0].sum())
        weight.value = weight.value - side * direction
    assert (values[0] - values[1]) / (2 * h) == pytest.approx((grad * direction).sum(), rel=1e-7)


@pytest.mark.parametrize("impossible", [-np.inf, -1e300])
def test_a_draw_of_weight_0_counts_for_nothing(impossible):
    log_w = np.array([[-3.0, impossible, -5.0, -4.5]])
    value, slope = Ciwae(4, beta=0.0).weigh(log_w)
    expected, weights = Iwae(4).weigh(log_w)
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(slope, weights)
    # without the second draw: as if it had the geometric mean of the others, whose logarithms' mean it is
    others = np.array([-3.0, -5.0, -4.5])
    replaced = np.log(np.mean(np.exp([*others, others.mean()])))
    with np.errstate(all="raise", under="ignore"):
        assert without_each(log_w)[0, 1] == pytest.approx(replaced, rel=1e-14)
    # without another, the geometric mean of the rest is 0
    rest = np.log(np.sum(np.exp([-5.0, -4.5])) / 4)
    assert without_each(log_w)[0, 0] == pytest.approx(rest, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, -700.0, -20000.0])
def test_the_path_has_its_slope_whatever_log_p_is(offset, dtype):
    """An offset common to all log w moves F by itself and changes no slope."""
    objective = Thermodynamic(5, 4, 0.2)
    log_w = (offset + np.array([[0.0, 1.5, -2.25, 0.5, 3.0]])).astype(dtype)  # which float32 holds exactly
    value, slope = objective.weigh(log_w)
    exact = [mpmath.mpf(float(w)) for w in log_w[0]]

    def path(*logs):
        total = mpmath.mpf(0)
        for beta, end in zip(objective.ends[:-1], objective.ends[1:], strict=True):
            power = [mpmath.exp(mpmath.mpf(float(beta)) * (w - logs[0])) for w in logs]
            expected = mpmath.fdot(power, logs) / mpmath.fsum(power)
            total += mpmath.mpf(float(end - beta)) * expected
        return total

    with mpmath.workdps(40):
        eps = float(np.finfo(dtype).eps)
        assert value[0] == pytest.approx(float(path(*exact)), abs=8 * eps * (abs(offset) + 4))
        slopes = [mpmath.diff(path, exact, n=tuple(int(i == k) for i in range(5))) for k in range(5)]
    # each slope is a sum of four terms of at most 1 + 6, of some ten roundings
    np.testing.assert_allclose(slope[0].astype(np.float64), [float(s) for s in slopes], atol=300 * eps)


def test_two_laws_of_categories_that_are_next_to_one_are_no_less_than_0_apart():
    rng = np.random.default_rng(3)
    logits = (1e-4 * rng.standard_normal((200, 2, 6))).astype(np.float32)
    others = (1e-4 * rng.standard_normal((200, 2, 6))).astype(np.float32)
    found, _ = categorical.kl(logits, others)
    assert found.dtype == np.float32
    # to second order ½ Var[log p − log q] under the uniform law: a third order adds 1e-4 of that
    apart = logits.astype(np.float64) - others
    np.testing.assert_allclose(found, 0.5 * apart.var(axis=2).sum(axis=1), rtol=2e-3)


def test_a_batch_that_is_all_the_data_has_the_exact_aggregate_posterior():
    for estimator in ("stratified", "weighted"):
        exact = TotalCorrelation(1.0, examples=4, estimator=estimator).shares(4)
        np.testing.assert_array_equal(exact, np.full((4, 4), 1 / 4))
    assert TotalCorrelation(1.0, examples=5).shares(4)[0, 0] == 1 / 5
