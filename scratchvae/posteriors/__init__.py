"""The role q(z|x): how many numbers an encoder must output, and which distribution over latents they feed."""

from scratchvae.posteriors.diagonal_gaussian import DiagonalGaussian
from scratchvae.posteriors.full_gaussian import FullGaussian
from scratchvae.posteriors.interface import Density, Noise, Posterior
from scratchvae.posteriors.point import Point
from scratchvae.posteriors.von_mises_fisher import VonMisesFisher

__all__ = ["Density", "DiagonalGaussian", "FullGaussian", "Noise", "Point", "Posterior", "VonMisesFisher"]
