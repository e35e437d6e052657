"""The wake-sleep algorithm: each half of a Helmholtz machine learns from what the other half draws.

Neither half waits for the exact posterior. In the wake phase p climbs the bound ⟨log p(x,h) − log q(h|x)⟩,
h ~ q. In the sleep phase q descends KL(p(h|x) ‖ q(h|x)) at dreamt x, where the bound would ask for KL(q ‖ p).
The two phases do not minimize one loss, and so no single loss need fall.
Hinton, Dayan, Frey & Neal 1995, "The wake-sleep algorithm for unsupervised neural networks".
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from scratchvae.arrays import Pullback
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods import fill_missing
from scratchvae.objectives.belief_net import BeliefNet, require_belief_net
from scratchvae.objectives.interface import Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class Wake(Objective):
    """loss = −⟨log p(x, h)⟩ with one draw h ~ q(h|x) for each example, for the generative Parameters alone.

    The terms are log_px = log p(x|h), kl = log q(h|x) − log p(h) (an estimate, which may be negative), and
    bound = log_px − kl. The loss lacks q's entropy, which p cannot change.
    Hinton et al. 1995, the wake phase.
    """

    def draw_noise(self, model: BeliefNet, rows: int, rng: np.random.Generator) -> Noise:
        """Uniform numbers for one recognition of each example, (B, H)."""
        require_belief_net("Wake", model)
        return model.draw_noise(rows, rng)

    def __call__(
        self, model: BeliefNet, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        one, run_pullback = model.run(batch, noise, kl="sampled", mode=mode)
        log_px, kl = one.log_px[:, 0], one.sampled_kl[:, 0]
        terms = {"bound": log_px - kl, "log_px": log_px, "kl": kl}
        assert one.log_pz is not None
        loss = -(log_px + one.log_pz[:, 0]).mean(dtype=np.float64)

        def pullback() -> None:
            share = np.full_like(one.log_px, -1 / len(batch))
            run_pullback(dlog_px=share, dlog_pz=share)  # ∂loss/∂log_px_b = ∂loss/∂log_ph_b = −1/B

        return Report(float(loss), terms), pullback


@dataclass(frozen=True)
class Sleep(Objective):
    """loss = −⟨log q(h|x)⟩ over dreams (x, h) ~ p(x, h), for q's Parameters alone.

    There are as many dreams as the batch has examples. The objective uses only which entries of the examples
    are missing: q sees each dream without the entries that one example lacks. The term is log_q = log q(h|x)
    of the dreams. Hinton et al. 1995, the sleep phase.
    """

    def draw_noise(self, model: BeliefNet, rows: int, rng: np.random.Generator) -> Noise:
        """Uniform numbers for B dreams, (B, D + H)."""
        require_belief_net("Sleep", model)
        return rng.random((rows, prod(model.event_shape) + model.n_hidden), dtype=np.float32)

    def __call__(
        self, model: BeliefNet, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        dreamt, h = model.dream(uniform=noise)
        seen = fill_missing(dreamt, batch.observed)
        log_q, recognition_pullback = model.log_recognition(x=seen, h=h, mode=mode)

        def pullback() -> None:
            recognition_pullback(np.full_like(log_q, -1 / len(log_q)))  # ∂loss/∂log_q_b = −1/B

        return Report(float(-log_q.mean(dtype=np.float64)), {"log_q": log_q}), pullback
