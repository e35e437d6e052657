"""loss = Σ_b −log p(x_b|z_b) + β KL_b, averaged over the batch or summed, and what is written instead of it."""

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
    reduction: str | None = None  # that must have been declared for this to be what the name says

    def __call__(self, given: Given) -> Weights | None:
        """What the loss multiplies both parts by; None where that is unknown, or makes no sense."""
        if self.reduction not in (None, given.reduction):
            return None
        a, b, c = self.of_reconstruction.of(given), self.of_kl.of(given), self.whole.of(given)
        if not np.isfinite(a * b * c) or (given.weighted and a != b):
            return None  # log-weights hold both parts: no weight can be on one alone
        return Weights(a * c, b * c * given.beta, self.added)

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


KL_MISSING = _row("kl_missing", ONE, NOTHING, "the KL is missing from the loss, or weighs less than rounding")
ALIKE = "reduce both alike"
SUMS = "sum over both, average over examples only"
NAMED = [
    _row(
        "reconstruction_mean_over_pixels",
        PER_ENTRY,
        ONE,
        "the reconstruction is averaged over an event's entries: sum over them, average over examples only",
    ),
    _row("kl_mean_over_latents", ONE, PER_LATENT, "the KL is averaged over the latents: sum over them"),
    _row(
        "kl_mean_over_batch",
        ONE,
        PER_EXAMPLE,
        f"the KL is divided by the batch size once more than the reconstruction: {ALIKE}",
    ),
    _row(
        "kl_mean_over_batch_and_latents",
        ONE,
        PER_BATCH_LATENT,
        "the KL is averaged over batch and latents while the reconstruction is not: sum over the latents, reduce the batch alike",
    ),
    _row(
        "kl_summed_over_batch",
        ONE,
        BATCH,
        f"the KL is summed over the batch while the reconstruction is averaged: {ALIKE}",
    ),
    _row(
        "reconstruction_mean_over_batch",
        PER_EXAMPLE,
        ONE,
        f"the reconstruction is divided by the batch size once more than the KL: {ALIKE}",
    ),
    _row(
        "reconstruction_summed_over_batch",
        BATCH,
        ONE,
        f"the reconstruction is summed over the batch while the KL is averaged: {ALIKE}",
    ),
    *(
        _row(
            "reconstruction_mean_and_kl_sum",
            R,
            K,
            "the reconstruction is averaged, the KL summed over all there is: sum over entries and latents, reduce both alike",
            reduction=reduction,
        )
        for R, K, reduction in ((PER_ENTRY, BATCH, "mean"), (PER_BATCH_ENTRY, ONE, "sum"))
    ),
    *(
        _row(
            "everything_averaged",
            R,
            K,
            f"reconstruction and KL are averaged over entries and latents: {SUMS}",
            reduction=reduction,
        )
        for R, K, reduction in ((PER_ENTRY, PER_LATENT, "mean"), (PER_BATCH_ENTRY, PER_BATCH_LATENT, "sum"))
    ),
    _row(
        "batch_summed",
        ONE,
        ONE,
        "the loss is a sum over the batch where a mean was declared (reduction='sum' declares it): "
        "the learning rate grows with the batch",
        whole=BATCH,
        reduction="mean",
    ),
    _row(
        "batch_averaged",
        ONE,
        ONE,
        "the loss is divided by the batch size once more than was declared (reduction='mean' declares a mean), "
        "or by another number that is as large, as where gradients are accumulated",
        whole=PER_EXAMPLE,
    ),
    _row(
        "reconstruction_sign",
        MINUS,
        ONE,
        "the reconstruction has the wrong sign in the loss: add −log p(x|z)",
    ),
    _row("kl_sign", ONE, MINUS, "the KL has the wrong sign in the loss: add it, as in −log p(x|z) + β KL"),
    _row(
        "loss_sign",
        ONE,
        ONE,
        "its sign is flipped: negate it, for the loss is minimized and the bound, its negative, maximized",
        whole=MINUS,
    ),
    KL_MISSING,
    _row(
        "kl_divided_by_pixels",
        ONE,
        PER_ENTRY,
        "the KL is divided by the number of an event's entries: sum over the latents",
    ),
    _row(
        "loss_divided_by_pixels",
        ONE,
        ONE,
        "the whole loss is divided by the number of an event's entries: harmless but for the learning rate, and no bound in nats",
        whole=PER_ENTRY,
    ),
    _row(
        "reconstruction_sum_and_kl_mean",
        BATCH,
        PER_LATENT,
        f"the reconstruction is summed over the batch, the KL averaged over all there is: {ALIKE}",
        reduction="mean",
    ),
    _row("beta_missing", ONE, PER_BETA, "the KL isn't weighted by beta: multiply it"),
    _row("beta_on_reconstruction", BETA, PER_BETA, "beta weighs the reconstruction: it belongs on the KL"),
    _row("beta_squared", ONE, BETA, "beta is applied twice: multiply the KL once"),
    _row("beta_on_both", BETA, ONE, "beta weighs both terms: it belongs on the KL alone"),
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
            fix=f"it is {over}, which was not declared; and {r.fix}",
        )
        for r, w in weighings
        if w.whole is ONE and w.reduction is None
        for whole, declared, over in (
            (BATCH, "mean", "a sum over the batch"),
            (PER_EXAMPLE, "sum", "a mean over the batch"),
        )
    ]


ALL_ALIKE = (
    "where sums over entries and latents were declared, reduced alike over the batch: write both sums so"
)
PAIRS = _other_reductions() + [  # and every product of reductions that has no name
    Reading(
        Weighing(R, K, whole).words,
        Place.TOTAL,
        Weighing(R, K, whole),
        f"{Weighing(R, K, whole).words}, {ALL_ALIKE}",
        False,
    )
    for R, K, whole in product(OF_RECONSTRUCTION, OF_KL, (ONE, BATCH, PER_EXAMPLE, PER_ENTRY))
    if (R, K, whole) != (ONE, ONE, ONE) and Weighing(R, K, whole) not in [row.computes for row in NAMED]
]
