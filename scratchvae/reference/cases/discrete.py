"""The roles whose z is one of finitely many codes, drawn or chosen.

A choice has no derivative. A pullback gives the derivative of a declared surrogate, in which what was chosen
stays fixed. So the value of such a case is the surrogate's, which is written out here a second time, and its
gradient is the objective's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback
from scratchvae.distributions import bernoulli
from scratchvae.layers import cast
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, Objective, Quantization, SampledElbo
from scratchvae.posteriors import GumbelSoftmax, VectorQuantized
from scratchvae.priors import Codes, OneHot
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.inputs import SAMPLED_LOGITS
from scratchvae.reference.cases.models import B, K, X, Z, exponential, vae_of_width
from scratchvae.reference.cases.part import Part, SamplingCase

GROUPS, CATEGORIES, WIDTH = 2, 3, 6
BETA, COMMITMENT, WEIGHT, TEMPERATURE = 1.7, 0.3, 2.0, 0.6
INDICES = np.arange(3)


def parts() -> list[Part]:
    """Return every such role."""
    pays = Elbo(BETA, penalties=(Quantization(WEIGHT, COMMITMENT),))
    none = np.zeros((B, 0))
    return [
        Part(
            "gumbel_softmax",
            GumbelSoftmax,
            [
                objective_case(
                    "Elbo: GumbelSoftmax", Elbo(BETA), chosen(), X, noise=exponential(B, WIDTH), training=True
                ),
                objective_case(
                    "Elbo: GumbelSoftmax, OneHot, uniform",
                    Elbo(BETA),
                    chosen(learned=False),
                    X,
                    noise=exponential(B, WIDTH),
                    training=True,
                ),
                straight_through_case("Elbo: GumbelSoftmax, straight through", Elbo(BETA), 1),
                straight_through_case(
                    "SampledElbo: GumbelSoftmax, straight through", SampledElbo(BETA, K), K
                ),
            ],
            sampling=SamplingCase("GumbelSoftmax.sample", _draw_category, _log_share, INDICES),
            columns=lambda n, rng: _categories(GumbelSoftmax(3, 4), np.zeros((n, 12)), rng),
        ),
        Part(
            "one_hot",
            OneHot,
            sampling=SamplingCase(
                "OneHot.sample",
                lambda n, rng: _learned(OneHot(1, 3, learned=True)).sample(n, rng).argmax(axis=1),
                lambda t: _learned(OneHot(1, 3, learned=True)).log_prob(np.eye(3)[t])[0],
                INDICES,
            ),
            columns=lambda n, rng: OneHot(3, 4).sample(n, rng).reshape(n, 3, 4).argmax(axis=2),
        ),
        Part(
            "vq",
            VectorQuantized,
            [
                quantized_case("Elbo: VectorQuantized, Quantization", pays, quantized(1), (none, None)),
                quantized_case(
                    "Elbo: VectorQuantized, Codes, uniform", pays, quantized(1, learned=False), (none, None)
                ),
                quantized_case(
                    "Elbo: VectorQuantized, own codebooks", pays, quantized(2, shared=False), (none, None)
                ),
                quantized_case("Elbo: VectorQuantized, decay", pays, quantized(1, decay=0.9), (none, None)),
                quantized_case(
                    "SampledElbo: VectorQuantized",
                    SampledElbo(BETA, 2, penalties=(Quantization(WEIGHT, COMMITMENT),)),
                    quantized(1),
                    (np.zeros((2 * B, 0)), None),
                ),
            ],
        ),
        Part(
            "codes",
            Codes,
            sampling=SamplingCase("Codes.sample", _draw_code, _log_code, INDICES),
            columns=lambda n, rng: _prior_of_codes(3, 4).choices.sample_indices(n, rng),
        ),
    ]


def chosen(*, straight_through: bool = False, learned: bool = True) -> VAE:
    """Return a VAE of two choices among three, whose prior is learned or uniform."""
    q = GumbelSoftmax(GROUPS, CATEGORIES, temperature=TEMPERATURE, straight_through=straight_through)
    prior = OneHot(GROUPS, CATEGORIES, learned=learned)
    if prior.logits is not None:
        prior.logits.value = normal(GROUPS, CATEGORIES, seed=8).astype(np.float32)
    return _in_float64(vae_of_width(WIDTH, q, prior))


def quantized(groups: int, *, learned: bool = True, **settings: Any) -> VAE:
    """Return a VAE of Z latents in so many groups, each of which is one of three codes.

    The prior is learned or uniform.
    """
    q = VectorQuantized(Z, 3, groups, rng=6, **settings)
    q.codebooks.value = q.codebooks.value * np.float32(0.3)
    prior = Codes(q, learned=learned)
    if prior.choices.logits is not None:
        prior.choices.logits.value = normal(groups, 3, seed=9).astype(np.float32)
    return _in_float64(vae_of_width(Z, q, prior))


def _in_float64(model: VAE) -> VAE:
    cast(model, np.float64)
    return model


def surrogate_case(
    name: str, objective: Objective, model: VAE, noise: Any, loss: Callable[[], Array]
) -> Case:
    """Make a case whose value is `loss()` at the model's weights, and whose gradient is the objective's."""
    real = objective_case(name, objective, model, X, noise=noise)

    def op(*values: Array) -> tuple[Array, Pullback]:
        _, pullback = real.op(*values)  # gives the model these weights
        return loss(), pullback

    return Case(name, op, real.arrays, held=real.held, terms=real.terms)


def quantized_case(name: str, objective: Objective, model: VAE, noise: Any) -> Case:
    """Make a case of an objective of a quantized posterior, whose value is its surrogate.

    The surrogate is, where ⁰ stands for what is held fixed,

        −⟨log p(x|z_e + (e − z_e)⁰)⟩ + β KL⁰ + weight ⟨‖z_e⁰ − e‖² + c ‖z_e − e⁰‖²⟩
    """
    q: Any = model.posterior
    prior: Any = model.prior
    start, _ = model.encoder(X)
    indices = q.indices(start)

    def codes() -> Array:
        books = q.codebooks.value
        return np.concatenate([books[g % len(books)][indices[:, g]] for g in range(q.groups)], axis=1)

    first = codes()

    def loss() -> Array:
        x, held_z, held_e = (a.astype(q.codebooks.value.dtype) for a in (X, start, first))
        learned = prior.choices.logits
        logits = np.zeros((q.groups, q.categories), x.dtype) if learned is None else learned.value
        z_e, _ = model.encoder(x)
        log_p, _ = ops.log_softmax(logits, axis=1)
        kl = -log_p[np.arange(q.groups), indices].sum(axis=1)
        pays = COMMITMENT * ((z_e - held_e) ** 2).sum(axis=1)
        if q.decay is None:
            pays = pays + ((held_z - codes()) ** 2).sum(axis=1)
        return np.asarray(
            (BETA * kl + WEIGHT * pays - _log_px(model, z_e + (held_e - held_z), x)).mean(), x.dtype
        )

    case = surrogate_case(name, objective, model, noise, loss)
    return case if q.decay is None else replace(case, held={**case.held, "codebooks": q.codebooks.value})


def straight_through_case(name: str, objective: Objective, draws: int) -> Case:
    """Make a case of log p(x|z), and a sampled KL too, at z = soft + (hard − soft)⁰.

    Here `soft` is the relaxed draw and `hard` the one-hot one, and ⁰ stands for what is held fixed.
    """
    model, noise = chosen(straight_through=True), exponential(B * draws, WIDTH)
    prior: Any = model.prior
    sampled = isinstance(objective, SampledElbo)

    def soft() -> tuple[Array, Array]:
        logits = model.encoder(X.astype(prior.logits.value.dtype))[0].reshape(B, GROUPS, CATEGORIES)
        perturbed = np.repeat(logits, draws, axis=0) - np.log(noise.reshape(-1, GROUPS, CATEGORIES)).astype(
            logits.dtype
        )
        return logits, ops.softmax(perturbed / logits.dtype.type(TEMPERATURE), axis=2)[0]

    _, first = soft()
    one_hot = np.eye(CATEGORIES)[first.argmax(axis=2)]

    def loss() -> Array:
        logits, relaxed = soft()
        z = relaxed + (one_hot - first).astype(logits.dtype)
        log_q, log_p = ops.log_softmax(logits, axis=2)[0], ops.log_softmax(prior.logits.value, axis=1)[0]
        weights = z if sampled else np.exp(log_q)  # the KL of the discrete laws is exact
        kl = (weights * (np.repeat(log_q, len(weights) // B, axis=0) - log_p)).sum(axis=(1, 2))
        x = np.repeat(X, draws, axis=0).astype(logits.dtype)
        return np.asarray(BETA * kl.mean() - _log_px(model, z.reshape(-1, WIDTH), x).mean(), logits.dtype)

    return surrogate_case(name, objective, model, noise, loss)


def _log_px(model: VAE, z: Array, x: Array) -> Array:
    log_px: Array = bernoulli.log_prob(model.decoder(z)[0], x=x)[0]
    return log_px


def _learned(prior: OneHot) -> OneHot:
    assert prior.logits is not None
    prior.logits.value = SAMPLED_LOGITS[None]
    return prior


def _categories(q: GumbelSoftmax, logits: Array, rng: np.random.Generator) -> Array:
    z, _ = q.sample(logits, noise=q.draw_noise(len(logits), rng))
    return z.reshape(len(z), q.groups, q.categories).argmax(axis=2)


def _draw_category(n: int, rng: np.random.Generator) -> Array:
    return _categories(GumbelSoftmax(1, 3), np.tile(SAMPLED_LOGITS, (n, 1)), rng)[:, 0]


def _log_share(t: Array) -> Array:
    return GumbelSoftmax(1, 3).log_prob(np.tile(SAMPLED_LOGITS, (len(t), 1)), np.eye(3)[t])[0]


def _prior_of_codes(groups: int, codes: int) -> Codes:
    return Codes(VectorQuantized(2 * groups, codes, groups, rng=0), learned=True)


def _code_prior() -> Codes:
    prior = _prior_of_codes(1, 3)
    _learned(prior.choices)
    return prior


def _draw_code(n: int, rng: np.random.Generator) -> Array:
    prior = _code_prior()
    return prior.posterior.indices(prior.sample(n, rng))[:, 0]


def _log_code(t: Array) -> Array:
    prior = _code_prior()
    return prior.log_prob(prior.posterior.vectors(t[:, None])[0])[0]
