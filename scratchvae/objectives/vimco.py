"""The importance-weighted bound for draws that do not move with q, such as bits.

A draw is judged by how much it adds to the bound.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from scratchvae.arrays import Array, InputError, Pullback, require_count
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.objectives.many_draws import log_mean_exp, weighed_terms
from scratchvae.objectives.score_function import score_gradient
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class Vimco(Objective):
    """loss = −⟨L⟩ with L = log 1/K Σ_k w_k, K = `samples` draws of each example that do not move with q.

    The pullback gives an unbiased estimate of the slope of the mean of that number:

        Σ_k (L − L₋ₖ) ∂log q(z_k|x) + Σ_k w̃_k ∂log w_k,
        L₋ₖ = log 1/K (Σ_i≠k w_i + ŵ_k),    log ŵ_k = 1/(K − 1) Σ_i≠k log w_i.

    L₋ₖ is L with the geometric mean of the other weights in the place of w_k. It does not depend on draw k,
    and so it leaves the expectation as it is and takes away most of the noise. With one draw there are no
    others, and so K = 1 is refused. The terms are bound = L, and log_px and kl as means over the draws.
    Mnih & Rezende 2016, section 2.
    """

    samples: int = 5

    def __post_init__(self) -> None:
        require_count("Vimco", "samples", self.samples)
        if self.samples < 2:
            raise InputError(
                "Vimco: samples should be at least 2, since a draw is judged by the others; found 1"
            )

    def draw_noise(self, model: Model, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise for K draws of each example."""
        return model.draw_noise(rows * self.samples, rng)

    def __call__(
        self, model: Model, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        one, run_pullback = model.run(batch, noise, draws=self.samples, kl="sampled", score=False, mode=mode)
        log_w = one.log_weights
        bound, weights = log_mean_exp(log_w)

        def pullback() -> None:
            B = log_w.dtype.type(len(batch))
            dlog_w = -weights / B  # −w̃_bk / B
            # −(L_b − L_b,−k) / B, and log w holds −log q
            dlog_q = -(bound[:, None] - without_each(log_w)) / B - dlog_w
            score_gradient(model, one, run_pullback, dlog_px=dlog_w, dlog_pz=dlog_w, dlog_q=dlog_q, mode=mode)

        return Report(float(-bound.mean(dtype=np.float64)), weighed_terms(one)), pullback


def without_each(log_w: Array) -> Array:
    """L₋ₖ (B, K), the bound of log w (B, K) with the geometric mean of the others in the place of w_k."""
    # in float64, since sums of logarithms of hundreds are subtracted from each other
    K, exact = log_w.shape[1], log_w.astype(np.float64)
    own = np.eye(K, dtype=bool)
    # log ŵ_k, by the others alone: a draw of weight 0 less itself would be ∞ − ∞
    instead = np.where(own, 0, exact[:, None, :]).sum(axis=2) / (K - 1)
    # row k: log w with ŵ_k at k
    replaced = np.where(own, instead[:, :, None], exact[:, None, :])
    return (logsumexp(replaced, axis=2) - np.log(K)).astype(log_w.dtype)
