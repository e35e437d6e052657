"""The diagonal of a Cholesky factor L, whose logarithms make the determinant of L Lᵀ."""

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback


def log_diagonal(where: str, name: str, L: Array) -> tuple[Array, Pullback]:
    """log L_ii.     L (B, D, D)  ->  (B, D).     InputError where some L_ii is not positive.

    `where` and `name` say in that message which function found it, and in which argument.
    """
    require_positive_diagonal(where, name, L)
    diagonal = np.diagonal(L, axis1=1, axis2=2)

    def pullback(dlog_diagonal: Array) -> Array:
        dL = np.zeros_like(L)
        on = np.arange(L.shape[1])
        dL[:, on, on] = dlog_diagonal / diagonal  # dL_ii = d(log L_ii) / L_ii
        return dL

    return np.log(diagonal), pullback


def require_positive_diagonal(where: str, name: str, L: Array) -> None:
    """Raise InputError where some L_ii is not positive: a singular covariance has no density."""
    diagonal = np.diagonal(L, axis1=1, axis2=2)
    if not (diagonal > 0).all():
        example, i = np.argwhere(~(diagonal > 0))[0]
        expected = f"the diagonal of {name} should be positive (a singular covariance has no density)"
        raise InputError(
            f"gaussian_full.{where}: {expected}, found {diagonal[example, i]} at entry {i} of example {example}"
        )
