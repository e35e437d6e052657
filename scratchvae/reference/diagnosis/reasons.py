"""Why a quantity is not judged: nothing to compute it from, or a difference that might yet be right."""

import numpy as np

from scratchvae.reference.diagnosis.cross_entropy import through_probabilities
from scratchvae.reference.diagnosis.findings import Outcome, Verdict
from scratchvae.reference.diagnosis.importance import surrogate
from scratchvae.reference.diagnosis.pieces import Place
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import GRADIENTS, Given
from scratchvae.reference.diagnosis.search import Search
from scratchvae.reference.diagnosis.suspicions import SURROGATE

FROM = {  # what a quantity follows from
    "z": "mean, log_var (or log_std, std, …) and noise",
    "reconstruction": "x and logits (or x_mean)",
    "log_px": "x and logits (or x_mean), of each draw (B, K, D)",
    "kl": "mean and log_var (or log_std, std, …)",
    "log_pz": "z (B, K, Z)",
    "log_q": "mean, log_var (or log_std, std, …) and z or noise (B, K, Z)",
    "log_w": "log_px, log_pz and log_q",
    "d_z": "the decoder, which check_torch and check_jax know",
    "d_log_w": "log_w",
}


def unpredicted(quantity: str, given: Given) -> Verdict:
    """Of a quantity that nothing right can be computed for, from what was handed over."""
    if quantity in {"d_mean", f"d_{given.scale}"} and not given.weighted and given.d_z is None:
        return Verdict(Outcome.UNCHECKED, why=": hand over d_z too")
    if quantity in FROM and not (quantity == "d_log_w" and given.log_w is not None):
        return Verdict(Outcome.TAKEN, why=f": it follows from {FROM[quantity]}")
    return Verdict(Outcome.UNCHECKED, why=": what it follows from was not handed over, or in another shape")


def unproven_by(quantity: str, search: Search) -> Verdict | None:
    """Why a departure proves nothing; None where it does prove that something is wrong."""
    given, pieces = search.given, search.pieces
    weighted = given.weighted and quantity in {"loss", "bound"} and given.d_log_w is None
    if weighted and search.fits(quantity, pieces.having(Place.IMPORTANCE, lambda given: surrogate)):
        return Verdict(Outcome.UNPROVEN, why=f": {SURROGATE.name}, {SURROGATE.fix}")
    if given.likelihood == "bernoulli":
        if search.fits(quantity, pieces.having(Place.RECONSTRUCTION, through_probabilities)):
            return Verdict(Outcome.UNCHECKED, why=": probabilities are too near 0 or 1; hand over logits")
        if not all(np.isfinite(p.value).all() for p in predict(quantity, given, pieces)):
            return Verdict(
                Outcome.UNPROVEN, why=": a probability is 0 or 1 where the data are not; hand over logits"
            )
    of_kl = quantity in {"kl", "loss", "bound", "d_mean"} or GRADIENTS.get(quantity, quantity) == given.scale
    hidden = given.z is None and given.noise is None and given.mean is not None and not given.evaluation
    if of_kl and hidden and not given.weighted:
        said = (
            ": not the closed form; hand over z or noise, which tell whether it is an estimate from one draw"
        )
        return Verdict(Outcome.UNPROVEN, why=said)
    return None
