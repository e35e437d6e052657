"""loss = Σ_b −log p(x_b|z_b) + β KL_b, averaged over the batch or summed, and what is written instead."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from scratchvae.reference.diagnosis.factors import (
    BATCH,
    BETA,
    MINUS,
    NOTHING,
    ONE,
    PER_BATCH_ENTRY,
    PER_BATCH_LATENT,
    PER_BETA,
    PER_ENTRY,
    PER_EXAMPLE,
    PER_LATENT,
    Factor,
)
from scratchvae.reference.diagnosis.pieces import Place, Reading, Weights
from scratchvae.reference.diagnosis.quantities import Given


@dataclass(frozen=True)
class Weighing:
    """whole · (of_reconstruction · R + of_kl · β KL) + added, where everything was meant to be 1 and 0."""

    of_reconstruction: Factor = ONE
    of_kl: Factor = ONE
    whole: Factor = ONE
    added: float = 0.0
    gradients: float = 1.0  # what the gradients of this loss are multiplied by
    reduction: str | None = None  # that must have been declared for this to be what the name says

    def __call__(self, given: Given) -> Weights | None:
        """What the loss multiplies both parts by; None where that is unknown, or makes no sense."""
        if self.reduction not in (None, given.reduction):
            return None
        a, b, c = self.of_reconstruction.of(given), self.of_kl.of(given), self.whole.of(given)
        if not np.isfinite(a * b * c) or (given.weighted and a != b):
            return None  # log-weights hold both parts: no weight can be on one alone
        return Weights(a * c, b * c * given.beta, self.added, self.gradients)

    @property
    def words(self) -> str:
        """The factors that are not 1."""
        parts = (
            ("the reconstruction", self.of_reconstruction),
            ("the KL", self.of_kl),
            ("the whole loss", self.whole),
        )
        return ", ".join(f"{part} × {factor.words}" for part, factor in parts if factor is not ONE)


weights = Weighing()


def _row(
    name: str, R: Factor, K: Factor, fix: str, whole: Factor = ONE, reduction: str | None = None
) -> Reading:
    return Reading(name, Place.TOTAL, Weighing(R, K, whole, reduction=reduction), fix)


KL_MISSING = _row(
    "kl_missing",
    ONE,
    NOTHING,
    "the KL is missing from the loss, or its weight is below rounding: add β times the KL",
)
SUMS = "sum over both, and take the mean over the examples only"
NAMED = [
    _row(
        "reconstruction_mean_over_pixels",
        PER_ENTRY,
        ONE,
        "the reconstruction is a mean over the entries of an example: sum over them, and take the mean "
        "over the examples only",
    ),
    _row("kl_mean_over_latents", ONE, PER_LATENT, "the KL is a mean over the latents: sum over them"),
    _row(
        "kl_mean_over_batch",
        ONE,
        PER_EXAMPLE,
        "the KL is divided by the batch size once more than the reconstruction: leave out one of its "
        "divisions",
    ),
    _row(
        "kl_mean_over_batch_and_latents",
        ONE,
        PER_BATCH_LATENT,
        "the KL is a mean over batch and latents, and the reconstruction is not: sum the KL over the "
        "latents, and divide it by "
        "the batch size as often as the reconstruction",
    ),
    _row(
        "kl_summed_over_batch",
        ONE,
        BATCH,
        "the KL is summed over the batch, and the reconstruction is a mean over it: divide the KL by the "
        "batch size too",
    ),
    _row(
        "reconstruction_mean_over_batch",
        PER_EXAMPLE,
        ONE,
        "the reconstruction is divided by the batch size once more than the KL: leave out one of its "
        "divisions",
    ),
    _row(
        "reconstruction_summed_over_batch",
        BATCH,
        ONE,
        "the reconstruction is summed over the batch, and the KL is a mean over it: divide the "
        "reconstruction by the batch size too",
    ),
    *(
        _row(
            "reconstruction_mean_and_kl_sum",
            R,
            K,
            "the reconstruction is a mean over all entries, and the KL a sum over all latents: sum both "
            "over entries and latents, and "
            "take the same mean over the batch of both",
            reduction=reduction,
        )
        for R, K, reduction in ((PER_ENTRY, BATCH, "mean"), (PER_BATCH_ENTRY, ONE, "sum"))
    ),
    *(
        _row(
            "everything_averaged",
            R,
            K,
            f"reconstruction and KL are means over entries and latents: {SUMS}",
            reduction=reduction,
        )
        for R, K, reduction in ((PER_ENTRY, PER_LATENT, "mean"), (PER_BATCH_ENTRY, PER_BATCH_LATENT, "sum"))
    ),
    _row(
        "batch_summed",
        ONE,
        ONE,
        "the loss is a sum over the batch where a mean is expected, so that its gradients grow with the "
        "batch: divide it by the "
        "batch size, or pass reduction='sum' if that is meant",
        whole=BATCH,
        reduction="mean",
    ),
    _row(
        "batch_averaged",
        ONE,
        ONE,
        "the loss is divided by the batch size once more than is expected, or by another number that is "
        "as large, as where "
        "gradients are accumulated: leave out that division, or pass reduction='mean' if that is meant",
        whole=PER_EXAMPLE,
    ),
    _row(
        "reconstruction_sign",
        MINUS,
        ONE,
        "the reconstruction has the wrong sign in the loss: negate it, because the loss has −log p(x|z) "
        "+ β KL",
    ),
    _row(
        "kl_sign",
        ONE,
        MINUS,
        "the KL has the wrong sign in the loss: negate it, because the loss has −log p(x|z) + β KL",
    ),
    _row(
        "loss_sign",
        ONE,
        ONE,
        "its sign is flipped: negate it, because training minimizes the loss, which is minus the bound",
        whole=MINUS,
    ),
    KL_MISSING,
    _row(
        "kl_divided_by_pixels",
        ONE,
        PER_ENTRY,
        "the KL is divided by the number of entries of an example: leave out that division",
    ),
    _row(
        "loss_divided_by_pixels",
        ONE,
        ONE,
        "the whole loss is divided by the number of entries of an example: leave out that division, "
        "which does no harm but that "
        "gradients are smaller and the loss is no bound in nats",
        whole=PER_ENTRY,
    ),
    _row(
        "reconstruction_sum_and_kl_mean",
        BATCH,
        PER_LATENT,
        "the reconstruction is summed over the batch, and the KL is a mean over batch and latents: sum "
        "the KL over the latents, and "
        "divide both by the batch size",
        reduction="mean",
    ),
    _row("beta_missing", ONE, PER_BETA, "the KL is not multiplied by beta: multiply it by beta"),
    _row(
        "beta_on_reconstruction",
        BETA,
        PER_BETA,
        "beta multiplies the reconstruction: multiply the KL by it instead",
    ),
    _row("beta_squared", ONE, BETA, "beta is applied twice: multiply the KL by beta once"),
    _row("beta_on_both", BETA, ONE, "beta multiplies both terms: multiply the KL alone by it"),
]
OF_RECONSTRUCTION = (ONE, PER_ENTRY, PER_EXAMPLE, BATCH, PER_BATCH_ENTRY, MINUS, BETA)
OF_KL = (ONE, NOTHING, MINUS, PER_LATENT, PER_EXAMPLE, PER_BATCH_LATENT, BATCH, PER_ENTRY, PER_BETA, BETA)


def _other_reductions() -> list[Reading]:
    """Named rows of a loss that is a mean over the batch where a sum was declared, or the other way round."""
    weighings = [(r, r.computes) for r in NAMED if isinstance(r.computes, Weighing)]
    return [
        replace(
            r,
            computes=replace(w, whole=whole, reduction=declared),
            fix=f"it is {over}, which is not what reduction says, and {r.fix}",
        )
        for r, w in weighings
        if w.whole is ONE and w.reduction is None
        for whole, declared, over in (
            (BATCH, "mean", "a sum over the batch"),
            (PER_EXAMPLE, "sum", "a mean over the batch"),
        )
    ]


SIZES = "(B examples, D entries of an example, Z latents)"
SUM_BOTH = "sum both over entries and latents, and take the mean over the batch of both, or of neither"
PAIRS = _other_reductions() + [  # and every product of reductions that has no name
    Reading(
        Weighing(R, K, whole).words,
        Place.TOTAL,
        Weighing(R, K, whole),
        f"the loss has {Weighing(R, K, whole).words} {SIZES}: {SUM_BOTH}",
        False,
    )
    for R, K, whole in product(OF_RECONSTRUCTION, OF_KL, (ONE, BATCH, PER_EXAMPLE, PER_ENTRY))
    if (R, K, whole) != (ONE, ONE, ONE) and Weighing(R, K, whole) not in [row.computes for row in NAMED]
]
