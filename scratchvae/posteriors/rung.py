"""One layer of a ladder on the way down, and the gradients on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scratchvae.arrays import Array, Pullback


@dataclass(frozen=True, eq=False)
class Rung:
    """One layer on the way down: its law q(z_l|z_{l+1}, x), that of p(z_l|z_{l+1}), and the ways back.

    The rows are those of the draws. The topmost layer has one law for all draws of an example, its p is N(0,
    I), and its `other` is None.
    """

    law: tuple[Array, Array]  # mean and log σ² of q
    other: tuple[Array, Array] | None  # mean and log σ² of p
    product_pullback: Pullback | None  # (dmean, dlog_var) -> those of the estimate from x, and those of p
    # (dmean, dlog_var) of p -> dz of the layer above; it fills the step's Parameters
    other_pullback: Pullback | None


def down(rung: Rung, dlaw: Sequence[Array], dother: Sequence[Array] = ()) -> tuple[list[Array], Array | None]:
    """The gradients of x's estimate, and of the layer above.

    They come from the gradients of q's numbers, and from those of p's own where there are such.
    """
    if rung.product_pullback is None or rung.other_pullback is None:
        return list(dlaw), None
    dmean, dlog_var, *dp = rung.product_pullback(*dlaw)
    if dother:
        dp = [by_q + own for by_q, own in zip(dp, dother, strict=True)]
    return [dmean, dlog_var], rung.other_pullback(*dp)
