"""Reconstruction of the data, as they are or from a corrupted copy, with penalties, for autoencoders."""

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from scratchvae.arrays import Array, Pullback, require_at_least, require_share
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods import fill_missing
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.objectives.penalties import Penalty, penalized, require_penalties
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class Reconstruction(Objective):
    """loss = −⟨log p(x|z)⟩ + Σ weight ⟨penalty⟩, where the encoder sees x̃ = m (x + s ε) and ε ~ N(0, 1).

    s is `noise_std`, and m is 0 with probability `mask_rate` and otherwise 1. Where both are 0 the encoder
    sees x itself; otherwise the autoencoder is a denoising one. Data are corrupted in training mode only.
    `penalties` make the autoencoder sparse (L1, ActivationKl) or contractive (Contraction). The terms are
    log_px, and each penalty by its name, without its weight.
    Vincent et al. 2010, sections 2.2 and 3.3.
    """

    noise_std: float = 0.0
    mask_rate: float = 0.0
    penalties: tuple[Penalty, ...] = ()

    def __post_init__(self) -> None:
        require_penalties("Reconstruction", self.penalties)
        require_at_least("Reconstruction", "noise_std", self.noise_std, 0)
        require_share("Reconstruction", "mask_rate", self.mask_rate)

    def draw_noise(self, model: Model, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise, ε and m (B, D) where they are used (else None), and the penalties' noise."""
        shape = (rows, prod(model.event_shape))
        epsilon = rng.standard_normal(shape, dtype=np.float32) if self.noise_std else None
        kept = rng.random(shape, dtype=np.float32) >= self.mask_rate if self.mask_rate else None
        own = model.draw_noise(rows, rng)
        return own, epsilon, kept, *(penalty.draw_noise(model, rows, rng) for penalty in self.penalties)

    def __call__(
        self, model: Model, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        own, epsilon, kept, *others = noise
        if mode.training:
            batch = replace(batch, shown=self._corrupted(batch, epsilon, kept))
        one, run_pullback = model.run(batch, own, mode=mode)
        (penalty, terms), penalty_pullback = penalized(self.penalties, model, batch, one, others, mode=mode)
        log_px = one.log_px[:, 0]
        loss = -log_px.mean(dtype=np.float64) + penalty

        def pullback() -> None:
            dlog_px = np.full_like(one.log_px, -1 / len(batch))  # ∂loss/∂log_px_b = −1/B
            run_pullback(dlog_px=dlog_px, **penalty_pullback())

        return Report(float(loss), {"log_px": log_px, **terms}), pullback

    def _corrupted(self, batch: Batch, epsilon: Array | None, kept: Array | None) -> Array | None:
        """x̃ (B, D), or None where nothing is corrupted."""
        if epsilon is None and kept is None:
            return batch.shown
        seen = fill_missing(batch.x if batch.shown is None else batch.shown, batch.observed)
        if epsilon is not None:
            seen = seen + seen.dtype.type(self.noise_std) * epsilon
        return seen if kept is None else seen * kept
