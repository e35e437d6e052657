"""Operations that lead from Gaussians to a Gaussian: marginal, conditional, affine map, sum, product.

Each function takes a law as its mean (B, D) and its covariance S (B, D, D), and returns a law as the tuple of
the two. `ops.cholesky` turns a covariance into the factor that the functions of `distributions.gaussian_full`
take.

Letters: B examples, D entries of an event; o are the observed entries, r is the rest of them.

Gradients by a covariance treat its D² entries as independent numbers. `marginal`, `affine` and
`sum_of_independent` take singular covariances too, and return the covariance as their formula gives it.
`conditional` and `product` invert covariances, and read ½ (S + Sᵀ) for S as `ops.cholesky` does: their dS
is symmetric. A symmetric S has only D (D + 1)/2 free numbers. For it the gradients mean that adding a small
δ to both S_ij and S_ji changes the loss by (dS_ij + dS_ji) δ, and adding δ to S_ii changes it by dS_ii δ.

Sources: Bishop 2006, "Pattern Recognition and Machine Learning", section 2.3; Rasmussen & Williams 2006,
"Gaussian Processes for Machine Learning", appendix A.2; Petersen & Pedersen 2012, "The Matrix Cookbook",
section 8.1.
"""

from collections.abc import Sequence

import numpy as np

from scratchvae import ops
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback, require_finite, require_shapes
from scratchvae.distributions import gaussian_full

Law = tuple[Array, Array]  # mean (B, D) and covariance (B, D, D)


@differentiable
def marginal(mean: Array, S: Array, *, kept: Sequence[int]) -> tuple[Law, Pullback]:
    """The law of the entries `kept` of x ~ N(mean, S), in that order: N(mean_k, S_kk).

    mean (B, D), S (B, D, D)  ->  mean (B, K), covariance (B, K, K). `kept` are K different numbers of
    0..D − 1. InputError where `kept` names an entry that does not exist, or names one twice.
    """
    n = require_shapes("gaussian_algebra.marginal", mean=(mean, "B D"), S=(S, "B D D"))
    k = _entries("marginal", "kept", kept, n["D"])
    rows, columns = k[:, None], k

    def pullback(dmean_k: Array, dS_kk: Array) -> tuple[Array, Array]:
        dmean, dS = np.zeros_like(mean), np.zeros_like(S)
        dmean[:, k] = dmean_k  # dmean_i = (dmean_k)_i where i is kept, else 0
        dS[:, rows, columns] = dS_kk  # dS_ij = (dS_kk)_ij where both are kept, else 0
        return dmean, dS

    return (mean[:, k], S[:, rows, columns]), pullback


@differentiable
def conditional(mean: Array, S: Array, x: Array, *, observed: Sequence[int]) -> tuple[Law, Pullback]:
    """The law of the other entries given that the entries `observed` are x, by the Schur complement of S_oo.

        N(mean_r + K (x − mean_o), S_rr − K S_or),     K = S_ro S_oo⁻¹

    mean (B, D), S (B, D, D), x (B, O)  ->  mean (B, R), covariance (B, R, R) of the R = D − O other entries,
    in ascending order. `observed` are O different numbers of 0..D − 1, and the columns of x stand in their
    order.

    The covariance is the same for every x. Where nothing is observed the law is N(mean, S). Where everything
    is observed, no entries are left. `gaussian_full.conditional` finds the same law by the Cholesky factor of
    S. InputError where an S is not positive definite to rounding, and where `observed` names an entry that
    does not exist, or names one twice. Bishop 2006, equations 2.81 and 2.82.
    """
    n = require_shapes("gaussian_algebra.conditional", mean=(mean, "B D"), S=(S, "B D D"))
    o = _entries("conditional", "observed", observed, n["D"])
    require_shapes("gaussian_algebra.conditional", mean=(mean, "B D"), x=(x, f"B {len(o)}"))
    require_finite("gaussian_algebra.conditional", "S", S)
    r = np.setdiff1d(np.arange(n["D"]), o)
    order = np.concatenate([o, r])
    ordered = _symmetric(S)[:, order[:, None], order]  # [[S_oo, S_or], [S_ro, S_rr]]
    L = _factor("conditional", "S", ordered)
    L_oo = L[:, : len(o), : len(o)]  # the factor of S begins with that of S_oo
    S_or, S_rr = ordered[:, : len(o), len(o) :], ordered[:, len(o) :, len(o) :]
    half, whole = _solve(L_oo, np.concatenate([S_or, (x - mean[:, o])[:, :, None]], axis=2))
    K, v = _transposed(whole[:, :, :-1]), whole[:, :, -1]  # K = S_ro S_oo⁻¹,  v = S_oo⁻¹ (x − mean_o)
    explained = _transposed(half[:, :, :-1]) @ half  # S_ro S_oo⁻¹ [S_or | x − mean_o], by halves: more digits
    mean_given = mean[:, r] + explained[:, :, -1]
    S_given = _symmetric(S_rr - explained[:, :, :-1])
    P, w = np.zeros((*mean.shape, len(r)), mean.dtype), np.zeros_like(mean)
    P[:, o], P[:, r] = -_transposed(K), np.eye(len(r), dtype=mean.dtype)
    w[:, o] = v
    # Pᵀ x = x_r − K x_o is independent of x_o, with the covariance Pᵀ S P = S_given. When S changes by a
    # small E, K and v change too. Together these changes move S_given by Pᵀ E P, and mean_given by Pᵀ E w.

    def pullback(dmean_given: Array, dS_given: Array) -> tuple[Array, Array, Array]:
        dmean = (P @ dmean_given[:, :, None])[:, :, 0]  # dmean = P dmean_given
        dS = P @ dS_given @ _transposed(P) + _outer(dmean, w)  # dS = P dS_given Pᵀ + P dmean_given wᵀ
        return dmean, _symmetric(dS), -dmean[:, o]  # dx = Kᵀ dmean_given

    return (mean_given, S_given), pullback


@differentiable
def affine(mean: Array, S: Array, A: Array, b: Array) -> tuple[Law, Pullback]:
    """The law of y = A x + b for x ~ N(mean, S): N(A mean + b, A S Aᵀ).

    mean (B, D), S (B, D, D), A (E, D), b (E,)  ->  mean (B, E), covariance (B, E, E). Where the rank of A is
    less than E the covariance is singular and y has no density; `sum_of_independent` can add noise to y then.
    Bishop 2006, section 2.3.3.
    """
    require_shapes("gaussian_algebra.affine", mean=(mean, "B D"), S=(S, "B D D"), A=(A, "E D"), b=(b, "E"))

    def pullback(dmean_y: Array, dS_y: Array) -> tuple[Array, Array, Array, Array]:
        dmean = dmean_y @ A  # dmean = Aᵀ dmean_y
        dS = A.T @ dS_y @ A  # dS = Aᵀ dS_y A
        by_S = dS_y @ A @ _transposed(S) + _transposed(dS_y) @ A @ S
        dA = dmean_y.T @ mean + by_S.sum(axis=0)  # dA = Σ_b (dmean_y meanᵀ + dS_y A Sᵀ + dS_yᵀ A S)
        return dmean, dS, dA, dmean_y.sum(axis=0)  # db = Σ_b dmean_y

    return (mean @ A.T + b, A @ S @ A.T), pullback


@differentiable
def sum_of_independent(mean: Array, S: Array, other_mean: Array, other_S: Array) -> tuple[Law, Pullback]:
    """The law of x + y for independent x ~ N(mean, S) and y ~ N(other_mean, T): N(mean + other_mean, S + T).

    mean, other_mean (B, D), S, other_S (B, D, D)  ->  mean (B, D), covariance (B, D, D).
    """
    _require_two_laws("sum_of_independent", mean, S, other_mean, other_S)

    def pullback(dmean: Array, dS: Array) -> tuple[Array, Array, Array, Array]:
        return dmean, dS, dmean, dS  # dother_mean = dmean,  dT = dS

    return (mean + other_mean, S + other_S), pullback


@differentiable
def product(
    mean: Array,
    S: Array,
    other_mean: Array,
    other_S: Array,
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """The product of two densities of the same x: N(x; mean, S) N(x; other_mean, T) = c N(x; m, C).

        m = J mean + K other_mean,   C = (S⁻¹ + T⁻¹)⁻¹ = S V⁻¹ T,   log c = log N(mean; other_mean, V)
        V = S + T,   K = S V⁻¹,   J = T V⁻¹ = I − K

    mean, other_mean (B, D), S, other_S (B, D, D)  ->  m (B, D), C (B, D, D), log c (B,) in nats.
    N(x; m, C) is the normalized product. Where one factor is a prior and the other a likelihood of x,
    N(x; m, C) is the posterior and c is the evidence. InputError where an S or T is not positive definite to
    rounding, since such a law has no density. Rasmussen & Williams 2006, equations A.7 and A.8.
    """
    _require_two_laws("product", mean, S, other_mean, other_S)
    one, other = _symmetric(S), _symmetric(other_S)
    for name, covariance in {"S": one, "other_S": other}.items():
        _factor("product", name, covariance)
    L = _factor("product", "S + other_S", one + other)
    log_c, _ = gaussian_full.log_prob(mean, other_mean, L)
    D = mean.shape[1]
    beside = np.concatenate([one, other, (other_mean - mean)[:, :, None]], axis=2)
    half, whole = _solve(L, beside)  # V⁻¹ [S | T | other_mean − mean] = [Kᵀ | Jᵀ | v]
    K, J, v = _transposed(whole[:, :, :D]), _transposed(whole[:, :, D:-1]), whole[:, :, -1]
    m = (J @ mean[:, :, None] + K @ other_mean[:, :, None])[:, :, 0]
    C = _symmetric(_transposed(half[:, :, :D]) @ half[:, :, D:-1])  # S V⁻¹ T, in which nothing cancels

    def pullback(dm: Array, dC: Array, dlog_c: Array) -> tuple[Array, Array, Array, Array]:
        J_dm, K_dm, dv = (dm[:, None] @ J)[:, 0], (dm[:, None] @ K)[:, 0], dlog_c[:, None] * v
        dmean = J_dm + dv  # dmean = Jᵀ dm + dlog_c v
        dother_mean = K_dm - dv  # dother_mean = Kᵀ dm − dlog_c v
        _, inverse = _solve(L, np.broadcast_to(np.eye(D, dtype=L.dtype), L.shape))
        dV = 0.5 * (_outer(dv, v) - dlog_c[:, None, None] * inverse)  # dV = dlog_c ½ (v vᵀ − V⁻¹), from log c
        dS = _transposed(J) @ dC @ J + _outer(J_dm, v) + dV  # dS = Jᵀ dC J + Jᵀ dm vᵀ + dV
        dT = _transposed(K) @ dC @ K - _outer(K_dm, v) + dV  # dT = Kᵀ dC K − Kᵀ dm vᵀ + dV
        return dmean, _symmetric(dS), dother_mean, _symmetric(dT)

    return (m, C, log_c), pullback


def _entries(where: str, name: str, given: Sequence[int], D: int) -> Array:
    entries = np.asarray(given).reshape(-1)
    integers = entries.dtype.kind in "iu" or entries.size == 0  # a mask of True and False is refused
    in_range = integers and ((entries >= 0) & (entries < D)).all()
    if not in_range or len(set(entries.tolist())) < len(entries):
        expected = f"{name} should be different numbers of 0..{D - 1}, the entries of an event"
        raise InputError(f"gaussian_algebra.{where}: {expected}; found {entries.tolist()}")
    return entries.astype(np.intp)


def _require_two_laws(where: str, mean: Array, S: Array, other_mean: Array, other_S: Array) -> None:
    first = {"mean": (mean, "B D"), "S": (S, "B D D")}
    other = {"other_mean": (other_mean, "B D"), "other_S": (other_S, "B D D")}
    require_shapes(f"gaussian_algebra.{where}", **first, **other)


def _factor(where: str, name: str, S: Array) -> Array:
    """Return the Cholesky factor of S; the InputError for a matrix without one says its `name`."""
    try:
        L, _ = ops.cholesky(S)
    except InputError as error:
        found = str(error).removeprefix("cholesky: S")
        raise InputError(f"gaussian_algebra.{where}: {name}{found}") from None
    return L


def _solve(L: Array, b: Array) -> tuple[Array, Array]:
    """Return L⁻¹ b and (L Lᵀ)⁻¹ b.     L (B, D, D), b (B, D, K)  ->  both (B, D, K)."""
    half, half_pullback = ops.solve_triangular(L, b)
    _, whole = half_pullback(half)  # db = L⁻ᵀ du
    return half, whole


def _outer(a: Array, b: Array) -> Array:
    return a[:, :, None] * b[:, None, :]


def _symmetric(S: Array) -> Array:
    return 0.5 * (S + _transposed(S))


def _transposed(a: Array) -> Array:
    return a.transpose(0, 2, 1)
