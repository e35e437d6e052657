"""The variational autoencoder, which builds its networks when it first sees examples or is given them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae import ops
from scratchvae.arrays import Array, InputError, require_seed
from scratchvae.data import Dataset
from scratchvae.evaluation import RowNoise, log_likelihood
from scratchvae.layers import Layer
from scratchvae.likelihoods import Likelihood
from scratchvae.models.latent_variable_model import LatentVariableModel
from scratchvae.networks import (
    POSTERIOR,
    PRIOR,
    classifier_chosen,
    critic_chosen,
    mlp_networks,
    n_features,
    prior_chosen,
    weights_generator,
)
from scratchvae.objectives import Elbo, Objective, Quantization, SampledElbo, Schedule, has_closed_form
from scratchvae.posteriors import Posterior, VectorQuantized
from scratchvae.priors import Prior
from scratchvae.training import Optimizer


class VAE(LatentVariableModel):
    """A model trained by a lower bound on log p(x).

    `VAE(latent_dim=2, hidden=64).fit(x)` builds networks for the columns of x, with the weights that the
    recipe mlp would draw by the same seed. `VAE(event_shape=…, encoder=…, posterior=…, prior=…, decoder=…,
    likelihood=…)` is ready at once. Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014.

    - `event_shape`: the shape of an event. A whole number D stands for (D,), and None for the shape of the
    examples.
    - `latent_dim`, `hidden`, `activation`, `init`: the number of latents, the widths of the encoder's hidden
    layers, which the decoder mirrors, the activation between layers, and how the first weights are drawn.
    - `likelihood`, `posterior`, `prior`: names as `scratchvae train --list` has them, such as
    "gaussian(learned=True)", or objects.
    - `standardize`: networks see columns of mean 0 and deviation 1, so that columns may have any units.
    Decoded examples and all log-probabilities are in the units of the data. None does so for a likelihood of
    real numbers that is chosen by its name; numbers in that name, such as a variance, are then in deviations.
    - `fill`: what the encoder sees where an entry is missing: "zero", "learned" or "zero_and_mask".
    - `log_var_bounds`: two numbers between which log σ² of q(z|x) stays. None sets no bounds.
    - `critic`: the widths of the hidden layers of a critic, which the penalty Critic asks about codes, or a
    network of one's own. None is no critic.
    - `beta`: the weight of the KL, a number or a schedule. `objective`, such as Iwae(5), takes the place of
    the ELBO.
    - `epochs`, `batch_size`, `learning_rate`, `optimizer`, `max_norm`, `drop_last`, `binarized`: the defaults
    of `fit`.
    - `seed`: the seed of the first weights, and of the training.
    - `encoder`, `decoder`: networks of one's own. With them the event_shape and the three roles should be
    given as objects, and the parameters that describe networks count for nothing. `shows_mask`: the encoder
    gets 2 D columns.
    """

    def __init__(
        self,
        *,
        latent_dim: int = 20,
        hidden: int | Sequence[int] = (400,),
        activation: str = "relu",
        likelihood: str | Likelihood = "gaussian",
        posterior: str | Posterior = POSTERIOR,
        prior: str | Prior = PRIOR,
        log_var_bounds: tuple[float, float] | None = None,
        standardize: bool | None = None,
        fill: str = "zero",
        init: str = "pytorch",
        beta: float | Schedule = 1.0,
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
        super().__init__(
            event_shape=event_shape,
            encoder=encoder,
            posterior=posterior,
            prior=prior,
            decoder=decoder,
            likelihood=likelihood,
            shows_mask=shows_mask,
        )
        self.latent_dim, self.hidden, self.activation, self.init = latent_dim, hidden, activation, init
        self.log_var_bounds, self.standardize, self.fill = log_var_bounds, standardize, fill
        self.beta, self.critic, self.objective = beta, critic, objective
        self.epochs, self.batch_size, self.learning_rate, self.optimizer = (
            epochs,
            batch_size,
            learning_rate,
            optimizer,
        )
        self.max_norm, self.drop_last, self.binarized, self.seed = max_norm, drop_last, binarized, seed

    def _parts(self, event_shape: tuple[int, ...]) -> dict[str, Any]:
        where, rng = type(self).__name__, weights_generator(self.seed, type(self).__name__)
        told = 0 if self._condition is None else self._condition.width
        made = mlp_networks(
            where,
            event_shape,
            latent_dim=self.latent_dim,
            hidden=self.hidden,
            activation=self.activation,
            code_activation=None,
            posterior=self.posterior,
            log_var_bounds=self.log_var_bounds,
            likelihood=self.likelihood,
            standardize=self.standardize,
            fill=self.fill,
            init=self.init,
            condition_dim=told,
            rng=rng,
        )
        encoder, decoder = self.encoder or made.encoder, self.decoder or made.decoder
        shows_mask = self.fill != "zero" if self.encoder is None else self.shows_mask
        of_head: dict[str, Any] = {"activation": self.activation, "init": self.init, "rng": rng}
        critic = critic_chosen(where, made.posterior.latent_dim, self.critic, **of_head)
        prior = prior_chosen(
            self.prior,
            event_shape=event_shape,
            features=n_features(made.likelihood, event_shape),
            encoder=encoder,
            posterior=made.posterior,
            rng=rng,
            shows_mask=shows_mask,
            condition_dim=told or None,
        )
        parts: dict[str, Any] = {
            "encoder": encoder,
            "decoder": decoder,
            "posterior": made.posterior,
            "prior": prior,
        }
        parts |= {"event_shape": event_shape, "likelihood": made.likelihood, "shows_mask": shows_mask}
        features = n_features(made.likelihood, event_shape)
        classifier = classifier_chosen(where, features, told, self.classifier, fill=self.fill, **of_head)
        parts |= {} if critic is None else {"critic": critic}
        parts |= {} if classifier is None else {"classifier": classifier}
        return parts if self._condition is None else parts | {"condition": self._condition}

    def _require_parameters(self) -> None:
        if self.objective is not None and not (isinstance(self.beta, int | float) and self.beta == 1):
            expected = "beta is the weight of the ELBO's KL, and an objective has weights of its own"
            found = f"found beta {self.beta!r:.80} beside {self.objective!r:.80}"
            raise InputError(f"{type(self).__name__}: {expected}; {found}: give one of them")

    def default_objective(self) -> Objective:
        """The ELBO with the weight `beta`. A codebook adds its penalty Quantization.

        The KL is in closed form where it has one.
        """
        posterior = self.model_.posterior
        penalties = (Quantization(),) if isinstance(posterior, VectorQuantized) else ()
        closed = has_closed_form(posterior, self.model_.prior)
        return (Elbo if closed else SampledElbo)(beta=self.beta, penalties=penalties)

    def score_samples(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, seed: int = 0, samples: int = 100
    ) -> Array:
        """log p(x) of each example, or log p(x|y) where the model is told y  ->  (N,) in nats.

        It is estimated with `samples` importance-weighted draws. The estimate's expectation is a lower bound
        on log p(x) that rises to it with `samples`. An example's score is a function of `seed` and the
        example, whatever its neighbours and its place are. Where entries are missing, x stands for the
        observed entries, and the score is 0 where none is. Where a ConditionalVAE has learned its classes and
        y is hidden, it is log p(x) = log Σ_y p(y) p(x|y).

        A law of bits gives grey pixels no probability. Under Bernoulli the score of numbers between 0 and 1
        is the value of its formula, which compares with no probability or density. The score of x ~
        Bernoulli(x), drawn once, is a log-probability. Some likelihoods take a part of x as `given`:
        NegativeBinomial the size of each example under its offset, and Multinomial the length of each
        document. The score is then log p(x | that part).
        """
        require_seed(f"{type(self).__name__}.score_samples", "seed", seed)
        scores = self._log_joint_of_cases(self._cases(x, y), seed=seed, samples=samples)
        if scores.shape[1] == 1:
            return scores[:, 0]
        log_px, _ = ops.log_sum_exp(scores, axis=1)
        return log_px

    def _log_joint_of_cases(
        self, cases: list[tuple[Dataset, float]], *, samples: int, seed: int = 0
    ) -> Array:
        noise = RowNoise(seed)
        each = [
            log_likelihood(self.model_, data, samples=samples, rng=noise) + share for data, share in cases
        ]
        return np.stack(each, axis=1)
