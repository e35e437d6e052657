"""A mixture of K diagonal Gaussians with weights π = softmax(logits): p(z) = Σ_k π_k N(z; mean_k, diag σ_k²).

Computed in float64 whatever comes in: far from all components their log-densities agree in their first digits, and the
responsibilities are made of the differences.
"""

import numpy as np

from scratchvae import ops
from scratchvae.arguments import differentiable, in_float64, sampler
from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.distributions import gaussian


@differentiable
@in_float64
def log_prob(z: Array, logits: Array, means: Array, log_vars: Array) -> tuple[Array, Pullback]:
    """log p(z) = log Σ_k π_k N(z; mean_k, σ_k²).     z (B, D), logits (K,), means, log_vars (K, D)  ->  (B,) in nats."""
    n = require_shapes("mixture.log_prob", z=(z, "B D"), logits=(logits, "K"), means=(means, "K D"), log_vars=(log_vars, "K D"))
    B, K, D = n["B"], n["K"], n["D"]
    log_weights, log_weights_pullback = ops.log_softmax(logits, axis=0)
    pairs = [np.broadcast_to(a, (B, K, D)).reshape(B * K, D) for a in (z[:, None], means, log_vars)]  # each z with each k
    log_pairs, pairs_pullback = gaussian.log_prob(*pairs)
    joint = log_weights + log_pairs.reshape(B, K)  # log π_k + log N(z; mean_k, σ_k²)
    log_pz, joint_pullback = ops.log_sum_exp(joint, axis=1)

    def pullback(dlog_pz: Array) -> tuple[Array, Array, Array, Array]:
        djoint = joint_pullback(dlog_pz)  # djoint_bk = dlog_pz_b r_bk, r the responsibilities
        dz, dmeans, dlog_vars = (d.reshape(B, K, D) for d in pairs_pullback(djoint.reshape(B * K)))
        dlogits = log_weights_pullback(djoint.sum(axis=0))  # dlogits_k = Σ_b dlog_pz_b (r_bk − π_k)
        return dz.sum(axis=1), dlogits, dmeans.sum(axis=0), dlog_vars.sum(axis=0)  # each summed over its other axis

    return log_pz, pullback


@sampler
def sample(logits: Array, means: Array, log_vars: Array, *, uniform: Array, noise: Array) -> Array:
    """Choose a component by `uniform` (B,) ~ U[0, 1), then draw from it with `noise` (B, D) ~ N(0, 1).     ->  z (B, D)."""
    p, _ = ops.softmax(logits, axis=0)
    cumulative = np.cumsum(p)
    k = (uniform[:, None] * cumulative[-1] >= cumulative).sum(axis=1)
    z, _ = gaussian.reparameterize(means[k], log_vars[k], noise=noise)
    return z
