"""Where and how a quantity departs that no reading explains, and which array would settle it."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.factors import spelled
from scratchvae.reference.diagnosis.pieces import Place, Prediction
from scratchvae.reference.diagnosis.quantities import GRADIENTS, X_SCALES, Given
from scratchvae.reference.diagnosis.sampling import tidied
from scratchvae.reference.diagnosis.search import Found
from scratchvae.reference.diagnosis.weights import as_of_a_capacity

SETTLED_BY = {  # what is not handed over and would tell more, by the quantity that departs
    "z": ("noise", "std"),
    "reconstruction": ("x", "logits", "x_mean", "d_logits", "d_x_mean"),
    "log_px": ("x", "logits", "x_mean"),
    "kl": ("z", "noise", "d_mean"),
    "loss": ("reconstruction", "kl", "d_logits", "d_x_mean", "d_mean", "d_z"),
    "bound": ("reconstruction", "kl", "d_logits", "d_x_mean", "d_mean", "d_z"),
}
UNKNOWN = "the cause is unknown"
BEYOND = 30.0  # of a logit, where sums of exponentials go wrong first


def perhaps(found: Found) -> str:
    """What would explain one number, which alone is no proof."""
    named: dict[str, list[str]] = {}
    for reading in found.readings:
        named.setdefault(reading.fix, []).append(reading.name)
    said = []
    for words, names in named.items():
        what, _, fix = words.partition(": ")
        said.append(f"{what} ({' or '.join(dict.fromkeys(names))}): {fix}")
    return f", because one number proves nothing; perhaps {' or '.join(said)}"


def amount(found: Found, given: Given) -> str:
    """Which beta a wrong reduction amounts to."""
    reading = found.readings[0]
    alone = len({r.name for r in found.readings}) == 1
    if not alone or reading.place is not Place.TOTAL or not reading.named or given.weighted:
        return ""
    a, b, *_ = reading.computes(given)
    if not (a > 0 and b > 0) or b / a == given.beta:
        return ""
    return f" (as it stands, it acts as beta = {b / a:.6g} would, where beta = {given.beta:g} is expected)"


def described(quantity: str, given: Given, right: Prediction | None) -> str:
    """Words for it, after "the cause is unknown"."""
    parts = (
        []
        if right is None
        else [
            _where(quantity, given, right),
            _how(given.arrays[quantity], right, given.eps),
            _constant(quantity, given, right),
        ]
    )
    wanted = _settling(quantity, given)
    parts += [f"to have the cause found, pass {wanted} too"] if wanted else []
    return "".join(f"; {part}" for part in parts if part)


def _constant(quantity: str, given: Given, right: Prediction) -> str:
    """A number in two digits or three that is added to a loss, where a capacity would add it."""
    theirs = given.arrays[quantity]
    if quantity not in {"loss", "bound"} or theirs.ndim or given.weighted:
        return ""
    examples = (1.0 if quantity == "loss" else -1.0) * (1 if given.reduction == "mean" else given.B or 1)
    off, rounding = float(theirs - right.value) / examples, float(right.allowed(given.eps)) / abs(examples)
    plain = next((c for c in tidied(off)[:2] if abs(c - off) <= rounding), 0.0)
    words = as_of_a_capacity(given, given.beta, plain)
    return f"{spelled(plain)} is added for each example{words}" if words else ""


def _settling(quantity: str, given: Given) -> str:
    other = "x_mean" if given.likelihood == "bernoulli" else "logits"
    other = "logits" if "x_mean" in given.arrays else other
    names = [
        n for n in SETTLED_BY.get(quantity, ()) if n not in given.arrays and GRADIENTS.get(n, n) != other
    ]
    if given.weighted:
        names = [n for n in ("log_w", "d_log_w") if n not in given.arrays]
    theirs = given.arrays[quantity]
    alone = (
        [f"the {quantity} of each example, of shape (B,)"]
        if theirs.ndim == 0 and quantity in {"reconstruction", "kl", "loss", "bound"}
        else []
    )
    return ", ".join([*alone, *names[:3]])


def _where(quantity: str, given: Given, right: Prediction) -> str:
    """The entries at fault, if they are not all."""
    theirs = given.arrays[quantity]
    if theirs.ndim == 0 or theirs.shape != np.shape(right.value):
        return ""
    wrong = ~(np.abs(theirs - right.value) <= right.allowed(given.eps))
    if wrong.all() or not wrong.any():
        return "every entry departs" if wrong.any() else ""
    rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
    if (
        theirs.ndim == 2
        and GRADIENTS.get(quantity, quantity) in {"logits", "x_mean", *X_SCALES}
        and given.logits is not None
    ):
        large = np.abs(given.logits) > BEYOND
        if large.any() and (wrong <= large).all():
            return f"only where logits are beyond ±{BEYOND:g} ({wrong.sum()} of {wrong.size} entries)"
    if theirs.ndim == 2 and len(rows) == len(theirs):
        columns = np.flatnonzero(wrong.any(axis=0))
        if len(columns) < theirs.shape[1]:
            return f"only in {_indices('column', columns, theirs.shape[1])} of each example"
    if len(rows) < len(theirs):
        return f"only in {_indices('example', rows, len(theirs))}"
    return f"in {wrong.sum()} of {wrong.size} entries"


def _indices(word: str, found: Array, of: int) -> str:
    if len(found) == 1:
        last = f", the last {word}" if found[0] == of - 1 else ""
        return f"{word} {found[0]}{last} (of {of}, counted from 0)"
    return f"{len(found)} of {of} {word}s ({', '.join(map(str, found[:6]))}{', …' if len(found) > 6 else ''})"


def _how(theirs: Array, right: Prediction, eps: float) -> str:
    """A factor, an offset, an exchange of examples, or how far apart they are."""
    value = np.asarray(right.value)
    if theirs.shape != value.shape:
        return f"it has shape {theirs.shape}, where {value.shape} was expected"
    wrong = ~(np.abs(theirs - value) <= right.allowed(eps))
    if theirs.ndim == 0:
        return ""  # the table has both numbers
    a, b = theirs[wrong], value[wrong]
    if a.size > 1:
        with np.errstate(all="ignore"):
            factor, offset = float(np.median(a / b)), float(np.median(a - b))
        for c in tidied(factor):
            if np.isfinite(c) and (np.abs(a - c * b) <= (abs(c) + 1) * right.allowed(eps)[wrong]).all():
                return f"there it is {spelled(c)} times what it should be"
        if (np.abs(a - b - offset) <= right.allowed(eps)[wrong]).all():
            return f"there {spelled(tidied(offset)[1])} is added"
    if theirs.ndim and len(theirs) > 1 and wrong.all():
        order = [int(np.argmin(np.abs(value - row).reshape(len(value), -1).sum(axis=1))) for row in theirs]
        moved = value[order]
        if len(set(order)) > 1 and (np.abs(theirs - moved) <= right.allowed(eps)[order]).all():
            return f"its examples are in another order: {order[:8]}"
    return (
        f"it differs by up to {np.abs(theirs - value).max():.3g}, where it is {np.abs(value).mean():.3g} "
        "in the mean"
    )
