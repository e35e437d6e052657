"""What the certificate tries of the bound over subsets of two modalities, by products of linear experts."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch
from scratchvae.layers import Linear, ProductOfExperts, cast
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import VAE
from scratchvae.objectives import SubsampledElbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.reference.cases import Trial, bernoulli, gaussian
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.inputs import BITS, B, D
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.modalities import INSIDE, SUBSETS, TERMS

Z, SIZES, BETA = 2, (2, 2), 1.5
NOISE = normal(B * TERMS, Z, seed=43)


def modality_trials() -> list[Trial]:
    """Ordinary experts, and some that are sure and some that know nothing."""
    kinds = {"ordinary": 1.0, "sure and ignorant experts": 25.0}
    why = "the gradients of draws, of subsets and of terms, some as large as squares of means, cancel"
    return [
        Trial(
            f"SubsampledElbo: {kind}",
            _loss,
            _exact,
            {
                "first": normal(SIZES[0], 2 * Z, seed=44, scale=scale),
                "second": normal(SIZES[1], 2 * Z, seed=45, scale=scale),
                "W": normal(Z, D, seed=46),
            },
            {"x": BITS - 0.25},
            floor=scale**2,
            why=why,
        )
        for kind, scale in kinds.items()
    ]


def _loss(first: Array, second: Array, W: Array, *, x: Array) -> tuple[Array, Pullback]:
    encoders = [Linear(size, 2 * Z, bias=False, rng=0) for size in SIZES]
    decoder = Linear(Z, D, bias=False, rng=0)
    roles: dict[str, Any] = {
        "posterior": DiagonalGaussian(Z),
        "prior": StandardGaussian(Z),
        "likelihood": Bernoulli(),
    }
    experts = ProductOfExperts(*encoders, sizes=SIZES)
    model = VAE(event_shape=(D,), encoder=experts, decoder=decoder, shows_mask=True, **roles)
    cast(model, first.dtype)
    weights = [layer.weight for layer in (*encoders, decoder)]
    for weight, value in zip(weights, (first, second, W), strict=True):
        weight.value = value
    batch = Batch(x.astype(first.dtype))
    report, objective_pullback = SubsampledElbo(SUBSETS, beta=BETA)(model, batch, (NOISE, INSIDE))

    def pullback(dloss: Array) -> tuple[Array | None, ...]:
        for weight in weights:
            weight.grad = None
        objective_pullback()
        return tuple(weight.grad for weight in weights)

    return np.asarray(report.loss), pullback


def _exact(first: Array, second: Array, W: Array, *, x: Array) -> Any:
    """An example and a subset at a time: 1/σ² = 1 + Σ 1/σ_m² and mean = σ² Σ mean_m/σ_m² over the subset."""
    m = mathematics()
    loss, draws = m.mpf(0), iter(NOISE)
    cut = SIZES[0]
    for b, row in enumerate(x):
        said = [row[:cut] @ first, row[cut:] @ second]
        for subset in chain([[1, 1], [1, 0], [0, 1]], INSIDE[b]):
            precision, weighted = np.full(Z, m.mpf(1)), np.full(Z, m.mpf(0))
            for expert in (one for one, inside in zip(said, subset, strict=True) if inside):
                own = m.exp(-expert[Z:])
                precision, weighted = precision + own, weighted + own * expert[:Z]
            mean, log_var = weighted / precision, -m.log(precision)
            z = mean + m.exp(log_var / 2) * next(draws)
            log_px = (bernoulli.terms(z @ W, row) * np.repeat(np.asarray(subset, int), SIZES)).sum()
            kl = gaussian.kl(mean, log_var, 0 * mean, 0 * mean).sum()
            loss = loss - log_px + m.mpf(BETA) * kl
    return np.asarray(loss / B)
