"""A fully connected encoder and decoder."""

from collections.abc import Sequence
from typing import Any

from scratchvae.arrays import sizes_of
from scratchvae.data import TableSchema
from scratchvae.likelihoods import Likelihood
from scratchvae.models import Classes, LatentVariableModel
from scratchvae.networks import (
    POSTERIOR,
    PRIOR,
    classifier_chosen,
    critic_chosen,
    mlp_networks,
    n_features,
    weights_generator,
)
from scratchvae.recipes.assembly import assemble, condition_of, posterior_given


def mlp(
    event_shape: Sequence[int] | int,
    *,
    latent_dim: int = 20,
    hidden: Sequence[int] | int = (400,),
    activation: str = "relu",
    code_activation: str | None = None,
    model: str = "vae",
    classes: int | None = None,
    condition_dim: int | None = None,
    posterior: str = POSTERIOR,
    log_var_bounds: tuple[float, float] | None = None,
    likelihood: str | Likelihood | None = None,
    standardize: bool = False,
    prior: str = PRIOR,
    critic: Sequence[int] | int | None = None,
    classifier: Sequence[int] | int | None = None,
    fill: str = "zero",
    modalities: int | Sequence[int] | None = None,
    topics: str | None = None,
    init: str = "pytorch",
    schema: TableSchema | None = None,
    seed: int = 0,
) -> LatentVariableModel:
    """D -> hidden … -> q_params, and z -> … hidden -> x_params: the decoder mirrors the encoder.

    The same seed gives the same weights. `mlp(30)` is for events of 30 entries, `mlp((1, 28, 28))` for
    images, and `hidden=400` is one hidden layer of 400 units. A "conditional_vae" is told one of so many
    `classes`, or `condition_dim` real numbers, which are C more inputs of both networks. `fill` says what the
    encoder sees where an entry is missing: "zero", a "learned" number for each entry, or "zero_and_mask",
    which is zero and D further inputs that say which entries were observed. `modalities` are the widths of
    blocks of an event's entries, or the number of blocks, such as 2 for the halves of a picture. Each block
    has an encoder of its own, and q(z|x) is the product of these experts and of the prior, or with the
    posterior gaussian_mixture a mixture of them, by layers.ProductOfExperts and MixtureOfExperts. With
    `topics` the decoder has a law over words for each latent, and a document is a "mixture" or a "product" of
    them, by layers.Topics. `log_var_bounds`, such as (−10,
    10), keep log σ² of q(z|x) between them, by layers.BoundedLogVar. `standardize` is for tables whose
    columns have units of their own, by likelihoods.Standardized: training measures the means and deviations
    of the columns, the networks see columns of mean 0 and deviation 1, and decoded examples are in the units
    of the data again. A `critic` has hidden layers of these widths, for the penalty critic, which asks it
    about codes. A `classifier` has such layers too, and with it a conditional_vae also learns from examples
    without a class, by objectives.SemiSupervised. The `likelihood` is bernoulli by default. With the `schema`
    of a table each column has the law of its kind instead, by likelihoods.of_schema.
    """
    shape = sizes_of("mlp", "event_shape", event_shape, least=1)
    rng = weights_generator(seed, "mlp")
    condition = condition_of(model, classes, condition_dim)
    made = mlp_networks(
        "mlp",
        shape,
        latent_dim=latent_dim,
        hidden=hidden,
        activation=activation,
        code_activation=code_activation,
        posterior=posterior_given(model, posterior),
        log_var_bounds=log_var_bounds,
        likelihood=likelihood,
        standardize=standardize,
        schema=schema,
        fill=fill,
        modalities=modalities,
        topics=topics,
        init=init,
        condition_dim=condition.width if condition else 0,
        rng=rng,
    )
    of_head: dict[str, Any] = {"activation": activation, "init": init, "rng": rng}
    features, told = (
        n_features(made.likelihood, shape),
        condition.width if isinstance(condition, Classes) else 0,
    )
    return assemble(
        model,
        condition=condition,
        event_shape=shape,
        critic=critic_chosen("mlp", made.posterior.latent_dim, critic, **of_head),
        classifier=classifier_chosen("mlp", features, told, classifier, fill=fill, **of_head),
        prior=prior,
        rng=rng,
        fill=fill,
        **vars(made),
    )
