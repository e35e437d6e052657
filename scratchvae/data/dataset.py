"""A data set keeps examples as they are stored, and turns one batch at a time into numbers for a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, require_count, require_finite
from scratchvae.data.annotations import checked_conditions, checked_labels
from scratchvae.data.batch import Batch
from scratchvae.data.door import arrival, known
from scratchvae.data.kinds import KINDS, require_kind
from scratchvae.data.layouts import require_examples
from scratchvae.data.missing import observed_entries
from scratchvae.data.order import shuffled
from scratchvae.data.rows import Rows, rows_of
from scratchvae.data.table_schema import TableSchema

Indices = slice | npt.ArrayLike  # a slice, whole numbers (B,), or a mask (N,)


@dataclass(frozen=True, eq=False)
class Dataset:
    """N examples and what is known about them.

    name         what messages and titles call it
    images       (N, C, H, W), or (N, D) for plain vectors: anything that `arrival` accepts, of any dtype. An
                 entry is missing where it is NaN, or where a masked array hides it.
                 Rows and memory maps stay in their file, and each batch reads its own examples
    labels       (N,) integers, or None
    label_names  the name of label 0, 1, ...; empty when the labels have no names
    factors      known generating factors, each (N,) finite numbers; empty when nothing is known
    entry_names  what each entry of a plain vector is, such as a word; empty when entries have no names
    conditions   (N, C) finite floating numbers that a model may be told of each example, or None
    observed     an array of the shape of images, True where an entry was observed; None where every entry
                 was. NaN and a masked array's mask say the same: an entry is missing if any of them says so
    schema       what the columns of a table are, one for each entry of a plain vector; None for other data
    kind         what the numbers are, one of KINDS. "values" are taken as they stand. "counts" are taken as
                 they stand too, and are whole and not negative. "pixels" lie between 0 and 255, and a batch
                 divides them by 255. A dtype alone never decides this
    rate         the number of samples in a second, where examples are frames of a sound; None for other data
    """

    name: str
    images: Array
    labels: Array | None = None
    label_names: tuple[str, ...] = ()
    factors: Mapping[str, Array] = field(default_factory=dict)
    entry_names: tuple[str, ...] = ()
    conditions: Array | None = None
    observed: Array | None = None
    schema: TableSchema | None = None
    kind: str = "values"
    rate: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise InputError(
                "Dataset: the first argument should be a name, such as 'x', "
                f"found a {type(self.name).__name__}"
            )
        hidden, images = None, self.images
        if not isinstance(images, Rows):
            came = arrival(self.name, images)
            images, hidden = came.values, came.hidden
            object.__setattr__(self, "entry_names", self.entry_names or came.names)
        require_examples(self.name, images.shape)
        object.__setattr__(self, "images", images)
        object.__setattr__(
            self, "observed", observed_entries(self.name, images, hidden, self.observed, self.place)
        )
        require_kind(self.name, self.kind, images, self.observed, self.place)
        if self.labels is not None:
            object.__setattr__(
                self,
                "labels",
                checked_labels(
                    self.name, known(self.name, "labels", self.labels), len(self), self.label_names
                ),
            )
        if not isinstance(self.factors, Mapping):
            found = f"found a {type(self.factors).__name__}"
            raise InputError(
                f"{self.name}: factors should be a mapping from names to numbers, "
                f"one for each example; {found}"
            )
        factors = {
            name: known(self.name, f"factor {name!r}", values) for name, values in self.factors.items()
        }
        object.__setattr__(self, "factors", factors)
        for name, values in factors.items():
            if values.shape != (len(images),) or values.dtype.kind not in "iuf":
                raise InputError(
                    f"{self.name}: factor {name!r} should be {len(images)} numbers, "
                    f"found {values.dtype} of shape {values.shape}"
                )
            require_finite(self.name, f"factor {name!r}", values)
        if self.conditions is not None:
            object.__setattr__(
                self,
                "conditions",
                checked_conditions(self.name, known(self.name, "conditions", self.conditions), len(self)),
            )
        if self.entry_names and images.shape[1:] != (len(self.entry_names),):
            expected = f"x should have {len(self.entry_names)} columns, one for each name"
            raise InputError(f"{self.name}: {expected}; found shape {images.shape}")
        if self.schema is not None and self.kind != "values":
            helps = 'columns="name=count" says what a column is'
            raise InputError(
                f"{self.name}: each column of a table has a kind of its own; "
                f"found kind={self.kind!r}: {helps}"
            )
        if self.schema is not None and images.shape[1:] != (len(self.schema),):
            expected = f"rows should have {len(self.schema)} entries, one for each column of the schema"
            raise InputError(f"{self.name}: {expected}; found shape {images.shape}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one example is (C, H, W) or (D,)."""
        return self.images.shape[1:]

    @property
    def y(self) -> Array | None:
        """Return what a model may be told of each example: the conditions if there are any, else the labels.

        None says that there are neither.
        """
        return self.labels if self.conditions is None else self.conditions

    @property
    def share_missing(self) -> float:
        """The share of all entries that are missing, from 0 to 1."""
        return (
            0.0 if self.observed is None else float(1 - np.count_nonzero(self.observed) / self.observed.size)
        )

    def entry(self, entry: int) -> str:
        """Name the entry of that number, from 0 to D − 1: a column, or a pixel of a picture."""
        if len(self.event_shape) == 1:
            return f"column {self.entry_names[entry] if self.entry_names else entry!r}"
        index = tuple(int(i) for i in np.unravel_index(entry, self.event_shape))
        if len(index) == 3:
            return f"the pixel in channel {index[0]}, row {index[1]}, column {index[2]}"
        return f"the entry at {index}"

    def place(self, row: int, entry: int) -> str:
        """Say in words where an entry of an example stands."""
        return f"{self.entry(entry)} of {'picture' if len(self.event_shape) == 3 else 'example'} {row}"

    def batch(self, indices: Indices, dtype: npt.DTypeLike = np.float32) -> Batch:
        """Return the chosen examples as fresh rows x (B, D) of `dtype`, pixels divided by 255, and their y.

        Where an entry is missing, x is 0 and `observed` is False. `observed` is None if no entry is missing.

        >>> Dataset("grey", [[0, 51, 255]], kind="pixels").batch(slice(0, 1), np.float64).x
        array([[0. , 0.2, 1. ]])
        """
        checked = self._checked_indices(indices)
        chosen = np.asarray(self.images[checked])
        observed = None if self.observed is None else self.observed[checked]
        if observed is not None and not observed.all():
            # before the cast, which what is hidden might overflow
            chosen = np.where(observed, chosen, chosen.dtype.type(0))
            observed = observed.reshape(len(chosen), -1)
        else:
            observed = None
        with np.errstate(over="ignore"):
            rows = chosen.reshape(len(chosen), -1).astype(dtype)
        if not np.can_cast(chosen.dtype, rows.dtype) and np.isinf(rows).any():  # they were finite before
            found = f"found {np.abs(chosen).max():g}: divide them, or ask for float64"
            raise InputError(f"{self.name}: x should fit into {rows.dtype}, {found}")
        if KINDS[self.kind].divisor != 1:
            rows /= rows.dtype.type(KINDS[self.kind].divisor)
        y = None if self.y is None else self.y[checked]
        return Batch(rows, y.astype(dtype) if y is not None and y.dtype.kind == "f" else y, observed)

    def batches(self, size: int, dtype: npt.DTypeLike = np.float32) -> Iterator[Batch]:
        """Yield all examples in order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size), dtype)

    def subset(self, indices: Indices) -> Dataset:
        """Return the chosen examples with all that is known about them.

        A slice gives views of the same memory. Examples that stay in a file are not read.
        """
        chosen = self._checked_indices(indices)
        images = rows_of(self.images, chosen)
        require_examples(self.name, images.shape)
        observed = None if self.observed is None else self.observed[chosen]
        labels, conditions = (
            None if known is None else known[chosen] for known in (self.labels, self.conditions)
        )
        factors = {name: values[chosen] for name, values in self.factors.items()}
        missing = observed is not None and not observed.all()
        return self._with(
            images=images,
            labels=labels,
            factors=factors,
            conditions=conditions,
            observed=observed if missing else None,
        )

    def split(self, held_out: int, *, seed: int = 0, last: bool = False) -> tuple[Dataset, Dataset]:
        """Split into examples to train on and `held_out` others to judge on, each part in its original order.

        The seed decides which examples are held out, so that data that come sorted, by class for instance,
        are judged on all classes. With `last` the last examples are held out, as a time series needs. Both
        parts hold at least one example.
        """
        require_count(f"{self.name}.split", "held_out", held_out, 0)
        if not 0 < held_out < len(self):
            raise InputError(
                f"{self.name}: of {len(self)} examples 1 to {len(self) - 1} can be held out, found {held_out}"
            )
        if last:
            return self.subset(slice(0, len(self) - held_out)), self.subset(slice(len(self) - held_out, None))
        order = shuffled(len(self), seed)
        return self.subset(np.sort(order[held_out:])), self.subset(np.sort(order[:held_out]))

    def _with(self, **parts: Any) -> Dataset:
        """Return these examples with other parts, which need no further check."""
        other = copy(self)
        for name, part in parts.items():
            object.__setattr__(other, name, part)
        return other

    def _checked_indices(self, indices: Indices) -> slice | Array:
        if isinstance(indices, slice):
            return indices
        chosen = np.asarray(indices)
        mask = chosen.dtype == np.bool_
        if chosen.ndim != 1 or not (mask or chosen.dtype.kind in "iu") or (mask and len(chosen) != len(self)):
            raise InputError(
                f"{self.name}: indices should be a slice, integers of shape (B,) or bools of shape "
                f"({len(self)},), found {chosen.dtype} {chosen.shape}"
            )
        if not mask and chosen.size and not (chosen.min() >= -len(self) and chosen.max() < len(self)):
            raise InputError(
                f"{self.name}: indices should stay below {len(self)}, found {chosen.min()}..{chosen.max()}"
            )
        return chosen
