"""The law by which an output was compared with data, told by the loss's gradient.

A law is recognized where the loss's gradient by the decoder's output is one number times the gradient of
−log p(x|output), entry by entry, with this library's own formula on that side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array
from scratchvae.distributions import bernoulli, multinomial, poisson
from scratchvae.ops import log_sum_exp
from scratchvae.reference.diagnosis import Given, Piece, Terms
from scratchvae.reference.frameworks.proportions import fitted

FEW_CATEGORIES = 1 << 16
OVER_BATCH = (
    "the softmax is taken over the batch, so that the probabilities of one outcome sum to 1 over the "
    "examples: take it over the outcomes, the last axis"
)


@dataclass(frozen=True)
class Law:
    """What was recognized: the weight `a` of −log p(x|z) in the loss, and how it is handed to diagnose.

    `likelihood` is one of diagnose's; of "own" laws `piece` computes −log p(x|z). `output` is the array's
    name there, `x` the target in the output's shape, `more` what else is handed over, `said` a sentence for
    the notes, and `doubt` words for what can't be right in how the output was used.
    """

    likelihood: str
    a: float | None
    output: str
    x: Array
    piece: Piece | None = None
    more: dict[str, Array] = field(default_factory=dict)
    said: str = ""
    doubt: str = ""


def by_rows(array: Array, B: int) -> Array:
    """(B, …) of what may come with examples and positions in one axis."""
    return array.reshape(B, -1)


def of_one_output(output: Array, gradient: Array, x: Array, B: int, close: float) -> Iterator[Law]:
    """Laws with one array of parameters: of counts, and of categories.

    x of the output's shape, or of whole numbers.
    """
    o, g = output.astype(np.float64), gradient.astype(np.float64)
    if x.size == o.size and x.size and x.min() >= 0:
        t = x.reshape(o.shape).astype(np.float64)
        with np.errstate(all="ignore"):
            a = fitted(g, np.exp(o) - t, close=close)
            if a is not None and a > 0:
                yield Law(
                    "own", a, "logits", by_rows(t, B), _poisson, said="the likelihood is Poisson's, by log λ"
                )
            a = fitted(g, 1 - t / o, close=close) if o.min() > 0 else None
            if a is not None and a > 0:
                yield Law(
                    "own",
                    a,
                    "x_mean",
                    by_rows(t, B),
                    _poisson_by_rate,
                    said="the likelihood is Poisson's, by λ",
                )
    for counts, axis in _counts(o, x, g):
        for along in dict.fromkeys((axis, 0)):
            p = np.exp(o - o.max(axis=along, keepdims=True))
            p /= p.sum(axis=along, keepdims=True)
            a = fitted(g, p * counts.sum(axis=along, keepdims=True) - counts, close=close)
            if a is None or a <= 0:
                continue
            one = bool((counts.sum(axis=axis) == 1).all() and np.isin(counts, (0, 1)).all())
            said = f"the likelihood is {'categorical' if one else 'multinomial'}, of {o.shape[axis]} outcomes"
            doubt = "" if along or not axis or len(o) != B else OVER_BATCH
            of = _multinomial(o.shape, along)
            yield Law("own", a, "logits", by_rows(counts, B), of, said=said, doubt=doubt)


def _counts(o: Array, x: Array, gradient: Array) -> Iterator[tuple[Array, int]]:
    """How often each outcome came up, in the output's shape, and the axis of the outcomes.

    An index at which no gradient ever arrives, and nowhere else, stands for padding, which is not counted.
    """
    if x.size == o.size and o.ndim > 1:
        yield x.reshape(o.shape).astype(np.float64), o.ndim - 1
    for axis in dict.fromkeys((1, o.ndim - 1)):
        C = o.shape[axis] if o.ndim > axis else 0
        if (
            not 1 < C < FEW_CATEGORIES
            or x.size * C != o.size
            or (x != np.round(x)).any()
            or x.max(initial=0) >= C
        ):
            continue
        shape = tuple(size for i, size in enumerate(o.shape) if i != axis)
        index = np.expand_dims(x.reshape(shape).astype(np.int64), axis)
        counts = np.zeros(o.shape)
        hidden = ~gradient.any(axis=axis, keepdims=True)
        padding = np.unique(index[hidden])
        padded = hidden if len(padding) == 1 and (hidden == (index == padding[0])).all() else index < 0
        np.put_along_axis(counts, np.maximum(index, 0), (~padded).astype(np.float64), axis)
        yield counts, axis


def entries(
    log_px: Callable[[Array, Array], tuple[Array, Array]],
    output: str,
    constant: Callable[[Array], Array],
    *,
    counts: bool = True,
) -> Piece:
    """A piece by entry, of log_px(output, x) -> log p and its gradient.

    `constant` is what of log p depends on x alone; x is never negative where it `counts`.
    """

    def piece(given: Given) -> Terms | None:
        x, o = given.x, given.arrays.get(output)
        if x is None or o is None or x.shape != o.shape or (counts and (x < 0).any()):
            return None
        value, slope = log_px(o, x)
        left_out = 0.0 if given.constants else constant(x)
        size = (
            1
            + np.abs(value)
            + np.abs(left_out)
            + np.abs(slope) * (1 + np.abs(o))
            + np.abs(x) * (1 + np.abs(o))
        )
        return Terms(-(value - left_out), {output: -slope}, size, digits_lost=np.abs(x) + np.abs(slope))

    return piece


def _of_counts(o: Array, x: Array) -> tuple[Array, Array]:
    value, pullback = poisson.log_prob(o.reshape(-1, 1), x=x.reshape(-1, 1))
    return value.reshape(o.shape), pullback(np.ones_like(value)).reshape(o.shape)


def _of_rates(o: Array, x: Array) -> tuple[Array, Array]:
    with np.errstate(all="ignore"):
        value, slope = _of_counts(np.log(o), x)
        return value, slope / o


def log_factorial(x: Array) -> Array:
    """log 1/x!."""
    from scipy.special import gammaln  # imported here: it takes a third of a second

    return np.asarray(-gammaln(x + 1))


_poisson = entries(_of_counts, "logits", log_factorial)
_poisson_by_rate = entries(_of_rates, "x_mean", log_factorial)


def _multinomial(shape: tuple[int, ...], axis: int) -> Piece:
    """Of outcomes along an axis of the output's own shape."""

    def piece(given: Given) -> Terms | None:
        if (
            given.x is None
            or given.logits is None
            or given.x.shape != given.logits.shape
            or (given.x < 0).any()
        ):
            return None
        rest = tuple(size for i, size in enumerate(shape) if i != axis)
        x, o = (
            np.moveaxis(a.reshape(shape), axis, -1).reshape(-1, shape[axis]) for a in (given.x, given.logits)
        )
        log_px, pullback = multinomial.log_prob(o, x=x)
        slope = pullback(np.ones(len(log_px)))
        if not given.constants:
            log_px = log_px + log_factorial(x.sum(axis=1)) - log_factorial(x).sum(axis=1)
        each = x * (o - log_sum_exp(o, axis=1)[0][:, None])
        share = -(each + ((log_px - each.sum(axis=1)) / shape[axis])[:, None])  # the constant evenly
        size = 1 + np.abs(share) + x * (1 + np.abs(o) + np.abs(o).max(axis=1, keepdims=True))

        def back(a: Array) -> Array:
            whole = np.moveaxis(a.reshape(*rest, shape[axis]), -1, axis)
            return by_rows(whole, len(given.x))  # type: ignore[arg-type]

        return Terms(
            back(share), {"logits": back(-slope)}, back(size), digits_lost=back(np.abs(x) + np.abs(slope))
        )

    return piece


def weighted_bernoulli(
    output: Array, gradient: Array, x: Array, B: int, weights: list[float], close: float
) -> Iterator[Law]:
    """A cross-entropy in which lit entries weigh a number of the step."""
    if x.size != output.size or x.min() < 0 or x.max() > 1:
        return
    t, on = x.reshape(output.shape).astype(np.float64), kernels.sigmoid(output.astype(np.float64))
    for lit in weights:
        a = fitted(gradient, (1 - t) * on - lit * t * (1 - on), close=close)
        if a is not None and a > 0:
            said = (
                f"the cross-entropy weighs lit entries {lit:.6g}, by a number in the step (pos_weight): "
                "this is compared as it is, though such a loss is no bound on log p(x)"
            )
            yield Law("own", a, "logits", by_rows(t, B), _lit(lit), said=said)


def _lit(weight: float) -> Piece:
    def piece(given: Given) -> Terms | None:
        if given.x is None or given.logits is None or given.x.shape != given.logits.shape:
            return None
        lit, pull_lit = bernoulli.log_prob(given.logits.reshape(-1, 1), x=np.ones((given.x.size, 1)))
        off, pull_off = bernoulli.log_prob(given.logits.reshape(-1, 1), x=np.zeros((given.x.size, 1)))
        x, shape = given.x, given.x.shape
        d_lit, d_off = (pull(np.ones(given.x.size)).reshape(shape) for pull in (pull_lit, pull_off))
        value = -weight * x * lit.reshape(shape) - (1 - x) * off.reshape(shape)
        size = (1 + weight) * (1 + np.abs(given.logits))
        return Terms(value, {"logits": -weight * x * d_lit - (1 - x) * d_off}, size)

    return piece
