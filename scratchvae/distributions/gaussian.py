"""The Gaussian with diagonal covariance, N(x; mean, diag σ²) with log_var = log σ².

Letters: B examples, D entries of an event. Log-densities sum over the event. Finite for every finite input
while σ, 1/σ and the squares fit into the dtype, and the limit (±∞, never NaN) beyond.
Kingma & Welling 2014, appendices B and C.2.
"""

import math

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_count, require_shapes, sum_of_draws


@differentiable
def log_prob(
    x: Array, mean: Array, log_var: Array, *, observed: Array | None = None, needs_dx: bool = True
) -> tuple[Array, Pullback]:
    """log p(x) = −½ Σ_d (log 2π + log σ² + (x − mean)²/σ²).     x, mean, log_var (B, D)  ->  (B,) in nats.

    Where `observed` (B, D) is 0 an entry is missing: it adds exactly nothing to the sum, and its gradients
    are 0, whatever stands there.
    """
    require_shapes("gaussian.log_prob", x=(x, "B D"), mean=(mean, "B D"), log_var=(log_var, "B D"))
    counted: Array = np.full(len(x), x.shape[1])
    held = [x, mean, log_var]
    if observed is not None:
        require_shapes("gaussian.log_prob", x=(x, "B D"), observed=(observed, "B D"))
        counted, held = (
            np.count_nonzero(observed, axis=1),
            [kernels.fill_missing(a, observed, 0.0) for a in held],
        )
    log_px = kernels.gaussian_log_prob(held[0], held[1], held[2], counted)

    def pullback(dlog_px: Array) -> tuple[Array | None, Array, Array]:
        dmean, dlog_var = kernels.gaussian_log_prob_backward(dlog_px, *held)
        # dmean = dlog_px (x − mean)/σ²,  dlog_var = dlog_px ½ ((x − mean)²/σ² − 1)
        if observed is not None:
            dmean, dlog_var = (kernels.fill_missing(d, observed, 0.0) for d in (dmean, dlog_var))
        dx = -dmean if needs_dx else None  # dx = −dlog_px (x − mean)/σ²
        return dx, dmean, dlog_var

    return log_px, pullback


@differentiable
def standard_log_prob(x: Array) -> tuple[Array, Pullback]:
    """log p(x) at mean 0 and variance 1: −½ Σ_d (log 2π + x²).     x (B, D)  ->  (B,) in nats."""
    require_shapes("gaussian.standard_log_prob", x=(x, "B D"))
    log_px = kernels.standard_gaussian_log_prob(x)

    def pullback(dlog_px: Array) -> Array:
        return -dlog_px[:, None] * x  # dx = −dlog_px x

    return log_px, pullback


@differentiable
def reparameterize(mean: Array, log_var: Array, *, noise: Array, draws: int = 1) -> tuple[Array, Pullback]:
    """z = mean + σ · noise with σ = exp(log_var / 2): a draw from N(mean, σ²) where noise is one from
    N(0, 1).

    mean, log_var (B, D), noise (B · draws, D), those for one mean side by side  ->  z (B · draws, D).
    Kingma & Welling 2014, section 2.4.
    """
    require_count("gaussian.reparameterize", "draws", draws)
    shapes = {"mean": (mean, "B D"), "log_var": (log_var, "B D"), "noise": (noise, f"{len(mean) * draws} D")}
    require_shapes("gaussian.reparameterize", **shapes)
    # z, z − mean
    z, spread = kernels.gaussian_reparameterize(mean, log_var, noise.astype(log_var.dtype, copy=False), draws)

    def pullback(dz: Array) -> tuple[Array, Array]:
        dmean = sum_of_draws(dz, draws)  # dmean = Σ_k dz
        dlog_var = sum_of_draws(dz * (0.5 * spread), draws)  # dlog_var = Σ_k dz ½ σ noise
        return dmean, dlog_var

    return z, pullback


@differentiable
def log_prob_of_draw(log_var: Array, *, noise: Array, draws: int = 1) -> tuple[Array, Pullback]:
    """log N(z; mean, σ²) at the draw z = mean + σ · noise: −½ Σ_d (log 2π + log σ² + noise²).

    log_var (B, D), noise (B · draws, D), those for one mean side by side  ->  (B · draws,) in nats.
    The noise is given, and so z moves when mean or log σ² changes: (z − mean)/σ stays the noise. The value
    does not depend on the mean, which therefore is no argument, and its derivative by each log σ² is −½.

    `log_prob` at z would recover the noise as (z − mean)/σ, from a z that was rounded. Where σ is small
    beside the mean, few digits of the noise are left in z. This function takes the noise itself.
    """
    require_count("gaussian.log_prob_of_draw", "draws", draws)
    shapes = {"log_var": (log_var, "B D"), "noise": (noise, f"{len(log_var) * draws} D")}
    require_shapes("gaussian.log_prob_of_draw", **shapes)
    log_p_noise = kernels.standard_gaussian_log_prob(noise.astype(log_var.dtype, copy=False))
    log_q = log_p_noise - np.repeat(0.5 * log_var.sum(axis=1), draws)

    def pullback(dlog_q: Array) -> Array:
        # dlog_var = −Σ_k dlog_q / 2
        return np.repeat(-0.5 * sum_of_draws(dlog_q[:, None], draws), log_var.shape[1], axis=1)

    return log_q, pullback


def sample_standard(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Draws from N(0, 1), float32, none beyond 6.8, from a seed that `rng` gives: compiled, several times as
    fast as NumPy's own.

    A counter gives four, one for each quarter of them all: fewer draws from the same state are not the first
    of more.
    """
    n = math.prod(shape)
    # lower halves: of 64 bits MT19937 gives but those
    seed = rng.bit_generator.random_raw(5).astype(np.uint32)
    bits = kernels.random_bits(seed, np.arange((n + 3) // 4, dtype=np.uint32))
    return kernels.standard_normal(bits.reshape(-1)).reshape(-1)[:n].reshape(shape)


@differentiable
def kl_to_standard(mean: Array, log_var: Array) -> tuple[Array, Pullback]:
    """KL(N(mean, σ²) ‖ N(0, 1)) = ½ Σ_d (mean² + σ² − 1 − log σ²).

    mean, log_var (B, D)  ->  (B,) in nats.

    Kingma & Welling 2014, appendix B.
    """
    by_dimension, by_dimension_pullback = kl_to_standard_by_dimension(mean, log_var)

    def pullback(dkl: Array) -> tuple[Array, Array]:
        return by_dimension_pullback(np.broadcast_to(dkl[:, None], mean.shape))  # kl_b = Σ_d kl_bd

    return by_dimension.sum(axis=1), pullback


@differentiable
def kl_to_standard_by_dimension(mean: Array, log_var: Array) -> tuple[Array, Pullback]:
    """The summands of kl_to_standard, one for each dimension: ½ (mean² + σ² − 1 − log σ²).

    (B, D)  ->  (B, D) in nats.
    """
    require_shapes("gaussian.kl_to_standard", mean=(mean, "B D"), log_var=(log_var, "B D"))
    kl, excess = kernels.gaussian_kl_to_standard(mean, log_var)  # excess = σ² − 1

    def pullback(dkl: Array) -> tuple[Array, Array]:
        dmean = dkl * mean  # dmean = dkl mean
        dlog_var = dkl * (0.5 * excess)  # dlog_var = dkl ½ (σ² − 1)
        return dmean, dlog_var

    return kl, pullback


@differentiable
def kl(mean: Array, log_var: Array, other_mean: Array, other_log_var: Array) -> tuple[Array, Pullback]:
    """KL(N(mean, σ²) ‖ N(other_mean, τ²)) = ½ Σ_d ((σ² + (mean − other_mean)²)/τ² − 1 − log σ²/τ²).

    (B, D) -> (B,).
    """
    by_dimension, by_dimension_pullback = kl_by_dimension(mean, log_var, other_mean, other_log_var)

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        return by_dimension_pullback(np.broadcast_to(dkl[:, None], mean.shape))  # kl_b = Σ_d kl_bd

    return by_dimension.sum(axis=1), pullback


@differentiable
def kl_by_dimension(
    mean: Array, log_var: Array, other_mean: Array, other_log_var: Array
) -> tuple[Array, Pullback]:
    """The summands of kl, one for each dimension: ½ ((σ² + (mean − other_mean)²)/τ² − 1 − log σ²/τ²).  (B, D) -> (B, D)."""
    require_shapes(
        "gaussian.kl",
        mean=(mean, "B D"),
        log_var=(log_var, "B D"),
        other_mean=(other_mean, "B D"),
        other_log_var=(other_log_var, "B D"),
    )
    log_ratio = log_var - other_log_var  # log σ²/τ²
    with np.errstate(over="ignore"):
        excess = np.expm1(log_ratio)  # σ²/τ² − 1
        precision = np.minimum(np.exp(-0.5 * other_log_var), np.finfo(mean.dtype).max)  # 1/τ
        u = (mean - other_mean) * precision
        kl = 0.5 * (u * u + (excess - log_ratio))

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        dmean = dkl * (u * precision)  # dmean = dkl (mean − other_mean)/τ²
        dlog_var = dkl * (0.5 * excess)  # dlog_var = dkl ½ (σ²/τ² − 1)
        # dother_log_var = dkl ½ (1 − σ²/τ² − (mean − other_mean)²/τ²)
        dother_log_var = dkl * (-0.5 * (excess + u * u))
        return dmean, dlog_var, -dmean, dother_log_var

    return kl, pullback


@differentiable
def entropy(log_var: Array) -> tuple[Array, Pullback]:
    """H = ½ Σ_d (log 2πe + log σ²), whatever the mean.     log_var (B, D)  ->  (B,) in nats."""
    require_shapes("gaussian.entropy", log_var=(log_var, "B D"))
    H = 0.5 * (log_var + log_var.dtype.type(np.log(2 * np.pi * np.e))).sum(axis=1)

    def pullback(dH: Array) -> Array:
        return np.broadcast_to(0.5 * dH[:, None], log_var.shape).copy()  # dlog_var = dH / 2

    return H, pullback


@differentiable
def expected_log_prob(
    mean: Array, log_var: Array, other_mean: Array, other_log_var: Array
) -> tuple[Array, Pullback]:
    """E[log N(x; other_mean, τ²)] for x ~ N(mean, σ²) = −½
    Σ_d (log 2π + log τ² + (σ² + (mean − other_mean)²)/τ²).

    (B, D)  ->  (B,) in nats: minus the cross-entropy.
    Kingma & Welling 2014, appendix B, where the other is N(0, 1).
    """
    require_shapes(
        "gaussian.expected_log_prob",
        mean=(mean, "B D"),
        log_var=(log_var, "B D"),
        other_mean=(other_mean, "B D"),
        other_log_var=(other_log_var, "B D"),
    )
    with np.errstate(over="ignore"):
        precision = np.minimum(np.exp(-0.5 * other_log_var), np.finfo(mean.dtype).max)  # 1/τ
        u = (mean - other_mean) * precision
        ratio = np.exp(log_var - other_log_var)  # σ²/τ²
        value = -0.5 * (other_log_var + mean.dtype.type(np.log(2 * np.pi)) + (ratio + u * u)).sum(axis=1)

    def pullback(dvalue: Array) -> tuple[Array, Array, Array, Array]:
        d = dvalue[:, None]
        dmean = -d * (u * precision)  # dmean = −dvalue (mean − other_mean)/τ²
        dlog_var = -d * (0.5 * ratio)  # dlog_var = −dvalue ½ σ²/τ²
        # dother_log_var = dvalue ½ (σ²/τ² + (mean − other_mean)²/τ² − 1)
        dother_log_var = d * (0.5 * (ratio + u * u - 1))
        return dmean, dlog_var, -dmean, dother_log_var

    return value, pullback


@differentiable
def product_of_experts(
    means: Array, log_vars: Array, *, present: Array | None = None
) -> tuple[tuple[Array, Array], Pullback]:
    """The Gaussian whose density is that of N(0, 1) times those of M experts, N(mean_m, σ_m²), divided by its
    integral.

        1/σ² = 1 + Σ_m 1/σ_m²        mean = Σ_m w_m mean_m,  w_m = σ²/σ_m²

    means, log_vars (B, M, Z), present (B, M)  ->  mean, log_var (B, Z). Where `present` is 0 an expert has the precision 0,
    whatever stands there. Hinton 2002; with the prior as an expert Wu & Goodman 2018, section 2.2.
    """
    require_shapes("gaussian.product_of_experts", means=(means, "B M Z"), log_vars=(log_vars, "B M Z"))
    counted: Array = np.ones(means.shape[:2])
    if present is not None:
        require_shapes("gaussian.product_of_experts", means=(means, "B M Z"), present=(present, "B M"))
        counted = present
    here = (counted != 0)[:, :, None]
    log_precision = np.where(here, -log_vars, log_vars.dtype.type(-np.inf))
    top = np.maximum(log_precision.max(axis=1, initial=-np.inf), 0)  # that of the prior is 0
    parts = np.exp(log_precision - top[:, None])
    total = np.exp(-top) + parts.sum(axis=1)
    weights, held = parts / total[:, None], np.where(here, means, 0)
    mean, log_var = (weights * held).sum(axis=1), -(top + np.log(total))

    def pullback(dmean: Array, dlog_var: Array) -> tuple[Array, Array]:
        dmeans = weights * dmean[:, None]  # dmean_m = w_m dmean
        pull = dlog_var[:, None] - dmean[:, None] * (held - mean[:, None])
        return dmeans, weights * pull  # dlog_σ_m² = w_m (dlog_var − dmean (mean_m − mean))

    return (mean, log_var), pullback
