"""The posterior and the prior that consist of flows, in small models and beside their densities."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.flows import (
    Chain,
    Coupling,
    InverseAutoregressive,
    MaskedAutoregressive,
    Planar,
    Radial,
    Step,
)
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import Iwae, SampledElbo
from scratchvae.posteriors import FlowPosterior
from scratchvae.priors import FlowPrior
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, K, X, Z, vae
from scratchvae.reference.cases.part import Part, SamplingCase

REACH = np.linspace(-25, 25, 5001)


def parts() -> list[Part]:
    """Return both roles; their samplers have one latent, and the second of two."""
    bent = FlowPosterior(Chain([Planar(1), Radial(1)]))
    bend = np.array([0.4, 0.7, 1.2, -0.9, 0.3, -0.5, 0.2, 2.0])  # mean, log σ²; w, u, b; z0, a, b
    learned = FlowPrior(drawn(Chain([Coupling(2, hidden=4), Coupling(2, hidden=4, reverse=True)])))
    return [
        Part(
            "flow_posterior",
            FlowPosterior,
            _posterior_objectives(),
            sampling=SamplingCase(
                "FlowPosterior.sample",
                lambda n, rng: bent.sample(
                    np.tile(bend, (n, 1)), noise=bent.draw_noise(n, rng).astype(np.float64)
                )[0][:, 0],
                lambda t: bent.log_prob(np.tile(bend, (len(t), 1)), t[:, None])[0],
                REACH,
            ),
            columns=lambda n, rng: FlowPosterior(Planar(3)).draw_noise(n, rng),
        ),
        Part(
            "flow_prior",
            FlowPrior,
            _prior_objectives(),
            sampling=SamplingCase(
                "FlowPrior.sample",
                lambda n, rng: learned.sample(n, rng)[:, 1],
                lambda t: _second_of_two(learned, t),
                REACH[::10],
            ),
            columns=lambda n, rng: FlowPrior(Coupling(3, rng=0)).sample(n, rng),
        ),
    ]


def drawn(step: Step, *, seed: int = 0, scale: float = 0.7) -> Step:
    """Return the step in float64, with weights that are far from their first values."""
    cast(step, np.float64)
    for i, parameter in enumerate(named_parameters(step).values()):
        parameter.value = normal(*parameter.value.shape, seed=seed + i, scale=scale)
    return step


def _posterior_objectives() -> list[Case]:
    iaf = [InverseAutoregressive(Z, 2, hidden=4, reverse=reverse) for reverse in (False, True)]
    rows: dict[str, tuple[Any, Step, Array]] = {
        "SampledElbo: FlowPosterior, planar": (SampledElbo(), Chain([Planar(Z), Planar(Z)]), LATENT_NOISE),
        "Iwae: FlowPosterior, radial": (Iwae(K), Radial(Z), LATENT_NOISES),
        "Iwae: FlowPosterior, inverse autoregressive": (
            Iwae(K),
            drawn(Chain(iaf, shared=True)),
            LATENT_NOISES,
        ),
        "SampledElbo: FlowPosterior, coupling": (
            SampledElbo(),
            drawn(Coupling(Z, 1, hidden=3)),
            LATENT_NOISE,
        ),
    }
    return [
        objective_case(name, objective, vae(posterior=FlowPosterior(flow)), X, noise=noise)
        for name, (objective, flow, noise) in rows.items()
    ]


def _prior_objectives() -> list[Case]:
    steps = {
        "coupling": Chain([Coupling(Z, hidden=3), Coupling(Z, hidden=3, reverse=True)]),
        "autoregressive": MaskedAutoregressive(Z, hidden=4),
    }
    return [
        objective_case(
            f"SampledElbo: FlowPrior, {name}",
            SampledElbo(),
            vae(prior=FlowPrior(drawn(flow))),
            X,
            noise=LATENT_NOISE,
        )
        for name, flow in steps.items()
    ]


def _second_of_two(prior: FlowPrior, t: Array) -> Array:
    """Compute log p(z_2) = log ∫ p(z_1, z_2) dz_1 by the trapezoid rule."""
    first = np.linspace(-12, 12, 241)
    pairs = np.stack(np.broadcast_arrays(first[None], t[:, None]), axis=2).reshape(-1, 2)
    log_p = prior.log_prob(pairs)[0].reshape(len(t), -1)
    return np.log(np.exp(log_p).sum(axis=1)) + np.log(first[1] - first[0])
