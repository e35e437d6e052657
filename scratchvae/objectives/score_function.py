"""The evidence lower bound with its gradient by the score function: for draws that do not move with q."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_at_least
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class ScoreFunctionElbo(Objective):
    """loss = −⟨f⟩ with f = log p(x|z) + log p(z) − log q(z|x), over K = `samples` draws z ~ q(z|x) that do not move with q.

    Its pullback gives not the slope of that number but an unbiased estimate of the slope of its mean: for the encoder, as
    ∂E_q[f] = E_q[(f − b) ∂log q] for any b that does not depend on this draw,

        −⟨(f_k − b_k) ∂log q(z_k|x)⟩,    b_k the mean of f over the other draws of that example, or 0 if not `leave_one_out`.

    f of a draw must depend on that draw alone, as it does but for what couples a batch in training (BatchNorm, GaussianOptimal).
    Terms: log_px, kl (its estimate), bound.     Williams 1992, section 4; Kool, van Hoof & Welling 2019.
    """

    samples: int = 2
    leave_one_out: bool = True

    def __post_init__(self) -> None:
        require_at_least("ScoreFunctionElbo", "samples", self.samples, 1)
        if self.leave_one_out and self.samples < 2:
            raise InputError("ScoreFunctionElbo: leave_one_out should come with at least 2 samples, found 1")

    def draw_noise(self, model: Model, batch: int, rng: np.random.Generator) -> Noise:
        """The posterior's noise for K draws of each example."""
        return model.posterior.draw_noise(batch * self.samples, rng)

    def at(self, step: int) -> "ScoreFunctionElbo":
        """Itself: nothing is scheduled."""
        return self

    def __call__(self, model: Model, x: Array, noise: Noise, *, mode: Mode = EVALUATION) -> tuple[Report, Pullback]:
        B, K = len(x), self.samples
        q_params, encoder_pullback = model.encoder(x, mode=mode, needs_dx=False)
        repeated = np.repeat(q_params, K, axis=0)
        (z, log_q), _ = model.posterior.sample_with_log_prob(repeated, noise=noise)
        _, log_q_pullback = model.posterior.log_prob(repeated, z=z)
        log_pz, prior_pullback = model.prior.log_prob(z)
        x_params, decoder_pullback = model.decoder(z, mode=mode)
        log_px, likelihood_pullback = model.likelihood.log_prob(x_params, x=np.repeat(x, K, axis=0), mode=mode)
        f = (log_px + log_pz - log_q).reshape(B, K)
        baseline = (f.sum(axis=1, keepdims=True) - f) / (K - 1) if self.leave_one_out else np.zeros_like(f)
        kl = (log_q - log_pz).reshape(B, K).mean(axis=1)
        terms = {"bound": f.mean(axis=1), "log_px": log_px.reshape(B, K).mean(axis=1), "kl": kl}

        def pullback() -> None:
            share = np.full_like(log_px, 1 / (B * K))
            decoder_pullback(likelihood_pullback(-share))  # of the decoder: −⟨∂log p(x|z)⟩ at the draws
            prior_pullback(-share)  # of a prior that learns: −⟨∂log p(z)⟩
            dlog_q = -(f - baseline).reshape(-1) * share  # −(f_bk − b_bk) / BK
            encoder_pullback(log_q_pullback(dlog_q).reshape(B, K, -1).sum(axis=1))  # one q(z|x_b) for all K draws

        return Report(float(-f.mean(dtype=np.float64)), terms), pullback
