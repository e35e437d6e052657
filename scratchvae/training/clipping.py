"""Clipping, which keeps gradients from growing too long."""

from collections.abc import Iterable

import numpy as np

from scratchvae.arrays import require_positive
from scratchvae.layers import Parameter


def clip_by_norm(parameters: Iterable[Parameter], max_norm: float) -> float:
    """Scale all gradients by one number to a common norm of at most max_norm, and return the norm before.

    The norm is the Euclidean one of all entries of all gradients. Gradients whose norm is no greater stay as
    they are, bit by bit. Pascanu, Mikolov & Bengio 2013, algorithm 1.
    """
    require_positive("clip_by_norm", "max_norm", max_norm)
    received = [parameter for parameter in parameters if parameter.grad is not None]
    norm = float(
        np.sqrt(sum(np.square(p.grad, dtype=np.float64).sum() for p in received if p.grad is not None))
    )
    if norm > max_norm:
        for parameter in received:
            assert parameter.grad is not None
            parameter.grad = parameter.grad * parameter.grad.dtype.type(max_norm / norm)
    return norm
