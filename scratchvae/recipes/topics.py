"""A topic model of documents: shares of topics, inferred by a network, and the words of each topic."""

from collections.abc import Sequence
from math import prod
from typing import Literal

from scratchvae.arrays import require_choice, require_count, sizes_of
from scratchvae.layers import ACTIVATIONS, GroupSoftmax, Layer, Linear, Sequential, Topics
from scratchvae.likelihoods import Multinomial
from scratchvae.models import VAE
from scratchvae.networks import n_features, weights_generator
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import LogisticNormal


def topics(
    event_shape: Sequence[int] | int,
    *,
    latent_dim: int = 20,
    hidden: Sequence[int] | int = (100, 100),
    activation: str = "softplus",
    words: Literal["mixture", "product"] = "mixture",
    concentration: float = 1.0,
    init: str = "pytorch",
    seed: int = 0,
) -> VAE:
    """Counts of words -> hidden … -> q(z|x); θ = softmax(z) are a document's shares of latent_dim topics.

    With `words` "mixture" a word comes from one topic: p(w) = Σ_k θ_k β_kw (layers.Topics). With "product" topics multiply:
    p(w) ∝ Π_k exp(θ_k W_kw + b_w), the authors' ProdLDA. The prior is the logistic normal that is nearest to a Dirichlet law
    of this `concentration`, and the likelihood a Multinomial.
    Srivastava & Sutton 2017, sections 3 and 4; Miao, Yu & Blunsom 2016.
    """
    shape = sizes_of("topics", "event_shape", event_shape, least=1)
    require_choice("topics", "activation", activation, ACTIVATIONS)
    require_choice("topics", "words", words, ("mixture", "product"))
    require_count("topics", "latent_dim", latent_dim)
    rng, law, posterior = weights_generator(seed, "topics"), Multinomial(), DiagonalGaussian(latent_dim)
    encoder: list[Layer] = []
    width = n_features(law, shape)
    for narrow in sizes_of("topics", "hidden", hidden):
        encoder += [Linear(width, narrow, init=init, rng=rng), ACTIVATIONS[activation]()]
        width = narrow
    encoder += [Linear(width, posterior.n_params, init=init, rng=rng)]
    if words == "mixture":
        decoder: Layer = Topics(latent_dim, prod(shape), init=init, rng=rng)
    else:
        decoder = Sequential(GroupSoftmax(1), Linear(latent_dim, prod(shape), init=init, rng=rng))
    return VAE(
        event_shape=shape,
        encoder=Sequential(*encoder),
        posterior=posterior,
        prior=LogisticNormal(latent_dim, concentration),
        decoder=decoder,
        likelihood=law,
    )
