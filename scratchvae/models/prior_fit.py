"""A prior that is made after training: it is fitted to the codes that a model gives its examples."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError
from scratchvae.data import Dataset
from scratchvae.layers import cast, dtype_of, named_parameters
from scratchvae.models.coding import Coding
from scratchvae.models.estimator import AT_ONCE
from scratchvae.networks import PosteriorMismatch, n_features, prior_chosen, weights_generator
from scratchvae.objectives import PriorLikelihood
from scratchvae.priors import GaussianMixture, Prior, fit_mixture, require_one_space
from scratchvae.training import Adam, Phase, Training

# the names of priors that can be fitted to codes of each space
FITTED = {
    "real vectors": "gaussian_mixture, flow or two_stage",
    "points of the unit sphere": "vamp",
    "codes of a codebook": "autoregressive or codes(learned=True)",
    "one-hot codes": "one_hot(learned=True)",
    "logarithms of points of a simplex": "concrete(learned=True)",
    "real vectors × one-hot codes": "product(learned=True)",
}


def fit_prior(
    model: Coding,
    x: npt.ArrayLike | Dataset,
    prior: str | Prior | None = None,
    *,
    components: int | None = None,
    epochs: int = 20,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> Array:
    """Give the model another prior, fitted to draws z ~ q(z|x) of the examples. Nothing else of it changes.

    With it `sample` works for an Autoencoder, whose codes follow no prior. It also serves a model whose codes
    depend on each other in ways that its prior does not know, and a VAE whose aggregate posterior is far from
    its prior.

    - `prior`: a name, as `scratchvae train --list` has them, or an object over the same z: "flow",
      "gaussian_mixture(10)", "autoregressive" for the codes of a codebook, "two_stage" for a second VAE. None
      is a mixture of `components` Gaussians, by default ten.
    - A mixture is fitted to one draw of each example by expectation maximization. Any other prior takes
      `epochs` of Adam by PriorLikelihood, with new draws in each epoch, and `seed` decides its first weights.

    The function returns the mean log p(z), in nats, before each step of EM, or of each epoch. InputError for
    a model that is told y, whose codes depend on y, and for a prior that has nothing to learn. Ghosh,
    Sajjadi, Vergari, Black & Schölkopf 2020, section 4, for the mixture; van den Oord et al. 2017, section
    3.3, for autoregressive; Dai & Wipf 2019, section 4, for two_stage.
    """
    made: Any = model.model_
    if made.condition is not None:
        raise InputError(f"fit_prior: the model should not be told y, found a {type(model).__name__}")
    if prior is not None and components is not None:
        expected = "components is for the mixture that is fitted where no prior is given"
        raise InputError(f"fit_prior: {expected}; found {components} beside {prior!r:.80}")
    if prior is None:
        prior = GaussianMixture(made.posterior.latent_dim, 10 if components is None else components)
    chosen = prior_over_codes(made, prior, seed=seed)
    data = model._dataset(x)
    if isinstance(chosen, GaussianMixture):
        made.prior, gained = fit_mixture(_drawn(made, data, seed), len(chosen.logits.value), seed=seed)
        return gained
    before, made.prior = made.prior, chosen
    try:
        phase = Phase(PriorLikelihood(), Adam(learning_rate), over=("prior",))
        if not phase.moved(named_parameters(made)):
            expected = "the prior should have Parameters of its own"
            raise InputError(f"fit_prior: {expected}; found none in a {_named(chosen, made)}")
        training = Training(made, [phase], data, epochs=epochs, batch_size=batch_size, seed=seed).run()
    except BaseException:
        made.prior = before
        raise
    return np.array([record["train"]["log_pz"] for record in training.history])


def prior_over_codes(made: Any, prior: str | Prior, *, seed: int = 0, where: str = "fit_prior") -> Prior:
    """A new prior over the z of a model that has its networks, in the model's dtype, which is not fitted yet.

    `seed` decides its first weights. InputError, whose message begins with `where`, for a prior over other z.
    """
    try:
        chosen = prior_chosen(
            prior,
            event_shape=made.event_shape,
            features=n_features(made.likelihood, made.event_shape),
            encoder=made.encoder,
            posterior=made.posterior,
            rng=weights_generator(seed, where),
            shows_mask=made.shows_mask,
            condition_dim=None,
        )
    except PosteriorMismatch as error:
        raise InputError(f"{where}: {error.found}{_fitting(made)}") from None
    if chosen.space != made.posterior.space:
        expected = f"the prior should be over the same z as the model, {made.posterior.space}"
        raise InputError(f"{where}: {expected}; found {chosen.space}, of a {_named(chosen, made)}")
    require_one_space(where, made.posterior, chosen)
    cast(chosen, dtype_of(made))
    return chosen


def _named(chosen: Prior, made: Any) -> str:
    """The prior by its class, and the names of priors that the model takes in its place."""
    return type(chosen).__name__ + _fitting(made)


def _fitting(made: Any) -> str:
    """The names of priors that can be fitted to the codes of the model, where there are any."""
    fitting = FITTED.get(made.posterior.space)
    return f": the codes of this model take {fitting}" if fitting else ""


def _drawn(made: Any, data: Dataset, seed: int) -> Array:
    """A draw z ~ q(z|x) of each example (N, Z)."""
    rng, drawn = np.random.default_rng(seed), []
    for batch in data.batches(AT_ONCE, dtype_of(made)):
        q_params, _ = made.encoder(made.seen(batch))
        z, _ = made.posterior.sample(q_params, noise=made.draw_noise(len(batch), rng))
        drawn.append(z)
    return np.concatenate(drawn)
