"""The product of two Gaussians with independent entries, which is proportional to a Gaussian."""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_shapes


@differentiable
def product(
    mean: Array, log_var: Array, other_mean: Array, other_log_var: Array
) -> tuple[tuple[Array, Array], Pullback]:
    """The Gaussian whose density is proportional to N(x; mean, diag σ²) N(x; other_mean, diag τ²).

        1/s² = 1/σ² + 1/τ²        m = w mean + (1 − w) other_mean,    w = s²/σ² = 1 / (1 + σ²/τ²)

    All four arrays are (B, D), and so are the mean m and log s² that it returns. Precisions add up, and each
    mean counts by its share w of the precision: 0 where its variance is infinite, and 1 where its variance is
    0 and the other is not. No digit is lost at either end, since log s² is computed as the smaller of the two
    logarithms less log(1 + e^(−|log σ²/τ²|)). `gaussian_algebra.product` is the same for full covariances.
    Sønderby et al. 2016, equations 10 and 11.
    """
    shapes = {"mean": (mean, "B D"), "log_var": (log_var, "B D")}
    others = {"other_mean": (other_mean, "B D"), "other_log_var": (other_log_var, "B D")}
    require_shapes("gaussian_product.product", **shapes, **others)
    log_ratio = log_var - other_log_var  # log σ²/τ²
    w, rest = kernels.sigmoid(-log_ratio), kernels.sigmoid(log_ratio)  # w and 1 − w
    m = w * mean + rest * other_mean
    log_s2 = np.minimum(log_var, other_log_var) - np.log1p(np.exp(-np.abs(log_ratio)))

    def pullback(dm: Array, dlog_s2: Array) -> tuple[Array, Array, Array, Array]:
        pull = dm * (w * rest) * (mean - other_mean)
        dlog_var = w * dlog_s2 - pull  # dlog_var = w dlog_s² − w (1 − w) (mean − other_mean) dm
        # dother_log_var = (1 − w) dlog_s² + w (1 − w) (mean − other_mean) dm
        dother_log_var = rest * dlog_s2 + pull
        return w * dm, dlog_var, rest * dm, dother_log_var  # dmean = w dm,  dother_mean = (1 − w) dm

    return (m, log_s2), pullback
