"""Posteriors and priors made of flows, from plain numbers."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from scratchvae.arrays import require_choice, require_count
from scratchvae.flows import (
    Chain,
    Coupling,
    Householder,
    InverseAutoregressive,
    MaskedAutoregressive,
    Planar,
    Radial,
)
from scratchvae.posteriors import FlowPosterior
from scratchvae.priors import FlowPrior

# the steps that need no encoder, so that a prior can be made of them
OWN = {"coupling": Coupling, "autoregressive": MaskedAutoregressive}


def planar(latent_dim: int, *, steps: int = 8) -> FlowPosterior:
    """A Gaussian whose draws take planar steps. The encoder gives the parameters of each, 2Z + 1 numbers."""
    require_count("planar", "steps", steps)
    return FlowPosterior(Chain([Planar(latent_dim) for _ in range(steps)]))


def radial(latent_dim: int, *, steps: int = 8) -> FlowPosterior:
    """A Gaussian whose draws take radial steps. The encoder gives the parameters of each, Z + 2 numbers."""
    require_count("radial", "steps", steps)
    return FlowPosterior(Chain([Radial(latent_dim) for _ in range(steps)]))


def householder(latent_dim: int, *, steps: int = 4) -> FlowPosterior:
    """A Gaussian whose draws are reflected several times. The encoder gives the vector of each reflection."""
    require_count("householder", "steps", steps)
    return FlowPosterior(Chain([Householder(latent_dim) for _ in range(steps)]))


def iaf(
    latent_dim: int,
    rng: np.random.Generator,
    *,
    steps: int = 2,
    hidden: int | Sequence[int] = 64,
    context: int = 16,
) -> FlowPosterior:
    """A Gaussian whose draws take inverse autoregressive steps.

    Each step learns masked networks of so many `hidden` units, which read a `context` from the encoder.
    """
    require_count("iaf", "steps", steps)
    made = [
        InverseAutoregressive(latent_dim, context, hidden=hidden, reverse=bool(i % 2), rng=rng)
        for i in range(steps)
    ]
    return FlowPosterior(Chain(made, shared=True))


def coupling(
    latent_dim: int,
    rng: np.random.Generator,
    *,
    steps: int = 4,
    hidden: int | Sequence[int] = 64,
    context: int = 16,
) -> FlowPosterior:
    """A Gaussian whose draws take coupling steps.

    Each step learns networks of so many `hidden` units, which read a `context` from the encoder.
    """
    require_count("coupling", "steps", steps)
    made = [Coupling(latent_dim, context, hidden=hidden, reverse=bool(i % 2), rng=rng) for i in range(steps)]
    return FlowPosterior(Chain(made, shared=True))


def flow(
    latent_dim: int,
    rng: np.random.Generator,
    *,
    steps: int = 4,
    hidden: int | Sequence[int] = 64,
    kind: Literal["coupling", "autoregressive"] = "coupling",
) -> FlowPrior:
    """The law that coupling steps, or masked autoregressive ones, make of N(0, I).

    Their networks are learned with the model.
    """
    require_count("flow", "steps", steps)
    require_choice("flow", "kind", kind, OWN)
    return FlowPrior(
        Chain([OWN[kind](latent_dim, hidden=hidden, reverse=bool(i % 2), rng=rng) for i in range(steps)])
    )
