"""Priors that are fitted to the codes of a trained model, and what they learn by."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback
from scratchvae.layers import cast, named_parameters
from scratchvae.models import VAE
from scratchvae.objectives import PriorLikelihood, SampledElbo
from scratchvae.posteriors import VectorQuantized
from scratchvae.priors import AutoregressiveCodes, GaussianMixture, TwoStage
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.inputs import SAMPLED_MEAN, prior_sampler
from scratchvae.reference.cases.models import LATENT_NOISE, X, Z, vae
from scratchvae.reference.cases.part import Part, SamplingCase

PAIR, CODES = 2, 3  # choices, and codes of each
TUPLES = np.stack(np.meshgrid(np.arange(CODES), np.arange(CODES), indexing="ij"), axis=-1).reshape(-1, PAIR)


def parts() -> list[Part]:
    """Each prior, and the objective."""
    prior = autoregressive(PAIR)
    return [
        Part(
            "autoregressive",
            AutoregressiveCodes,
            [
                _given_codes("AutoregressiveCodes: log p(z)", autoregressive(3, hidden=(4, 3))),
                _given_codes("AutoregressiveCodes: log p(z), one choice", autoregressive(1)),
            ],
            sampling=SamplingCase(
                "AutoregressiveCodes.sample",
                lambda n, rng: prior.sample_indices(n, rng)[:, 1],
                lambda t: np.log(_pairs(prior).sum(axis=0))[t],
                np.arange(CODES),
            ),
            columns=lambda n, rng: AutoregressiveCodes(_quantizer(3), rng=0).sample_indices(n, rng),
        ),
        Part(
            "two_stage",
            TwoStage,
            [
                second_stage_case("SampledElbo: TwoStage", hidden=3, over=("",)),
                second_stage_case("SampledElbo: TwoStage, training", hidden=3, training=True),
                second_stage_case("SampledElbo: TwoStage, one draw", hidden=(), draws=1),
            ],
            sampling=prior_sampler(linear_stage(np.array([[1.4]]), np.array([SAMPLED_MEAN]), -0.5)),
            columns=lambda n, rng: linear_stage(np.eye(3), np.zeros(3), 0.2).sample(n, rng),
        ),
        Part(
            "prior_likelihood",
            PriorLikelihood,
            [
                objective_case(
                    "PriorLikelihood: GaussianMixture",
                    PriorLikelihood(),
                    _mixed(),
                    X,
                    noise=LATENT_NOISE,
                    over=("prior",),
                )
            ],
        ),
    ]


def drawn(prior: AutoregressiveCodes) -> AutoregressiveCodes:
    """The prior in float64, with weights that are far from their first values."""
    cast(prior, np.float64)
    for i, weight in enumerate(prior.weights):
        weight.value = normal(*weight.value.shape, seed=40 + i, scale=0.8)
    return prior


def autoregressive(choices: int, *, hidden: int | tuple[int, ...] = 6) -> AutoregressiveCodes:
    """A prior of so many choices among three codes of one number each, whose codebook moves by averages."""
    return drawn(AutoregressiveCodes(_quantizer(choices), hidden=hidden))


def _quantizer(choices: int) -> VectorQuantized:
    return VectorQuantized(choices, CODES, choices, decay=0.9, rng=1)


def _pairs(prior: AutoregressiveCodes) -> Array:
    """p of each pair of codes (K, K)."""
    log_p, _ = prior.log_prob_of(TUPLES, np.empty(0))
    return np.exp(log_p.sum(axis=1)).reshape(CODES, CODES)


def _given_codes(name: str, prior: AutoregressiveCodes) -> Case:
    """log p(z) (B,) of given codes, as an op of the network's weights."""
    q = prior.posterior
    indices = np.random.default_rng(3).integers(0, q.categories, (5, q.groups))
    weights = named_parameters(prior)

    @differentiable
    def op(*values: Array) -> tuple[Array, Pullback]:
        for weight, value in zip(weights.values(), values, strict=True):
            weight.value = value
        z, _ = q.vectors(indices)
        log_pz, log_pz_pullback = prior.log_prob(z.astype(values[0].dtype))

        def pullback(dlog_pz: Array) -> tuple[Array, ...]:
            for weight in weights.values():
                weight.grad = None
            log_pz_pullback(dlog_pz)
            return tuple(weight.grad for weight in weights.values() if weight.grad is not None)

        return log_pz, pullback

    return Case(name, op, {at: weight.value for at, weight in weights.items()}, held={"indices": indices})


def second_stage_case(
    name: str,
    *,
    hidden: int | tuple[int, ...],
    draws: int = 3,
    training: bool = False,
    over: tuple[str, ...] = ("prior",),
) -> Case:
    """The bound of a model whose prior is a second stage, as an op of that stage, or of the whole model."""
    model = vae(prior=TwoStage(Z, hidden=hidden, draws=draws, rng=7))
    return objective_case(name, SampledElbo(), model, X, noise=LATENT_NOISE, training=training, over=over)


def linear_stage(weight: Array, bias: Array, log_var: float, *, draws: int = 2) -> TwoStage:
    """A second stage z = u W + b + σ ε whose encoder infers p(u|z).

    So each of its weights is p(z) itself.
    The rows of W (Z, Z) are orthogonal. Given z, u_i has the mean w_i·(z − b)/(|w_i|² + σ²) and the variance
    σ²/(|w_i|² + σ²), w_i being the row i.
    """
    prior = TwoStage(len(weight), hidden=(), draws=draws, rng=0)
    cast(prior, np.float64)
    variances = (weight**2).sum(axis=1) + np.exp(log_var)
    encoder: Any = prior.encoder.layers[0]
    decoder: Any = prior.decoder.layers[0]
    decoder.weight.value, decoder.bias.value = weight, bias
    mean = weight.T / variances
    encoder.weight.value = np.hstack([mean, np.zeros_like(mean)])
    encoder.bias.value = np.concatenate([-bias @ mean, log_var - np.log(variances)])
    prior.log_var.value = np.array([log_var])
    return prior


def _mixed() -> VAE:
    """A VAE whose prior is a mixture, which alone learns."""
    return vae(prior=GaussianMixture(Z, components=3, rng=6))
