"""Probability laws: log_prob, entropy, KL and draws, each `value, pullback = f(*arrays, **constants)`.

Log-probabilities are (B,) in nats, summed over the event, every constant included. Draws are functions of
noise that the caller drew. `gaussian_algebra` leads from Gaussians to Gaussians: marginals, conditionals,
affine maps, sums and products.
"""

from scratchvae.distributions import (
    bernoulli,
    categorical,
    gaussian,
    gaussian_algebra,
    gaussian_full,
    laplace,
    mixture,
    multinomial,
    poisson,
)

__all__ = [
    "bernoulli",
    "categorical",
    "gaussian",
    "gaussian_algebra",
    "gaussian_full",
    "laplace",
    "mixture",
    "multinomial",
    "poisson",
]
