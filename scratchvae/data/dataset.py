"""A set of examples as they are stored, turned into numbers that models see one batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, require_count, require_finite
from scratchvae.data.batch import Batch
from scratchvae.data.door import arrival, known
from scratchvae.data.kinds import KINDS, require_kind
from scratchvae.data.missing import observed_entries
from scratchvae.data.order import shuffled
from scratchvae.data.rows import Rows, rows_of
from scratchvae.data.table_schema import TableSchema

Indices = slice | npt.ArrayLike  # a slice, whole numbers (B,), or a mask (N,)


@dataclass(frozen=True, eq=False)
class Dataset:
    """N examples and what is known about them.

    name         what messages and titles call it
    images       (N, C, H, W), or (N, D) for plain vectors: whatever `arrival` takes in, of any dtype. An entry is missing
                 where it is NaN, or where a masked array hides it, whatever stands there. Rows and memory
                 maps stay in their file, and a batch reads its own.
    labels       (N,) integers, or None
    label_names  the name of label 0, 1, ...; empty when the labels have no names
    factors      known generating factors, each (N,) finite numbers; empty when nothing is known
    entry_names  what each entry of a plain vector is, as the words of a vocabulary; empty when they have no names
    conditions   (N, C) finite floating numbers that a model may be told of each example, or None
    observed     of the shape of images, True where an entry was observed; None where every entry was. NaN and a mask
                 say the same, and what any of the three calls missing is missing
    schema       of a table: what its columns are, one for each entry of a plain vector; None for anything else
    kind         what the numbers are, one of KINDS: "values", taken as they stand; "counts", the same, but whole and not
                 negative; or "pixels", from 0 to 255, which a batch divides by 255. No dtype says so by
                 itself
    rate         of the frames of a sound, how many samples there are to a second; None for other data
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
                f"Dataset: the first argument should be a name, such as 'x', found a {type(self.name).__name__}"
            )
        hidden, images = None, self.images
        if not isinstance(images, Rows):
            came = arrival(self.name, images)
            images, hidden = came.values, came.hidden
            object.__setattr__(self, "entry_names", self.entry_names or came.names)
        _require_examples(self.name, images.shape)
        object.__setattr__(self, "images", images)
        object.__setattr__(
            self, "observed", observed_entries(self.name, images, hidden, self.observed, self.place)
        )
        require_kind(self.name, self.kind, images, self.observed, self.place)
        if self.labels is not None:
            object.__setattr__(self, "labels", self._checked_labels(known(self.name, "labels", self.labels)))
        if not isinstance(self.factors, Mapping):
            found = f"found a {type(self.factors).__name__}"
            raise InputError(
                f"{self.name}: factors should be a mapping from names to numbers, one for each example; {found}"
            )
        factors = {
            name: known(self.name, f"factor {name!r}", values) for name, values in self.factors.items()
        }
        object.__setattr__(self, "factors", factors)
        for name, values in factors.items():
            if values.shape != (len(images),) or values.dtype.kind not in "iuf":
                raise InputError(
                    f"{self.name}: factor {name!r} should be {len(images)} numbers, found {values.dtype} of shape {values.shape}"
                )
            require_finite(self.name, f"factor {name!r}", values)
        if self.conditions is not None:
            object.__setattr__(
                self, "conditions", self._checked_conditions(known(self.name, "conditions", self.conditions))
            )
        if self.entry_names and images.shape[1:] != (len(self.entry_names),):
            expected = f"x should have {len(self.entry_names)} columns, one for each name"
            raise InputError(f"{self.name}: {expected}; found shape {images.shape}")
        if self.schema is not None and self.kind != "values":
            helps = 'columns="name=count" says what a column is'
            raise InputError(
                f"{self.name}: each column of a table has a kind of its own; found kind={self.kind!r}: {helps}"
            )
        if self.schema is not None and images.shape[1:] != (len(self.schema),):
            expected = f"rows should have {len(self.schema)} entries, one for each column of the schema"
            raise InputError(f"{self.name}: {expected}; found shape {images.shape}")

    def _checked_labels(self, labels: Array) -> Array:
        if labels.shape != (len(self),) or labels.dtype.kind not in "iu":
            raise InputError(
                f"{self.name}: labels should be {len(self)} integers, found {labels.dtype} of shape {labels.shape}"
            )
        if labels.dtype.kind == "u" and labels.max() > np.iinfo(np.intp).max:
            helps = "np.unique(labels, return_inverse=True)[1] numbers them from 0 on"
            found = f"found {labels.max()} of example {labels.argmax()}"
            raise InputError(
                f"{self.name}: labels should be {np.iinfo(np.intp).max} at most; {found}: {helps}"
            )
        if self.label_names and not (labels.min() >= 0 and labels.max() < len(self.label_names)):
            raise InputError(
                f"{self.name}: labels should lie in 0..{len(self.label_names) - 1}, one for each label name, "
                f"found {labels.min()}..{labels.max()}"
            )
        return labels.astype(np.intp, copy=False)

    def _checked_conditions(self, conditions: Array) -> Array:
        if conditions.ndim != 2 or len(conditions) != len(self) or conditions.dtype.kind != "f":
            expected = f"conditions should be ({len(self)}, C) floating numbers"
            raise InputError(f"{self.name}: {expected}, found {conditions.dtype} of shape {conditions.shape}")
        require_finite(self.name, "conditions", conditions)
        return conditions

    def __len__(self) -> int:
        return len(self.images)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one example: (C, H, W) or (D,)."""
        return self.images.shape[1:]

    @property
    def y(self) -> Array | None:
        """What a model may be told of each example: the conditions where there are any, else the labels, or
        None.
        """
        return self.labels if self.conditions is None else self.conditions

    @property
    def share_missing(self) -> float:
        """The share of all entries that are missing, from 0 to 1."""
        return (
            0.0 if self.observed is None else float(1 - np.count_nonzero(self.observed) / self.observed.size)
        )

    def entry(self, entry: int) -> str:
        """What the entry of that number is called, from 0 to D − 1: a column, or a pixel of a picture."""
        if len(self.event_shape) == 1:
            return f"column {self.entry_names[entry] if self.entry_names else entry!r}"
        index = tuple(int(i) for i in np.unravel_index(entry, self.event_shape))
        if len(index) == 3:
            return f"the pixel in channel {index[0]}, row {index[1]}, column {index[2]}"
        return f"the entry at {index}"

    def place(self, row: int, entry: int) -> str:
        """Where an entry of an example stands, in words."""
        return f"{self.entry(entry)} of {'picture' if len(self.event_shape) == 3 else 'example'} {row}"

    def batch(self, indices: Indices, dtype: npt.DTypeLike = np.float32) -> Batch:
        """The chosen examples as fresh rows x (B, D) of `dtype`, pixels divided by 255, and their y.

        Where an entry of theirs is missing, x is 0 and the batch's `observed` is False; `observed` is None
        where none is.

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
        """All examples in order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size), dtype)

    def subset(self, indices: Indices) -> Dataset:
        """The chosen examples with all that is known about them. A slice gives views of the same memory, and
        of examples in a file none is read.
        """
        chosen = self._checked_indices(indices)
        images = rows_of(self.images, chosen)
        _require_examples(self.name, images.shape)
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
        """The examples to train on and `held_out` others to judge on, each in the order in which they stand.

        Which ones are held out is drawn from the seed, so that data which come sorted, as by class, are
        judged on all of it. With `last` they are the last ones, as a series wants it. Both parts hold at
        least one example.
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
        """These examples with other parts, which need no further check."""
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
                f"{self.name}: indices should be a slice, integers of shape (B,) or bools of shape ({len(self)},), "
                f"found {chosen.dtype} {chosen.shape}"
            )
        if not mask and chosen.size and not (chosen.min() >= -len(self) and chosen.max() < len(self)):
            raise InputError(
                f"{self.name}: indices should stay below {len(self)}, found {chosen.min()}..{chosen.max()}"
            )
        return chosen


def _require_examples(name: str, shape: tuple[int, ...]) -> None:
    """InputError unless there is an example, of one entry at least, and rows of them."""
    if len(shape) < 2:
        helps = "x.reshape(-1, 1) makes a column of it, and x.reshape(1, -1) one example"
        found = f"one axis, of shape {shape}: {helps}" if shape else "a single number"
        raise InputError(f"{name}: x should hold examples, as (N, D) or (N, C, H, W); found {found}")
    if 0 in shape:
        lacking = "no example: 0 sample(s)" if shape[0] == 0 else "0 feature(s)"
        raise InputError(
            f"{name}: x should hold examples; found {lacking} (shape={shape}) while a minimum of 1 is required."
        )
