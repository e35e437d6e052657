"""What a bias does to the rows of a matrix. Letters: R rows, C columns."""

from scratchvae.arrays import Array


def add_to_rows(y: Array, b: Array) -> Array:
    """y_rc + b_c.

    y (R, C), b (C,)  ->  (R, C). The caller gives y up: the compiled twin overwrites it and returns it.
    """
    return y + b.astype(y.dtype, copy=False)
