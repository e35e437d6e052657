"""The importance-weighted bound: tighter the more draws it takes."""

from dataclasses import dataclass

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_at_least
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.importance_weights import log_weight_terms
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class Iwae(Objective):
    """loss = −⟨log 1/K Σ_k w_k⟩ with w_k = p(x|z_k) p(z_k) / q(z_k|x), K = `samples` draws for each example.

    Terms: bound (with its −log K), log_px and kl as means over the draws; log_px − kl is the plain bound, never above.
    Burda, Grosse & Salakhutdinov 2016, equations 8 and 14.
    """

    samples: int = 50

    def __post_init__(self) -> None:
        require_at_least("Iwae", "samples", self.samples, 1)

    def draw_noise(self, model: Model, batch: int, rng: np.random.Generator) -> Noise:
        """The posterior's noise for K draws of each example."""
        return model.posterior.draw_noise(batch * self.samples, rng)

    def at(self, step: int) -> "Iwae":
        """Itself: nothing is scheduled."""
        return self

    def __call__(self, model: Model, x: Array, noise: Noise, *, mode: Mode = EVALUATION) -> tuple[Report, Pullback]:
        (log_px, log_pz, log_q), terms_pullback = log_weight_terms(model, x, noise, self.samples, mode=mode)
        log_w = log_px + log_pz - log_q
        log_sum, log_sum_pullback = ops.log_sum_exp(log_w, axis=1)
        bound = log_sum - log_w.dtype.type(np.log(self.samples))
        terms = {"bound": bound, "log_px": log_px.mean(axis=1), "kl": (log_q - log_pz).mean(axis=1)}
        report = Report(float(-bound.mean(dtype=np.float64)), terms)

        def pullback() -> None:
            dlog_w = log_sum_pullback(np.full_like(bound, -1 / len(x)))  # ∂loss/∂log w_bk = −w̃_bk / B, w̃ = w / Σ_k w
            # a share too small to change any sum is 0: subnormal numbers would slow every product that it meets
            dlog_w = np.where(np.abs(dlog_w) < np.finfo(dlog_w.dtype).eps ** 2 / len(x), 0, dlog_w)
            terms_pullback(dlog_w, dlog_w, -dlog_w)

        return report, pullback
