"""The matrix products of a training step alone: a step cannot be faster than these."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from scratchvae.arrays import Array

Product = tuple[Array, Array]


def run_products(products: Sequence[Product]) -> Callable[[], None]:
    """Return a function that multiplies each pair."""

    def run() -> None:
        for a, b in products:
            a @ b

    return run


def of_linear_layers(
    rows: int, widths: Sequence[int], *, needs_dx: bool, backward: bool = True
) -> list[Product]:
    """List the products y = x W of a chain of layers, and backwards dW = xᵀ dy and dx = dy Wᵀ.

    The first layer has no dx where x is data, which `needs_dx` says.
    """
    products: list[Product] = []
    for i, (D, H) in enumerate(pairwise(widths)):
        x, W, dy = _array(rows, D), _array(D, H), _array(rows, H)
        products.append((x, W))
        if backward:
            products.append((x.T, dy))
            if needs_dx or i > 0:
                products.append((dy, W.T))
    return products


def of_convolution(outputs: int, patch: int, places: int, *, needs_dx: bool) -> list[Product]:
    """List the product of patches (B·P·Q, I·J·C) with W (I·J·C, O), and the products backwards.

    A transposed convolution multiplies the same shapes.
    """
    cols, W, dy = _array(places, patch), _array(patch, outputs), _array(places, outputs)
    products = [(cols, W), (cols.T, dy)]
    return [*products, (dy, W.T)] if needs_dx else products


def _array(rows: int, columns: int) -> Array:
    return np.random.default_rng([rows, columns]).standard_normal((rows, columns), dtype=np.float32)
