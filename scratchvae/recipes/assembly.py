"""The models that a recipe can make of its networks: the table of models, and what each of them takes."""

from collections.abc import Sequence
from inspect import signature
from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.choices import Table, parse, shortened
from scratchvae.layers import Experts, Layer
from scratchvae.likelihoods import Likelihood
from scratchvae.models import VAE, Autoencoder, Classes, Condition, ConditionalVAE, LatentVariableModel, Reals
from scratchvae.networks import POSTERIOR, PRIOR, n_features, prior_chosen
from scratchvae.posteriors import Posterior
from scratchvae.priors import Prior


def autoencoder(
    event_shape: tuple[int, ...],
    latent_dim: int,
    encoder: Layer,
    decoder: Layer,
    likelihood: Likelihood,
    shows_mask: bool,
    critic: Layer | None,
) -> Autoencoder:
    """A model that has a code for each example, and nothing that makes codes follow a prior."""
    parts: dict[str, Any] = {
        "encoder": encoder,
        "decoder": decoder,
        "likelihood": likelihood,
        "shows_mask": shows_mask,
    }
    return Autoencoder(event_shape=event_shape, latent_dim=latent_dim, critic=critic, **parts)


def conditional_vae(
    event_shape: tuple[int, ...],
    condition: Condition,
    encoder: Layer,
    posterior: Posterior,
    prior: Prior,
    decoder: Layer,
    likelihood: Likelihood,
    shows_mask: bool,
    classifier: Layer | None,
) -> ConditionalVAE:
    """p(x|z, y) p(z|y) with a recognition model q(z|x, y), trained by a lower bound on log p(x|y).

    With a classifier, it is trained by a lower bound on log p(x, y), or on log p(x) where y is hidden, which
    is called M2.
    """
    parts: dict[str, Any] = {
        "encoder": encoder,
        "decoder": decoder,
        "likelihood": likelihood,
        "shows_mask": shows_mask,
    }
    parts |= {"posterior": posterior, "prior": prior, "classifier": classifier}
    return ConditionalVAE(event_shape=event_shape, condition=condition, **parts)


def vae(
    event_shape: tuple[int, ...],
    encoder: Layer,
    posterior: Posterior,
    prior: Prior,
    decoder: Layer,
    likelihood: Likelihood,
    shows_mask: bool,
    critic: Layer | None,
) -> VAE:
    """A model trained by a lower bound on log p(x)."""
    parts: dict[str, Any] = {
        "encoder": encoder,
        "decoder": decoder,
        "likelihood": likelihood,
        "shows_mask": shows_mask,
    }
    return VAE(event_shape=event_shape, posterior=posterior, prior=prior, critic=critic, **parts)


MODELS = Table(
    "model",
    {"autoencoder": autoencoder, "conditional_vae": conditional_vae, "vae": vae},
    given=(
        "event_shape",
        "latent_dim",
        "encoder",
        "posterior",
        "prior",
        "decoder",
        "likelihood",
        "condition",
        "shows_mask",
        "critic",
        "classifier",
    ),
)


def posterior_given(model: str, posterior: str) -> str | None:
    """The text that chooses a posterior, or None where the model takes none, as an autoencoder does."""
    return posterior if _takes(model, "posterior", posterior, POSTERIOR) else None


def _takes(model: str, role: str, chosen: str, default: str) -> bool:
    """Whether the model is built from that role.

    InputError where it is not, and a role other than the default was chosen.
    """
    if role in signature(MODELS[name := MODELS.settle(model).name]).parameters:
        return True
    if chosen != default:
        raise InputError(
            f"model {name} has no {role}: {role} should be left alone, found {shortened(parse(chosen, role))}"
        )
    return False


def condition_of(model: str, classes: int | None, condition_dim: int | None) -> Condition | None:
    """The condition of a conditional_vae, Classes or Reals, or None for any other model.

    Exactly one of the two parameters should be given for a conditional_vae.
    """
    given = [kind(n) for kind, n in ((Classes, classes), (Reals, condition_dim)) if n is not None]
    if len(given) != (MODELS.settle(model).name == "conditional_vae"):
        expected = (
            "a conditional_vae should have either classes or a condition_dim, and any other model neither"
        )
        raise InputError(
            f"recipe: {expected}; found model {model}, classes {classes}, condition_dim {condition_dim}"
        )
    return given[0] if given else None


def assemble(
    model: str,
    *,
    event_shape: Sequence[int],
    encoder: Layer,
    posterior: Posterior,
    decoder: Layer,
    likelihood: Likelihood,
    prior: str,
    rng: np.random.Generator,
    condition: Condition | None = None,
    critic: Layer | None = None,
    classifier: Layer | None = None,
    fill: str = "zero",
) -> LatentVariableModel:
    """The model that a text chooses, with these parts, and with the prior that another text chooses.

    A model takes only the parts that it has.
    """
    shows_mask = fill != "zero" or isinstance(encoder, Experts)
    told = condition.width if condition else None
    given: dict[str, Any] = {
        "event_shape": tuple(event_shape),
        "latent_dim": posterior.latent_dim,
        "encoder": encoder,
        "posterior": posterior,
        "decoder": decoder,
        "likelihood": likelihood,
        "condition": condition,
        "shows_mask": shows_mask,
        "critic": critic,
        "classifier": classifier,
    }
    if critic is not None and "critic" not in signature(MODELS[name := MODELS.settle(model).name]).parameters:
        raise InputError(f"model {name} has no critic: critic should be left alone, found one")
    if _takes(model, "prior", prior, PRIOR):
        parts: dict[str, Any] = {
            "event_shape": tuple(event_shape),
            "encoder": encoder,
            "posterior": posterior,
        }
        parts["features"] = n_features(likelihood, event_shape)
        given["prior"] = prior_chosen(prior, **parts, rng=rng, shows_mask=shows_mask, condition_dim=told)
    made: LatentVariableModel = MODELS.build(model, **given)
    return made
