"""The evidence lower bound with its gradient by the score function, for draws that do not move with q."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_count, require_flag, sum_of_draws
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.interface import Model, Objective, Pass, Report
from scratchvae.posteriors import Density, Noise


class Scored(Model, Protocol):
    """A model whose posterior has a density, since the score is the slope of its logarithm."""

    posterior: Density


@dataclass(frozen=True)
class ScoreFunctionElbo(Objective):
    """loss = −⟨f⟩ with f = log p(x|z) + log p(z) − log q(z|x), over K = `samples` draws z ~ q(z|x).

    The draws do not move with q. So the pullback does not give the slope of that number, but an unbiased
    estimate of the slope of its mean. For the encoder ∂E_q[f] = E_q[(f − b) ∂log q] holds for any b that does
    not depend on the draw, and the estimate is

        −⟨(f_k − b_k) ∂log q(z_k|x)⟩

    where b_k is the mean of f over the other draws of that example, or 0 without `leave_one_out`. f of a draw
    has to depend on that draw alone. It does, except where BatchNorm or GaussianOptimal couple a batch in
    training. The terms are log_px, kl (an estimate) and bound.
    Williams 1992, section 4; Kool, van Hoof & Welling 2019.
    """

    samples: int = 2
    leave_one_out: bool = True

    def __post_init__(self) -> None:
        require_count("ScoreFunctionElbo", "samples", self.samples)
        require_flag("ScoreFunctionElbo", "leave_one_out", self.leave_one_out)
        if self.leave_one_out and self.samples < 2:
            raise InputError("ScoreFunctionElbo: leave_one_out should come with at least 2 samples, found 1")

    def draw_noise(self, model: Scored, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise for K draws of each example."""
        return model.draw_noise(rows * self.samples, rng)

    def __call__(
        self, model: Scored, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        B, K = len(batch), self.samples
        one, run_pullback = model.run(batch, noise, draws=K, kl="sampled", score=False, mode=mode)
        f = one.log_weights
        baseline = (f.sum(axis=1, keepdims=True) - f) / (K - 1) if self.leave_one_out else np.zeros_like(f)
        kl = one.sampled_kl.mean(axis=1)
        terms = {"bound": f.mean(axis=1), "log_px": one.log_px.mean(axis=1), "kl": kl}

        def pullback() -> None:
            share = np.full_like(f, 1 / (B * K))
            dlog_q = -(f - baseline) * share  # −(f_bk − b_bk) / BK
            # −⟨∂log p(x|z)⟩ and −⟨∂log p(z)⟩ at the draws, which do not move with q
            score_gradient(model, one, run_pullback, dlog_px=-share, dlog_pz=-share, dlog_q=dlog_q, mode=mode)

        return Report(float(-f.mean(dtype=np.float64)), terms), pullback


def score_gradient(
    model: Any,
    one: Pass,
    run_pullback: Pullback,
    *,
    dlog_px: Array,
    dlog_pz: Array,
    dlog_q: Array,
    mode: Mode,
) -> None:
    """Give every Parameter its gradient of Σ (dlog_px log_px + dlog_pz log_pz + dlog_q log_q).

    The draws count as constant.

    The terms are (B, K), and `one` is a pass with score=False. The draws of a belief net are constant by
    themselves. Those of another model move with q: the gradient that they pass on is multiplied by 0, and log
    q(z|x) is differentiated by its own parameters alone.
    """
    if hasattr(model, "dream"):
        run_pullback(dlog_px=dlog_px, dlog_pz=dlog_pz, dlog_q=dlog_q)
        return
    K = dlog_q.shape[1]
    _, log_q_pullback = model.posterior.log_prob(np.repeat(one.q_params, K, axis=0), one.z, mode=mode)
    dq_repeated, _ = log_q_pullback(dlog_q.reshape(-1))
    dq_params = sum_of_draws(dq_repeated, K)  # one q(z|x_b) for all K draws
    run_pullback(dlog_px=dlog_px, dlog_pz=dlog_pz, dq_params=dq_params, path=np.zeros_like(dlog_q))
