"""The variational autoencoder of x given y: labels, or real numbers that are known of each example."""

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Layer, Mode
from scratchvae.likelihoods import Likelihood
from scratchvae.models.conditions import Condition
from scratchvae.models.vae import VAE
from scratchvae.posteriors import Posterior
from scratchvae.priors import ConditionalGaussian, Prior


class ConditionalVAE(VAE):
    """p(x|z, y) p(z|y) with a recognition model q(z|x, y), trained by a lower bound on log p(x|y).

        log p(x|y) = log ∫ p(x|z, y) p(z|y) dz  ≥  E_q[log p(x|z, y)] − KL(q(z|x, y) ‖ p(z|y))

    The model says nothing of p(y). `condition` says what y is, and which C numbers c stand for it: the
    one-hot vector of Classes(K), or Reals(C) as they are. The encoder gets [x | c] (B, D + C), and the
    decoder [z | c] (B·K, Z + C). Convolutions take images, and so c goes around them in a Bypass layer. The
    prior is one p(z) for all y, or a ConditionalGaussian, N(mean(y), diag σ²(y)), which is learned with the
    model. With one class, c is the constant 1, its weights are a second bias, and the model is a VAE.

    Sohn, Lee & Yan 2015, section 4, where x is what is known and y is what is generated.
    """

    def __init__(
        self,
        *,
        event_shape: tuple[int, ...],
        condition: Condition,
        encoder: Layer,
        posterior: Posterior,
        prior: Prior,
        decoder: Layer,
        likelihood: Likelihood,
        shows_mask: bool = False,
    ) -> None:
        super().__init__(
            event_shape=event_shape,
            encoder=encoder,
            posterior=posterior,
            prior=prior,
            decoder=decoder,
            likelihood=likelihood,
            shows_mask=shows_mask,
        )
        self.condition = condition

    def seen(self, batch: Batch) -> Array:
        """[x | c], x as a VAE's encoder gets it."""
        x = super().seen(batch)
        return np.concatenate([x, self._numbers(batch, x.dtype)], axis=1)

    def told(self, z: Array, batch: Batch, *, draws: int = 1) -> Array:
        """[z | c], the same c for all draws of an example."""
        return np.concatenate([z, np.repeat(self._numbers(batch, z.dtype), draws, axis=0)], axis=1)

    def prior_given(self, batch: Batch, *, mode: Mode = EVALUATION) -> Prior:
        """p(z|y) where the prior is a ConditionalGaussian, else p(z)."""
        if not isinstance(self.prior, ConditionalGaussian):
            return self.prior
        return self.prior.given(self._numbers(batch, batch.x.dtype), mode=mode)

    def _numbers(self, batch: Batch, dtype: np.dtype) -> Array:
        assert self.condition is not None
        if batch.y is None:
            raise InputError(f"ConditionalVAE: y should be {self.condition.words}; found none")
        return self.condition.numbers(self.condition.read("ConditionalVAE", batch.y, len(batch)), dtype)
