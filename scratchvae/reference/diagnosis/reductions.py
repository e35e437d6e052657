"""A term by entry as people hand it over: as it is, by example, or as one number."""

from scratchvae.reference.diagnosis.pieces import Prediction, Terms
from scratchvae.reference.diagnosis.quantities import Given


def forms(terms: Terms | None, shape: tuple[int, ...], given: Given) -> list[Prediction]:
    """By entry, by example, or as one number: then a mean or a sum over the batch, the declared one first."""
    if terms is None:
        return []
    value, size, unsure = terms.value, terms.size, terms.unsure + 0 * terms.value
    if shape == value.shape:
        return [Prediction(value, size, unsure)]
    if shape == value.shape[:1]:
        return [Prediction(value.sum(axis=1), size.sum(axis=1), unsure.sum(axis=1))]
    if shape != ():
        return []
    whole = Prediction(value.sum(), size.sum(), unsure.sum())
    mean = Prediction(value.sum() / len(value), size.sum() / len(value), unsure.sum() / len(value))
    return [mean, whole] if given.reduction == "mean" else [whole, mean]
