"""The base of objectives of several draws: their loss depends on a pass by log w alone."""

from abc import abstractmethod

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.belief_net import require_moving_draws
from scratchvae.objectives.interface import Model, Objective, Pass, Report
from scratchvae.posteriors import Noise


class ManyDraws(Objective):
    """loss = −⟨F(log w_1, …, log w_K)⟩ with w_k = p(x|z_k) p(z_k) / q(z_k|x), K = `draws` for each example.

    A subclass gives the value of F and its slope. The terms are the same for all of them, and so runs of
    different F can be compared: bound = log 1/K Σ_k w_k, which is a lower bound on log p(x) whatever F is,
    and log_px and kl as means over the draws.
    """

    gradient: str = "total"  # or an estimator for which log q moves with z alone
    groups: int = 1  # the draws of a group are weighed among themselves

    @property
    @abstractmethod
    def draws(self) -> int:
        """K, the number of draws of each example."""

    @abstractmethod
    def weigh(self, log_w: Array) -> tuple[Array, Array]:
        """F (B,) at log w (B, K), in nats, and its slope ∂F/∂log w (B, K)."""

    def draw_noise(self, model: Model, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise for K draws of each example."""
        return model.draw_noise(rows * self.draws, rng)

    def __call__(
        self, model: Model, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        require_moving_draws(type(self).__name__, model, mode)
        score = self.gradient == "total"
        one, run_pullback = model.run(batch, noise, draws=self.draws, kl="sampled", score=score, mode=mode)
        value, slope = self.weigh(one.log_weights)
        report = Report(float(-value.mean(dtype=np.float64)), weighed_terms(one))

        def pullback() -> None:
            kept = large_enough(slope)
            dlog_w = -kept / len(batch)  # ∂loss/∂log w_bk = −(∂F/∂log w_bk) / B
            # the weight of each draw in its group
            path = None if score else slope.dtype.type(self.groups) * kept
            run_pullback(dlog_px=dlog_w, dlog_pz=dlog_w, dlog_q=-dlog_w, path=path)

        return report, pullback


def log_mean_exp(log_w: Array) -> tuple[Array, Array]:
    """log 1/K Σ_k w_k (B,) of log w (B, K), and its slope, the normalized weights w̃ = w / Σ_k w_k (B, K)."""
    log_sum, log_sum_pullback = ops.log_sum_exp(log_w, axis=1)
    return log_sum - log_w.dtype.type(np.log(log_w.shape[1])), log_sum_pullback(np.ones_like(log_sum))


def large_enough(slope: Array) -> Array:
    """The slope, with 0 for what is too small to change any sum, because subnormal numbers slow products."""
    return np.where(np.abs(slope) < np.finfo(slope.dtype).eps ** 2, slope.dtype.type(0), slope)


def weighed_terms(one: Pass) -> dict[str, Array]:
    """The terms that every objective of several draws reports, from a pass with kl="sampled"."""
    bound, _ = log_mean_exp(one.log_weights)
    return {"bound": bound, "log_px": one.log_px.mean(axis=1), "kl": one.sampled_kl.mean(axis=1)}
