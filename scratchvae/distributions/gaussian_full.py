"""The Gaussian with any covariance, N(x; mean, L Lᵀ), by its Cholesky factor L.

L is lower triangular with a positive diagonal. Letters: B examples, D entries of an event. No function reads
the entries above the diagonal of an L. `ops.lower_triangular` makes an L of free numbers, and `ops.cholesky`
makes the L of a covariance. Where L = diag σ, a function that `distributions.gaussian` has too gives the same
value. The functions that need L⁻¹ compute in float64 in either dtype, since the entries of L⁻¹ may be large.
"""

import numpy as np

from scratchvae import ops
from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.distributions import _cholesky_factor as cholesky_factor

LOG_2PI = float(np.log(2 * np.pi))


@differentiable
@in_float64
def log_prob(x: Array, mean: Array, L: Array, *, needs_dx: bool = True) -> tuple[Array, Pullback]:
    """log p(x) = −Σ_i log L_ii − ½ Σ_i (u_i² + log 2π), u = L⁻¹ (x − mean).

    x, mean (B, D), L (B, D, D)  ->  (B,) nats.
    """
    require_shapes("gaussian_full.log_prob", x=(x, "B D"), mean=(mean, "B D"), L=(L, "B D D"))
    log_diagonal, log_diagonal_pullback = cholesky_factor.log_diagonal("log_prob", "L", L)
    u, u_pullback = ops.solve_triangular(L, (x - mean)[:, :, None])
    log_px = -(log_diagonal + 0.5 * (u[:, :, 0] ** 2 + x.dtype.type(LOG_2PI))).sum(axis=1)

    def pullback(dlog_px: Array) -> tuple[Array | None, Array, Array]:
        dL_by_u, dresidual = u_pullback(-dlog_px[:, None, None] * u)  # du = −dlog_px u
        # d log L_ii = −dlog_px
        dL_by_diagonal = log_diagonal_pullback(np.repeat(-dlog_px[:, None], L.shape[1], axis=1))
        dL = dL_by_u + dL_by_diagonal  # dL = dlog_px (L⁻ᵀ u uᵀ − diag 1/L_ii), its lower triangle
        dmean = -dresidual[:, :, 0]  # dmean = dlog_px (L Lᵀ)⁻¹ (x − mean)
        return -dmean if needs_dx else None, dmean, dL

    return log_px, pullback


@differentiable
def reparameterize(mean: Array, L: Array, *, noise: Array) -> tuple[Array, Pullback]:
    """z = mean + L · noise, a draw from N(mean, L Lᵀ) where the noise is a draw from N(0, I).

    mean, noise (B, D), L (B, D, D)  ->  z (B, D).     Kingma & Welling 2019, section 2.5.1.
    """
    require_shapes("gaussian_full.reparameterize", mean=(mean, "B D"), L=(L, "B D D"), noise=(noise, "B D"))
    noise = noise.astype(L.dtype, copy=False)
    z = mean + (np.tril(L) @ noise[:, :, None])[:, :, 0]

    def pullback(dz: Array) -> tuple[Array, Array]:
        dL = np.tril(dz[:, :, None] * noise[:, None, :])  # dL_ij = dz_i noise_j,  j ≤ i
        return dz, dL  # dmean = dz

    return z, pullback


@differentiable
@in_float64
def conditional(mean: Array, L: Array, x: Array) -> tuple[tuple[Array, Array], Pullback]:
    """The law of the last D − O entries given that the first O are x: N(mean_r + L_ro u, L_rr L_rrᵀ).

    mean (B, D), L (B, D, D), x (B, O)  ->  mean (B, D − O), factor (B, D − O, D − O). InputError where O > D
    or an L_ii is not positive. u = L_oo⁻¹ (x − mean_o), o are the first O entries, and r are the others.

    For z = mean + L · noise, z_o equals x exactly where the first O entries of the noise are u. The other
    entries of the noise stay free, and so the factor of the result is the block L_rr.
    `gaussian_algebra.conditional` finds this law by the covariance.
    """
    n = require_shapes("gaussian_full.conditional", mean=(mean, "B D"), L=(L, "B D D"), x=(x, "B O"))
    if n["O"] > n["D"]:
        expected = f"x should have at most D = {n['D']} entries"
        raise InputError(f"gaussian_full.conditional: {expected}, found {n['O']}")
    cholesky_factor.require_positive_diagonal("conditional", "L", L)
    o, r = slice(0, n["O"]), slice(n["O"], n["D"])
    L_ro = L[:, r, o]
    u, u_pullback = ops.solve_triangular(L[:, o, o], (x - mean[:, o])[:, :, None])  # u = L_oo⁻¹ (x − mean_o)
    mean_given = mean[:, r] + (L_ro @ u)[:, :, 0]

    def pullback(dmean_given: Array, dL_rr: Array) -> tuple[Array, Array, Array]:
        dL = np.zeros_like(L)
        du = L_ro.transpose(0, 2, 1) @ dmean_given[:, :, None]  # du = L_roᵀ dmean_given
        dL[:, o, o], dresidual = u_pullback(du)  # dL_oo = −L_oo⁻ᵀ du uᵀ, its lower triangle
        dL[:, r, o] = dmean_given[:, :, None] * u.transpose(0, 2, 1)  # dL_ro = dmean_given uᵀ
        dL[:, r, r] = np.tril(dL_rr)  # the factor is L_rr itself
        dx = dresidual[:, :, 0]  # dx = L_oo⁻ᵀ L_roᵀ dmean_given
        return np.concatenate([-dx, dmean_given], axis=1), dL, dx  # dmean_o = −dx,  dmean_r = dmean_given

    return (mean_given, np.tril(L[:, r, r])), pullback


@differentiable
def log_prob_of_draw(L: Array, *, noise: Array) -> tuple[Array, Pullback]:
    """log N(z; mean, L Lᵀ) at the draw z = mean + L · noise: −Σ_i log L_ii − ½ Σ_i (noise_i² + log 2π).

    L (B, D, D), noise (B, D)  ->  (B,) in nats. The noise is a constant, and so z moves with the mean and
    with L, while L⁻¹ (z − mean) stays equal to the noise. Therefore the value does not depend on the mean,
    and it depends on L by the determinant Π_i L_ii alone.
    """
    require_shapes("gaussian_full.log_prob_of_draw", L=(L, "B D D"), noise=(noise, "B D"))
    log_diagonal, log_diagonal_pullback = cholesky_factor.log_diagonal("log_prob_of_draw", "L", L)
    u = noise.astype(L.dtype, copy=False)
    log_q = -(log_diagonal + 0.5 * (u * u + L.dtype.type(LOG_2PI))).sum(axis=1)

    def pullback(dlog_q: Array) -> Array:
        # dL_ii = −dlog_q / L_ii
        return log_diagonal_pullback(np.repeat(-dlog_q[:, None], L.shape[1], axis=1))

    return log_q, pullback


@differentiable
def entropy(L: Array) -> tuple[Array, Pullback]:
    """H = ½ D log 2πe + Σ_i log L_ii, for any mean.     L (B, D, D)  ->  (B,) in nats."""
    require_shapes("gaussian_full.entropy", L=(L, "B D D"))
    log_diagonal, log_diagonal_pullback = cholesky_factor.log_diagonal("entropy", "L", L)
    H = (log_diagonal + L.dtype.type(0.5 * LOG_2PI + 0.5)).sum(axis=1)

    def pullback(dH: Array) -> Array:
        return log_diagonal_pullback(np.repeat(dH[:, None], L.shape[1], axis=1))  # dL_ii = dH / L_ii

    return H, pullback


@differentiable
@in_float64
def kl(mean: Array, L: Array, other_mean: Array, other_L: Array) -> tuple[Array, Pullback]:
    """KL(N(mean, L Lᵀ) ‖ N(other_mean, M Mᵀ)) = ½ (‖A‖² + ‖u‖² − D) − Σ_i log A_ii.

        A = M⁻¹ L,        u = M⁻¹ (mean − other_mean)

    mean, other_mean (B, D), L, other_L (B, D, D), where M is other_L  ->  (B,) in nats. ‖A‖² is the sum of
    the squares of A's entries.
    """
    _require_two_laws("kl", mean, L, other_mean, other_L)
    D = mean.shape[1]
    for name, factor in {"L": L, "other_L": other_L}.items():
        cholesky_factor.require_positive_diagonal("kl", name, factor)
    beside = np.concatenate([np.tril(L), (mean - other_mean)[:, :, None]], axis=2)
    both, both_pullback = ops.solve_triangular(other_L, beside)  # [A | u] = M⁻¹ [L | mean − other_mean]
    by_dimension, by_dimension_pullback = kl_to_standard_by_dimension(both[:, :, D], both[:, :, :D])
    # the map M⁻¹ changes no KL and turns the covariance M Mᵀ into I

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        # du = dkl u,  dA = dkl (A − diag 1/A_ii)
        du, dA = by_dimension_pullback(np.repeat(dkl[:, None], D, axis=1))
        dother_L, dbeside = both_pullback(np.concatenate([dA, du[:, :, None]], axis=2))
        dmean = dbeside[:, :, D]  # dmean = M⁻ᵀ du
        # dL = M⁻ᵀ dA,  dM = −M⁻ᵀ (dA Aᵀ + du uᵀ), lower triangles
        return dmean, np.tril(dbeside[:, :, :D]), -dmean, dother_L

    return by_dimension.sum(axis=1), pullback


@differentiable
def kl_to_standard(mean: Array, L: Array) -> tuple[Array, Pullback]:
    """KL(N(mean, L Lᵀ) ‖ N(0, I)) = ½ (‖mean‖² + ‖L‖² − D) − Σ_i log L_ii.

    mean (B, D), L (B, D, D)  ->  (B,) in nats.
    """
    by_dimension, by_dimension_pullback = kl_to_standard_by_dimension(mean, L)

    def pullback(dkl: Array) -> tuple[Array, Array]:
        return by_dimension_pullback(np.repeat(dkl[:, None], mean.shape[1], axis=1))  # kl_b = Σ_i kl_bi

    return by_dimension.sum(axis=1), pullback


@differentiable
def kl_to_standard_by_dimension(mean: Array, L: Array) -> tuple[Array, Pullback]:
    """The summands of `kl_to_standard`: ½ (mean_i² + Σ_j<i L_ij² + L_ii² − 1) − log L_ii.

    mean (B, D), L (B, D, D)  ->  (B, D) in nats.

    By the chain rule the i-th summand is E[KL(q(z_i | z_1 … z_i−1) ‖ N(0, 1))], the share of entry i, and so
    it is never negative. By `conditional`, z_i has the standard deviation L_ii once the entries before it are
    given. Its mean depends on these entries, and the mean of its square is mean_i² + Σ_j<i L_ij².
    """
    require_shapes("gaussian_full.kl_to_standard", mean=(mean, "B D"), L=(L, "B D D"))
    log_diagonal, _ = cholesky_factor.log_diagonal("kl_to_standard", "L", L)
    on = np.arange(L.shape[1])
    below, diagonal = np.tril(L, -1), L[:, on, on]
    with np.errstate(over="ignore"):
        excess = np.expm1(2 * log_diagonal)  # L_ii² − 1, exact for L_ii near 1 too
        kl = 0.5 * (mean * mean + (below * below).sum(axis=2) + (excess - 2 * log_diagonal))

    def pullback(dkl: Array) -> tuple[Array, Array]:
        dmean = dkl * mean  # dmean = dkl mean
        dL = dkl[:, :, None] * below  # dL_ij = dkl_i L_ij,  j < i
        dL[:, on, on] = dkl * np.where(
            np.abs(log_diagonal) < 1, 2 * np.sinh(log_diagonal), diagonal - 1 / diagonal
        )
        return dmean, dL  # dL_ii = dkl_i (L_ii − 1/L_ii), by 2 sinh log L_ii where that would cancel

    return kl, pullback


@differentiable
@in_float64
def expected_log_prob(mean: Array, L: Array, other_mean: Array, other_L: Array) -> tuple[Array, Pullback]:
    """The mean of log N(x; other_mean, M Mᵀ) over x ~ N(mean, L Lᵀ): minus the cross-entropy.

        −½ (D log 2π + ‖A‖² + ‖u‖²) − Σ_i log M_ii,        A = M⁻¹ L,        u = M⁻¹ (mean − other_mean)

    mean, other_mean (B, D), L, other_L (B, D, D), where M is other_L  ->  (B,) in nats.
    """
    _require_two_laws("expected_log_prob", mean, L, other_mean, other_L)
    D = mean.shape[1]
    log_diagonal, log_diagonal_pullback = cholesky_factor.log_diagonal(
        "expected_log_prob", "other_L", other_L
    )
    beside = np.concatenate([np.tril(L), (mean - other_mean)[:, :, None]], axis=2)
    both, both_pullback = ops.solve_triangular(other_L, beside)  # [A | u] = M⁻¹ [L | mean − other_mean]
    value = -(log_diagonal + 0.5 * ((both * both).sum(axis=2) + mean.dtype.type(LOG_2PI))).sum(axis=1)

    def pullback(dvalue: Array) -> tuple[Array, Array, Array, Array]:
        dother_L, dbeside = both_pullback(-dvalue[:, None, None] * both)  # d[A | u] = −dvalue [A | u]
        dlog_diagonal = np.repeat(-dvalue[:, None], D, axis=1)  # d log M_ii = −dvalue
        dmean = dbeside[:, :, D]  # dmean = −dvalue (M Mᵀ)⁻¹ (mean − other_mean)
        dL = np.tril(dbeside[:, :, :D])  # dL = −dvalue (M Mᵀ)⁻¹ L, its lower triangle
        return dmean, dL, -dmean, dother_L + log_diagonal_pullback(dlog_diagonal)

    return value, pullback


@differentiable
def expected_quadratic_form(mean: Array, S: Array, A: Array) -> tuple[Array, Pullback]:
    """E[xᵀ A x] = tr(A S) + meanᵀ A mean, where x has this mean and this covariance S.

    mean (B, D), S (B, D, D), A (D, D)  ->  (B,). It holds for every law of x, Gaussian or not. Petersen &
    Pedersen 2012, section 6.2.2, equation 328.
    """
    require_shapes("gaussian_full.expected_quadratic_form", mean=(mean, "B D"), S=(S, "B D D"), A=(A, "D D"))
    # E[x xᵀ]ᵀ, so that the value is Σ_ij A_ij moment_ij
    moment = S.transpose(0, 2, 1) + mean[:, :, None] * mean[:, None, :]
    value = (moment * A).sum(axis=(1, 2))

    def pullback(dvalue: Array) -> tuple[Array, Array, Array]:
        dmean = dvalue[:, None] * (mean @ (A + A.T))  # dmean = dvalue (A + Aᵀ) mean
        dS = dvalue[:, None, None] * A.T  # dS = dvalue Aᵀ
        dA = np.tensordot(dvalue, moment, axes=1)  # dA = Σ_b dvalue_b (Sᵀ + mean meanᵀ)
        return dmean, dS, dA

    return value, pullback


def _require_two_laws(where: str, mean: Array, L: Array, other_mean: Array, other_L: Array) -> None:
    other = {"other_mean": (other_mean, "B D"), "other_L": (other_L, "B D D")}
    require_shapes(f"gaussian_full.{where}", mean=(mean, "B D"), L=(L, "B D D"), **other)
