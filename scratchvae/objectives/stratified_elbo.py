"""The evidence lower bound of a posterior that is a mixture, with draws from every component."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_at_least, require_count, require_flag
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.annealing import Schedule, weight_in
from scratchvae.objectives.interface import Objective, Report
from scratchvae.objectives.many_draws import large_enough, log_mean_exp
from scratchvae.posteriors import MixturePosterior, Noise


@dataclass(frozen=True)
class StratifiedElbo(Objective):
    """loss = −⟨Σ_c π_c f_c⟩ with f = log p(x|z) + β (log p(z) − log q(z|x)), where q is a mixture.

        q(z|x) = Σ_c π_c N(mean_c, σ_c²)

    f_c is the mean of f over K = `samples` draws of component c, z = mean_c + σ_c ε. Every component is
    drawn, and so the choice of a component is not random: the weights have the gradient Σ_c f_c ∂π_c, and the
    means and variances have π_c ∂f_c by way of z. It costs a pass through the decoder for each component.
    log q is the density of the whole mixture.

    With `weighted` the draws of a component are importance-weighted, and β has to be 1:

        f_c = log 1/K Σ_k w_ck,   w = p(x|z) p(z) / q(z|x)

    which is the bound that the mixture-of-experts VAE is trained by. It is a lower bound on log p(x), since
    Σ_c π_c E[w_c] = p(x), and rises with K to Σ_c π_c log E[w_c]. The gradient is the total one. A doubly
    reparameterized one would be biased for K > 1, as the draws of a component follow its own density and not
    that of the mixture.

    The posterior has to be a MixturePosterior. The terms are log_px and kl (an estimate, which may be
    negative), as means over the draws of a component, and bound = Σ_c π_c f_c with β = 1.
    Roeder, Wu & Duvenaud 2017, section 5; Graves 2016, section 1; weighted Shi et al. 2019, equation 3.
    """

    beta: float | Schedule = 1.0
    samples: int = 1
    weighted: bool = False

    def __post_init__(self) -> None:
        require_count("StratifiedElbo", "samples", self.samples)
        require_flag("StratifiedElbo", "weighted", self.weighted)
        if self.weighted and self.beta != 1:
            raise InputError(f"StratifiedElbo: beta should be 1 with weighted draws, found {self.beta!r:.80}")
        if not callable(self.beta):
            require_at_least("StratifiedElbo", "beta", self.beta, 0)

    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise for K draws of each component, and in a last column its number."""
        posterior = self._mixture_of(model)
        return posterior.stratified(model.draw_noise(rows * posterior.components * self.samples, rng))

    def __call__(
        self, model: Any, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        posterior = self._mixture_of(model)
        B, K, C = len(batch), self.samples, posterior.components
        one, run_pullback = model.run(batch, noise, draws=K * C, kl="sampled", mode=mode)
        beta = one.log_px.dtype.type(weight_in(mode, self.beta))
        log_weights, weights_pullback = posterior.log_weights(one.q_params)
        weights = np.exp(log_weights)

        def over_components(of_draws: Array) -> Array:
            of_each = of_draws.reshape(B, K, C).mean(axis=1)
            total: Array = (weights * of_each).sum(axis=1)
            return total

        log_px, kl = over_components(one.log_px), over_components(one.sampled_kl)
        bound = log_px - kl
        loss = float(-log_px.mean(dtype=np.float64) + float(beta) * kl.mean(dtype=np.float64))
        f = (one.log_px - beta * one.sampled_kl).reshape(B, K, C).mean(axis=1)
        share = np.tile(weights, (1, K)) / weights.dtype.type(B * K)  # π_c / BK, for each draw
        if self.weighted:
            of_each = one.log_weights.reshape(B, K, C).swapaxes(1, 2).reshape(B * C, K)
            f, slope = (part.reshape(B, C, -1).swapaxes(1, 2) for part in log_mean_exp(of_each))
            f, slope = f.reshape(B, C), large_enough(slope.reshape(B, K * C))
            bound = (weights * f).sum(axis=1)
            loss = float(-bound.mean(dtype=np.float64))
            share = np.tile(weights, (1, K)) * slope / weights.dtype.type(B)  # π_c w̃_ck / B

        def pullback() -> None:
            dlog_weights = -weights * f / B  # dlog π_c = −π_c f_c / B
            dq_params = weights_pullback(dlog_weights)
            run_pullback(dlog_px=-share, dlog_pz=-beta * share, dlog_q=beta * share, dq_params=dq_params)

        return Report(loss, {"bound": bound, "log_px": log_px, "kl": kl}), pullback

    def _mixture_of(self, model: Any) -> MixturePosterior:
        posterior = getattr(model, "posterior", None)
        if not isinstance(posterior, MixturePosterior):
            expected = "the posterior should be a MixturePosterior, of whose components each is drawn"
            raise InputError(f"StratifiedElbo: {expected}; found a {type(posterior).__name__}")
        return posterior
