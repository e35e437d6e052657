"""Models: encoder, roles and decoder under one name, with encode, decode, reconstruct, sample, and scikit-learn's verbs."""

from scratchvae.models.autoencoder import Autoencoder
from scratchvae.models.helmholtz import HelmholtzMachine
from scratchvae.models.interface import LatentVariableModel
from scratchvae.models.vae import VAE

__all__ = ["VAE", "Autoencoder", "HelmholtzMachine", "LatentVariableModel"]
