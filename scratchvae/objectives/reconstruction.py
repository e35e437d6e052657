"""Reconstruction, of the data as they are or from a corrupted copy, with penalties on the codes: how autoencoders are trained."""

from dataclasses import dataclass
from math import prod

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.objectives.penalties import Penalty
from scratchvae.posteriors import Noise, Point


@dataclass(frozen=True)
class Reconstruction(Objective):
    """loss = −⟨log p(x|z)⟩ + Σ weight ⟨penalty⟩, z from x̃ = m (x + s ε), ε ~ N(0, 1), m = 0 with probability `mask_rate`, else 1.

    `noise_std` s and `mask_rate` 0 leave x̃ = x; otherwise the autoencoder is a denoising one. Corruption happens in training
    mode only. `penalties` make it sparse (L1, ActivationKl) or contractive (Contraction).     Terms: log_px, and each penalty
    by its name, unweighted.     Vincent et al. 2010, sections 2.2 and 3.3.
    """

    noise_std: float = 0.0
    mask_rate: float = 0.0
    penalties: tuple[Penalty, ...] = ()

    def __post_init__(self) -> None:
        for penalty in self.penalties:
            if not isinstance(penalty, Penalty):
                raise InputError(f"Reconstruction: penalties should be L1, ActivationKl or Contraction, found {penalty!r}")
        terms = [penalty.term for penalty in self.penalties]
        if len(set(terms)) < len(terms):
            raise InputError(f"Reconstruction: penalties should each have a term of their own, found {', '.join(terms)}")
        if not (self.noise_std >= 0 and 0 <= self.mask_rate < 1):
            limits = "noise_std should not be negative and mask_rate be at least 0 and below 1"
            raise InputError(f"Reconstruction: {limits}; found {self.noise_std} and {self.mask_rate}")

    def draw_noise(self, model: Model, batch: int, rng: np.random.Generator) -> Noise:
        """The posterior's noise, and ε and m where they are used (else None), each (B, D)."""
        shape = (batch, prod(model.event_shape))
        epsilon = rng.standard_normal(shape, dtype=np.float32) if self.noise_std else None
        kept = rng.random(shape, dtype=np.float32) >= self.mask_rate if self.mask_rate else None
        return model.posterior.draw_noise(batch, rng), epsilon, kept

    def at(self, step: int) -> "Reconstruction":
        """Itself: nothing is scheduled."""
        return self

    def __call__(self, model: Model, x: Array, noise: Noise, *, mode: Mode = EVALUATION) -> tuple[Report, Pullback]:
        if self.penalties and not isinstance(model.posterior, Point):
            found = f"found a {type(model.posterior).__name__}"
            raise InputError(f"Reconstruction: penalties are on the codes of an autoencoder, whose posterior is a Point; {found}")
        posterior_noise, epsilon, kept = noise
        corrupted = x
        if mode.training and epsilon is not None:
            corrupted = corrupted + x.dtype.type(self.noise_std) * epsilon
        if mode.training and kept is not None:
            corrupted = corrupted * kept
        q_params, encoder_pullback = model.encoder(corrupted, mode=mode, needs_dx=False)
        z, sample_pullback = model.posterior.sample(q_params, noise=posterior_noise)
        x_params, decoder_pullback = model.decoder(z, mode=mode)
        log_px, likelihood_pullback = model.likelihood.log_prob(x_params, x=x, mode=mode)
        terms, loss = {"log_px": log_px}, -log_px.mean(dtype=np.float64)
        penalty_pullbacks = []
        for penalty in self.penalties:
            value, penalty_pullback = penalty(model.encoder, corrupted, z, mode=mode)
            terms[penalty.term] = value
            loss += penalty.weight * value.mean(dtype=np.float64)
            penalty_pullbacks.append((penalty.weight, penalty_pullback))

        def pullback() -> None:
            dlog_px = np.full_like(log_px, -1 / len(x))  # ∂loss/∂log_px_b = −1/B
            dz = decoder_pullback(likelihood_pullback(dlog_px))
            for weight, penalty_pullback in penalty_pullbacks:
                by_penalty = penalty_pullback(np.full_like(log_px, weight / len(x)))  # ∂loss/∂penalty_b = weight / B
                dz = dz if by_penalty is None else dz + by_penalty
            encoder_pullback(sample_pullback(dz))

        return Report(float(loss), terms), pullback
