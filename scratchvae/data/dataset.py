"""A set of examples: images as they are stored, turned into numbers in [0, 1] one batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, require_finite
from scratchvae.data.batch import Batch

Indices = slice | npt.ArrayLike  # a slice, whole numbers (B,), or a mask (N,)

CHECKED_AT_ONCE = 1 << 20  # values of a floating array looked at together, so that the check needs little memory


@dataclass(frozen=True, eq=False)
class Dataset:
    """N examples and what is known about them.

    name         what messages and titles call it
    images       (N, C, H, W), or (N, D) for plain vectors: uint8 in 0..255, or floating and finite, taken as it is. An array of
                 bools becomes uint8, True being 255. Other integers are refused, since their scale is anybody's guess.
    labels       (N,) integers, or None
    label_names  the name of label 0, 1, ...; empty when the labels have no names
    factors      known generating factors, each (N,) finite numbers; empty when nothing is known
    entry_names  what each entry of a plain vector is, as the words of a vocabulary; empty when they have no names
    """

    name: str
    images: Array
    labels: Array | None = None
    label_names: tuple[str, ...] = ()
    factors: Mapping[str, Array] = field(default_factory=dict)
    entry_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
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
        if images.dtype != np.uint8:
            rows = max(1, CHECKED_AT_ONCE // (images.size // len(images)))
            for start in range(0, len(images), rows):
                stop = min(start + rows, len(images))
                require_finite(self.name, f"images[{start}:{stop}]", images[start:stop])
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

        if self.entry_names and images.shape[1:] != (len(self.entry_names),):
            expected = f"images should have {len(self.entry_names)} entries, one for each name"
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

    def __len__(self) -> int:
        return len(self.images)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one example: (C, H, W) or (D,)."""
        return self.images.shape[1:]

    def batch(self, indices: Indices, dtype: npt.DTypeLike = np.float32) -> Batch:
        """The chosen examples as fresh rows x (B, D) of `dtype`, uint8 divided by 255, and their labels as y.

        >>> Dataset("pixels", np.array([[0, 51, 255]], np.uint8)).batch(slice(0, 1), np.float64).x
        array([[0. , 0.2, 1. ]])
        """
        checked = self._checked_indices(indices)
        chosen = self.images[checked]
        with np.errstate(over="ignore"):
            rows = chosen.reshape(len(chosen), -1).astype(dtype)
        if rows.dtype.itemsize < chosen.dtype.itemsize and np.isinf(rows).any():  # they were finite before
            found = f"found {np.nanmax(np.abs(chosen)):g}: divide them, or ask for float64"
            raise InputError(f"{self.name}: images should fit into {rows.dtype}, {found}")
        if chosen.dtype == np.uint8:
            rows /= rows.dtype.type(255)
        return Batch(rows, None if self.labels is None else self.labels[checked])

    def batches(self, size: int, dtype: npt.DTypeLike = np.float32) -> Iterator[Batch]:
        """All examples in order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size), dtype)

    def subset(self, indices: Indices) -> Dataset:
        """The chosen examples with their labels and factors; a slice gives views of the same memory."""
        chosen = self._checked_indices(indices)
        labels = None if self.labels is None else self.labels[chosen]
        factors = {name: values[chosen] for name, values in self.factors.items()}
        return Dataset(self.name, self.images[chosen], labels, self.label_names, factors, self.entry_names)

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
