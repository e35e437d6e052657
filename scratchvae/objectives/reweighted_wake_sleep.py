"""Reweighted wake-sleep: K draws of each example stand for the posterior, weighted by how much more p likes them than q does.

w_k = p(x, h_k) / q(h_k|x), h_k ~ q(h|x), and w̃ = w / Σ_k w: as K grows, Σ_k w̃_k f(h_k) tends to the mean of f under p(h|x).
With `Sleep` as a third phase these are all the updates of Bornschein & Bengio 2015, "Reweighted Wake-Sleep".
"""

from dataclasses import dataclass

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_at_least
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.belief_net import BeliefNet, draw_uniform, recognized_terms
from scratchvae.objectives.interface import Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class ReweightedWake(Objective):
    """loss = −⟨log 1/K Σ_k w_k⟩, K = `samples`: fills the generative Parameters, and no others.

    Its gradient is that of −⟨Σ_k w̃_k log p(x, h_k)⟩ with w̃ held; at K = 1 it is Wake's.     Terms: bound (with its
    −log K), log_px and kl as means over the draws.     Bornschein & Bengio 2015, the p-update.
    """

    samples: int = 5

    def __post_init__(self) -> None:
        require_at_least("ReweightedWake", "samples", self.samples, 1)

    def draw_noise(self, model: BeliefNet, batch: int, rng: np.random.Generator) -> Noise:
        """Uniform numbers for K recognitions of each example, (B·K, H)."""
        return draw_uniform("ReweightedWake", model, batch * self.samples, rng)

    def at(self, step: int) -> "ReweightedWake":
        """Itself: nothing is scheduled."""
        return self

    def __call__(self, model: BeliefNet, x: Array, noise: Noise, *, mode: Mode = EVALUATION) -> tuple[Report, Pullback]:
        (log_px, log_ph, log_q, _), terms_pullback = recognized_terms(model, x, noise, self.samples, mode=mode)
        log_w = log_px + log_ph - log_q
        log_sum, log_sum_pullback = ops.log_sum_exp(log_w, axis=1)
        bound = log_sum - log_w.dtype.type(np.log(self.samples))
        terms = {"bound": bound, "log_px": log_px.mean(axis=1), "kl": (log_q - log_ph).mean(axis=1)}

        def pullback() -> None:
            dlog_w = log_sum_pullback(np.full_like(bound, -1 / len(x)))  # ∂loss/∂log w_bk = −w̃_bk / B
            terms_pullback(dlog_w, dlog_w)

        return Report(float(-bound.mean(dtype=np.float64)), terms), pullback


@dataclass(frozen=True)
class ReweightedRecognition(Objective):
    """loss = −⟨Σ_k w̃_k log q(h_k|x)⟩, draws and w̃ held: fills q's Parameters, and no others.

    It estimates the gradient of KL(p(h|x) ‖ q(h|x)) at the examples, where Sleep takes it at dreams.     Terms: bound
    = log 1/K Σ_k w_k, log_q = Σ_k w̃_k log q(h_k|x).     Bornschein & Bengio 2015, the wake phase q-update.
    """

    samples: int = 5

    def __post_init__(self) -> None:
        require_at_least("ReweightedRecognition", "samples", self.samples, 1)

    def draw_noise(self, model: BeliefNet, batch: int, rng: np.random.Generator) -> Noise:
        """Uniform numbers for K recognitions of each example, (B·K, H)."""
        return draw_uniform("ReweightedRecognition", model, batch * self.samples, rng)

    def at(self, step: int) -> "ReweightedRecognition":
        """Itself: nothing is scheduled."""
        return self

    def __call__(self, model: BeliefNet, x: Array, noise: Noise, *, mode: Mode = EVALUATION) -> tuple[Report, Pullback]:
        K = self.samples
        (log_px, log_ph, log_q_drawn, h), _ = recognized_terms(model, x, noise, K)
        log_w = log_px + log_ph - log_q_drawn
        log_sum, _ = ops.log_sum_exp(log_w, axis=1)
        weights = np.exp(log_w - log_sum[:, None])  # w̃
        flat_log_q, recognition_pullback = model.log_recognition(x=np.repeat(x, K, axis=0), h=h, mode=mode)
        log_q = (weights * flat_log_q.reshape(weights.shape)).sum(axis=1)
        terms = {"bound": log_sum - log_w.dtype.type(np.log(K)), "log_q": log_q}

        def pullback() -> None:
            recognition_pullback((weights * log_w.dtype.type(-1 / len(x))).reshape(-1))  # ∂loss/∂log q_bk = −w̃_bk / B

        return Report(float(-log_q.mean(dtype=np.float64)), terms), pullback
