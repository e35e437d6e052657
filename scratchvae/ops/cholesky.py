"""The Cholesky factor of a covariance.     Letters: B batch, D rows."""

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback, require_finite, require_shapes
from scratchvae.ops.triangular import solve_triangular


@differentiable
def cholesky(S: Array) -> tuple[Array, Pullback]:
    """L, lower triangular with a positive diagonal, with L Lᵀ = ½ (S + Sᵀ).     S (B, D, D)  ->  L (B, D, D).

    InputError where ½ (S + Sᵀ) is not positive definite, to rounding: a singular covariance has no density,
    and a pivot L_ii² that is only a few roundoffs of S_ii counts as 0. Murray 2016, section 3.1.
    """
    require_shapes("cholesky", S=(S, "B D D"))
    require_finite("cholesky", "S", S)
    symmetric = 0.5 * S + 0.5 * S.transpose(0, 2, 1)
    try:
        L = np.linalg.cholesky(symmetric)
    except np.linalg.LinAlgError:
        raise _not_positive_definite(symmetric) from None
    pivots, variances = (np.diagonal(part, axis1=1, axis2=2) for part in (L * L, symmetric))
    if (pivots <= 4 * S.shape[1] * np.finfo(S.dtype).eps * variances).any():
        raise _not_positive_definite(symmetric)

    def pullback(dL: Array) -> Array:
        phi = np.tril(L.transpose(0, 2, 1) @ dL)
        # Φ(Lᵀ dL): the lower triangle, with half the diagonal
        phi *= 1 - 0.5 * np.eye(S.shape[1], dtype=S.dtype)
        half = _solve_transposed(L, phi)  # L⁻ᵀ Φ
        dS = _solve_transposed(L, half.transpose(0, 2, 1))  # (L⁻ᵀ Φ L⁻¹)ᵀ = L⁻ᵀ (L⁻ᵀ Φ)ᵀ
        return 0.5 * (dS + dS.transpose(0, 2, 1))  # dS = ½ (P + Pᵀ),  P = L⁻ᵀ Φ(Lᵀ dL) L⁻¹

    return L, pullback


def _not_positive_definite(S: Array) -> InputError:
    largest = np.abs(S).max(initial=1)
    smallest = np.linalg.eigvalsh(S / largest)[:, 0] * largest
    example = int(smallest.argmin())
    found = f"the smallest eigenvalue of example {example} is {smallest[example]:.3g}"
    return InputError(f"cholesky: S should be positive definite, found that {found}")


def _solve_transposed(L: Array, b: Array) -> Array:
    """u with Lᵀ u = b, which the pullback of `solve_triangular` computes as the gradient of its b."""
    _, pullback = solve_triangular(L, b)
    _, u = pullback(b)
    return u
