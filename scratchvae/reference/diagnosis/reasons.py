"""Why a quantity is not judged: nothing to compute it from, or a difference that might yet be right."""

from typing import NoReturn

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.reference.diagnosis.cross_entropy import through_probabilities
from scratchvae.reference.diagnosis.importance import surrogate
from scratchvae.reference.diagnosis.pieces import Place
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import GRADIENTS, Given
from scratchvae.reference.diagnosis.search import Search
from scratchvae.reference.diagnosis.suspicions import SURROGATE
from scratchvae.reference.diagnosis.verdict import Outcome, Verdict

SPREAD = "log_var (or log_std, std, …)"
FROM = {  # what a quantity is computed from
    "z": ("mean", SPREAD, "noise"),
    "reconstruction": ("x", "logits (or x_mean)"),
    "log_px": ("x", "logits (or x_mean)"),
    "kl": ("mean", SPREAD),
    "log_pz": ("z",),
    "log_q": ("mean", SPREAD, "z or noise"),
    "log_w": ("log_px", "log_pz", "log_q"),
    "d_log_w": ("log_w",),
}
OTHERWISE = "the arrays that it is computed from are missing, or have other shapes"
BY_LAYERS = "only check_torch, check_jax and check_keras, which run your decoder, can check it"


def nothing_to_check(given: Given) -> NoReturn:
    """InputError: what was handed over is only what quantities follow from."""
    only = f"only what they follow from ({', '.join(given.arrays)})" if given.arrays else "nothing"
    raise InputError(
        f"diagnose: there should be a quantity to check, such as z, kl, loss or d_mean; found {only}"
    )


def unpredicted(quantity: str, given: Given) -> Verdict:
    """Of a quantity that nothing right can be computed for, from what was handed over."""
    if quantity in {"d_mean", f"d_{given.scale}"} and not given.weighted and given.d_z is None:
        return Verdict(Outcome.UNCHECKED, why=": pass d_z too")
    if quantity == "d_z":
        return Verdict(Outcome.TAKEN, why=f": {BY_LAYERS}")
    wanted = [name for name in FROM.get(quantity, ()) if not _handed_over(name, given)]
    if wanted:
        return Verdict(Outcome.TAKEN, why=f": pass {' and '.join(wanted)} too")
    why = "it is not compared where an example has several draws of z" if given.weighted else OTHERWISE
    return Verdict(Outcome.UNCHECKED, why=f": {why}")


def _handed_over(name: str, given: Given) -> bool:
    """Whether an array of FROM is there, under one of the names that it may have."""
    if name == SPREAD:
        return given.scale is not None
    names = {"logits (or x_mean)": ("logits", "x_mean"), "z or noise": ("z", "noise")}.get(name, (name,))
    return any(one in given.arrays for one in names)


def unproven_by(quantity: str, search: Search) -> Verdict | None:
    """Why a departure proves nothing; None where it does prove that something is wrong."""
    given, pieces = search.given, search.pieces
    weighted = given.weighted and quantity in {"loss", "bound"} and given.d_log_w is None
    if weighted and search.fits(quantity, pieces.having(Place.IMPORTANCE, lambda given: surrogate)):
        return Verdict(Outcome.UNPROVEN, why=f": {SURROGATE.name}, {SURROGATE.fix}")
    if given.likelihood == "bernoulli":
        if search.fits(quantity, pieces.having(Place.RECONSTRUCTION, through_probabilities)):
            return Verdict(Outcome.UNCHECKED, why=": probabilities are too near 0 or 1; pass logits")
        if not all(np.isfinite(p.value).all() for p in predict(quantity, given, pieces)):
            return Verdict(
                Outcome.UNPROVEN, why=": a probability is 0 or 1 where the data are not; pass logits"
            )
    of_kl = quantity in {"kl", "loss", "bound", "d_mean"} or GRADIENTS.get(quantity, quantity) == given.scale
    hidden = given.z is None and given.noise is None and given.mean is not None and not given.evaluation
    if of_kl and hidden and not given.weighted:
        said = ": not the closed form; pass z or noise, which tell whether it is an estimate from one draw"
        return Verdict(Outcome.UNPROVEN, why=said)
    return None
