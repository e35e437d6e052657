"""The plain autoencoder, whose codes follow no prior."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.evaluation import require_answers
from scratchvae.layers import Layer, dtype_of
from scratchvae.likelihoods import Likelihood, require_batch_supported
from scratchvae.models.latent_variable_model import LatentVariableModel
from scratchvae.networks import critic_chosen, mlp_networks, weights_generator
from scratchvae.objectives import Objective, Reconstruction, Schedule
from scratchvae.posteriors import Point
from scratchvae.priors import StandardGaussian
from scratchvae.training import Optimizer


class Autoencoder(LatentVariableModel):
    """A model that has a code for each example, and nothing in its training that makes codes follow a prior.

    `sample` decodes draws from N(0, I) nevertheless, which shows what this lack does. The parameters are
    those of a VAE but for the posterior and the prior, which it does not have. `code_activation` names an
    activation behind the encoder, and an `objective`, such as Reconstruction(noise_std=0.1), takes the place
    of Reconstruction(). With a `critic` and the penalty Critic it is an adversarial autoencoder. One that is
    given its networks needs event_shape, latent_dim, encoder, decoder and likelihood.

    `models.fit_prior(model, x)` fits a mixture to its codes, from which `sample` then draws.
    """

    def __init__(
        self,
        *,
        latent_dim: int = 20,
        hidden: int | Sequence[int] = (400,),
        activation: str = "relu",
        code_activation: str | None = None,
        likelihood: str | Likelihood = "gaussian",
        standardize: bool | None = None,
        fill: str = "zero",
        init: str = "pytorch",
        critic: int | Sequence[int] | Layer | None = None,
        objective: Objective | None = None,
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float | Schedule = 1e-3,
        optimizer: Optimizer | None = None,
        max_norm: float | None = None,
        drop_last: bool = False,
        binarized: bool = False,
        seed: int = 0,
        event_shape: int | Sequence[int] | None = None,
        encoder: Layer | None = None,
        decoder: Layer | None = None,
        shows_mask: bool = False,
    ) -> None:
        given = (
            isinstance(encoder, Layer) and isinstance(decoder, Layer) and isinstance(likelihood, Likelihood)
        )
        roles: dict[str, Any] = (
            {"posterior": Point(latent_dim), "prior": StandardGaussian(latent_dim)} if given else {}
        )
        super().__init__(
            event_shape=event_shape,
            encoder=encoder,
            **roles,
            decoder=decoder,
            likelihood=likelihood,
            shows_mask=shows_mask,
        )
        self.latent_dim, self.hidden, self.activation, self.init = latent_dim, hidden, activation, init
        self.code_activation, self.standardize, self.fill = code_activation, standardize, fill
        self.critic, self.objective = critic, objective
        self.epochs, self.batch_size, self.learning_rate, self.optimizer = (
            epochs,
            batch_size,
            learning_rate,
            optimizer,
        )
        self.max_norm, self.drop_last, self.binarized, self.seed = max_norm, drop_last, binarized, seed

    def _parts(self, event_shape: tuple[int, ...]) -> dict[str, Any]:
        where, rng = type(self).__name__, weights_generator(self.seed, type(self).__name__)
        made = mlp_networks(
            where,
            event_shape,
            latent_dim=self.latent_dim,
            hidden=self.hidden,
            activation=self.activation,
            code_activation=self.code_activation,
            posterior=None,
            log_var_bounds=None,
            likelihood=self.likelihood,
            standardize=self.standardize,
            fill=self.fill,
            init=self.init,
            condition_dim=0,
            rng=rng,
        )
        networks = {"encoder": self.encoder or made.encoder, "decoder": self.decoder or made.decoder}
        shows_mask = self.fill != "zero" if self.encoder is None else self.shows_mask
        parts = {
            **networks,
            "event_shape": event_shape,
            "likelihood": made.likelihood,
            "shows_mask": shows_mask,
        }
        of_critic: dict[str, Any] = {"activation": self.activation, "init": self.init, "rng": rng}
        return parts | {"critic": critic_chosen(where, self.latent_dim, self.critic, **of_critic)}

    def default_objective(self) -> Objective:
        """Reconstruction, without corruption and penalties."""
        return Reconstruction()

    def _log_joint_of_cases(self, cases: list[tuple[Dataset, float]], *, samples: int) -> Array:
        return np.zeros((len(cases[0][0]), len(cases)))  # there is one case, as the model is told nothing

    def score_samples(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, seed: int = 0
    ) -> Array:
        """log p(x|z) of each example at its own code, which is not log p(x)  ->  (N,) in nats.

        `seed` changes nothing.
        """
        model, scores, rng = self.model_, [], np.random.default_rng(0)
        data = self._dataset(x, y)
        for batch in data.batches(1, dtype_of(model)):  # one by one, so that neighbours change nothing
            require_batch_supported(model.likelihood, batch)
            with np.errstate(over="ignore", invalid="ignore"):  # require_answers says it in words
                one, _ = model.run(batch, model.draw_noise(len(batch), rng))
            scores.append(one.log_px[:, 0])
        require_answers("log p(x|z)", data, found := np.concatenate(scores))
        return found
