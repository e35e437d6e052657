"""Mixtures of laws over the same few outcomes, such as words."""

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


@differentiable
def log_mixture(weights: Array, log_laws: Array) -> tuple[Array, Pullback]:
    """y_bv = log Σ_k weights_bk exp(log_laws_kv): the logarithm of mixtures of K laws over V outcomes.

    weights (B, K), not negative, log_laws (K, V)  ->  (B, V). It is one product of matrices: each outcome's
    laws are scaled by the largest of them, so that the product loses no digit to laws that are small at that
    outcome. A mixture that is below the smallest normal number, beside that scale, is taken to be that
    number, and has no gradient there.
    """
    require_shapes("log_mixture", weights=(weights, "B K"), log_laws=(log_laws, "K V"))
    if not len(log_laws):
        raise InputError("log_mixture: there should be at least one law, found log_laws of no rows")
    largest = log_laws.max(axis=0)
    scaled = np.exp(log_laws - largest)
    least = np.finfo(scaled.dtype).tiny
    total = weights @ scaled
    held = np.maximum(total, least)

    def pullback(dy: Array) -> tuple[Array, Array]:
        slope = np.where(total > least, dy / held, dy.dtype.type(0))
        dweights = slope @ scaled.T  # dweights_bk = Σ_v dy_bv exp(log_laws_kv − y_bv)
        # dlog_laws_kv = Σ_b dy_bv weights_bk exp(log_laws_kv − y_bv)
        dlog_laws = scaled * (weights.T @ slope)
        return dweights, dlog_laws

    return np.log(held) + largest, pullback
