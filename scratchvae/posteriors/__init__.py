"""The role q(z|x): how many numbers an encoder must output, and the law of latents that they feed."""

from scratchvae.posteriors.concrete import Concrete
from scratchvae.posteriors.diagonal_gaussian import DiagonalGaussian
from scratchvae.posteriors.flow import FlowPosterior
from scratchvae.posteriors.full_gaussian import FullGaussian
from scratchvae.posteriors.gumbel_softmax import GumbelSoftmax
from scratchvae.posteriors.interface import Choices, Density, Noise, Posterior
from scratchvae.posteriors.joint import JointPosterior
from scratchvae.posteriors.ladder import Ladder
from scratchvae.posteriors.mixture import MixturePosterior
from scratchvae.posteriors.point import Point
from scratchvae.posteriors.top_down import TopDown
from scratchvae.posteriors.vector_quantized import VectorQuantized
from scratchvae.posteriors.von_mises_fisher import VonMisesFisher

__all__ = [
    "Choices",
    "Concrete",
    "Density",
    "DiagonalGaussian",
    "FlowPosterior",
    "FullGaussian",
    "GumbelSoftmax",
    "JointPosterior",
    "Ladder",
    "MixturePosterior",
    "Noise",
    "Point",
    "Posterior",
    "TopDown",
    "VectorQuantized",
    "VonMisesFisher",
]
