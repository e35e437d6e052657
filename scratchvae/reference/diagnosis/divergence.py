"""KL(N(mean, σ²) ‖ N(0, 1)), and what is written instead.

KL = ½ Σ_j mean² + σ² − 1 − log σ² (Kingma & Welling 2014, appendix B).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import estimates
from scratchvae.reference.diagnosis.factors import (
    BATCH_PER_LATENT,
    BETA,
    MINUS,
    ONE,
    PER_LATENT,
    Factor,
    number,
)
from scratchvae.reference.diagnosis.pieces import Place, Reading, Terms, d_std_read_as, std_read_as
from scratchvae.reference.diagnosis.quantities import SCALES, Given
from scratchvae.reference.diagnosis.spelling import FORMULA, VAR_BY, WRITE, written

# of the mean, or of σ: its value and its slope
Term = tuple[Callable[[Array], Array], Callable[[Array], Array]]
OF_MEAN: dict[str, Term] = {
    "mean²": (np.square, lambda mean: 2 * mean),
    "|mean|": (np.abs, np.sign),
    "mean": (lambda mean: mean, np.ones_like),
    "": (np.zeros_like, np.zeros_like),
}
OF_STD: dict[str, Term] = {
    "σ²": (np.square, lambda std: 2 * std),
    "σ": (lambda std: std, np.ones_like),
    "(log σ²)²": (lambda std: (2 * np.log(std)) ** 2, lambda std: 8 * np.log(std) / std),
    "": (np.zeros_like, np.zeros_like),
}
LATENTS: dict[str, Callable[..., Array]] = {"largest": np.argmax, "smallest": np.argmin}


@dataclass(frozen=True)
class Divergence:
    """factor · ½ (of_mean + of_std − constant − log · log σ²) by latent, read and reduced in some way."""

    kind: str | None = None  # of SCALES, where this is written for one that is handed over
    reading: str | None = None  # the kind that the spread is taken for; None: the one it is
    swapped: bool = False  # mean and spread stand for each other
    reversed: bool = False  # KL(p ‖ q)
    prior_mean: float = 0.0
    prior_std: float = 1.0
    of_mean: str = "mean²"
    of_std: str = "σ²"
    log: float = 1.0
    constant: float = 1.0
    factor: Factor = ONE
    latents: str = "all"
    over_batch: str = ""  # "sum", "mean": of all examples, given to each
    through_mean: bool = True
    through_std: bool = True

    def __call__(self, given: Given) -> Terms | None:
        """By latent (B, Z), with gradients to the mean and to σ as it was handed over."""
        kind, factor = given.scale, self.factor.of(given)
        if kind is None or given.mean is None or (self.kind not in (None, kind)) or not np.isfinite(factor):
            return None
        mean, held = (given.arrays[kind], given.mean) if self.swapped else (given.mean, given.arrays[kind])
        read_as = self.reading or kind
        std = std_read_as(read_as, held)
        if not (np.isfinite(std) & (std > 0)).all():
            return None
        mean, std = (mean - self.prior_mean) / self.prior_std, std / self.prior_std
        terms = self._reversed(mean, std) if self.reversed else self._forward(mean, std)
        dmean = terms.gradients["mean"] / self.prior_std * self.through_mean
        dheld = terms.gradients["std"] / self.prior_std * d_std_read_as(read_as, held) * self.through_std
        first, second = ("mean", kind) if not self.swapped else (kind, "mean")
        size, lost = terms.size, 0.0 * std
        if read_as == "raw_std":  # log(1 + eʰ) as it is written rounds 1 + eʰ: σ loses 1/σ roundoffs
            size = size + (std + 1 / std)
            lost = (1 + 1 / std**2) * np.abs(d_std_read_as(read_as, held))
        made = self._reduced(Terms(terms.value, {first: dmean, second: dheld}, size))
        return replace(made, digits_lost=lost).times(factor)

    def _forward(self, mean: Array, std: Array) -> Terms:
        (value, slope), (spread, steep) = OF_MEAN[self.of_mean], OF_STD[self.of_std]
        log_var = 2 * np.log(std)
        gradients = {"mean": 0.5 * slope(mean), "std": 0.5 * (steep(std) - 2 * self.log / std)}
        size = 0.5 * (
            np.abs(value(mean)) + np.abs(spread(std)) + abs(self.constant) + abs(self.log) * np.abs(log_var)
        )
        return Terms(0.5 * (value(mean) + spread(std) - self.constant - self.log * log_var), gradients, size)

    def _reversed(self, mean: Array, std: Array) -> Terms:
        """KL(N(0, 1) ‖ N(mean, σ²)) = ½ ((1 + mean²) / σ² − 1 + log σ²)."""
        ratio = (1 + mean**2) / std**2
        gradients = {"mean": mean / std**2, "std": (1 - ratio) / std}
        return Terms(0.5 * (ratio - 1) + np.log(std), gradients, 0.5 * (ratio + 1) + np.abs(np.log(std)))

    def _reduced(self, terms: Terms) -> Terms:
        if self.latents != "all":
            which = LATENTS[self.latents](terms.value, axis=1)
            chosen = (np.arange(terms.value.shape[1]) == which[:, None]).astype(float)
            return Terms(
                terms.value * chosen, {name: d * chosen for name, d in terms.gradients.items()}, terms.size
            )
        if self.over_batch:
            share = 1.0 if self.over_batch == "sum" else 1.0 / len(terms.value)
            value, size = (np.broadcast_to(share * a.sum(axis=0), a.shape) for a in (terms.value, terms.size))
            return Terms(value, {name: d * share * len(d) for name, d in terms.gradients.items()}, size)
        return terms


closed_form = Divergence()


@dataclass(frozen=True)
class _TimesBeta:
    """The closed form with its weight in it, where that is not 1."""

    def __call__(self, given: Given) -> Terms | None:
        return None if given.beta == 1 else replace(closed_form, factor=BETA)(given)


def _row(name: str, fix: str, **changed: Any) -> Reading:
    return Reading(name, Place.DIVERGENCE, Divergence(**changed), fix)


def described(name: str, fix: str, solved: int = 0, **changed: Any) -> Reading:
    """A reading without an identifier."""
    return Reading(name, Place.DIVERGENCE, Divergence(**changed), fix, named=False, solved=solved)


KL_DETACHED = _row(
    "kl_detached",
    "the KL is detached: compute it from mean and σ themselves, without detach() or no_grad()",
    through_mean=False,
    through_std=False,
)
ONE_LATENT = "the KL is that of one latent, the largest or the smallest: sum over all latents"
READINGS = [
    _row("kl_half_missing", f"the KL lacks its factor ½: {WRITE}", factor=number(2.0)),
    _row(
        "kl_sign",
        f"the KL has the wrong sign: negate it, so that it is {FORMULA}, which is never negative",
        factor=MINUS,
    ),
    _row(
        "kl_reversed",
        "this is KL(p ‖ q), where p is the prior and q the posterior: exchange the two, as in "
        "kl_divergence(q, p), because the bound has KL(q ‖ p)",
        reversed=True,
    ),
    *(
        _row(
            f"kl_{kind}_read_as_{reading}",
            f"the KL reads {kind} as {reading}: σ² is {VAR_BY[kind]}, so write {written(kind)}",
            kind=kind,
            reading=reading,
        )
        for kind in SCALES
        for reading in SCALES
        if reading != kind
    ),
    _row(
        "kl_constant_missing",
        "the KL is ½ too high for each latent, and its gradients are right: subtract ½ for each latent",
        constant=0.0,
    ),
    _row(
        "kl_constant_sign",
        f"the KL adds ½ for each latent where it should subtract ½: {WRITE}",
        constant=-1.0,
    ),
    _row("kl_log_var_halved", f"the KL has ½ log σ in place of ½ log σ²: {WRITE}", log=0.5),
    _row(
        "kl_log_var_squared",
        f"the KL has (log σ²)² in place of σ² = exp(log σ²): {WRITE}",
        of_std="(log σ²)²",
        kind="log_var",
    ),
    _row("kl_mean_absolute", f"the KL has |mean| in place of mean²: {WRITE}", of_mean="|mean|"),
    _row("kl_of_one_latent", ONE_LATENT, latents="largest"),
    _row("kl_of_one_latent", ONE_LATENT, latents="smallest"),
    _row(
        "kl_heads_swapped",
        "the KL has the mean and σ exchanged: look at the order in which the encoder's outputs are unpacked",
        swapped=True,
    ),
    Reading(
        "kl_times_beta",
        Place.DIVERGENCE,
        _TimesBeta(),
        "the KL is multiplied by beta already: multiply it by beta once, in the loss",
    ),
    _row("kl_mean_not_squared", f"the KL has the mean in place of mean²: {WRITE}", of_mean="mean"),
    _row("kl_variance_not_squared", f"the KL has σ in place of σ²: {WRITE}", of_std="σ"),
    _row("kl_mean_over_latents", "the KL is a mean over the latents: sum over them", factor=PER_LATENT),
    KL_DETACHED,
    described("no mean² in the KL", f"the KL lacks its mean²: {WRITE}", of_mean=""),
    described("no σ² in the KL", f"the KL lacks its σ²: {WRITE}", of_std=""),
    described("no log σ² in the KL", f"the KL lacks its −log σ²: {WRITE}", log=0.0),
    described("log σ² added in the KL", f"the KL adds log σ² where it should subtract it: {WRITE}", log=-1.0),
    described(
        "the KL × B/Z",
        "the KL is summed over the batch and averaged over the latents: do it the other way round",
        factor=BATCH_PER_LATENT,
    ),
    described(
        "the KL's mean detached",
        "the mean is detached in the KL: use the mean itself, without detach() or no_grad()",
        through_mean=False,
    ),
    described(
        "the KL's σ detached",
        "σ is detached in the KL: use σ itself, without detach() or no_grad()",
        through_std=False,
    ),
    described(
        "the batch's KL for each example",
        "this KL is the sum over the batch, given to every example: sum over the latents (axis 1) alone",
        over_batch="sum",
    ),
    described(
        "the batch's mean KL for each example",
        "this KL is the mean over the batch, given to every example: sum over the latents (axis 1) "
        "alone, though the loss's mean is the same",
        over_batch="mean",
    ),
    *estimates.READINGS,
]
