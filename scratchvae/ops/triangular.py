"""Lower triangular matrices L, one for each example: made from free numbers, and solved for.

Letters: B batch, D rows, K columns of the right-hand side. No function reads the entries above the diagonal
of an L, and so their gradient is 0.
"""

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


@differentiable
def lower_triangular(entries: Array) -> tuple[Array, Pullback]:
    """L with L_ii = exp(a_i), where a are the first D entries. The other entries fill L below the diagonal.

    entries (B, D (D + 1)/2)  ->  L (B, D, D). They fill it row by row, and L Lᵀ is a covariance. L_ii is
    clipped to the range from the dtype's smallest to its largest normal number.
    """
    n = require_shapes("lower_triangular", entries=(entries, "B E"))
    B, E = n["B"], n["E"]
    D = (int(np.sqrt(8 * E + 1)) - 1) // 2
    if D * (D + 1) // 2 != E:
        raise InputError(
            f"lower_triangular: entries should be D (D + 1)/2 for some D, such as 1, 3, 6, 10; found {E}"
        )
    on, (row, column) = np.arange(D), np.tril_indices(D, -1)
    limits = np.finfo(entries.dtype)
    L = np.zeros((B, D, D), entries.dtype)
    with np.errstate(over="ignore"):
        L[:, on, on] = np.clip(np.exp(entries[:, :D]), limits.tiny, limits.max)
    L[:, row, column] = entries[:, D:]

    def pullback(dL: Array) -> Array:
        dlog_diagonal = dL[:, on, on] * L[:, on, on]  # da_i = dL_ii exp(a_i)
        return np.concatenate([dlog_diagonal, dL[:, row, column]], axis=1)

    return L, pullback


@differentiable
def solve_triangular(L: Array, b: Array) -> tuple[Array, Pullback]:
    """u with L u = b, by forward substitution.     L (B, D, D), b (B, D, K)  ->  u (B, D, K).

    InputError if an L_ii is 0.
    """
    require_shapes("solve_triangular", L=(L, "B D D"), b=(b, "B D K"))
    diagonal = np.diagonal(L, axis1=1, axis2=2)
    if not diagonal.all():
        example, i = np.argwhere(diagonal == 0)[0]
        raise InputError(
            f"solve_triangular: the diagonal of L should not be 0, found 0 at entry {i} of example {example}"
        )
    u = np.empty_like(b)
    for i in range(b.shape[1]):
        # L_ii u_i = b_i − Σ_j<i L_ij u_j
        u[:, i] = _quotient(b[:, i] - _row_by(L[:, i, :i], u[:, :i]), diagonal[:, i, None])

    def pullback(du: Array) -> tuple[Array, Array]:
        db = np.empty_like(b)
        for i in reversed(range(b.shape[1])):  # Lᵀ db = du, by backward substitution
            db[:, i] = _quotient(du[:, i] - _row_by(L[:, i + 1 :, i], db[:, i + 1 :]), diagonal[:, i, None])
        dL = -np.tril(db @ u.transpose(0, 2, 1))  # from L du = db − dL u:  dL_ij = −Σ_k db_ik u_jk,  j ≤ i
        return dL, db

    return u, pullback


def _quotient(a: Array, b: Array) -> Array:
    """a / b, clipped to finite numbers, so that 0 · u is 0 in the rows that follow."""
    largest = np.finfo(a.dtype).max
    with np.errstate(over="ignore"):
        return np.clip(a / b, -largest, largest)


def _row_by(row: Array, u: Array) -> Array:
    """Σ_j row_j u_jk.     row (B, J), u (B, J, K)  ->  (B, K)."""
    return (row[:, None] @ u)[:, 0]
