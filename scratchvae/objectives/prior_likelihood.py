"""How likely a prior finds the codes of examples: what it learns by when it is fitted to a trained model."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Pullback
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.interface import LatentModel, Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class PriorLikelihood(Objective):
    """loss = −⟨log p(z)⟩ at a draw z ~ q(z|x) of each example, in which the prior alone learns.

    Its expectation is the cross entropy of the aggregate posterior ⟨q(z|x)⟩ and the prior, which is smallest
    where p(z) is the aggregate posterior: of the terms of a bound it is the one in which the prior stands.
    Encoder and posterior run in evaluation mode, and receive no gradient. The term is log_pz.
    """

    def draw_noise(self, model: LatentModel, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise."""
        return model.draw_noise(rows, rng)

    def __call__(
        self, model: LatentModel, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        q_params, _ = model.encoder(model.seen(batch))
        z, _ = model.posterior.sample(q_params, noise=noise)
        log_pz, prior_pullback = model.prior_given(batch).log_prob(z, mode=mode)

        def pullback() -> None:
            prior_pullback(np.full_like(log_pz, -1 / len(batch)))  # ∂loss/∂log p(z_b) = −1/B

        return Report(float(-log_pz.mean(dtype=np.float64)), {"log_pz": log_pz}), pullback
