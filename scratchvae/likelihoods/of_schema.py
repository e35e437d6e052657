"""The law of a table, from its schema: LAWS has the law for each kind of column."""

from collections.abc import Callable, Sequence

import numpy as np

from scratchvae.data import Column, TableSchema
from scratchvae.likelihoods.bernoulli import Bernoulli
from scratchvae.likelihoods.blocks import Blocks
from scratchvae.likelihoods.categories import Categories
from scratchvae.likelihoods.encoded import Encoded
from scratchvae.likelihoods.gaussian import GaussianDiagonal
from scratchvae.likelihoods.interface import Likelihood
from scratchvae.likelihoods.log_normal import LogNormal
from scratchvae.likelihoods.negative_binomial import NegativeBinomial
from scratchvae.likelihoods.ordered import Ordered
from scratchvae.likelihoods.standardized import Standardized

MIN_VARIANCE = 1e-4  # of a standardized column, whose noise is at least a hundredth of its deviation
DISPERSION = 10.0  # of a column of counts when training begins, which is a variance of μ + μ²/10

# kind of column: the law of a block of such columns
LAWS: dict[str, Callable[[Sequence[Column]], Likelihood]] = {
    "real": lambda columns: Standardized(
        _noise(columns), len(columns), names=[column.name for column in columns]
    ),
    "positive": lambda columns: LogNormal(len(columns), min_variance=MIN_VARIANCE),
    "count": lambda columns: Encoded(
        NegativeBinomial((len(columns),), DISPERSION), len(columns), counts=True
    ),
    "ordered": lambda columns: Encoded(Ordered((len(columns),), len(columns[0].levels)), len(columns)),
    "binary": lambda columns: Encoded(Bernoulli(), len(columns)),
    "categorical": lambda columns: Categories(len(columns[0].levels)),
}


def of_schema(schema: TableSchema) -> Blocks:
    """The law of a table. The columns of one kind, and of one number of levels, are a block.

    The encoder sees columns standardized, except for categories: real numbers as they are, positive ones by
    log x, counts by log(1 + x), and bits and ordered categories by their number, so that one input has their
    order. A category without an order is as many inputs as it has levels, and one of these is 1, since its
    number means nothing. Counts have a learned dispersion for each column, because counts of people and
    machines vary by more than a Poisson law allows.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for i, column in enumerate(schema.columns):
        groups.setdefault(_group(column), []).append(i)
    blocks = [(group, LAWS[kind]([schema.columns[i] for i in group])) for (kind, _), group in groups.items()]
    return Blocks(blocks, schema)


def _group(column: Column) -> tuple[str, int]:
    """The kind, and the number of levels where the law depends on it. A single level needs no order."""
    kind = "categorical" if column.kind == "ordered" and len(column.levels) == 1 else column.kind
    return kind, len(column.levels) if kind in ("ordered", "categorical") else 0


def _noise(columns: Sequence[Column]) -> GaussianDiagonal:
    return GaussianDiagonal(np.ones(len(columns)), min_variance=MIN_VARIANCE)
