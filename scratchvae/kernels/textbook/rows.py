"""The sum of a matrix and a bias, row by row. Letters: R rows, C columns."""

from scratchvae.arrays import Array


def add_to_rows(y: Array, b: Array) -> Array:
    """y_rc + b_c.     y (R, C), b (C,)  ->  (R, C).

    The caller gives up y, which the compiled twin overwrites and returns.
    """
    return y + b.astype(y.dtype, copy=False)
