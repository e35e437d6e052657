"""Few labels: most examples lose their labels, and semi-supervised models are tried on the result."""

from dataclasses import replace

import numpy as np

from scratchvae.arrays import InputError, require_count, require_seed
from scratchvae.data.dataset import Dataset

HIDDEN = -1  # the label of an example whose class nobody knows; scikit-learn uses the same number


def few_labels(data: Dataset, count: int, *, seed: int = 0) -> Dataset:
    """Return the same examples, of which `count` keep their labels; all others get −1.

    The seed decides which examples keep them. The labels take turns, one example at a time, so that each
    label is kept as often as possible. With a `count` of all examples or more, every example keeps its label.
    A label that is hidden already stays so, and does not count. InputError for examples without labels.
    """
    require_count("few_labels", "count", count)
    require_seed("few_labels", "seed", seed)
    if data.labels is None:
        raise InputError(f"few_labels: examples should have labels; {no_labels(data)}")
    order = np.random.default_rng(seed).permutation(len(data))
    shuffled = data.labels[order]
    rounds = np.empty(len(data), np.intp)  # the index of each example among those of its label
    for label in np.unique(shuffled):
        of_label = shuffled == label
        rounds[of_label] = np.arange(np.count_nonzero(of_label)) if label != HIDDEN else len(data)
    kept = order[np.argsort(rounds, kind="stable")[:count]]
    labels = np.full(len(data), HIDDEN)
    labels[kept] = data.labels[kept]
    return replace(data, labels=labels, label_names=())


def no_labels(data: Dataset) -> str:
    """Say what examples have in the place of labels, and where files hold them."""
    numbers = f"whole numbers from 0 on, and {HIDDEN} where one is hidden"
    if data.conditions is not None:
        return f"found real numbers in {data.name}, which are conditions: labels are {numbers}"
    found = "none" if data.labels is None else "hidden ones alone"
    files = f"a .npz file holds them as labels or y, {numbers}"
    return f"found {found} in {data.name}: {files}; a folder holds each class in a sub-folder"
