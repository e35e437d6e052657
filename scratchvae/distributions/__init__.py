"""Probability laws: log_prob, entropy, KL and reparameterized draws, each `value, pullback = f(*arrays, **constants)`.

Values are (B,) in nats, summed over the event, every constant included. Draws are functions of noise that the caller drew.
"""

from scratchvae.distributions import bernoulli, categorical, gaussian, gaussian_full, laplace, mixture, multinomial, poisson

__all__ = ["bernoulli", "categorical", "gaussian", "gaussian_full", "laplace", "mixture", "multinomial", "poisson"]
