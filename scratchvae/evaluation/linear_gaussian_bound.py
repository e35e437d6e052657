"""The bound of a linear-Gaussian model in closed form, for any Gaussian q.

    z ~ N(0, I),   x = z W + mean + ε,   ε ~ N(0, Ψ), Ψ = diag ψ,   q(z) = N(m, L Lᵀ)

Letters, as in models.LinearGaussian: B examples, D entries of an event, Z latents; weight W (Z, D),
noise_variance ψ (D,).
"""

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.distributions import gaussian_full


def linear_gaussian_bound(
    q_mean: Array, q_L: Array, *, x: Array, weight: Array, mean: Array, noise_variance: Array
) -> tuple[Array, Pullback]:
    """E_q[log p(x|z)] − KL(q ‖ N(0, I)), where E_q[log p(x|z)] has a closed form too.

        E_q[log p(x|z)] = log N(x; m W + mean, Ψ) − ½ Σ_d (Wᵀ L Lᵀ W)_dd / ψ_d

    q_mean m (B, Z), q_L the Cholesky factors L (B, Z, Z), x (B, D)  ->  (B,) in nats. The bound is largest
    where q is p(z|x), L Lᵀ = (I + W Ψ⁻¹ Wᵀ)⁻¹ and m = (x − mean) Ψ⁻¹ Wᵀ L Lᵀ, and is log p(x) there.
    InputError where a variance is not positive. Tipping & Bishop 1999, section 3; Lucas et al. 2019, section
    4.
    """
    require_shapes(
        "linear_gaussian_bound",
        q_mean=(q_mean, "B Z"),
        q_L=(q_L, "B Z Z"),
        x=(x, "B D"),
        weight=(weight, "Z D"),
        mean=(mean, "D"),
        noise_variance=(noise_variance, "D"),
    )
    if not (noise_variance > 0).all():
        found = f"found {noise_variance.min()} at entry {noise_variance.argmin()}"
        raise InputError(f"linear_gaussian_bound: noise_variance should be positive, {found}")
    error = x - (q_mean @ weight + mean)
    spread = np.tril(q_L).transpose(0, 2, 1) @ weight  # Lᵀ W (B, Z, D)
    squares = error**2 + (spread**2).sum(axis=1)  # E_q[(x − z W − mean)²] (B, D)
    log_px_z = -0.5 * (np.log(2 * np.pi * noise_variance) + squares / noise_variance).sum(axis=1)
    kl, kl_pullback = gaussian_full.kl_to_standard(q_mean, q_L)

    def pullback(dbound: Array) -> tuple[Array, Array]:
        dmean_by_kl, dL_by_kl = kl_pullback(-dbound)
        dx_mean = dbound[:, None] * error / noise_variance
        dmean = dx_mean @ weight.T + dmean_by_kl  # dm = dbound (W Ψ⁻¹ (x − m W − mean) − m)
        dL = np.tril(weight / noise_variance @ (-dbound[:, None, None] * spread).transpose(0, 2, 1))
        return dmean, dL + dL_by_kl  # dL = −dbound (W Ψ⁻¹ Wᵀ L + L − diag 1/L_ii), its lower triangle

    return log_px_z - kl, pullback
