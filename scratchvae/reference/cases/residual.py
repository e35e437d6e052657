"""Codes that are chosen one after the other: each quantizes what those before it leave over.

The value of a case is that of the declared surrogate, in which every choice stands still: the first code of a
part moves with z_e, those behind it do not, and each norm of the penalty has its own parts held.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array
from scratchvae.distributions import bernoulli
from scratchvae.layers import GroupSum, cast
from scratchvae.objectives import Elbo, Objective, Quantization, SampledElbo
from scratchvae.posteriors import VectorQuantized
from scratchvae.priors import Codes
from scratchvae.reference.cases.case import Case, normal
from scratchvae.reference.cases.discrete import surrogate_case
from scratchvae.reference.cases.models import B, X, Z, vae_of_width
from scratchvae.reference.cases.part import Part

BETA, COMMITMENT, WEIGHT, CODES = 1.7, 0.3, 2.0, 3
PAYS = (Quantization(WEIGHT, COMMITMENT),)


def parts() -> list[Part]:
    """The posterior with a depth, each of whose kinds of codebook is tried."""
    closed, sampled = Elbo(BETA, penalties=PAYS), SampledElbo(BETA, 2, penalties=PAYS)
    return [
        Part(
            "vq with a depth",
            VectorQuantized,
            [
                residual_case("Elbo: VectorQuantized, depth", closed, depth=3),
                residual_case(
                    "Elbo: VectorQuantized, depth, own codebooks", closed, depth=2, groups=2, shared=False
                ),
                residual_case("Elbo: VectorQuantized, depth, decay", closed, depth=2, decay=0.9),
                residual_case("SampledElbo: VectorQuantized, depth", sampled, depth=2, draws=2),
            ],
        )
    ]


def residual_case(
    name: str,
    objective: Objective,
    *,
    depth: int,
    groups: int = 1,
    draws: int = 1,
    **settings: Any,
) -> Case:
    """The objective's gradient beside the value of its surrogate, in which ⁰ stands for what is held.

    −⟨log p(x|Σ_t z_t)⟩ + β KL⁰ + weight ⟨Σ_t ‖r_(t−1)⁰ − e_t‖² + c ‖z_e − (e_1 + … + e_t)⁰‖²⟩,
    with z_1 = e_1⁰ + z_e − z_e⁰, and z_t = e_t⁰ behind it.
    """
    q: Any = VectorQuantized(Z, CODES, groups, depth=depth, rng=6, **settings)
    q.codebooks.value = q.codebooks.value * np.float32(0.4)
    prior: Any = Codes(q, learned=True)
    prior.choices.logits.value = normal(q.groups, CODES, seed=9).astype(np.float32)
    model = vae_of_width(Z, q, prior, GroupSum(groups, depth))
    cast(model, np.float64)
    shape = (B, groups, depth, Z // groups)
    start, _ = model.encoder(X)
    indices = q.indices(start)

    def codes() -> Array:
        books, places = q.codebooks.value, range(q.groups)
        return np.stack([books[g % len(books)][indices[:, g]] for g in places], axis=1).reshape(shape)

    held_e, held_z = codes(), start.reshape(B, groups, 1, -1)
    held_sums = held_e.cumsum(axis=2)
    held_r = np.concatenate([held_z, held_z - held_sums], axis=2)  # r_0 … r_T

    def loss() -> Array:
        dtype = q.codebooks.value.dtype
        x, e, z, sums, r = (a.astype(dtype) for a in (X, held_e, held_z, held_sums, held_r))
        z_e = model.encoder(x)[0].reshape(z.shape)
        log_p, _ = ops.log_softmax(prior.choices.logits.value, axis=1)
        kl = -log_p[np.arange(q.groups), indices].sum(axis=1)
        pays = COMMITMENT * ((z_e - sums) ** 2).sum(axis=(1, 2, 3))
        if q.decay is None:
            pays = pays + ((r[:, :, :-1] - codes()) ** 2).sum(axis=(1, 2, 3))
        first = e[:, :, :1] + (z_e - z)
        x_params, _ = model.decoder(np.concatenate([first, e[:, :, 1:]], axis=2).reshape(B, -1))
        log_px, _ = bernoulli.log_prob(x_params, x=x)
        return np.asarray((BETA * kl + WEIGHT * pays - log_px).mean(), dtype)

    case = surrogate_case(name, objective, model, (np.zeros((B * draws, 0)), None), loss)
    return case if q.decay is None else replace(case, held={**case.held, "codebooks": q.codebooks.value})
