"""A mixture of K diagonal Gaussians with weights π = softmax(logits): p(z) = Σ_k π_k N(z; mean_k, diag σ_k²).

Everything is computed in float64, in either dtype. Far from all components the log-densities of the
components agree in their first digits, while the responsibilities depend on the differences of these
log-densities.
"""

import numpy as np
from scipy.special import log_ndtr

from scratchvae import ops
from scratchvae.arguments import differentiable, in_float64, sampler
from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.distributions import gaussian


@differentiable
@in_float64
def log_prob(z: Array, logits: Array, means: Array, log_vars: Array) -> tuple[Array, Pullback]:
    """log p(z) = log Σ_k π_k N(z; mean_k, σ_k²).

    z (B, D), logits (K,), means, log_vars (K, D)  ->  (B,) in nats.
    """
    n = require_shapes(
        "mixture.log_prob",
        z=(z, "B D"),
        logits=(logits, "K"),
        means=(means, "K D"),
        log_vars=(log_vars, "K D"),
    )
    B, K, D = n["B"], n["K"], n["D"]
    log_weights, log_weights_pullback = ops.log_softmax(logits, axis=0)
    # the pairs of each z with each component k
    pairs = [np.broadcast_to(a, (B, K, D)).reshape(B * K, D) for a in (z[:, None], means, log_vars)]
    log_pairs, pairs_pullback = gaussian.log_prob(*pairs)
    joint = log_weights + log_pairs.reshape(B, K)  # log π_k + log N(z; mean_k, σ_k²)
    log_pz, joint_pullback = ops.log_sum_exp(joint, axis=1)

    def pullback(dlog_pz: Array) -> tuple[Array, Array, Array, Array]:
        djoint = joint_pullback(dlog_pz)  # djoint_bk = dlog_pz_b r_bk, r the responsibilities
        dz, dmeans, dlog_vars = (d.reshape(B, K, D) for d in pairs_pullback(djoint.reshape(B * K)))
        dlogits = log_weights_pullback(djoint.sum(axis=0))  # dlogits_k = Σ_b dlog_pz_b (r_bk − π_k)
        # each gradient is summed over the axis that its array lacks
        return dz.sum(axis=1), dlogits, dmeans.sum(axis=0), dlog_vars.sum(axis=0)

    return log_pz, pullback


@differentiable
@in_float64
def log_prob_of_each(z: Array, logits: Array, means: Array, log_vars: Array) -> tuple[Array, Pullback]:
    """log Σ_k π_bk N(z_b; mean_bk, σ_bk²), the log-density of each row under a mixture of its own.

    z (B, D), logits (B, K), means, log_vars (B, K, D)  ->  (B,) in nats.
    """
    n = require_shapes(
        "mixture.log_prob_of_each",
        z=(z, "B D"),
        logits=(logits, "B K"),
        means=(means, "B K D"),
        log_vars=(log_vars, "B K D"),
    )
    B, K, D = n["B"], n["K"], n["D"]
    log_weights, log_weights_pullback = ops.log_softmax(logits, axis=1)
    pairs = [np.broadcast_to(a, (B, K, D)).reshape(B * K, D) for a in (z[:, None], means, log_vars)]
    log_pairs, pairs_pullback = gaussian.log_prob(*pairs)
    log_pz, joint_pullback = ops.log_sum_exp(log_weights + log_pairs.reshape(B, K), axis=1)

    def pullback(dlog_pz: Array) -> tuple[Array, Array, Array, Array]:
        djoint = joint_pullback(dlog_pz)  # djoint_bk = dlog_pz_b r_bk, r the responsibilities
        dz, dmeans, dlog_vars = (d.reshape(B, K, D) for d in pairs_pullback(djoint.reshape(B * K)))
        # dlogits_bk = dlog_pz_b (r_bk − π_bk)
        return dz.sum(axis=1), log_weights_pullback(djoint), dmeans, dlog_vars

    return log_pz, pullback


@differentiable
@in_float64
def reparameterize(logits: Array, means: Array, log_vars: Array, *, noise: Array) -> tuple[Array, Pullback]:
    """A draw z from a mixture of each row's own, which is smooth in the parameters: F_d(z_d) = Φ(noise_d).

    F_d is the distribution function of z_d given z_1, …, z_(d−1), and Φ that of N(0, 1):

        F_d(t) = Σ_k w_dk Φ((t − mean_kd)/σ_kd),
        w_d = softmax_k(logits_k + Σ_(j<d) log N(z_j; mean_kj, σ_kj²))

    With one component z is mean + σ noise. The draw chooses no component, and so z does not jump where a
    weight changes. The implicit function theorem gives the gradient of z, dz_d = −dF_d/f_d, where f_d is the
    density of z_d given the earlier entries. The gradient grows without bound where the components are so far
    apart that f_d vanishes between them.

    logits (B, K), means, log_vars (B, K, D), noise (B, D) ~ N(0, 1)  ->  z (B, D). Figurnov, Mohamed & Mnih
    2018, section 3 and its equation 9 for several dimensions; Graves 2016.
    """
    n = require_shapes(
        "mixture.reparameterize",
        logits=(logits, "B K"),
        means=(means, "B K D"),
        log_vars=(log_vars, "B K D"),
        noise=(noise, "B D"),
    )
    B, D = n["B"], n["D"]
    noise = noise.astype(means.dtype, copy=False)
    stds, z, before, given = np.exp(0.5 * log_vars), np.empty((B, D)), logits, []
    for d in range(D):
        log_w, softmax_pullback = ops.log_softmax(before, axis=1)
        mean, std, eps = means[:, :, d], stds[:, :, d], noise[:, d]
        z[:, d] = _quantile(log_w, mean, std, eps)
        a = (z[:, d, None] - mean) / std
        log_n = -0.5 * (a * a + np.log(2 * np.pi)) - np.log(std)  # log N(z_d; mean_kd, σ_kd²)
        given.append((log_w, softmax_pullback, a, log_n))
        before = before + log_n

    def pullback(dz: Array) -> tuple[Array, Array, Array]:
        dmeans, dlog_vars, dbefore = np.empty_like(means), np.empty_like(means), np.zeros_like(logits)
        for d in reversed(range(D)):
            (log_w, softmax_pullback, a, log_n), std, eps = given[d], stds[:, :, d], noise[:, d, None]
            # z_d is in the weights of the entries that follow: ∂log n_k/∂z = −a_k/σ_k
            dz_d = (dz[:, d] - (dbefore * a / std).sum(axis=1))[:, None]
            log_f, r_pullback = ops.log_sum_exp(log_w + log_n, axis=1)
            r = r_pullback(np.ones_like(log_f))  # w_k n_k / f
            side = np.where(eps > 0, -1.0, 1.0)  # the sign of the tail that holds less than ½
            with np.errstate(over="ignore"):
                apart = [
                    np.exp(np.minimum(log_w + log_ndtr(side * t) - log_f[:, None], 700)) for t in (a, eps)
                ]
            dlog_w = -dz_d * side * (apart[0] - apart[1])  # dlog_w_k = −dz_d w_k (Φ(a_k) − F)/f
            dmeans[:, :, d] = dz_d * r + dbefore * a / std  # dmean_k = dz_d r_k + dℓ_k a_k/σ_k
            # ½ dz_d r_k σ_k a_k + ½ dℓ_k (a_k² − 1)
            dlog_vars[:, :, d] = 0.5 * (dz_d * r * a * std + dbefore * (a * a - 1))
            dbefore = dbefore + softmax_pullback(dlog_w)
        return dbefore, dmeans, dlog_vars

    return z, pullback


def _quantile(log_w: Array, mean: Array, std: Array, noise: Array) -> Array:
    """t with Σ_k w_k Φ((t − mean_k)/σ_k) = Φ(noise), by Newton's steps inside a bracket.

    log_w, mean, std (B, K), noise (B,)  ->  (B,).

    The steps solve the equation for the logarithms of both sides, in the tail that holds less than ½. Where
    noise > 0 that is the upper tail, and the signs of t, mean_k and noise are changed. The solution lies
    between the smallest and the largest mean_k + σ_k noise. A row is finished when its step is no larger than
    the error that the rounding of log F causes.
    """
    side = np.where(noise > 0, -1.0, 1.0)
    mean, eps = side[:, None] * mean, side * noise
    if not log_w.size:
        return np.zeros_like(noise)
    ends = mean + std * eps[:, None]
    low, high, target = ends.min(axis=1), ends.max(axis=1), log_ndtr(eps)
    t = np.clip((np.exp(log_w) * ends).sum(axis=1), low, high)
    rounding, rows, moved = 4 * np.finfo(np.float64).eps, np.arange(len(t)), high - low
    # A step that is more than half of the last one halves the bracket instead, and some 60 halvings reach
    # the precision of a float.
    for _ in range(180):
        a = (t[rows, None] - mean[rows]) / std[rows]
        log_F = np.logaddexp.reduce(log_w[rows] + log_ndtr(a), axis=1)
        log_f = np.logaddexp.reduce(
            log_w[rows] - 0.5 * (a * a + np.log(2 * np.pi)) - np.log(std[rows]), axis=1
        )
        excess, at = log_F - target[rows], t[rows]
        low[rows], high[rows] = np.where(excess < 0, at, low[rows]), np.where(excess > 0, at, high[rows])
        scale = np.exp(np.minimum(log_F - log_f, 700))  # F/f
        step = at - excess * scale
        inside = (step >= low[rows]) & (step <= high[rows]) & (np.abs(step - at) <= 0.5 * moved[rows])
        t[rows] = np.where(excess == 0, at, np.where(inside, step, 0.5 * (low[rows] + high[rows])))
        moved[rows] = np.abs(t[rows] - at)
        least = rounding * (np.abs(at) + np.minimum(np.maximum(1, -target[rows]) * scale, (high - low)[rows]))
        rows = rows[np.abs(t[rows] - at) > least]
        if not rows.size:
            break
    return side * t


@sampler
def sample(logits: Array, means: Array, log_vars: Array, *, uniform: Array, noise: Array) -> Array:
    """Choose a component by `uniform` (B,), then draw z (B, D) from that component with `noise` (B, D).

    `uniform` is a draw from U[0, 1), and the noise is a draw from N(0, 1).
    """
    p, _ = ops.softmax(logits, axis=0)
    cumulative = np.cumsum(p)
    k = (uniform[:, None] * cumulative[-1] >= cumulative).sum(axis=1)
    z, _ = gaussian.reparameterize(means[k], log_vars[k], noise=noise)
    return z
