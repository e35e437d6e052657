"""Two norms between an encoder's output and its code, and gradients stopped in the wrong place."""

from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, require_at_least
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Parameter
from scratchvae.objectives import Pass, Quantization
from scratchvae.posteriors import VectorQuantized
from scratchvae.reference.terms.term import Arrays, Fault, Results, Setting, Slopes, Term, detached


def right(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """The value of `Quantization` for one code of each example."""
    z_e, codebook = arrays["z_e"], arrays["codebook"]
    posterior = VectorQuantized(z_e.shape[1], len(codebook))
    posterior.codebooks = codes = Parameter(codebook[None])
    z, _ = posterior.sample(z_e, noise=np.zeros((len(z_e), 0), z_e.dtype))
    one = Pass(np.zeros((len(z_e), 1), z_e.dtype), z_e, z)
    penalty = Quantization(1.0, settings["commitment"])
    value, pullback = penalty(SimpleNamespace(posterior=posterior), Batch(z_e), one, None, mode=EVALUATION)

    def slopes(dvalue: Array) -> dict[str, Array]:
        by_encoder = pullback(dvalue)["dq_params"]
        assert codes.grad is not None  # the pullback has left it there
        return {"z_e": by_encoder, "codebook": codes.grad[0]}

    return {"value": value}, slopes


def _nearest(arrays: Arrays) -> tuple[Array, Array]:
    """The encoder's output z_e, and the nearest code e of each example."""
    z_e, codebook = arrays["z_e"], arrays["codebook"]
    squares = ((z_e.real[:, None] - codebook.real) ** 2).sum(axis=2)
    return z_e, codebook[squares.argmin(axis=1)]


def _norms(a: Array, b: Array) -> Array:
    squares: Array = ((a - b) ** 2).sum(axis=1)
    return squares


def _weighed(moves_code: float, moves_encoder: float, both: float = 0.0) -> Any:
    """a ‖sg(z_e) − e‖² + b ‖z_e − sg(e)‖² + c ‖z_e − e‖²; a and b may be multiples of 1 and β."""

    def results(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
        z_e, e = _nearest(arrays)
        beta = settings["commitment"]
        return {
            "value": moves_code * _norms(detached(z_e), e)
            + moves_encoder * beta * _norms(z_e, detached(e))
            + both * (1 + beta) * _norms(z_e, e)
        }

    return results


def _swapped(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    z_e, e = _nearest(arrays)
    return {"value": _norms(z_e, detached(e)) + settings["commitment"] * _norms(detached(z_e), e)}


def _after_the_step(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    z_e, e = _nearest(arrays)
    passed = z_e + detached(e - z_e)  # straight through
    return {"value": _norms(detached(z_e), passed) + settings["commitment"] * _norms(z_e, detached(passed))}


def _whole_batch(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    each = _weighed(1, 1)(arrays, settings)["value"]
    return {"value": np.full(len(each), each.sum())}


def _averaged(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    return {"value": _weighed(1, 1)(arrays, settings)["value"] / arrays["z_e"].shape[1]}


QUANTIZATION = Term(
    says="‖sg(z_e) − e‖² + β ‖z_e − sg(e)‖², e the code nearest to z_e",
    source="van den Oord et al. 2017, equation 3",
    takes={"z_e": "B Z", "codebook": "K Z"},
    gives={"value": "B"},
    right=right,
    settings={"commitment": Setting(0.25, partial(require_at_least, low=0))},
    faults=(
        Fault(
            "stop_gradients_swapped",
            _swapped,
            "β weighs the norm that moves the code: stop the gradient of z_e in the norm of weight 1, and "
            "that of "
            "e in the norm of weight β",
        ),
        Fault(
            "loss_after_straight_through",
            _after_the_step,
            "e is taken after the straight-through step, and so the codebook gets no gradient: take the "
            "norms from "
            "the code itself",
        ),
        Fault(
            "commitment_missing",
            _weighed(1, 0),
            "the norm that moves the encoder is missing: add β ‖z_e − sg(e)‖²",
        ),
        Fault(
            "codebook_norm_missing",
            _weighed(0, 1),
            "the norm that moves the codes is missing: add ‖sg(z_e) − e‖², unless codes move by averages",
        ),
        Fault(
            "stop_gradients_missing",
            _weighed(0, 0, 1),
            "no gradient is stopped, and so both norms move code and encoder: stop one of them in each",
        ),
        Fault(
            "norms_summed_over_the_batch",
            _whole_batch,
            "the norms are summed over the batch, beside terms of one example: sum over latents only",
        ),
        Fault(
            "norms_averaged_over_latents",
            _averaged,
            "the squares are averaged over latents, beside a reconstruction that is summed: sum them",
        ),
    ),
)
