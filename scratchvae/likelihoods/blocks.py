"""Tables whose columns are of several kinds: p(x|z) is a product of laws, each of a block of the columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.data import Batch, Dataset, TableSchema
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods.interface import Likelihood, n_entries


class Blocks(Likelihood):
    """p(x|z) = Π_j p_j(x_j|z), where x_j are the columns of block j and p_j is its law.

        x_params = [x_params of block 0 | x_params of block 1 | …]
        log p(x|z) = Σ_j log p_j(x_j|z)

    The gradient of x_params consists of the gradients of the blocks, side by side. Every law keeps its own
    rules for missing entries, for what the encoder sees, and for what takes the place of E[x|z]. `blocks` are
    pairs (columns, law) in which each of the columns 0 … D−1 occurs once. Where the columns are those of a
    table, `schema` says what they are called and what their numbers stand for.

    Nazábal, Olmos, Ghahramani & Valera 2020, "Handling incomplete heterogeneous data using VAEs", section 3.
    """

    transparent: ClassVar[str] = "laws"

    def __init__(
        self, blocks: Sequence[tuple[Sequence[int], Likelihood]], schema: TableSchema | None = None
    ) -> None:
        self.columns = tuple(np.asarray(columns, np.intp) for columns, _ in blocks)
        self.laws = [law for _, law in blocks]
        self.schema = schema
        listed = np.concatenate([*self.columns, np.empty(0, np.intp)])
        self.entries = len(listed)
        if not self.entries or sorted(listed) != list(range(self.entries)):
            raise InputError(
                f"Blocks: each of the columns 0, 1, … should be in one block, found {_shown(listed)}"
            )
        if schema is not None and len(schema) != self.entries:
            raise InputError(
                f"Blocks: there should be a column for each of the schema's {len(schema)}, found {self.entries}"
            )
        self.sizes = tuple(
            law.n_params((len(columns),)) for columns, law in zip(self.columns, self.laws, strict=True)
        )
        empty = (np.zeros((0, size), np.float32) for size in self.sizes)
        self.widths = tuple(law.expected(none).shape[1] for law, none in zip(self.laws, empty, strict=True))

    @property
    def measured(self) -> bool:
        """Whether every law knows what it has to measure on the data."""
        return all(law.measured for law in self.laws)

    def measure(self, data: Dataset | Batch) -> None:
        """Let each law that has not yet measured anything do so on its columns."""
        whole = data.astype(np.float64) if isinstance(data, Batch) else data.batch(slice(None), np.float64)
        for columns, law in zip(self.columns, self.laws, strict=True):
            if not law.measured:
                law.measure(Batch(whole.x[:, columns], observed=_of(whole.observed, columns)))

    def features(self, x: Array, observed: Array | None) -> tuple[Array, Array | None]:
        """The features of each block side by side, and which of them were observed, for the encoder."""
        parts = [
            law.features(x[:, c], _of(observed, c)) for c, law in zip(self.columns, self.laws, strict=True)
        ]
        features = np.concatenate([part for part, _ in parts], axis=1)
        if all(mask is None for _, mask in parts):
            return features, None
        masks = (np.ones(part.shape) if mask is None else mask for part, mask in parts)
        return features, np.concatenate([mask != 0 for mask in masks], axis=1)

    @property
    def given(self) -> str:
        """The parts of x that the laws of the blocks take as given, each named once."""
        return " and ".join(dict.fromkeys(law.given for law in self.laws if law.given))

    def inside(self, entries: int) -> Array:
        """An event that lies in the support of each law."""
        event = np.empty(entries)
        for columns, law in zip(self.columns, self.laws, strict=True):
            event[columns] = law.inside(len(columns))
        return event

    def numeric(self, entries: int) -> Array:
        """Whether each entry is a number, by its own law."""
        found = np.empty(entries, np.bool_)
        for columns, law in zip(self.columns, self.laws, strict=True):
            found[columns] = law.numeric(len(columns))
        return found

    def is_probability(self, x: Array) -> bool:
        """Whether p_j is a probability for every block j. A probability times a density is a density."""
        return all(
            law.is_probability(x[:, columns]) for columns, law in zip(self.columns, self.laws, strict=True)
        )

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """The numbers of all blocks together.

        InputError for events with more or fewer entries than there are columns.
        """
        if (D := n_entries(event_shape)) != self.entries:
            raise InputError(
                f"Blocks: there should be a column for each entry, D = {D}; found {self.entries}"
            )
        return sum(self.sizes)

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """log p(x|z) = Σ_j log p_j(x_j|z)."""
        require_shapes(
            "Blocks", x=(x, f"B {self.entries}"), x_params=(x_params, f"{len(x) * draws} {sum(self.sizes)}")
        )
        parts, split_pullback = ops.split(x_params, sizes=self.sizes)
        found = [
            law.log_prob(part, x=x[:, c], observed=_of(observed, c), draws=draws, mode=mode)
            for part, c, law in zip(parts, self.columns, self.laws, strict=True)
        ]
        log_px = np.sum([log_pxj for log_pxj, _ in found], axis=0)

        def pullback(dlog_px: Array) -> Array:
            # dx_params = [dx_params_j]_j
            return split_pullback(*(block_pullback(dlog_px) for _, block_pullback in found))

        return log_px, pullback

    def expected(self, x_params: Array) -> Array:
        """The numbers that each law averages over z (B, E), side by side."""
        parts, _ = ops.split(x_params, sizes=self.sizes)
        return np.concatenate(
            [law.expected(part) for law, part in zip(self.laws, parts, strict=True)], axis=1
        )

    def settled(self, expected: Array) -> Array:
        """x (B, D) for such averages, by each law's own rule."""
        return self._joined(expected, self.widths, lambda law, part: law.settled(part))

    def mean(self, x_params: Array) -> Array:
        """E[x|z] of each law, or the number that the law has in its place."""
        return self._joined(x_params, self.sizes, lambda law, part: law.mean(part))

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """Draw x (B, D), each block by its own law."""
        return self._joined(x_params, self.sizes, lambda law, part: law.sample(part, rng))

    def require_support(self, x: Array) -> None:
        """Raise InputError unless each law has its block of x in its support."""
        for columns, law in zip(self.columns, self.laws, strict=True):
            law.require_support(x[:, columns])

    def _joined(self, a: Array, sizes: Sequence[int], read: Callable[[Likelihood, Array], Array]) -> Array:
        """x (B, D) of what each law reads from its part of a."""
        x = np.empty((len(a), self.entries), a.dtype)
        parts = np.split(a, np.cumsum(sizes)[:-1], axis=1)
        for columns, law, part in zip(self.columns, self.laws, parts, strict=True):
            x[:, columns] = read(law, part)
        return x


def _shown(columns: Array) -> str:
    return ", ".join(map(str, columns[:8])) + (" …" if len(columns) > 8 else "") if len(columns) else "none"


def _of(observed: Array | None, columns: Array) -> Array | None:
    return None if observed is None else observed[:, columns]
