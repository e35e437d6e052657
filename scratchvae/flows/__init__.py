"""Invertible maps of latents, each with its log |det|: the steps of flows, for posteriors and priors.

A file has the equation of a step, its forward pass, its log |det|, its inverse and its gradients. The encoder
gives the parameters of planar, radial and Householder steps, as in their papers. Autoregressive and coupling
steps have networks, whose weights are Parameters of the step, and which may read a context from the encoder.
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
