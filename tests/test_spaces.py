"""A posterior and a prior fit if log p(z) − log q(z|x) is the logarithm of a ratio of densities; every other
pair is refused.
"""

import numpy as np
import pytest

from scratchvae import mlp
from scratchvae.arrays import InputError
from scratchvae.networks import POSTERIORS, PRIORS

MANY = 4000
VAMP = "vamp(components=1)"
WITH = {
    "concrete": "concrete(categories=2)",
    "gumbel_softmax": "gumbel_softmax(categories=2, straight_through=True)",
    "joint": "joint(categories=2, straight_through=True)",
}
GAUSSIAN = {"diagonal_gaussian", "full_gaussian", "gaussian_mixture"}
FLOWS = {"coupling", "householder", "iaf", "planar", "radial"}
OF_REAL_VECTORS = {"flow", "gaussian_mixture", "logistic_normal", "standard_gaussian", "two_stage", "vamp"}
PAIRS = {
    **dict.fromkeys(GAUSSIAN | FLOWS, OF_REAL_VECTORS),
    "ladder": {*OF_REAL_VECTORS, "hierarchical"},
    "concrete": {"concrete"},
    "gumbel_softmax": {"one_hot"},
    "joint": {"product"},
    "von_mises_fisher": {"uniform_sphere", "vamp"},
    "vq": {"autoregressive", "codes"},
}


def built(posterior, prior):
    if posterior == "ladder" and prior != "hierarchical":  # of two layers it is narrower than most priors
        posterior = "ladder(sizes=(4,))"
    prior = VAMP if prior == "vamp" else prior
    return mlp(6, latent_dim=4, hidden=8, posterior=WITH.get(posterior, posterior), prior=prior, seed=3)


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_the_ratio_of_densities_averages_to_one_and_pairs_that_do_not_fit_are_refused(posterior):
    """E_q[p(z)/q(z|x)] = ∫ p(z) dz = 1 where both densities are of one measure, here to six standard errors
    of a mean.
    """
    fitting = PAIRS[posterior]
    for prior in PRIORS:
        if prior not in fitting:
            with pytest.raises(InputError, match=r"--(posterior|prior) |for the model conditional_vae"):
                built(posterior, prior)
        elif posterior == "vq" or prior == "two_stage":
            # q(z|x) is 1 at one code, whose probability is 1/K under p; a second stage estimates p(z), and
            # the mean of what it gives over its own noise is p(z) (test_two_stage)
            assert built(posterior, prior).prior.space == built(posterior, prior).posterior.space
        else:
            model = built(posterior, prior)
            q_params = np.zeros((1, model.posterior.n_params), np.float32)
            if prior == "vamp":  # q(z|x) is its only component
                q_params, _ = model.prior.components()
            noise = model.posterior.draw_noise(MANY, np.random.default_rng(1))
            (z, log_q), _ = model.posterior.sample_with_log_prob(q_params, noise=noise, draws=MANY)
            log_pz, _ = model.prior.log_prob(z)
            ratio = np.exp((log_pz - log_q).astype(np.float64))
            error = ratio.std() / np.sqrt(MANY)
            assert error < 0.1, "the weights are too uneven for the average to say anything"
            # 1e-4: rounding of float32's logarithms
            assert ratio.mean() == pytest.approx(1, abs=6 * error + 1e-4), prior


@pytest.mark.parametrize(
    ("posterior", "prior", "said"),
    [
        (
            "von_mises_fisher",
            "standard_gaussian",
            (
                r"found points of the unit sphere .* and real vectors .*: "
                r"take the prior UniformSphere .*, or the posterior Diagonal"
            ),
        ),
        (
            "diagonal_gaussian",
            "uniform_sphere",
            r"take the prior StandardGaussian .*, or the posterior VonMisesFisher",
        ),
        (
            "iaf",
            "one_hot",
            (
                "prior one_hot is for the posterior gumbel_softmax; found a FlowPosterior: "
                "take --posterior gumbel"
            ),
        ),
        (
            "gumbel_softmax",
            "vamp",
            "VampPrior: the posterior should have a density over .* found a GumbelSoftmax",
        ),
    ],
)
def test_what_fits_is_named(posterior, prior, said):
    with pytest.raises(InputError, match=said):
        built(posterior, prior)
