"""Bags: a document becomes the counts of its words or of its characters, and their order is lost."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.data.corpus import Corpus
from scratchvae.data.dataset import Dataset
from scratchvae.data.limits import require_room

WORD = re.compile(r"[^\W\d_]+")  # letters of any script, nothing else


def bag_of_words(
    documents: Corpus | Sequence[str],
    *,
    size: int = 1000,
    vocabulary: Sequence[str] | None = None,
    stop_words: Iterable[str] = (),
) -> Dataset:
    """Count the words of each document, where a word is a run of letters and capitals count as small letters.

      N documents  ->  (N, V) float32, entry_names the vocabulary.

    The vocabulary is the `size` most frequent words that are not among the stop_words. The most frequent word
    comes first, and equally frequent ones come in the order of the alphabet. A `vocabulary` that is given
    replaces it, so that other documents are counted by the same words. Words outside the vocabulary are not
    counted, so that a document can become a row of zeros. InputError when no word is left.
    """
    return _bags("bag_of_words", _words, documents, size, vocabulary, stop_words)


def bag_of_characters(
    documents: Corpus | Sequence[str], *, size: int = 200, vocabulary: Sequence[str] | None = None
) -> Dataset:
    """Count the characters of each document as they are written, spaces included.

      N documents  ->  (N, V) float32, entry_names the characters.

    The vocabulary is chosen as in `bag_of_words`: the `size` most frequent characters, the most frequent
    first, or those that are given.
    """
    return _bags("bag_of_characters", iter, documents, size, vocabulary, ())


def _words(document: str) -> Iterator[str]:
    return (found.group() for found in WORD.finditer(document.casefold()))


def _bags(
    where: str,
    tokens: Callable[[str], Iterator[str]],
    documents: Corpus | Sequence[str],
    size: int,
    vocabulary: Sequence[str] | None,
    stop_words: Iterable[str],
) -> Dataset:
    if size < 1:
        raise InputError(f"{where}: size should be at least 1, found {size}")
    corpus = documents if isinstance(documents, Corpus) else Corpus("documents", documents)
    bags = [Counter(tokens(document)) for document in corpus.documents]
    names = _most_frequent(bags, size, frozenset(stop_words)) if vocabulary is None else tuple(vocabulary)
    place = {name: i for i, name in enumerate(names)}
    if not names or len(place) < len(names):
        wrong = "found one twice" if names else "found none"
        raise InputError(
            f"{where}: the vocabulary of {corpus.name} should be one token or more, each once, {wrong}"
        )
    need = 4 * len(bags) * len(names)
    require_room(where, need, f"the counts of {len(names):,} tokens in {len(bags):,} documents")
    counts = np.zeros((len(bags), len(names)), np.float32)
    for row, bag in zip(counts, bags, strict=True):
        for token, count in bag.items():
            if token in place:
                row[place[token]] = count
    return Dataset(corpus.name, counts, corpus.labels, corpus.label_names, entry_names=names, kind="counts")


def _most_frequent(bags: Sequence[Counter[str]], size: int, stop_words: frozenset[str]) -> tuple[str, ...]:
    total: Counter[str] = Counter()
    for bag in bags:
        total.update(bag)
    kept = [token for token in total if token not in stop_words]
    return tuple(sorted(kept, key=lambda token: (-total[token], token))[:size])
