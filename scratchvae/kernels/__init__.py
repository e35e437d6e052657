"""Arithmetic that NumPy does slowly or clumsily: plain functions, arrays in, fresh arrays out.

Each kernel is written twice under one name and signature: `textbook/` (NumPy, as on paper; the names below lead there) and
`compiled/` (Numba). `use("compiled")` or `use("textbook")` chooses for the process, `using(...)` for a block; the choice at
the start is the environment's SCRATCHVAE_KERNELS, or else compiled. Ops reach a kernel as `kernels.relu(x)`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from scratchvae.arrays import require_choice
from scratchvae.kernels.textbook.convolution import max_pool, max_pool_backward, patches, patches_backward
from scratchvae.kernels.textbook.densities import (
    bernoulli_log_prob,
    bernoulli_log_prob_backward,
    gaussian_log_prob,
    gaussian_log_prob_backward,
)
from scratchvae.kernels.textbook.pointwise import (
    elu,
    elu_backward,
    gelu_erf,
    gelu_erf_backward,
    gelu_tanh,
    gelu_tanh_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    silu,
    silu_backward,
    softplus,
    softplus_backward,
    tanh,
    tanh_backward,
)
from scratchvae.kernels.textbook.updates import adam_update, rmsprop_update, sgd_update

__all__ = [
    "adam_update",
    "bernoulli_log_prob",
    "bernoulli_log_prob_backward",
    "elu",
    "elu_backward",
    "gaussian_log_prob",
    "gaussian_log_prob_backward",
    "gelu_erf",
    "gelu_erf_backward",
    "gelu_tanh",
    "gelu_tanh_backward",
    "in_use",
    "leaky_relu",
    "leaky_relu_backward",
    "max_pool",
    "max_pool_backward",
    "patches",
    "patches_backward",
    "relu",
    "relu_backward",
    "rmsprop_update",
    "sgd_update",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softplus",
    "softplus_backward",
    "tanh",
    "tanh_backward",
    "use",
    "using",
]

TWINS = ("compiled", "textbook")
_FILES = {name: globals()[name].__module__.rpartition(".")[2] for name in __all__ if name not in {"in_use", "use", "using"}}
_in_use = "textbook"


def in_use() -> str:
    """The twin that the names of this module lead to now."""
    return _in_use


def use(twin: str) -> None:
    """Make the names of this module lead to the `twin` "compiled" or "textbook"."""
    global _in_use
    require_choice("kernels.use", "twin", twin, TWINS)
    for name, file in _FILES.items():
        globals()[name] = getattr(import_module(f"scratchvae.kernels.{twin}.{file}"), name)
    _in_use = twin


@contextmanager
def using(twin: str) -> Iterator[None]:
    """Use `twin` inside a with-block, and what was in use before it afterwards."""
    before = _in_use
    use(twin)
    try:
        yield
    finally:
        use(before)


use(os.environ.get("SCRATCHVAE_KERNELS", "compiled"))
