"""The pieces of a right step, and other forms of a piece that are right too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scratchvae.reference.diagnosis import (
    cross_entropy,
    divergence,
    draws,
    entries,
    estimates,
    importance,
    penalties,
    reconstruction,
    sampling,
    total,
)
from scratchvae.reference.diagnosis.pieces import Pieces, Place
from scratchvae.reference.diagnosis.quantities import Given

RIGHT = Pieces(
    sampling=sampling.reparameterized,
    reconstruction=reconstruction.negative_log_likelihood,
    divergence=divergence.closed_form,
    total=total.weights,
    penalty=penalties.declared,
    log_pz=draws.log_prior,
    log_q=draws.log_posterior,
    constants=lambda given: True,
    log_weights=importance.log_weights,
    importance=lambda given: importance.bound,
)


@dataclass(frozen=True)
class Form:
    """Another form of a piece that is right too, and the words for it."""

    place: Place
    computes: Callable[[Given], Any]
    what: str

    def said(self, quantity: str) -> str:
        """A note that the quantity, or its part, is of this form."""
        whole = quantity in {"kl", "reconstruction", "log_px"} or self.place not in PARTS
        return f"{quantity if whole else f'the {PARTS[self.place]} in {quantity}'} is {self.what}"


PARTS = {Place.DIVERGENCE: "KL", Place.RECONSTRUCTION: "reconstruction"}
ALSO_RIGHT = [
    Form(Place.DIVERGENCE, estimates.one_sample, "a one-sample estimate of the KL: right, if less exact"),
    Form(
        Place.DIVERGENCE,
        estimates.one_sample_of_noise,
        "a one-sample estimate of the KL, log q taken from the noise: right, if less exact",
    ),
    Form(
        Place.DIVERGENCE,
        estimates.one_sample_sticking,
        "a one-sample estimate of the KL, log q's parameters detached: right, if less exact",
    ),
    Form(
        Place.RECONSTRUCTION,
        cross_entropy.through_probabilities,
        "taken through probabilities: right, but it loses digits near 0 and 1",
    ),
    Form(
        Place.RECONSTRUCTION,
        cross_entropy.as_torch,
        "torch's cross-entropy of probabilities, whose slope is held where p (1 − p) < 1e-12",
    ),
    Form(Place.RECONSTRUCTION, entries.without_fixed_sigma, "without log σ, which is a constant here"),
    Form(Place.PENALTY, penalties.of_capacity_by_example, "of a KL that is held at C example by example"),
    Form(
        Place.IMPORTANCE,
        lambda given: importance.surrogate,
        "Σ w̃ log w with detached weights: not the bound, but its gradient is right",
    ),
]
