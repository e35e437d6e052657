"""Entries set to zero by a given mask."""

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback


@differentiable
def dropout(x: Array, *, mask: Array, rate: float) -> tuple[Array, Pullback]:
    """y = x · mask / (1 − rate): an entry whose mask is 0 becomes 0, and the mean of y over masks is x.

    The mask has x's shape and holds 0 and 1, and `rate` is the probability of a 0. Srivastava et al. 2014, in
    the inverted form.
    """
    if mask.shape != x.shape:
        raise InputError(f"dropout: mask should have the shape of x, {x.shape}, found {mask.shape}")
    if not 0 <= rate < 1:
        raise InputError(f"dropout: rate should be at least 0 and below 1, found {rate}")
    factor = mask.astype(x.dtype) / x.dtype.type(1 - rate)
    y = x * factor

    def pullback(dy: Array) -> Array:
        return dy * factor  # dx = dy mask / (1 − rate)

    return y, pullback
