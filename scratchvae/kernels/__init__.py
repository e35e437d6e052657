"""Arithmetic that NumPy does slowly or clumsily: plain functions of arrays, which return fresh arrays.

Some functions overwrite an argument that their caller gives up; their docstrings say which.

Each kernel is written twice under one name and signature: `textbook/` has it in NumPy, as on paper, and
`compiled/` has it as a loop for Numba. The names below lead to one of the twins. `use("compiled")` or
`use("textbook")` chooses for the process, and `using(...)` for a block. At the start the environment's
SCRATCHVAE_KERNELS chooses. Without it the compiled twins are used, but the textbook twins under
NUMBA_DISABLE_JIT and in browsers. Where Numba can't be used, the textbook twins take its place, with one
warning. Where Numba can't compile a kernel, the textbook twin of that kernel does. Ops call a kernel as
`kernels.relu(x)`. A kernel runs in the thread that calls it, and releases Python's lock while it runs.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from scratchvae.arrays import require_choice
from scratchvae.kernels.textbook.aggregate import aggregate_sums, aggregate_sums_backward
from scratchvae.kernels.textbook.codes import nearest_codes
from scratchvae.kernels.textbook.convolution import max_pool, max_pool_backward, patches, patches_backward
from scratchvae.kernels.textbook.counts import negative_binomial
from scratchvae.kernels.textbook.densities import (
    bernoulli_log_prob,
    bernoulli_log_prob_backward,
    gaussian_kl_to_standard,
    gaussian_log_prob,
    gaussian_log_prob_backward,
    standard_gaussian_log_prob,
)
from scratchvae.kernels.textbook.draws import gaussian_reparameterize, random_bits, standard_normal
from scratchvae.kernels.textbook.gamma_family import log_gamma_gap
from scratchvae.kernels.textbook.logistic import logistic_interval, logistic_interval_backward
from scratchvae.kernels.textbook.missing import fill_missing
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
from scratchvae.kernels.textbook.rows import add_to_rows
from scratchvae.kernels.textbook.sphere import sphere_moments, sphere_quantile
from scratchvae.kernels.textbook.unit_interval import beta, continuous_bernoulli
from scratchvae.kernels.textbook.updates import adam_update, rmsprop_update, sgd_update

__all__ = [
    "adam_update",
    "add_to_rows",
    "aggregate_sums",
    "aggregate_sums_backward",
    "bernoulli_log_prob",
    "bernoulli_log_prob_backward",
    "beta",
    "continuous_bernoulli",
    "elu",
    "elu_backward",
    "fill_missing",
    "gaussian_kl_to_standard",
    "gaussian_log_prob",
    "gaussian_log_prob_backward",
    "gaussian_reparameterize",
    "gelu_erf",
    "gelu_erf_backward",
    "gelu_tanh",
    "gelu_tanh_backward",
    "in_use",
    "leaky_relu",
    "leaky_relu_backward",
    "log_gamma_gap",
    "logistic_interval",
    "logistic_interval_backward",
    "max_pool",
    "max_pool_backward",
    "nearest_codes",
    "negative_binomial",
    "patches",
    "patches_backward",
    "random_bits",
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
    "sphere_moments",
    "sphere_quantile",
    "standard_gaussian_log_prob",
    "standard_normal",
    "tanh",
    "tanh_backward",
    "use",
    "using",
]

TWINS = ("compiled", "textbook")
_FILES = {
    name: globals()[name].__module__.rpartition(".")[2]
    for name in __all__
    if name not in {"in_use", "use", "using"}
}
_in_use = "textbook"
_blocks: list[list[str]] = []  # what each open block of `using` goes back to
_numba_failed = False


def in_use() -> str:
    """The twin that the names of this module lead to now."""
    return _in_use


def use(twin: str) -> None:
    """Make the names of this module lead to the `twin` "compiled" or "textbook"."""
    global _in_use
    require_choice("kernels.use", "twin", twin, TWINS)
    if twin == "compiled" and not _numba_works():
        twin = "textbook"
    for name, file in _FILES.items():
        globals()[name] = getattr(import_module(f"scratchvae.kernels.{twin}.{file}"), name)
    _in_use = twin


@contextmanager
def using(twin: str) -> Iterator[None]:
    """Use `twin` inside a with-block, and afterwards the twin that was used before it.

    The twin is that of the whole process. Blocks of several threads may end in any order: when the last one
    has ended, the twin is what it was before the first.
    """
    found = [_in_use]  # to go back to
    _blocks.append(found)
    try:
        use(twin)
        yield
    finally:
        place = next(i for i, one in enumerate(_blocks) if one is found)
        del _blocks[place]
        if place == len(_blocks):
            use(found[0])
        else:  # a block that began inside of this one goes back in its place
            _blocks[place][0] = found[0]


def _numba_works() -> bool:
    global _numba_failed
    if not _numba_failed:
        try:
            import_module("scratchvae.kernels.compiled.exponential")
        except Exception as error:
            # a Numba that does not fit the NumPy, the LLVM or the kernels beside it fails in many ways
            _numba_failed = True
            message = (
                f"scratchvae: Numba can't be used ({type(error).__name__}: "
                f"{error}); the slower NumPy kernels stand in"
            )
            warnings.warn(message, RuntimeWarning, stacklevel=3)
    return not _numba_failed


_without_numba = os.environ.get("NUMBA_DISABLE_JIT", "0") != "0" or sys.platform == "emscripten"
_chosen = os.environ.get("SCRATCHVAE_KERNELS") or ("textbook" if _without_numba else "compiled")
require_choice("scratchvae", "the environment variable SCRATCHVAE_KERNELS", _chosen, TWINS)
use(_chosen)
