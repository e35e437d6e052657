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

# steps that need no encoder, and so may be a prior
OWN = {"coupling": Coupling, "autoregressive": MaskedAutoregressive}


def planar(latent_dim: int, *, steps: int = 8) -> FlowPosterior:
    """A Gaussian whose draws take planar steps, each with parameters from the encoder: 2Z + 1 numbers a step."""
    require_count("planar", "steps", steps)
    return FlowPosterior(Chain([Planar(latent_dim) for _ in range(steps)]))


def radial(latent_dim: int, *, steps: int = 8) -> FlowPosterior:
    """A Gaussian whose draws take radial steps, each with parameters from the encoder: Z + 2 numbers a step."""
    require_count("radial", "steps", steps)
    return FlowPosterior(Chain([Radial(latent_dim) for _ in range(steps)]))


def householder(latent_dim: int, *, steps: int = 4) -> FlowPosterior:
    """A Gaussian whose draws are reflected, each time by a vector from the encoder: Z numbers a step."""
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
    """Inverse autoregressive steps, which learn masked networks of so many `hidden` units and read a context
    of the encoder.
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
    """Coupling steps, which learn networks of so many `hidden` units and read a context of the encoder."""
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
    """What coupling steps, or masked autoregressive ones, make of N(0, I); their networks are learned with
    the model.
    """
    require_count("flow", "steps", steps)
    require_choice("flow", "kind", kind, OWN)
    return FlowPrior(
        Chain([OWN[kind](latent_dim, hidden=hidden, reverse=bool(i % 2), rng=rng) for i in range(steps)])
    )
