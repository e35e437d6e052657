"""The evidence lower bound with its KL term in closed form, and the usual ways of weighing that term.

Letters: B examples, Z latents.     Kingma & Welling 2014, equation 10.
"""

from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_at_least
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.annealing import Schedule, as_number, at_step
from scratchvae.objectives.closed_form_kl import closed_form_kl
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class Elbo(Objective):
    """loss = −⟨log p(x|z)⟩ + β KL, with one draw z ~ q(z|x) for each example and ⟨ ⟩ the mean over the batch.

    - `beta`: the weight β, a number or a schedule (Higgins et al. 2017; warm-up: Bowman et al. 2016).
    - `free_bits` λ > 0, in nats for each latent: KL = Σ_j max(λ, ⟨kl_j⟩) (Kingma et al. 2016, equation 15).
    - `capacity` C, in nats, a number or a schedule: KL = ⟨|Σ_j kl_j − C|⟩ (Burgess et al. 2018, equation 8, whose γ is beta).

    Terms: log_px, kl, bound = log_px − kl, never weighted. At the kinks max takes ⟨kl_j⟩, and |·| has gradient 0.
    """

    beta: float | Schedule = 1.0
    free_bits: float = 0.0
    capacity: float | Schedule | None = None

    def __post_init__(self) -> None:
        if self.free_bits and self.capacity is not None:
            raise InputError("Elbo: free_bits and capacity both set how much KL is free; give one of them")
        require_at_least("Elbo", "free_bits", self.free_bits, 0)
        for name in ("beta", "capacity"):
            weight = getattr(self, name)
            if weight is not None and not callable(weight):
                require_at_least("Elbo", name, weight, 0)

    def draw_noise(self, model: Model, batch: int, rng: np.random.Generator) -> Noise:
        """The posterior's noise."""
        return model.posterior.draw_noise(batch, rng)

    def at(self, step: int) -> "Elbo":
        """With beta and capacity as they are at `step`; itself where neither is scheduled."""
        if not callable(self.beta) and not callable(self.capacity):
            return self
        capacity = None if self.capacity is None else at_step(self.capacity, step)
        return replace(self, beta=at_step(self.beta, step), capacity=capacity)

    def __call__(self, model: Model, x: Array, noise: Noise, *, mode: Mode = EVALUATION) -> tuple[Report, Pullback]:
        beta = as_number("Elbo", self.beta)
        q_params, encoder_pullback = model.encoder(x, mode=mode, needs_dx=False)
        z, sample_pullback = model.posterior.sample(q_params, noise=noise)
        kl_by_dimension, kl_pullback = closed_form_kl(model.posterior, model.prior, q_params)
        x_params, decoder_pullback = model.decoder(z, mode=mode)
        log_px, likelihood_pullback = model.likelihood.log_prob(x_params, x=x, mode=mode)
        penalty, dkl_by_dimension = self._penalty(kl_by_dimension)
        kl = kl_by_dimension.sum(axis=1)
        loss = -log_px.mean(dtype=np.float64) + beta * penalty

        def pullback() -> None:
            dlog_px = np.full_like(log_px, -1 / len(x))  # ∂loss/∂log_px_b = −1/B
            dz = decoder_pullback(likelihood_pullback(dlog_px))
            dkl = log_px.dtype.type(beta) * dkl_by_dimension  # ∂loss/∂kl_bj = β ∂KL/∂kl_bj
            dq_params = sample_pullback(dz) + kl_pullback(dkl)  # by way of z, and of the KL
            encoder_pullback(dq_params)

        return Report(float(loss), {"bound": log_px - kl, "log_px": log_px, "kl": kl}), pullback

    def _penalty(self, kl: Array) -> tuple[float, Array]:
        """KL as the loss counts it, and its gradient (B, Z)."""
        B = len(kl)
        if self.capacity is not None:
            excess = kl.sum(axis=1) - as_number("Elbo", self.capacity)
            dkl = np.full(kl.shape, np.sign(excess)[:, None] / B, kl.dtype)  # ∂KL/∂kl_bj = sign(Σ_j kl_bj − C) / B
            return float(np.abs(excess).mean(dtype=np.float64)), dkl
        mean = kl.mean(axis=0, dtype=np.float64)
        dkl = np.full(kl.shape, (mean >= self.free_bits) / B, kl.dtype)  # ∂KL/∂kl_bj = [⟨kl_j⟩ ≥ λ] / B
        return float(np.maximum(mean, self.free_bits).sum()), dkl
