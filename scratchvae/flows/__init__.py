"""Invertible maps of latents, each with its log |det|: the steps that flows are made of, as posteriors and as
priors.

A file has the equation of a step, its forward pass, its log |det|, its inverse and its gradients. The
parameters of planar, radial and Householder steps come from the encoder, as in their papers. Autoregressive
and coupling steps have networks, whose weights are their own Parameters, and which may read a context from
the encoder.
"""

from scratchvae.flows.chain import Chain
from scratchvae.flows.coupling import Coupling
from scratchvae.flows.householder import Householder
from scratchvae.flows.interface import Step
from scratchvae.flows.inverse_autoregressive import InverseAutoregressive
from scratchvae.flows.masked_autoregressive import MaskedAutoregressive
from scratchvae.flows.planar import Planar
from scratchvae.flows.radial import Radial

__all__ = [
    "Chain",
    "Coupling",
    "Householder",
    "InverseAutoregressive",
    "MaskedAutoregressive",
    "Planar",
    "Radial",
    "Step",
]
