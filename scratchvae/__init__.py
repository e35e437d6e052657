"""scratchvae: variational autoencoders from scratch."""

__version__ = "0.1.0"
