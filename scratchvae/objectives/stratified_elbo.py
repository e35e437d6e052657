"""The evidence lower bound of a posterior that is a mixture, with draws from every component."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_at_least, require_count
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.annealing import Schedule, weight_in
from scratchvae.objectives.interface import Objective, Report
from scratchvae.posteriors import MixturePosterior, Noise


@dataclass(frozen=True)
class StratifiedElbo(Objective):
    """loss = −⟨Σ_c π_c f_c⟩ with f = log p(x|z) + β (log p(z) − log q(z|x)), where q is a mixture.

        q(z|x) = Σ_c π_c N(mean_c, σ_c²)

    f_c is the mean of f over `samples` draws of component c, z = mean_c + σ_c ε. Every component is drawn,
    and so the choice of a component is not random: the weights have the gradient Σ_c f_c ∂π_c, and the means
    and variances have π_c ∂f_c by way of z. It costs a pass through the decoder for each component. log q is
    the density of the whole mixture.

    The posterior has to be a MixturePosterior. The terms are log_px, kl (an estimate, which may be negative)
    and bound.
    Roeder, Wu & Duvenaud 2017, section 5; Graves 2016, section 1.
    """

    beta: float | Schedule = 1.0
    samples: int = 1

    def __post_init__(self) -> None:
        require_count("StratifiedElbo", "samples", self.samples)
        if not callable(self.beta):
            require_at_least("StratifiedElbo", "beta", self.beta, 0)

    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise for `samples` draws of each component, and in a last column its number."""
        posterior = self._mixture_of(model)
        return posterior.stratified(model.draw_noise(rows * posterior.components * self.samples, rng))

    def __call__(
        self, model: Any, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        posterior = self._mixture_of(model)
        B, S, C = len(batch), self.samples, posterior.components
        one, run_pullback = model.run(batch, noise, draws=S * C, kl="sampled", mode=mode)
        beta = one.log_px.dtype.type(weight_in(mode, self.beta))
        log_weights, weights_pullback = posterior.log_weights(one.q_params)
        weights = np.exp(log_weights)

        def over_components(of_draws: Array) -> Array:
            of_each = of_draws.reshape(B, S, C).mean(axis=1)
            total: Array = (weights * of_each).sum(axis=1)
            return total

        log_px, kl = over_components(one.log_px), over_components(one.sampled_kl)
        loss = float(-log_px.mean(dtype=np.float64) + float(beta) * kl.mean(dtype=np.float64))

        def pullback() -> None:
            f = (one.log_px - beta * one.sampled_kl).reshape(B, S, C).mean(axis=1)
            dlog_weights = -weights * f / B  # dlog π_c = −π_c f_c / B
            share = np.tile(weights, (1, S)) / weights.dtype.type(B * S)  # π_c / BS, for each draw
            dq_params = weights_pullback(dlog_weights)
            run_pullback(dlog_px=-share, dlog_pz=-beta * share, dlog_q=beta * share, dq_params=dq_params)

        return Report(loss, {"bound": log_px - kl, "log_px": log_px, "kl": kl}), pullback

    def _mixture_of(self, model: Any) -> MixturePosterior:
        posterior = getattr(model, "posterior", None)
        if not isinstance(posterior, MixturePosterior):
            expected = "the posterior should be a MixturePosterior, of whose components each is drawn"
            raise InputError(f"StratifiedElbo: {expected}; found a {type(posterior).__name__}")
        return posterior
