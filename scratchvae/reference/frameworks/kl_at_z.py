"""What a KL that is estimated from the draw adds to the gradient of z, by log q(z|x) and by log p(z).

The gradients by mean and spread at a fixed z are the same whether log q(z|x) has its parameters detached, as
in sticking the landing (Roeder, Wu & Duvenaud 2017), or is detached as a whole, which is a mistake. Only the
gradient by z tells. The step's own decoder is needed to see the KL's part of it.
"""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import (
    ESTIMATES,
    Given,
    Line,
    Outcome,
    Pieces,
    Place,
    Verdict,
    of_kl_through_z,
)
from scratchvae.reference.frameworks.flow import Node
from scratchvae.reference.frameworks.ledger import Pull
from scratchvae.reference.frameworks.proportions import HALF_CLOSE
from scratchvae.reference.frameworks.seen import Step
from scratchvae.reference.frameworks.spread import Gradients

CLOSE = 1e-4  # of the largest entry: two backward passes in float32 are far nearer
LOG_PZ_ALONE = ESTIMATES[1]  # log q is taken from the noise, so that z enters log p(z) alone


def kl_at_z(
    step: Step, loss: Node, given: Given, fair: Pieces, gradients: Gradients, pull: Pull
) -> Line | None:
    """A line for d_z, where the KL's part of it lacks a density; None where it is right or can't be seen."""
    outputs = [step.ends[name] for name in ("logits", "x_mean", "second") if name in step.ends]
    z, raw, dz = step.ends.get("z"), step.raw.get("d_z"), step.arrays.get("d_z")
    if (
        fair.divergence not in ESTIMATES
        or step.taken
        or not outputs
        or z is None
        or raw is None
        or dz is None
    ):
        return None
    total = np.asarray(raw, np.float64)
    if z.size != total.size or not np.array_equal(z.value().ravel(), step.arrays["z"].ravel()):
        return None  # of several draws in another order
    arrived = [(node, g) for node in outputs for g in gradients(loss, [node]) if g is not None]
    by_decoder = pull(arrived, [z])[0].reshape(total.shape)
    factor = float(np.vdot(dz, total) / (np.vdot(total, total) or 1.0))  # that was taken from the loss
    theirs = factor * (total - by_decoder)
    whole, of_prior = (
        found.reshape(total.shape) if found.size == total.size else np.broadcast_to(found, total.shape)
        for found in (
            np.asarray(of_kl_through_z(given, pieces))
            for pieces in (fair, fair.having(Place.DIVERGENCE, LOG_PZ_ALONE))
        )
    )
    within = (HALF_CLOSE if z.half else CLOSE) * float(np.abs(factor * total).max() + np.abs(whole).max())

    def close(other: Array | float) -> bool:
        return bool((np.abs(theirs - other) <= within).all())

    if close(whole):
        return None
    lacking = "log q(z|x)" if close(of_prior) else "log p(z)" if close(whole - of_prior) else ""
    said = f"no gradient flows through its {lacking}" if lacking else "its gradient by z is another"
    why = (
        f": the KL is estimated from the draw, and {said}: let gradients flow through log q(z|x) − log p(z), "
        "without detach() or no_grad(); a model of another kind may be right in this"
    )
    return Line("d_z", Verdict(Outcome.UNPROVEN, why=why), dz, factor * by_decoder + whole)
