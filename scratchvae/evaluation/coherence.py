"""Topics: their likeliest words, and how often such words occur together in documents."""

import numpy as np

from scratchvae.arrays import Array, InputError, require_count, require_shapes
from scratchvae.data import Dataset

AT_ONCE = 1000  # documents


def likeliest_words(laws: Array, shown: int = 10) -> Array:
    """The numbers of the `shown` likeliest words of each topic of laws (K, W), in order  ->  (K, shown)."""
    n = require_shapes("likeliest_words", laws=(laws, "K W"))
    require_count("likeliest_words", "shown", shown)
    if shown > n["W"]:
        raise InputError(
            f"likeliest_words: shown should be at most {n['W']}, the number of words; found {shown}"
        )
    return np.argsort(-laws, axis=1, kind="stable")[:, :shown]


def coherence(laws: Array, documents: Dataset, *, shown: int = 10) -> Array:
    """How well the likeliest words of each topic go together in documents  ->  (K,), from −1 to 1.

    It is the mean of the normalized pointwise mutual information over the pairs of a topic's likeliest words,

        npmi(v, w) = log(p(v, w) / (p(v) p(w))) / −log p(v, w)

    where p(w) is the share of the documents in which w occurs, and p(v, w) of those that have both. It is 0
    for words that are independent, 1 for words that only occur together, and −1 for those that never do, or
    of which one never occurs.
    Bouma 2009; Lau, Newman & Baldwin 2014; used by Srivastava & Sutton 2017, section 6.
    """
    words = likeliest_words(laws, shown)
    require_count("coherence", "shown", shown, 2)
    together = np.zeros((len(words), shown, shown))
    for start in range(0, len(documents), AT_ONCE):
        x = documents.batch(slice(start, start + AT_ONCE)).x
        if x.shape[1] != laws.shape[1]:
            raise InputError(
                f"coherence: documents should be counts of {laws.shape[1]} words, found {x.shape[1]}"
            )
        here = (x > 0).astype(np.float64)[:, words]  # (B, K, shown)
        together += np.einsum("bki,bkj->kij", here, here)
    joint = together / len(documents)
    alone = np.diagonal(joint, axis1=1, axis2=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        mutual = np.log(joint / (alone[:, :, None] * alone[:, None, :]))
        # two words that are in every document are independent, and log p(v, w) is 0
        npmi = np.where(joint == 0, -1.0, np.where(joint == 1, 0.0, mutual / -np.log(joint)))
    v, w = np.triu_indices(shown, 1)
    found: Array = npmi[:, v, w].mean(axis=1)
    return found
