"""The report of a training that ends in NaN or infinity: what went first, what is at fault, and what helps.

A remedy is said to help only if it was tried.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import what_went_first
from scratchvae.layers import BoundedLogVar, Mode, Parameter, Sequential, named_buffers
from scratchvae.likelihoods import Blocks, Standardized, column_moments, column_range
from scratchvae.objectives import Objective, Report
from scratchvae.posteriors import DiagonalGaussian, Noise

FAR = 10.0  # a message names columns whose |mean| or deviation is above this
NAMED = 3  # the number of columns that a message names
STANDARDIZE = "Standardized columns (standardize=True), or data in smaller units, may help"
OUTLYING = 10.0  # times the range of the training data: an entry farther outside is itself at fault
BOUNDS = (-10.0, 10.0)
SLOWER = "A lower learning rate, or clipping by norm (max_norm), may help"


class Diverged(FloatingPointError):
    """A loss, a gradient or a judgement is no longer a number."""


def divergence(
    model: Any,
    parameters: Mapping[str, Parameter],
    objective: Objective,
    batch: Batch,
    noise: Noise,
    report: Report,
    *,
    mode: Mode,
    moved: bool,
    places: Array | None = None,
    data: Dataset | None = None,
    slower: str = SLOWER,
) -> str:
    """Say in words which term and which Parameter first stopped being finite, and what helps.

    `moved` says whether any Parameter has been updated since the training began. `places` (B,) are the places
    of the examples in their data set. `data` is what the model is trained on; without it the batch itself
    says in which units its columns are. The report calls a remedy helpful only if it tried it, and the loss
    of this batch became a number. `slower` says what may help where steps were too long.
    """
    places = np.arange(len(batch)) if places is None else places
    wrong = [name for name, parameter in parameters.items() if not np.isfinite(parameter.value).all()]
    where = f"of the parameters {wrong[0]} went first" if wrong else "all parameters are still finite"
    found = f"{what_went_first(report, places, batch.x)}; {where}"
    if wrong:
        return f"{found}. {slower}" if moved else f"{found}: the training began with such weights"
    outlier = None if data is None else _outlier(report, batch, data)
    if outlier:
        return f"{found}. {outlier}"
    tried, refused = _tried(model, objective, batch, noise, mode, data)
    far = (
        []
        if isinstance(model.likelihood, Standardized | Blocks)
        else _far_columns(batch if data is None else data)
    )
    columns = f": {', '.join(far)}" if far else ""
    remedies = []
    if refused:
        remedies.append(refused)
    elif "standardize" in tried and not moved:
        remedies.append(f"The scale of the data is at fault{columns}")
        remedies.append(f"standardize=True, as recipes take it, helps: {tried['standardize']}")
    else:
        if far:
            remedies.append(f"The scale of the data may be at fault{columns}")
        if "bounds" in tried:
            remedies.append(
                f"The encoder's log σ² overflows. log_var_bounds={BOUNDS} helps: {tried['bounds']}"
            )
    if moved:
        remedies.append(slower)
    else:
        found += ". No parameter has moved yet, so that no learning rate is at fault"
        remedies = remedies or ["Data in smaller units, or smaller first weights, may help"]
    return f"{found}. {'. '.join(remedies)}"


def require_usable_gradients(parameters: Mapping[str, Parameter], *, step: int, moved: bool) -> None:
    """Raise Diverged where an entry of a gradient is not finite, or its square is not.

    In float32 the square of a number above 1.8e19 overflows. Adam and RMSprop keep a running mean of squares,
    which would be infinite from then on, and that entry of the Parameter would never move again. No message
    would say so.
    """
    for name, parameter in parameters.items():
        g = parameter.grad
        if g is None or np.isfinite(np.vdot(g, g)):  # the sum of all squares takes one pass over g
            continue
        usable = np.abs(g) < np.sqrt(np.finfo(g.dtype).max)
        if not usable.all():
            index = tuple(int(i) for i in np.argwhere(~usable)[0])
            found = f"step {step + 1}: the gradient of {name} is {g[index]:.3g} at {index}"
            limit = f"and its square is no number in {g.dtype}: nothing was updated"
            raise Diverged(f"{found}, {limit}. {SLOWER if moved else STANDARDIZE}")


@contextmanager
def unchanged_buffers(model: Any) -> Iterator[None]:
    """Restore running statistics after the with-block."""
    before = {name: buffer.value for name, buffer in named_buffers(model).items()}
    try:
        yield
    finally:
        for name, buffer in named_buffers(model).items():
            buffer.value = before[name]


def _tried(
    model: Any, objective: Objective, batch: Batch, noise: Noise, mode: Mode, data: Dataset | None
) -> tuple[dict[str, str], str | None]:
    """Return the remedies by which the loss of this batch becomes a number, each with that number in words.

    The second part of the result says why columns could not be standardized, where the likelihood is one of
    real numbers. Running statistics may move here. The caller restores them, since the step has moved them
    too.
    """
    trials: dict[str, Any] = {}
    refused = None
    law = _standardized(model, batch)
    if law is not None:
        try:
            law.measure(batch if data is None else data)
            trials["standardize"] = copy(model)
            trials["standardize"].likelihood = law
        except InputError as error:
            refused = str(error)
    if isinstance(getattr(model, "posterior", None), DiagonalGaussian):
        trials["bounds"] = copy(model)
        trials["bounds"].encoder = Sequential(model.encoder, BoundedLogVar(*BOUNDS))
    tried = {}
    for remedy, other in trials.items():
        again = Mode(None if mode.rng is None else np.random.default_rng(0), mode.step)
        with np.errstate(over="ignore", invalid="ignore"):
            report, _ = objective(other, batch, noise, mode=again)
        if np.isfinite(report.loss):
            tried[remedy] = f"by it the loss here is {report.loss:.4g}"
    return tried, refused


def _standardized(model: Any, batch: Batch) -> Standardized | None:
    """Return the model's likelihood for standardized columns, or None.

    It is None if the likelihood does not take real numbers, or is standardized already.
    """
    with suppress(InputError):
        return Standardized(model.likelihood, batch.x.shape[1]) if hasattr(model, "seen") else None
    return None


def _outlier(report: Report, batch: Batch, data: Dataset) -> str | None:
    """A sentence, if the first example whose loss is no number lies far outside the training data."""
    first = report.first_not_finite()
    if first is None:
        return None
    row = first[1][0]
    lowest, highest = column_range(data)
    span = np.where(highest > lowest, highest - lowest, 1.0)
    beyond = np.maximum(lowest - batch.x[row], batch.x[row] - highest) / span
    beyond = beyond if batch.observed is None else np.where(batch.observed[row] != 0, beyond, 0)
    d = int(np.argmax(beyond))
    if not beyond[d] > OUTLYING:
        return None
    unlike = (
        f"{batch.x[row, d]:.4g} in column {d}, which is {lowest[d]:.4g} to {highest[d]:.4g} in {data.name}"
    )
    return f"That example is unlike what the model is trained on: it has {unlike}"


def _far_columns(data: Dataset | Batch) -> list[str]:
    """The columns, in words, whose mean or deviation is far from those of standardized data.

    The furthest comes first.
    """
    mean, deviation = column_moments(data)
    size = np.maximum(np.abs(mean), deviation)
    furthest = [int(d) for d in np.argsort(-size, kind="stable") if size[d] > FAR]
    words = [
        f"column {d} has mean {mean[d]:.4g} and standard deviation {deviation[d]:.4g}"
        for d in furthest[:NAMED]
    ]
    more = len(furthest) - len(words)
    return [*words, f"and {more} more of {len(size)} columns are far from 0 and 1"] if more else words
