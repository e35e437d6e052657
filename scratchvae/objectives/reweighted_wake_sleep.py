"""Reweighted wake-sleep: K draws of each example, weighted by p over q, take the place of the posterior.

w_k = p(x, h_k) / q(h_k|x), h_k ~ q(h|x), and w̃ = w / Σ_k w: as K grows, Σ_k w̃_k f(h_k) tends to the mean of
f under p(h|x). With `Sleep` as a third phase these are all the updates of Bornschein & Bengio 2015,
"Reweighted Wake-Sleep".
"""

from dataclasses import dataclass

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.belief_net import BeliefNet, require_belief_net
from scratchvae.objectives.interface import Objective, Pass, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class ReweightedWake(Objective):
    """loss = −⟨log 1/K Σ_k w_k⟩, K = `samples`, which fills the generative Parameters and no others.

    Its gradient is that of −⟨Σ_k w̃_k log p(x, h_k)⟩ with constant w̃, and at K = 1 it is Wake's. The terms
    are bound (with its −log K), and log_px and kl as means over the draws. Bornschein & Bengio 2015, the
    p-update.
    """

    samples: int = 5

    def __post_init__(self) -> None:
        require_count("ReweightedWake", "samples", self.samples)

    def draw_noise(self, model: BeliefNet, rows: int, rng: np.random.Generator) -> Noise:
        """Uniform numbers for K recognitions of each example, (B·K, H)."""
        require_belief_net("ReweightedWake", model)
        return model.draw_noise(rows * self.samples, rng)

    def __call__(
        self, model: BeliefNet, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        one, run_pullback = model.run(batch, noise, draws=self.samples, kl="sampled", mode=mode)
        bound, weights = _weighed(one)
        terms = {"bound": bound, "log_px": one.log_px.mean(axis=1), "kl": one.sampled_kl.mean(axis=1)}

        def pullback() -> None:
            dlog_w = weights * weights.dtype.type(-1 / len(batch))  # ∂loss/∂log w_bk = −w̃_bk / B
            run_pullback(dlog_px=dlog_w, dlog_pz=dlog_w)

        return Report(float(-bound.mean(dtype=np.float64)), terms), pullback


@dataclass(frozen=True)
class ReweightedRecognition(Objective):
    """loss = −⟨Σ_k w̃_k log q(h_k|x)⟩ with constant draws and w̃, which fills q's Parameters and no others.

    It estimates the gradient of KL(p(h|x) ‖ q(h|x)) at the examples, which Sleep takes at dreams. The terms
    are bound = log 1/K Σ_k w_k and log_q = Σ_k w̃_k log q(h_k|x). Bornschein & Bengio 2015, the wake phase
    q-update.
    """

    samples: int = 5

    def __post_init__(self) -> None:
        require_count("ReweightedRecognition", "samples", self.samples)

    def draw_noise(self, model: BeliefNet, rows: int, rng: np.random.Generator) -> Noise:
        """Uniform numbers for K recognitions of each example, (B·K, H)."""
        require_belief_net("ReweightedRecognition", model)
        return model.draw_noise(rows * self.samples, rng)

    def __call__(
        self, model: BeliefNet, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        one, run_pullback = model.run(batch, noise, draws=self.samples, kl="sampled", mode=mode)
        bound, weights = _weighed(one)
        log_q = (weights * one.log_q).sum(axis=1)

        def pullback() -> None:
            dlog_q = weights * weights.dtype.type(-1 / len(batch))  # ∂loss/∂log q_bk = −w̃_bk / B
            run_pullback(dlog_q=dlog_q)

        return Report(float(-log_q.mean(dtype=np.float64)), {"bound": bound, "log_q": log_q}), pullback


def _weighed(one: Pass) -> tuple[Array, Array]:
    """log 1/K Σ_k w_k (B,) and w̃ (B, K)."""
    log_w = one.log_weights
    log_sum, _ = ops.log_sum_exp(log_w, axis=1)
    weights, _ = ops.softmax(log_w, axis=1)
    return log_sum - log_w.dtype.type(np.log(log_w.shape[1])), weights
