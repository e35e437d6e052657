"""The role q(z|x): how many numbers an encoder must output, and which distribution over latents they feed."""

from scratchvae.posteriors.diagonal_gaussian import DiagonalGaussian
from scratchvae.posteriors.flow import FlowPosterior
from scratchvae.posteriors.full_gaussian import FullGaussian
from scratchvae.posteriors.interface import Density, Noise, Posterior
from scratchvae.posteriors.point import Point

__all__ = ["Density", "DiagonalGaussian", "FlowPosterior", "FullGaussian", "Noise", "Point", "Posterior"]
