"""The evidence lower bound with its KL term by Monte Carlo: for every posterior that has a density, and every prior."""

from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array, Pullback, require_at_least
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.annealing import Schedule, as_number, at_step
from scratchvae.objectives.importance_weights import log_weight_terms
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class SampledElbo(Objective):
    """loss = −⟨log p(x|z)⟩ + β ⟨log q(z|x) − log p(z)⟩ over K = `samples` draws for each example, and the batch.

    Terms: log_px, kl (its estimate, which may be negative), bound = log_px − kl.     Kingma & Welling 2014, equation 6.
    """

    beta: float | Schedule = 1.0
    samples: int = 1

    def __post_init__(self) -> None:
        require_at_least("SampledElbo", "samples", self.samples, 1)
        if not callable(self.beta):
            require_at_least("SampledElbo", "beta", self.beta, 0)

    def draw_noise(self, model: Model, batch: int, rng: np.random.Generator) -> Noise:
        """The posterior's noise for K draws of each example."""
        return model.posterior.draw_noise(batch * self.samples, rng)

    def at(self, step: int) -> "SampledElbo":
        """With beta as it is at `step`."""
        return replace(self, beta=at_step(self.beta, step))

    def __call__(self, model: Model, x: Array, noise: Noise, *, mode: Mode = EVALUATION) -> tuple[Report, Pullback]:
        beta = as_number("SampledElbo", self.beta)
        (log_px, log_pz, log_q), terms_pullback = log_weight_terms(model, x, noise, self.samples, mode=mode)
        reconstruction = log_px.mean(axis=1)
        kl = (log_q - log_pz).mean(axis=1)
        loss = -reconstruction.mean(dtype=np.float64) + beta * kl.mean(dtype=np.float64)

        def pullback() -> None:
            share = np.full_like(log_px, 1 / log_px.size)
            weighted = log_px.dtype.type(beta) * share
            terms_pullback(-share, -weighted, weighted)  # ∂loss/∂log_px = −1/BK, ∂/∂log_pz = −β/BK, ∂/∂log_q = β/BK

        return Report(float(loss), {"bound": reconstruction - kl, "log_px": reconstruction, "kl": kl}), pullback
