"""Examples of which only a few keep their labels: what semi-supervised models are tried on."""

from dataclasses import replace

import numpy as np

from scratchvae.arrays import InputError, require_count, require_seed
from scratchvae.data.dataset import Dataset

HIDDEN = (
    -1
)  # the label of an example whose class nobody knows, as scikit-learn's semi-supervised models have it


def few_labels(data: Dataset, count: int, *, seed: int = 0) -> Dataset:
    """The same examples, of which `count` keep their labels and all others have −1.

    Which ones keep them is drawn from the seed, as many of each label as there can be: of labels in turn, one
    example at a time. All keep them where there are no more. InputError for examples without labels.
    """
    require_count("few_labels", "count", count)
    require_seed("few_labels", "seed", seed)
    if data.labels is None:
        raise InputError(f"few_labels: examples should have labels; found none in {data.name}")
    order = np.random.default_rng(seed).permutation(len(data))
    shuffled = data.labels[order]
    rounds = np.empty(len(data), np.intp)  # the how-manieth example of its label each is
    for label in np.unique(shuffled):
        of_label = shuffled == label
        rounds[of_label] = np.arange(np.count_nonzero(of_label))
    kept = order[np.argsort(rounds, kind="stable")[:count]]
    labels = np.full(len(data), HIDDEN)
    labels[kept] = data.labels[kept]
    return replace(data, labels=labels, label_names=())
