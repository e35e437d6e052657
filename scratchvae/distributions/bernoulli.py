"""The Bernoulli distribution of entries in [0, 1], by logits: p(1) = σ(l).

An x between 0 and 1 counts as the expectation over its binarizations: x log p + (1 − x) log (1 − p).
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, sampler
from scratchvae.arrays import Array, Pullback, require_count, require_shapes

SURELY_0 = -1e4  # a logit l at which e^l is 0, in float64 too, so that softplus(l) and σ(l) are 0


@differentiable
def log_prob(
    logits: Array, *, x: Array, observed: Array | None = None, draws: int = 1
) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d (x l − softplus(l)).

    x (B, D), logits (B · draws, D)  ->  (B · draws,) in nats. The draws for one x are neighbouring rows.

    It equals x log σ(l) + (1 − x) log(1 − σ(l)), but is finite for every finite l. Kingma & Welling 2014,
    appendix C.1.

    An entry is missing where `observed` (B, D) is 0. It counts as a 0 whose probability is 1, and so its
    log-probability and the gradient of its logit are exactly 0, whatever number or NaN stands in its place.
    """
    require_count("bernoulli.log_prob", "draws", draws)
    require_shapes("bernoulli.log_prob", x=(x, "B D"), logits=(logits, f"{len(x) * draws} D"))
    x = x.astype(logits.dtype, copy=False)  # pixels of 0 and 1 may be whole numbers
    if observed is not None:
        require_shapes("bernoulli.log_prob", x=(x, "B D"), observed=(observed, "B D"))
        x = kernels.fill_missing(x, observed, 0.0)
        logits = kernels.fill_missing(logits, np.repeat(observed, draws, axis=0), SURELY_0)
    log_px = kernels.bernoulli_log_prob(logits, x, draws)

    def pullback(dlog_px: Array) -> Array:
        return kernels.bernoulli_log_prob_backward(dlog_px, logits, x, draws)  # dlogits = dlog_px (x − σ(l))

    return log_px, pullback


@differentiable
def entropy(logits: Array) -> tuple[Array, Pullback]:
    """H = Σ_d (softplus(l) − l σ(l)).     logits (B, D)  ->  (B,) in nats."""
    require_shapes("bernoulli.entropy", logits=(logits, "B D"))
    away = np.abs(logits)  # H is even in l, and in terms of |l| nothing cancels
    q = kernels.sigmoid(-away)
    H = (kernels.softplus(-away) + away * q).sum(axis=1)

    def pullback(dH: Array) -> Array:
        return -dH[:, None] * logits * (q * (1 - q))  # dlogits = −dH l σ(l) σ(−l)

    return H, pullback


@sampler
def sample(logits: Array, *, uniform: Array) -> Array:
    """1 where uniform < σ(l), else 0: a draw where `uniform` is a draw from U[0, 1).

    logits and uniform have one shape.
    """
    return (uniform < kernels.sigmoid(logits)).astype(logits.dtype)
