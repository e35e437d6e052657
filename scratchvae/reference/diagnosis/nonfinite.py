"""The first NaN or infinity of a step: where it is, which operation on which input made it, and the fix."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import std_read_as
from scratchvae.reference.diagnosis.quantities import GRADIENTS, SCALES, X_SCALES, Given
from scratchvae.reference.diagnosis.verdict import Finding, Line, Outcome, Verdict

OUTPUTS = ("logits", "x_mean", *X_SCALES)
PARTS = ("reconstruction", "log_px", "kl", "log_pz", "log_q", "log_w")
# in which one may come of another
ORDER = ("x", "mask", "noise", "mean", *SCALES, "z", *OUTPUTS, *PARTS, "loss", "bound")
BEFORE = {
    "z": ("mean", *SCALES, "noise"),
    **dict.fromkeys(OUTPUTS, ("z",)),
    **dict.fromkeys(("reconstruction", "log_px"), ("x", "mask", *OUTPUTS)),
    "kl": ("mean", *SCALES, "z"),
    "log_pz": ("z",),
    "log_q": ("mean", *SCALES, "z", "noise"),
    "log_w": ("log_px", "log_pz", "log_q"),
    **dict.fromkeys(("loss", "bound"), PARTS + OUTPUTS + ("mean", *SCALES, "x")),
}
FROM_OUTSIDE = {
    "mean": (
        "the encoder gave it: look whether the weights or the input hold it already, and lower the learning "
        "rate or clip"
    ),
    "x": "the data hold it: leave those examples out, or declare what is missing by a mask",
    "noise": "the noise itself holds it, which no generator of normal numbers gives",
}

GRADIENT_ALONE = "look for a square root or a norm at 0, or a where() whose other branch overflows"
VALUE_ALONE = "look for a division by 0, a log of 0, or a sum that overflows in its code"


class Operation(NamedTuple):
    """What makes a number that is not finite: of which quantities, at which entries, and in words the fix."""

    of: tuple[str, ...]
    at: Callable[[Given], Array | None]  # of the inputs' shape, True where the operation fails
    words: str


def _spread(test: Callable[[Array, Array], Array]) -> Callable[[Given], Array | None]:
    """test(σ in the step's dtype, its square) by latent."""

    def at(given: Given) -> Array | None:
        if given.scale is None:
            return None
        std = std_read_as(given.scale, given.arrays[given.scale].astype(given.dtype))
        return test(std, std**2)

    return at


def _probability(test: Callable[[Array, Array], Array]) -> Callable[[Given], Array | None]:
    def at(given: Given) -> Array | None:
        if given.likelihood != "bernoulli" or given.x is None:
            return None
        if given.logits is not None:
            return test(kernels.sigmoid(given.logits.astype(given.dtype)), given.x)
        return None if given.x_mean is None else test(given.x_mean, given.x)

    return at


def _own_variance(given: Given) -> Array | None:
    if given.x_scale is None:
        return np.ones((1, 1), bool) if given.variance == 0 else None
    std = std_read_as(X_SCALES[given.x_scale], given.arrays[given.x_scale].astype(given.dtype))
    return (std**2 == 0) | ~np.isfinite(std**2)


def _exponent(given: Given) -> Array | None:
    return None if given.logits is None else np.abs(given.logits) > np.log(np.finfo(given.dtype).max)


SPREAD = tuple(f"d_{scale}" for scale in SCALES)
OPERATIONS = (
    Operation(
        ("z", "kl", "log_q", "loss", "bound", *SPREAD),
        _spread(lambda std, var: ~np.isfinite(std)),
        "exp overflows (beyond 88.7 in float32, 709 in float64) where σ is had from {scale}: "
        "clamp {scale} to ±20, or bound the head",
    ),
    Operation(
        ("kl", "log_q", "loss", "bound", *SPREAD),
        _spread(lambda std, var: ~np.isfinite(var)),
        "σ² overflows, exp of {scale} beyond 88.7 in float32 (709 in float64): clamp {scale} to ±20, or "
        "bound the head",
    ),
    Operation(
        ("kl", "log_q", "loss", "bound", *SPREAD),
        _spread(lambda std, var: (std <= 0) | (var == 0)),
        "log of 0, or a division by it: σ is 0 where {scale} says so; let the encoder give log σ², or "
        "add a small number to σ",
    ),
    Operation(
        ("reconstruction", "log_px", "loss", "bound"),
        _probability(lambda p, x: ((p <= 0) & (x >= 0)) | ((p >= 1) & (x <= 1))),
        "log of 0 (and 0 · log 0 is NaN): a probability is exactly 0 or 1; use the cross-entropy with logits",
    ),
    Operation(
        ("reconstruction", "log_px", "loss", "bound"),
        _exponent,
        "exp of a logit beyond 88.7 overflows (709 in float64): use softplus, or the cross-entropy with "
        "logits",
    ),
    Operation(
        ("reconstruction", "log_px", "loss", "bound", *(f"d_{o}" for o in OUTPUTS)),
        _own_variance,
        "the decoder's variance is 0 or infinite, and is divided by: bound its logarithm",
    ),
    Operation(
        ("d_logits", "d_x_mean"),
        _probability(lambda p, x: (p <= 0) | (p >= 1)),
        "0 / 0 in (p − x) / (p (1 − p)), at a probability of exactly 0 or 1: use the cross-entropy with "
        "logits",
    ),
)


def settle(given: Given) -> tuple[list[Line], Finding, Given] | None:
    """Lines of what is not finite, the first's finding, and the step without them; or None."""
    broken = [name for name, array in given.arrays.items() if not np.isfinite(array).all()]
    if not broken:
        return None
    order = [*ORDER, *(f"d_{name}" for name in reversed(ORDER))]
    broken.sort(key=lambda name: order.index(name) if name in order else len(order))
    first = broken[0]
    found = Finding(first, (), _explained(first, given))
    lines = [Line(first, Verdict(Outcome.DEPARTS, why=", not finite"), given.arrays[first])]
    lines += [
        Line(q, Verdict(Outcome.FOLLOWS, (f"{first} not finite",), because=(first,)), given.arrays[q])
        for q in broken[1:]
    ]
    return lines, found, replace(given, arrays={n: a for n, a in given.arrays.items() if n not in broken})


def _explained(first: str, given: Given) -> str:
    array = given.arrays[first]
    wrong = ~np.isfinite(array)
    kinds = [word for word, test in (("NaN", np.isnan(array)), ("infinite", np.isinf(array))) if test.any()]
    where = ""
    if array.ndim:
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = f" in {wrong.sum()} of {wrong.size} entries, first at [{', '.join(map(str, index))}]"
    said = f"{first} is {' or '.join(kinds)}{where}"
    for operation in OPERATIONS:
        at = operation.at(given) if first in operation.of else None
        if at is not None and at.any() and _covers(at, wrong):
            row = ", ".join(map(str, np.flatnonzero(at.reshape(len(at), -1).any(axis=1))[:4]))
            words = operation.words.format(scale=given.spelled.get(str(given.scale), given.scale))
            return f"{said}, made by {words.replace(': ', f' (inputs of example {row}): ', 1)}"
    if first in GRADIENTS:
        return f"{said}, while the values before it are finite: {GRADIENT_ALONE}"
    if first in FROM_OUTSIDE or not any(n in given.arrays for n in BEFORE.get(first, ())):
        network = first in SCALES or first in OUTPUTS
        other = FROM_OUTSIDE["mean"] if network else "pass what it is computed from too"
        return f"{said}: {FROM_OUTSIDE.get(first, other)}"
    return f"{said}, while all that it follows from is finite: {VALUE_ALONE}"


def _covers(at: Array, wrong: Array) -> bool:
    """Whether each example that is not finite has an input at which the operation fails."""
    if wrong.ndim == 0 or len(at) != len(wrong):
        return True
    rows, causes = (a.reshape(len(a), -1).any(axis=1) for a in (wrong, at))
    return bool((causes | ~rows).all())
