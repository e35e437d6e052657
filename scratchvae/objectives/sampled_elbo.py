"""The evidence lower bound with its KL by Monte Carlo, for every posterior that has a density.

The prior may be any.
"""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Pullback, require_at_least, require_choice, require_count
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.annealing import Schedule, weight_in
from scratchvae.objectives.belief_net import require_moving_draws
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.objectives.penalties import Penalty, noise_with_penalties, penalized, require_penalties
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class SampledElbo(Objective):
    """loss = −⟨log p(x|z)⟩ + β ⟨log q(z|x) − log p(z)⟩ + Σ weight ⟨penalty⟩.

    ⟨ ⟩ is the mean over K = `samples` draws of each example, and over the batch.

    `gradient` says what log q(z|x) moves with. With "total" it moves with all that it depends on. With "stl"
    (sticking the landing) it moves with z alone. The part that "stl" leaves out, by q's own parameters, is 0
    on average. Without this part the gradient has no noise where q(z|x) is the posterior (Roeder, Wu &
    Duvenaud 2017).

    The terms are log_px, kl (an estimate, which may be negative), bound = log_px − kl, and each penalty by
    its name, without its weight. Kingma & Welling 2014, equation 6.
    """

    beta: float | Schedule = 1.0
    samples: int = 1
    gradient: str = "total"
    penalties: tuple[Penalty, ...] = ()

    def __post_init__(self) -> None:
        require_count("SampledElbo", "samples", self.samples)
        require_choice("SampledElbo", "gradient", self.gradient, ("stl", "total"))
        if not callable(self.beta):
            require_at_least("SampledElbo", "beta", self.beta, 0)
        require_penalties("SampledElbo", self.penalties)

    def draw_noise(self, model: Model, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise for K draws of each example, followed by that of the penalties."""
        return noise_with_penalties(
            model.draw_noise(rows * self.samples, rng), self.penalties, model, rows, rng
        )

    def __call__(
        self, model: Model, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        own, *others = noise if self.penalties else (noise,)
        require_moving_draws("SampledElbo", model, mode)
        beta = weight_in(mode, self.beta)
        score = self.gradient == "total"
        one, run_pullback = model.run(batch, own, draws=self.samples, kl="sampled", score=score, mode=mode)
        (penalty, terms), penalty_pullback = penalized(self.penalties, model, batch, one, others, mode=mode)
        log_px = one.log_px.mean(axis=1)
        kl = one.sampled_kl.mean(axis=1)
        loss = -log_px.mean(dtype=np.float64) + beta * kl.mean(dtype=np.float64) + penalty

        def pullback() -> None:
            share = np.full_like(one.log_px, 1 / one.log_px.size)
            weighted = share.dtype.type(beta) * share
            # ∂loss/∂log_px = −1/BK, ∂loss/∂log_pz = −β/BK, ∂loss/∂log_q = β/BK
            run_pullback(dlog_px=-share, dlog_pz=-weighted, dlog_q=weighted, **penalty_pullback())

        return Report(float(loss), {"bound": log_px - kl, "log_px": log_px, "kl": kl, **terms}), pullback
