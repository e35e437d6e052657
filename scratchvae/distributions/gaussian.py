"""The Gaussian with diagonal covariance, N(x; mean, diag σ²) with log_var = log σ².

Letters: B examples, D entries of an event. Log-densities sum over the event. Every function is finite for
every finite input while σ, 1/σ and the squares fit into the dtype. Beyond that its value is its limit, ±∞,
and never NaN. Kingma & Welling 2014, appendices B and C.2.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_count, require_shapes, sum_of_draws
from scratchvae.distributions._beyond_range import weighed
from scratchvae.distributions._standard_normal import sample_standard as sample_standard


@differentiable
def log_prob(
    x: Array, mean: Array, log_var: Array, *, observed: Array | None = None, needs_dx: bool = True
) -> tuple[Array, Pullback]:
    """log p(x) = −½ Σ_d (log 2π + log σ² + (x − mean)²/σ²).     x, mean, log_var (B, D)  ->  (B,) in nats.

    An entry is missing where `observed` (B, D) is 0. It then adds exactly nothing to the sum, and its
    gradients are 0, whatever number or NaN stands in its place.
    """
    require_shapes("gaussian.log_prob", x=(x, "B D"), mean=(mean, "B D"), log_var=(log_var, "B D"))
    counted: Array = np.full(len(x), x.shape[1])
    held = [x, mean, log_var]
    if observed is not None:
        require_shapes("gaussian.log_prob", x=(x, "B D"), observed=(observed, "B D"))
        counted = np.count_nonzero(observed, axis=1)
        held = [kernels.fill_missing(a, observed, 0.0) for a in held]
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
    """z = mean + σ · noise with σ = exp(log_var / 2), a draw from N(mean, σ²) where noise is N(0, 1).

    mean, log_var (B, D), noise (B · draws, D)  ->  z (B · draws, D). The draws for one mean are neighbouring
    rows. Kingma & Welling 2014, section 2.4.
    """
    require_count("gaussian.reparameterize", "draws", draws)
    shapes = {"mean": (mean, "B D"), "log_var": (log_var, "B D"), "noise": (noise, f"{len(mean) * draws} D")}
    require_shapes("gaussian.reparameterize", **shapes)
    # spread = z − mean = σ · noise
    z, spread = kernels.gaussian_reparameterize(mean, log_var, noise.astype(log_var.dtype, copy=False), draws)

    def pullback(dz: Array) -> tuple[Array, Array]:
        dmean = sum_of_draws(dz, draws)  # dmean = Σ_k dz
        dlog_var = sum_of_draws(dz * (0.5 * spread), draws)  # dlog_var = Σ_k dz ½ σ noise
        return dmean, dlog_var

    return z, pullback


@differentiable
def log_prob_of_draw(log_var: Array, *, noise: Array, draws: int = 1) -> tuple[Array, Pullback]:
    """log N(z; mean, σ²) at the draw z = mean + σ · noise: −½ Σ_d (log 2π + log σ² + noise²).

    log_var (B, D), noise (B · draws, D)  ->  (B · draws,) in nats. The draws for one mean are neighbouring
    rows. The noise is a constant, and so z moves with the mean and with σ, while (z − mean)/σ stays equal to
    the noise. Therefore the value does not depend on the mean, and its derivative by each log σ² is −½.

    `log_prob` would compute the noise as (z − mean)/σ from the rounded z. Where σ is much smaller than the
    mean, z holds few digits of the noise, and the result would be inexact. This function takes the noise
    itself.
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


@differentiable
def kl_to_standard(mean: Array, log_var: Array) -> tuple[Array, Pullback]:
    """KL(N(mean, σ²) ‖ N(0, 1)) = ½ Σ_d (mean² + σ² − 1 − log σ²).

    mean, log_var (B, D)  ->  (B,) in nats. Kingma & Welling 2014, appendix B.
    """
    by_dimension, by_dimension_pullback = kl_to_standard_by_dimension(mean, log_var)

    def pullback(dkl: Array) -> tuple[Array, Array]:
        return by_dimension_pullback(np.broadcast_to(dkl[:, None], mean.shape))  # kl_b = Σ_d kl_bd

    return by_dimension.sum(axis=1), pullback


@differentiable
def kl_to_standard_by_dimension(mean: Array, log_var: Array) -> tuple[Array, Pullback]:
    """The summands of `kl_to_standard`: ½ (mean² + σ² − 1 − log σ²).     (B, D)  ->  (B, D) in nats."""
    require_shapes("gaussian.kl_to_standard", mean=(mean, "B D"), log_var=(log_var, "B D"))
    kl, excess = kernels.gaussian_kl_to_standard(mean, log_var)  # excess = σ² − 1

    def pullback(dkl: Array) -> tuple[Array, Array]:
        dmean = dkl * mean  # dmean = dkl mean
        dlog_var = weighed(dkl, 0.5 * excess)  # dlog_var = dkl ½ (σ² − 1)
        return dmean, dlog_var

    return kl, pullback


@differentiable
def kl(mean: Array, log_var: Array, other_mean: Array, other_log_var: Array) -> tuple[Array, Pullback]:
    """KL(N(mean, σ²) ‖ N(other_mean, τ²)) = ½ Σ_d ((σ² + (mean − other_mean)²)/τ² − 1 − log σ²/τ²).

    All four arrays are (B, D), and other_log_var is log τ²  ->  (B,) in nats.
    """
    by_dimension, by_dimension_pullback = kl_by_dimension(mean, log_var, other_mean, other_log_var)

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        return by_dimension_pullback(np.broadcast_to(dkl[:, None], mean.shape))  # kl_b = Σ_d kl_bd

    return by_dimension.sum(axis=1), pullback


@differentiable
def kl_by_dimension(
    mean: Array, log_var: Array, other_mean: Array, other_log_var: Array
) -> tuple[Array, Pullback]:
    """The summands of `kl`: ½ ((σ² + (mean − other_mean)²)/τ² − 1 − log σ²/τ²).     (B, D)  ->  (B, D)."""
    _require_two_laws("gaussian.kl", mean, log_var, other_mean, other_log_var)
    log_ratio = log_var - other_log_var  # log σ²/τ²
    with np.errstate(over="ignore"):
        excess = np.expm1(log_ratio)  # σ²/τ² − 1
        precision = np.minimum(np.exp(-0.5 * other_log_var), np.finfo(mean.dtype).max)  # 1/τ
        u = (mean - other_mean) * precision
        kl = 0.5 * (u * u + (excess - log_ratio))

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        dmean = weighed(dkl, u * precision)  # dmean = dkl (mean − other_mean)/τ²
        dlog_var = weighed(dkl, 0.5 * excess)  # dlog_var = dkl ½ (σ²/τ² − 1)
        # dother_log_var = dkl ½ (1 − σ²/τ² − (mean − other_mean)²/τ²)
        dother_log_var = weighed(dkl, -0.5 * (excess + u * u))
        return dmean, dlog_var, -dmean, dother_log_var

    return kl, pullback


@differentiable
def entropy(log_var: Array) -> tuple[Array, Pullback]:
    """H = ½ Σ_d (log 2πe + log σ²), for any mean.     log_var (B, D)  ->  (B,) in nats."""
    require_shapes("gaussian.entropy", log_var=(log_var, "B D"))
    H = 0.5 * (log_var + log_var.dtype.type(np.log(2 * np.pi * np.e))).sum(axis=1)

    def pullback(dH: Array) -> Array:
        return np.broadcast_to(0.5 * dH[:, None], log_var.shape).copy()  # dlog_var = dH / 2

    return H, pullback


@differentiable
def expected_log_prob(
    mean: Array, log_var: Array, other_mean: Array, other_log_var: Array
) -> tuple[Array, Pullback]:
    """The mean of log N(x; other_mean, τ²) over x ~ N(mean, σ²), which is minus the cross-entropy.

        −½ Σ_d (log 2π + log τ² + (σ² + (mean − other_mean)²)/τ²)

    All four arrays are (B, D), and other_log_var is log τ²  ->  (B,) in nats. Kingma & Welling 2014, appendix
    B, where the other law is N(0, 1).
    """
    _require_two_laws("gaussian.expected_log_prob", mean, log_var, other_mean, other_log_var)
    with np.errstate(over="ignore"):
        precision = np.minimum(np.exp(-0.5 * other_log_var), np.finfo(mean.dtype).max)  # 1/τ
        u = (mean - other_mean) * precision
        ratio = np.exp(log_var - other_log_var)  # σ²/τ²
        value = -0.5 * (other_log_var + mean.dtype.type(np.log(2 * np.pi)) + (ratio + u * u)).sum(axis=1)

    def pullback(dvalue: Array) -> tuple[Array, Array, Array, Array]:
        d = dvalue[:, None]
        dmean = weighed(d, -u * precision)  # dmean = −dvalue (mean − other_mean)/τ²
        dlog_var = weighed(d, -0.5 * ratio)  # dlog_var = −dvalue ½ σ²/τ²
        # dother_log_var = dvalue ½ (σ²/τ² + (mean − other_mean)²/τ² − 1)
        dother_log_var = weighed(d, 0.5 * (ratio + u * u - 1))
        return dmean, dlog_var, -dmean, dother_log_var

    return value, pullback


@differentiable
def product_of_experts(
    means: Array, log_vars: Array, *, present: Array | None = None
) -> tuple[tuple[Array, Array], Pullback]:
    """The Gaussian that is proportional to N(0, 1) times M experts N(mean_m, σ_m²).

        1/σ² = 1 + Σ_m 1/σ_m²        mean = Σ_m w_m mean_m,  w_m = σ²/σ_m²

    means, log_vars (B, M, Z), present (B, M)  ->  mean, log_var (B, Z). An expert whose `present` is 0 has
    the precision 0, whatever its mean and log σ² are. Hinton 2002. Wu & Goodman 2018, section 2.2, make the
    prior N(0, 1) one of the experts.
    """
    require_shapes("gaussian.product_of_experts", means=(means, "B M Z"), log_vars=(log_vars, "B M Z"))
    counted: Array = np.ones(means.shape[:2])
    if present is not None:
        require_shapes("gaussian.product_of_experts", means=(means, "B M Z"), present=(present, "B M"))
        counted = present
    here = (counted != 0)[:, :, None]
    log_precision = np.where(here, -log_vars, log_vars.dtype.type(-np.inf))
    top = np.maximum(log_precision.max(axis=1, initial=-np.inf), 0)  # the prior's log precision is 0
    parts = np.exp(log_precision - top[:, None])
    total = np.exp(-top) + parts.sum(axis=1)
    weights, held = parts / total[:, None], np.where(here, means, 0)
    mean, log_var = (weights * held).sum(axis=1), -(top + np.log(total))

    def pullback(dmean: Array, dlog_var: Array) -> tuple[Array, Array]:
        dmeans = weights * dmean[:, None]  # dmean_m = w_m dmean
        pull = dlog_var[:, None] - dmean[:, None] * (held - mean[:, None])
        return dmeans, weights * pull  # dlog σ_m² = w_m (dlog_var − dmean (mean_m − mean))

    return (mean, log_var), pullback


def _require_two_laws(
    where: str, mean: Array, log_var: Array, other_mean: Array, other_log_var: Array
) -> None:
    """Raise InputError unless all four arrays have the shape of the first, (B, D)."""
    one = {"mean": (mean, "B D"), "log_var": (log_var, "B D")}
    require_shapes(where, **one, other_mean=(other_mean, "B D"), other_log_var=(other_log_var, "B D"))
