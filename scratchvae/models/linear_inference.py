"""The linear-Gaussian model's posterior and density where entries are missing, and one step of EM.

The letters are those of linear_gaussian, with P patterns of missing entries and o for the observed entries of
a pattern. A missing entry is left out of every sum, so that nothing is ever filled in: W_o is W with the
columns of o, and so on.
"""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array


@dataclass(frozen=True)
class Rows:
    """Examples x (N, D), NaN where an entry is missing, and their patterns of missing entries.

    The patterns are found once: observed (P, D) holds them, and pattern (N,) says which one each example has.
    """

    x: Array
    observed: Array
    pattern: Array

    @classmethod
    def of(cls, x: Array) -> "Rows":
        """x and its patterns."""
        observed, pattern = np.unique(~np.isnan(x), axis=0, return_inverse=True)
        return cls(x, observed, pattern.reshape(len(x)))


@dataclass(frozen=True)
class Inference:
    """p(z|x_o) = N(mean, covariance) and log_px = log p(x_o) in nats.

    mean (N, Z), covariance (P, Z, Z), one for each pattern, and log_px (N,).
    """

    mean: Array
    covariance: Array
    log_px: Array


def infer(rows: Rows, mean: Array, weight: Array, noise_variance: Array) -> Inference:
    """p(z|x_o) and log p(x_o) of every example, by Woodbury's identity, which factors only Z x Z matrices.

    With M = I + W_o Ψ_o⁻¹ W_oᵀ = L Lᵀ, r = x_o − mean_o and the posterior mean m = M⁻¹ W_o Ψ_o⁻¹ r,

        log p(x_o) = −½ (|o| log 2π + Σ_o log ψ_d + 2 Σ_j log L_jj + Σ_o (r − m W_o)_d² / ψ_d + |m|²)

    The last two terms are rᵀ C_o⁻¹ r, without a difference of large numbers. Tipping & Bishop 1999, section
    3.
    """
    x, observed, pattern = rows.x, rows.observed, rows.pattern
    Z, D = weight.shape
    products = (weight[:, None] * weight / noise_variance).reshape(Z * Z, D)
    M = np.eye(Z) + (observed @ products.T).reshape(-1, Z, Z)  # M_p = I + Σ_o W_d W_dᵀ / ψ_d
    L = np.linalg.cholesky(M)
    L_inverse = np.linalg.solve(L, np.broadcast_to(np.eye(Z), L.shape))
    covariance = L_inverse.swapaxes(1, 2) @ L_inverse  # M⁻¹

    residual = np.where(np.isnan(x), 0, x - mean)
    projected = (residual / noise_variance) @ weight.T  # W_o Ψ_o⁻¹ r
    z = (
        np.einsum("nij,nj->ni", covariance[pattern], projected)
        if len(observed) > 1
        else projected @ covariance[0]
    )
    left = np.where(np.isnan(x), 0, residual - z @ weight)
    quadratic = (left * left / noise_variance).sum(axis=1) + (z * z).sum(axis=1)
    log_det = observed @ np.log(noise_variance) + 2 * np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
    constant = observed.sum(axis=1) * np.log(2 * np.pi)
    return Inference(z, covariance, -0.5 * ((constant + log_det)[pattern] + quadratic))


def em_step(rows: Rows, inference: Inference) -> tuple[Array, Array, Array, Array]:
    """The mean (D,) and W (Z, D) that maximize E[log p(x, z)], and what the noise variances are made of.

    Each column d is a regression on z̃ = (z, 1) over the examples in which it is observed:

        Σ_n E[z̃ z̃ᵀ] w̃_d = Σ_n x_nd E[z̃],
        E[Σ_n ε_nd²] = Σ_n (x_nd − E[z̃]ᵀ w̃_d)² + w_dᵀ (Σ_n Cov z) w_d

    So no missing entry needs a distribution of its own. The last two results are E[Σ_n ε²] (D,), and how
    often each column is observed (D,). Rubin & Thayer 1982; Ghahramani & Hinton 1996, section 2.
    """
    x = rows.x
    N, D = x.shape
    Z = inference.mean.shape[1]
    missing = np.isnan(x)
    present = (~missing).astype(np.float64)
    extended = np.concatenate([inference.mean, np.ones((N, 1))], axis=1)  # E[z̃]
    examples = np.bincount(rows.pattern)
    scatter = (rows.observed * examples[:, None]).T @ inference.covariance.reshape(-1, Z * Z)
    scatter = scatter.reshape(D, Z, Z)  # Σ_n Cov z over the examples with column d
    outer = (extended[:, :, None] * extended[:, None, :]).reshape(N, -1)
    moments = (present.T @ outer).reshape(D, Z + 1, Z + 1)
    moments[:, :Z, :Z] += scatter  # Σ_n E[z̃ z̃ᵀ]
    known = np.where(missing, 0, x)
    solved = np.linalg.solve(moments, (known.T @ extended)[:, :, None])[:, :, 0]  # w̃ (D, Z + 1)
    weight, mean = solved[:, :Z].T, solved[:, Z]
    error = np.where(missing, 0, x - extended @ solved.T)
    squares = (error * error).sum(axis=0) + np.einsum("zd,dzy,yd->d", weight, scatter, weight)
    return mean, weight, squares, present.sum(axis=0)
