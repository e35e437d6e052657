"""The support of a likelihood: it must hold every example of a data set, and a message says what helps."""

from collections.abc import Iterator

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data import KINDS, Batch, Dataset
from scratchvae.likelihoods.gaussian import Gaussian
from scratchvae.likelihoods.interface import Likelihood, OutsideSupport
from scratchvae.likelihoods.poisson import Poisson

AT_ONCE = 500  # examples


def require_supported(where: str, likelihood: Likelihood, data: Dataset) -> None:
    """Raise InputError where the likelihood gives an observed entry of `data` no probability.

    The message says which entry that is, its value and the support. It advises only what helps: each piece of
    advice is tried on all of the data before it is given.
    """
    start = 0
    for batch in data.batches(AT_ONCE, np.float64):
        try:
            require_batch_supported(likelihood, batch)
        except OutsideSupport as error:
            found = f"{data.place(start + error.row, error.entry)} is {error.value:g}"
            only = f"{error.law} gives a probability to {error.support} only"
            helps = "; ".join(_advice(likelihood, data)) or "leave out or correct such entries"
            raise InputError(f"{where}: {found}{_of(data)}, and {only}: {helps}") from None
        except InputError as error:
            raise InputError(f"{where}: {data.name}: {error}") from None
        start += len(batch)


def require_batch_supported(likelihood: Likelihood, batch: Batch) -> None:
    """Raise InputError where the likelihood gives an observed entry of `batch` no probability.

    A missing entry has no value, and is not compared.
    """
    likelihood.require_support(_where_seen(likelihood, batch, batch.x))


def _where_seen(likelihood: Likelihood, batch: Batch, x: Array) -> Array:
    """x (B, D), with an entry of an event in the support where the batch has nothing.

    So only observed entries count.
    """
    return (
        x
        if batch.observed is None
        else np.where(batch.observed != 0, x, likelihood.inside(x.shape[1]).astype(x.dtype))
    )


def _of(data: Dataset) -> str:
    divided = f", divided by {KINDS[data.kind].divisor}" if KINDS[data.kind].divisor != 1 else ""
    return divided if data.name == "x" else f" in {data.name}{divided}"


def _advice(likelihood: Likelihood, data: Dataset) -> Iterator[str]:
    """The changes with which the likelihood would take the data, the likeliest first."""
    divisor, levels = KINDS[data.kind].divisor, getattr(likelihood, "levels", None)
    whole, least, greatest = True, np.inf, -np.inf  # properties of the observed entries
    for batch in data.batches(AT_ONCE, np.float64):
        seen = batch.x if batch.observed is None else batch.x[batch.observed != 0]
        rounded = np.rint(seen)
        whole = whole and bool((np.abs(seen - rounded) <= np.abs(seen) * 1e-6).all())
        least, greatest = float(rounded.min(initial=least)), float(rounded.max(initial=greatest))
    if data.kind == "values" and whole and _takes(likelihood, data, 1 / 255):
        said = "Dataset(name, x, kind='pixels') or load(path, kind='pixels'), or --kind pixels on the command line"
        yield f"if these are pixels from 0 to 255, {said}, divides them by 255"
    if divisor != 1 and _takes(likelihood, data, divisor):
        said = "kind='counts' in Dataset or load, or --kind counts on the command line"
        yield f"if these are counts and no pixels, {said}, takes them as they stand"
    if divisor == 1 and levels and whole and least >= 0 and greatest <= levels - 1:
        yield f"if these are levels from 0 to {levels - 1}, x / {levels - 1} puts them into [0, 1]"
    if whole and least >= 0 and not isinstance(likelihood, Poisson) and divisor == 1:
        yield "the likelihood poisson (--likelihood poisson) takes counts"
    if not isinstance(likelihood, Gaussian):
        yield "the likelihood gaussian (--likelihood gaussian) takes every number"


def _takes(likelihood: Likelihood, data: Dataset, factor: float) -> bool:
    """Whether the likelihood would take the data multiplied by `factor`.

    Where the factor is above 1, the products are rounded to whole numbers.
    """
    for batch in data.batches(AT_ONCE, np.float64):
        x = batch.x * batch.x.dtype.type(factor)
        try:
            likelihood.require_support(_where_seen(likelihood, batch, np.rint(x) if factor > 1 else x))
        except InputError:
            return False
    return True
