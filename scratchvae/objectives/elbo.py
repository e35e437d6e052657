"""The evidence lower bound with its KL term in closed form, and the usual ways of weighing that term.

Letters: B examples, G latents or groups of latents.     Kingma & Welling 2014, equation 10.
"""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_at_least
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.annealing import Schedule, weight_in
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.objectives.penalties import Penalty, noise_with_penalties, penalized, require_penalties
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class Elbo(Objective):
    """loss = −⟨log p(x|z)⟩ + β KL + Σ weight ⟨penalty⟩, with one draw z ~ q(z|x) for each example.

    ⟨ ⟩ is the mean over the batch.

    - `beta`: the weight β, a number or a schedule (Higgins et al. 2017; warm-up: Bowman et al. 2016).
    - `free_bits` λ > 0, in nats for each latent: KL = Σ_j max(λ, ⟨kl_j⟩) (Kingma et al. 2016, equation 15).
    - `capacity` C, in nats, a number or a schedule: KL = ⟨|Σ_j kl_j − C|⟩ (Burgess et al. 2018, equation 8,
      where beta is called γ).
    - `penalties`: further terms, such as L1.

    The terms are log_px, kl, bound = log_px − kl, and each penalty by its name, all without weights. Where a
    pass is `relaxed`, as one of GumbelSoftmax in training, the difference is no bound, and is called
    "surrogate". At its kink the maximum has the gradient of ⟨kl_j⟩, and |·| has gradient 0.
    """

    beta: float | Schedule = 1.0
    free_bits: float = 0.0
    capacity: float | Schedule | None = None
    penalties: tuple[Penalty, ...] = ()

    def __post_init__(self) -> None:
        if self.free_bits and self.capacity is not None:
            raise InputError("Elbo: free_bits and capacity both set how much KL is free; give one of them")
        require_at_least("Elbo", "free_bits", self.free_bits, 0)
        for name in ("beta", "capacity"):
            weight = getattr(self, name)
            if not callable(weight) and not (weight is None and name == "capacity"):
                require_at_least("Elbo", name, weight, 0)
        require_penalties("Elbo", self.penalties)

    def draw_noise(self, model: Model, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise, followed by that of the penalties."""
        return noise_with_penalties(model.draw_noise(rows, rng), self.penalties, model, rows, rng)

    def __call__(
        self, model: Model, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        own, *others = noise if self.penalties else (noise,)
        beta = weight_in(mode, self.beta)
        one, run_pullback = model.run(batch, own, kl="closed_form", mode=mode)
        log_px, kl_by_group = one.log_px[:, 0], one.kl
        assert kl_by_group is not None
        counted, dkl_by_group = self._counted(kl_by_group, mode)
        (penalty, terms), penalty_pullback = penalized(self.penalties, model, batch, one, others, mode=mode)
        kl, name = kl_by_group.sum(axis=1), "surrogate" if one.relaxed else "bound"
        loss = -log_px.mean(dtype=np.float64) + beta * counted + penalty

        def pullback() -> None:
            dlog_px = np.full_like(one.log_px, -1 / len(batch))  # ∂loss/∂log_px_b = −1/B
            dkl = log_px.dtype.type(beta) * dkl_by_group  # ∂loss/∂kl_bj = β ∂KL/∂kl_bj
            run_pullback(dlog_px=dlog_px, dkl=dkl, **penalty_pullback())

        return Report(float(loss), {name: log_px - kl, "log_px": log_px, "kl": kl, **terms}), pullback

    def _counted(self, kl: Array, mode: Mode) -> tuple[float, Array]:
        """KL as it enters the loss, and its gradient (B, G)."""
        B = len(kl)
        if self.capacity is not None:
            excess = kl.sum(axis=1) - weight_in(mode, self.capacity)
            # ∂KL/∂kl_bj = sign(Σ_j kl_bj − C) / B
            dkl = np.full(kl.shape, np.sign(excess)[:, None] / B, kl.dtype)
            return float(np.abs(excess).mean(dtype=np.float64)), dkl
        mean = kl.mean(axis=0, dtype=np.float64)
        dkl = np.full(kl.shape, (mean >= self.free_bits) / B, kl.dtype)  # ∂KL/∂kl_bj = [⟨kl_j⟩ ≥ λ] / B
        return float(np.maximum(mean, self.free_bits).sum()), dkl
