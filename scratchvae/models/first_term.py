"""The ELBO's first term as an objective, where the class of each example is observed."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import (
    Array,
    Pullback,
)
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.models.class_laws import Family
from scratchvae.objectives import Objective, Report


class FirstTerm(Objective):
    """loss = −(Σ_n w_n log p(x_n|z_n) + Σ_k log prior_k) / Σ_n w_n, with observed z.

    It is the ELBO's first term and the smoothing. The model's decoder is a table with a row of x_params for
    each class, and a batch's y (N,) holds the row of each example. `weights` (N,) are those of the examples,
    and `strength` (K,) is the sum of the weights in each class.
    """

    def __init__(self, weights: Array, family: Family, *, strength: Array, smoothing: float) -> None:
        self.weights, self.family = weights, family
        self.prior = {"strength": strength, "smoothing": smoothing}

    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Array:
        """No noise, since z is observed: (rows, 0)."""
        return np.empty((rows, 0))

    def __call__(
        self, model: Any, batch: Batch, noise: Any, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        total, table = self.weights.sum(), model.decoder.weight
        x_params, decoder_pullback = model.decoder(batch.y)
        log_px, likelihood_pullback = model.likelihood.log_prob(x_params, x=batch.x)
        log_prior, prior_pullback = self.family.log_prior(table.value, **self.prior)
        loss = float(-(self.weights @ log_px + log_prior.sum()) / total)

        def pullback() -> None:
            decoder_pullback(likelihood_pullback(-self.weights / total))  # dlog_px_n = −w_n / Σ w
            table.receive(prior_pullback(np.full(len(log_prior), -1 / total)))  # dlog_prior_k = −1 / Σ w

        return Report(loss, {"log_px": log_px}), pullback
