"""A set of examples: images as they are stored, turned into numbers in [0, 1] one batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, require_finite
from scratchvae.data.batch import Batch
from scratchvae.data.missing import observed_entries
from scratchvae.data.table_schema import TableSchema

Indices = slice | npt.ArrayLike  # a slice, whole numbers (B,), or a mask (N,)


@dataclass(frozen=True, eq=False)
class Dataset:
    """N examples and what is known about them.

    name         what messages and titles call it
    images       (N, C, H, W), or (N, D) for plain vectors: uint8 in 0..255, or floating and taken as it is, NaN where an
                 entry is missing. An array of bools becomes uint8, True being 255. Other integers are refused, since their
                 scale is anybody's guess. What the mask of a masked array hides is missing, whatever stands there.
    labels       (N,) integers, or None
    label_names  the name of label 0, 1, ...; empty when the labels have no names
    factors      known generating factors, each (N,) finite numbers; empty when nothing is known
    entry_names  what each entry of a plain vector is, as the words of a vocabulary; empty when they have no names
    conditions   (N, C) finite floating numbers that a model may be told of each example, or None
    observed     of the shape of images, True where an entry was observed; None where every entry was. NaN and a mask
                 say the same, and what any of the three calls missing is missing
    schema       of a table: what its columns are, one for each entry of a plain vector; None for anything else
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

    def __post_init__(self) -> None:
        hidden = np.ma.getmaskarray(self.images) if isinstance(self.images, np.ma.MaskedArray) else None
        images = np.asarray(self.images)
        if images.ndim < 2 or images.size == 0:
            raise InputError(
                f"{self.name}: images should hold at least one example, as (N, C, H, W) or (N, D); found shape {images.shape}"
            )
        if images.dtype == np.bool_:
            images = images.astype(np.uint8) * np.uint8(255)
        if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
            raise InputError(
                f"{self.name}: images should be uint8 (0 to 255), bool or floating, found {images.dtype}: convert them first, "
                "with .astype(np.uint8) if they hold 0 to 255"
            )
        object.__setattr__(self, "observed", observed_entries(self.name, images, hidden, self.observed))
        object.__setattr__(self, "images", images)
        if self.labels is not None:
            object.__setattr__(self, "labels", self._checked_labels(np.asarray(self.labels)))
        object.__setattr__(self, "factors", {name: np.asarray(values) for name, values in self.factors.items()})
        for name, values in self.factors.items():
            if values.shape != (len(images),) or values.dtype.kind not in "iuf":
                raise InputError(
                    f"{self.name}: factor {name!r} should be {len(images)} numbers, found {values.dtype} of shape {values.shape}"
                )
            require_finite(self.name, f"factor {name!r}", values)

        if self.conditions is not None:
            object.__setattr__(self, "conditions", self._checked_conditions(np.asarray(self.conditions)))
        if self.entry_names and images.shape[1:] != (len(self.entry_names),):
            expected = f"images should have {len(self.entry_names)} entries, one for each name"
            raise InputError(f"{self.name}: {expected}; found shape {images.shape}")
        if self.schema is not None and images.shape[1:] != (len(self.schema),):
            expected = f"rows should have {len(self.schema)} entries, one for each column of the schema"
            raise InputError(f"{self.name}: {expected}; found shape {images.shape}")

    def _checked_labels(self, labels: Array) -> Array:
        if labels.shape != (len(self),) or labels.dtype.kind not in "iu":
            raise InputError(f"{self.name}: labels should be {len(self)} integers, found {labels.dtype} of shape {labels.shape}")
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
        """What a model may be told of each example: the conditions where there are any, else the labels, or None."""
        return self.labels if self.conditions is None else self.conditions

    @property
    def share_missing(self) -> float:
        """The share of all entries that are missing, from 0 to 1."""
        return 0.0 if self.observed is None else float(1 - np.count_nonzero(self.observed) / self.observed.size)

    def batch(self, indices: Indices, dtype: npt.DTypeLike = np.float32) -> Batch:
        """The chosen examples as fresh rows x (B, D) of `dtype`, uint8 divided by 255, and their y.

        Where an entry of theirs is missing, x is 0 and the batch's `observed` is False; `observed` is None where none is.

        >>> Dataset("pixels", np.array([[0, 51, 255]], np.uint8)).batch(slice(0, 1), np.float64).x
        array([[0. , 0.2, 1. ]])
        """
        checked = self._checked_indices(indices)
        chosen = self.images[checked]
        observed = None if self.observed is None else self.observed[checked]
        if observed is not None and not observed.all():
            chosen = np.where(observed, chosen, chosen.dtype.type(0))  # before the cast, which what is hidden might overflow
            observed = observed.reshape(len(chosen), -1)
        else:
            observed = None
        with np.errstate(over="ignore"):
            rows = chosen.reshape(len(chosen), -1).astype(dtype)
        if rows.dtype.itemsize < chosen.dtype.itemsize and np.isinf(rows).any():  # they were finite before
            found = f"found {np.nanmax(np.abs(chosen)):g}: divide them, or ask for float64"
            raise InputError(f"{self.name}: images should fit into {rows.dtype}, {found}")
        if chosen.dtype == np.uint8:
            rows /= rows.dtype.type(255)
        y = None if self.y is None else self.y[checked]
        return Batch(rows, y.astype(dtype) if y is not None and y.dtype.kind == "f" else y, observed)

    def batches(self, size: int, dtype: npt.DTypeLike = np.float32) -> Iterator[Batch]:
        """All examples in order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size), dtype)

    def subset(self, indices: Indices) -> Dataset:
        """The chosen examples with all that is known about them; a slice gives views of the same memory."""
        chosen = self._checked_indices(indices)
        labels, conditions = (None if known is None else known[chosen] for known in (self.labels, self.conditions))
        factors = {name: values[chosen] for name, values in self.factors.items()}
        observed = None if self.observed is None else self.observed[chosen]
        named = (self.label_names, factors, self.entry_names)
        return Dataset(self.name, self.images[chosen], labels, *named, conditions, observed, self.schema)

    def split(self, held_out: int) -> tuple[Dataset, Dataset]:
        """Two views: all but the last `held_out` examples, and those last ones. Both must hold at least one example."""
        if not 0 < held_out < len(self):
            raise InputError(f"{self.name}: of {len(self)} examples 1 to {len(self) - 1} can be held out, found {held_out}")
        return self.subset(slice(0, len(self) - held_out)), self.subset(slice(len(self) - held_out, None))

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
            raise InputError(f"{self.name}: indices should stay below {len(self)}, found {chosen.min()}..{chosen.max()}")
        return chosen
