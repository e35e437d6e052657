"""K draws for each example: z and log p(x|z), log p(z), log q(z|x) of each (Burda et al. 2016).

Both densities may lack their constant −½ log 2π, which cancels in the weight: then both should.
"""

from dataclasses import replace

import numpy as np

from scratchvae.reference.diagnosis.pieces import (
    Piece,
    Pieces,
    Place,
    Prediction,
    Reading,
    Terms,
    std_read_as,
)
from scratchvae.reference.diagnosis.quantities import DRAWN, SCALES, X_SCALES, Given
from scratchvae.reference.diagnosis.spelling import STD_BY

CONSTANT = -0.5 * float(np.log(2 * np.pi))  # of each latent


def by_draw(quantity: str, given: Given, pieces: Pieces) -> list[Prediction]:
    """z (B, K, Z), or log p(x|z), log p(z) or log q(z|x) (B, K), as a step of B·K examples has them."""
    theirs, step = given.arrays[quantity], each_draw(given)
    if quantity == "z" and step.noise is None and not given.evaluation:
        return []
    computes = {
        "z": pieces.sampling,
        "log_px": pieces.reconstruction,
        "log_pz": pieces.log_pz,
        "log_q": pieces.log_q,
    }[quantity]
    terms = computes(step)
    if terms is None or (quantity != "z" and len(terms.value) != theirs.size):
        return []
    if quantity == "z":
        return [
            Prediction(
                *(
                    np.reshape(a + 0 * terms.value, theirs.shape)
                    for a in (terms.value, terms.size, terms.unsure)
                )
            )
        ]
    value, size, unsure = (
        (part + 0 * terms.value).sum(axis=1).reshape(theirs.shape)
        for part in (terms.value, terms.size, terms.unsure)
    )
    if quantity == "log_px":
        return [Prediction(-value, size, unsure)]
    with_constant = Prediction(value + CONSTANT * terms.value.shape[1], size, unsure)
    without = Prediction(value, size, unsure)
    if quantity == "log_pz" or given.log_pz is None:
        return [with_constant, without]
    prior = by_draw("log_pz", given, pieces.having(Place.LOG_PZ, log_prior))
    dropped = (
        bool(prior) and prior[1].fits(given.log_pz, given.eps) and not prior[0].fits(given.log_pz, given.eps)
    )
    return [without if dropped == pieces.constants(given) else with_constant]


def each_draw(given: Given) -> Given:
    """The step of B·K examples, one for each draw: what an example has is repeated."""
    K, arrays = given.K or 1, {}
    for name in ("x", "mask", "mean", *SCALES, *DRAWN, *X_SCALES):
        array = given.arrays.get(name)
        if array is None or (array.ndim == 2 and name in DRAWN and K > 1):
            continue  # one draw, where there should be K
        arrays[name] = array.reshape(-1, array.shape[-1]) if array.ndim == 3 else np.repeat(array, K, axis=0)
    return replace(given, arrays=arrays)


def log_prior(given: Given) -> Terms | None:
    """−½ z² by latent: log p(z) without its constant."""
    return None if given.z is None else Terms(-0.5 * given.z**2, {}, 1 + 0.5 * given.z**2)


def log_posterior(given: Given, reading: str | None = None) -> Terms | None:
    """−½ u² − log σ with u = (z − mean) / σ by latent: log q(z|x) without its constant."""
    if given.scale is None or given.mean is None or (given.z is None and given.noise is None):
        return None
    std = std_read_as(reading or given.scale, given.arrays[given.scale])
    if given.z is not None:
        u, lost = (given.z - given.mean) / std, (np.abs(given.z) + np.abs(given.mean)) / std
    else:
        u, lost = given.noise, np.abs(given.noise)  # type: ignore[assignment, arg-type]
    return Terms(-0.5 * u**2 - np.log(std), {}, 1 + u**2 + np.abs(np.log(std)) + np.abs(u) * lost)


def _read(kind: str, reading: str) -> Piece:
    return lambda given: log_posterior(given, reading) if given.scale == kind else None


def _averaged(piece: Piece) -> Piece:
    def computes(given: Given) -> Terms | None:
        terms = piece(given)
        if terms is None:
            return None
        whole = terms.times(1 / terms.value.shape[1])
        # the constant is averaged too
        return replace(whole, value=whole.value + CONSTANT / terms.value.shape[1] - CONSTANT)

    return computes


def _negated(piece: Piece, constant: float) -> Piece:
    """The density with the wrong sign, and its constant too where the piece has to hold what undoes it."""

    def computes(given: Given) -> Terms | None:
        terms = piece(given)
        return None if terms is None else replace(terms, value=-terms.value - 2 * constant)

    return computes


NEGATED = "{} has the wrong sign in the log-weight: write log p(x|z) + log p(z) − log q(z|x), with {}"
READINGS = [
    *(
        Reading("log_weight_sign", place, _negated(piece, constant), NEGATED.format(of, formula))
        for place, piece, of, formula in (
            (Place.LOG_PZ, log_prior, "log p(z)", "log p(z) = −½ z² − ½ log 2π for each latent"),
            (
                Place.LOG_Q,
                log_posterior,
                "log q(z|x)",
                "log q(z|x) = −½ ((z − mean)/σ)² − log σ − ½ log 2π for each latent",
            ),
        )
        for constant in (CONSTANT, 0.0)
    ),
    *(
        Reading(
            f"log_q_{kind}_read_as_{reading}",
            Place.LOG_Q,
            _read(kind, reading),
            f"log q(z|x) reads {kind} as {reading}: write σ = {STD_BY[kind]}",
        )
        for kind in SCALES
        for reading in SCALES
        if reading != kind
    ),
    Reading(
        "log_pz_mean_over_latents",
        Place.LOG_PZ,
        _averaged(log_prior),
        "log p(z) is a mean over the latents: sum over them",
    ),
    Reading(
        "log_q_mean_over_latents",
        Place.LOG_Q,
        _averaged(log_posterior),
        "log q(z|x) is a mean over the latents: sum over them",
    ),
    Reading(
        "constants_of_weights_differ",
        Place.CONSTANTS,
        lambda given: False,
        "one of log p(z) and log q(z|x) lacks its constant −½ log 2π of each latent: keep the constant "
        "in both, or in neither",
    ),
]
