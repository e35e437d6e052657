"""Faults of public code that no other file here tries: ours is the truth, and the faulty form is not.

Others are beside what they are faults of: MIWAE's axes in test_many_draws, stratified shares in
test_penalties, codes that reach a critic in test_critic, rejection on the sphere in test_sphere, planar steps
in test_flows, the continuous Bernoulli and lost levels in test_continuous_bernoulli and test_unit_interval.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import log_softmax

from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, cast
from scratchvae.objectives import DecoderGradient, Mmd, Pass, Quantization, closed_form_kl
from scratchvae.posteriors import DiagonalGaussian, GumbelSoftmax, VectorQuantized
from scratchvae.priors import OneHot, StandardGaussian
from scratchvae.reference.cases.models import POINT, X, autoencoder

Z, B = 2, 6
RNG = np.random.default_rng(0)


class Codes:
    """What penalties read of a model whose codes are given."""

    def __init__(self, posterior):
        self.posterior, self.prior = posterior, StandardGaussian(posterior.latent_dim)


@dataclass(frozen=True)
class Compared:
    """A number of ours, what it has to be, and forms of public code that are something else."""

    ours: float
    true: float
    faulty: dict[str, float]


def discrepancy():
    """The U-statistic of codes that follow the prior, averaged over 400 batches: 0 within 5 of its standard
    errors.
    """
    rng, width, found = np.random.default_rng(1), 1.0, {"ours": [], "n − 1 for n(n − 1)": [], "the sign": []}
    penalty = Mmd(1.0, "gaussian", "u", width / Z)
    for _ in range(400):
        z, p = rng.normal(size=(2, B, Z))
        one = Pass(np.zeros((B, 1)), np.zeros((B, 2 * Z)), z)
        found["ours"].append(penalty(Codes(DiagonalGaussian(Z)), Batch(z), one, p, mode=EVALUATION)[0])
        among, between = (
            np.exp(-((a[:, None] - b) ** 2).sum(axis=2) / (2 * width)) for a, b in ((z, z), (z, p))
        )
        prior, apart = np.exp(-((p[:, None] - p) ** 2).sum(axis=2) / (2 * width)), ~np.eye(B, dtype=bool)
        within = among[apart].sum() + prior[apart].sum()
        found["n − 1 for n(n − 1)"].append(within / (B - 1) - 2 * between.mean())
        found["the sign"].append(within / (B * (B - 1)) + 2 * between.mean())
    error = np.std(found["ours"]) / 20
    means = {name: np.mean(values) / (5 * error) for name, values in found.items()}
    # in units of 5 errors, of which ours has less than one: 1e-9 is "equal"
    return Compared(means.pop("ours") / 1e9, 0.0, means)


def decoder_s_gradient():
    """Of a linear decoder |W|², whatever the encoder is; by way of the encoder it would be that of the
    product of both.
    """
    model = autoencoder()
    cast(model, np.float64)
    weight, encoder = model.decoder.weight.value, model.encoder.weight.value
    penalty = DecoderGradient(1.0)
    one, _ = model.run(Batch(X), POINT[0])
    rng = np.random.default_rng(0)
    value, _ = penalty(model, Batch(X), one, penalty.draw_noise(model, len(X), rng), mode=EVALUATION)
    return Compared(
        float(np.mean(value)),
        float((weight**2).sum()),
        {"to the input": float(((encoder @ weight) ** 2).sum())},
    )


def quantization():
    """Of each example, before the straight-through step: not summed over the batch, and not 0."""
    q = VectorQuantized(4, 5, 2, rng=3)
    z_e = RNG.normal(size=(B, 4))
    z, _ = q.sample(z_e, noise=np.zeros((B, 0)))
    one = Pass(np.zeros((B, 1)), z_e, z)
    value, _ = Quantization(1.0, 0.25)(Codes(q), Batch(z_e), one, None, mode=EVALUATION)
    each = 1.25 * ((z_e - z) ** 2).sum(axis=1)
    passed = z_e + (z - z_e)
    return Compared(
        value[0], each[0], {"the batch's": each.sum(), "after the step": 1.25 * ((passed - z)[0] ** 2).sum()}
    )


def choices():
    """The KL of a uniform choice to the uniform prior is 0, and that of another its expectation over one-hot
    draws.
    """
    K, logits = 4, np.array([[1.0, -0.5, 0.2, 0.4]])
    log_q = log_softmax(logits, axis=1)[0]
    q = np.exp(log_q)
    kl, _ = closed_form_kl(GumbelSoftmax(1, K), OneHot(1, K), logits)
    uniform, _ = closed_form_kl(GumbelSoftmax(1, K), OneHot(1, K), np.zeros((1, K)))
    np.testing.assert_allclose(uniform, 0, atol=1e-15)
    relaxed, _ = GumbelSoftmax(1, K, temperature=2.0, straight_through=False).sample(
        np.repeat(logits, 2000, axis=0),
        noise=np.random.default_rng(0).standard_exponential((2000, K)),
        mode=EVALUATION,
    )
    soft = np.exp(
        log_softmax((logits - np.log(np.random.default_rng(0).standard_exponential((2000, K)))) / 2, axis=1)
    )
    # in evaluation a draw is a choice, and its KL is that of choices
    assert set(np.unique(relaxed)) == {0.0, 1.0}
    true = float((q * (log_q + np.log(K))).sum())
    at_relaxed = float((soft * (np.log(soft) + np.log(K))).sum(axis=1).mean())
    return Compared(
        float(kl[0, 0]),
        true,
        {"1/K for log 1/K": float((q * (log_q - 1 / K)).sum()), "at a relaxed draw": at_relaxed},
    )


COMPARED: dict[str, Callable[[], Compared]] = {
    "discrepancy": discrepancy,
    "gradient penalty": decoder_s_gradient,
    "quantization": quantization,
    "choices": choices,
}


@pytest.mark.parametrize("name", COMPARED)
def test_ours_is_the_truth_and_the_faulty_forms_are_not(name):
    found = COMPARED[name]()
    assert found.ours == pytest.approx(found.true, rel=1e-9, abs=1e-9)
    for fault, value in found.faulty.items():
        assert abs(value - found.true) > 0.02, fault
