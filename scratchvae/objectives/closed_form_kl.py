"""KL(q(z|x) ‖ p(z)) where it has a closed form: one visible table, a row for each pair of posterior and
prior.

Latents in layers have one layer by layer, given draws of the layer above: a second table has the pairs of
which that is so.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback
from scratchvae.distributions import categorical, gaussian, gaussian_full, von_mises_fisher
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors import (
    DiagonalGaussian,
    FullGaussian,
    GumbelSoftmax,
    JointPosterior,
    Ladder,
    Noise,
    Point,
    Posterior,
    VectorQuantized,
    VonMisesFisher,
)
from scratchvae.priors import (
    AutoregressiveCodes,
    CodePrior,
    Codes,
    ConditionalGaussian,
    HierarchicalGaussian,
    OneHot,
    Prior,
    ProductPrior,
    StandardGaussian,
    UniformSphere,
)


def diagonal_to_standard(
    posterior: DiagonalGaussian, prior: StandardGaussian, q_params: Array
) -> tuple[Array, Pullback]:
    """½ (mean_j² + σ_j² − 1 − log σ_j²) for each latent j."""
    (mean, log_var), split_pullback = posterior.mean_and_log_var(q_params)
    kl, kl_pullback = gaussian.kl_to_standard_by_dimension(mean, log_var)

    def pullback(dkl: Array) -> Array:
        return split_pullback(*kl_pullback(dkl))

    return kl, pullback


def full_to_standard(
    posterior: FullGaussian, prior: StandardGaussian, q_params: Array
) -> tuple[Array, Pullback]:
    """½ (mean_i² + Σ_j<i L_ij² + L_ii² − 1) − log L_ii: the share of each latent i, given those before it."""
    (mean, L), params_pullback = posterior.mean_and_factor(q_params)
    kl, kl_pullback = gaussian_full.kl_to_standard_by_dimension(mean, L)

    def pullback(dkl: Array) -> Array:
        return params_pullback(*kl_pullback(dkl))

    return kl, pullback


def diagonal_to_conditional(
    posterior: DiagonalGaussian, prior: ConditionalGaussian, q_params: Array
) -> tuple[Array, Pullback]:
    """½ ((σ_j² + (mean_j − m_j)²)/τ_j² − 1 − log σ_j²/τ_j²) for each latent j, p(z|y) = N(m, diag τ²).

    The pullback returns dq_params, and gives the prior's Parameters the gradients that m and log τ² get.
    """
    (mean, log_var), split_pullback = posterior.mean_and_log_var(q_params)
    others, prior_pullback = prior.mean_and_log_var()
    kl, kl_pullback = gaussian.kl_by_dimension(mean, log_var, *others)

    def pullback(dkl: Array) -> Array:
        dmean, dlog_var, *dothers = kl_pullback(dkl)
        prior_pullback(*dothers)
        return split_pullback(dmean, dlog_var)

    return kl, pullback


def choices_to_choices(posterior: GumbelSoftmax, prior: OneHot, q_params: Array) -> tuple[Array, Pullback]:
    """Σ_k π_k (log π_k − log p_k) for each group, π = softmax(q_params): the KL of the discrete laws.

    The pullback returns dq_params, and gives a learned prior its gradient.
    """
    B, G, K = posterior.by_group(q_params).shape
    other, other_pullback = prior.given_logits(B, q_params)
    kl, kl_pullback = categorical.kl(q_params.reshape(B * G, 1, K), other.reshape(B * G, 1, K))

    def pullback(dkl: Array) -> Array:
        dlogits, dother = kl_pullback(dkl.reshape(B * G))
        other_pullback(dother.reshape(B, G, K))
        dq_params: Array = dlogits.reshape(q_params.shape)
        return dq_params

    return kl.reshape(B, G), pullback


def codes_to_codes(posterior: VectorQuantized, prior: CodePrior, q_params: Array) -> tuple[Array, Pullback]:
    """−log p(k_g|k_1, …, k_(g−1)) for each choice, k the codes of x, which have all the mass of q: log K
    under a uniform prior.

    The pullback gives a learned prior its gradient, and returns 0 for q_params: which code is the nearest
    does not move.
    """
    log_p, log_p_pullback = prior.log_prob_of(posterior.indices(q_params), q_params)

    def pullback(dkl: Array) -> Array:
        log_p_pullback(-dkl)
        return np.zeros_like(q_params)

    return -log_p, pullback


def product_to_product(
    posterior: JointPosterior, prior: ProductPrior, q_params: Array
) -> tuple[Array, Pullback]:
    """The KLs of the parts side by side: that of products is the sum of the parts' own, each by its row of
    the table.
    """
    each, apart_pullback = posterior.apart(q_params)
    terms = [closed_form_kl(*given) for given in zip(posterior.parts, prior.parts, each, strict=True)]
    ends = list(accumulate(kl.shape[1] for kl, _ in terms))[:-1]

    def pullback(dkl: Array) -> Array:
        pieces = zip(terms, np.split(dkl, ends, axis=1), strict=True)
        dq_params: Array = apart_pullback(*(part_pullback(own) for (_, part_pullback), own in pieces))
        return dq_params

    return np.concatenate([kl for kl, _ in terms], axis=1), pullback


def sphere_to_uniform(
    posterior: VonMisesFisher, prior: UniformSphere, q_params: Array
) -> tuple[Array, Pullback]:
    """κ A(κ) − log E[e^(κ w)] of all latents together (B, 1): coordinates of a point on a sphere have no KL
    of their own.
    """
    (mean, log_concentration), params_pullback = posterior.mean_and_log_concentration(q_params)
    kl, kl_pullback = von_mises_fisher.kl_to_uniform(log_concentration, dim=posterior.latent_dim)

    def pullback(dkl: Array) -> Array:
        dlog_concentration = kl_pullback(dkl[:, 0])
        return params_pullback(np.zeros_like(mean), dlog_concentration)

    return kl[:, None], pullback


CLOSED_FORMS: dict[
    tuple[type[Posterior], type[Prior]], Callable[[Any, Any, Array], tuple[Array, Pullback]]
] = {
    (DiagonalGaussian, StandardGaussian): diagonal_to_standard,
    (DiagonalGaussian, ConditionalGaussian): diagonal_to_conditional,
    (FullGaussian, StandardGaussian): full_to_standard,
    (GumbelSoftmax, OneHot): choices_to_choices,
    (JointPosterior, ProductPrior): product_to_product,
    (VectorQuantized, AutoregressiveCodes): codes_to_codes,
    (VectorQuantized, Codes): codes_to_codes,
    (VonMisesFisher, UniformSphere): sphere_to_uniform,
}


def ladder_to_hierarchical(
    posterior: Ladder, prior: HierarchicalGaussian, q_params: Array, *, noise: Noise, draws: int, mode: Mode
) -> tuple[tuple[Array, Array], Pullback]:
    """KL(q(z_l|z_{l+1}, x) ‖ p(z_l|z_{l+1})) at draws of z_{l+1}, for each latent: to the prior that the
    layer above gives.

    Taken to N(0, I) instead, as some public ladders do, the terms would be those of no model.
    """
    if prior.top_down is not posterior.top_down:
        raise InputError(
            "closed_form_kl: a Ladder and a HierarchicalGaussian should share one TopDown; found two"
        )
    return posterior.sample_with_kl(q_params, noise=noise, draws=draws, mode=mode)


AT_DRAWS: dict[tuple[type[Posterior], type[Prior]], Callable[..., tuple[tuple[Array, Array], Pullback]]] = {
    (Ladder, HierarchicalGaussian): ladder_to_hierarchical,
}


def has_closed_form(posterior: Posterior, prior: Prior) -> bool:
    """Whether one of the tables has a row for the pair."""
    return (type(posterior), type(prior)) in CLOSED_FORMS.keys() | AT_DRAWS.keys()


def sample_with_kl(
    posterior: Posterior,
    prior: Prior,
    q_params: Array,
    *,
    noise: Noise,
    draws: int = 1,
    mode: Mode = EVALUATION,
) -> tuple[tuple[Array, Array], Pullback]:
    """z (B·K, Z) as the posterior draws it, and the KL of each group of latents (B, G) in nats.

    The KL is that of `closed_form_kl`, and depends on no draw, unless the latents come in layers: then that
    of a layer is a mean over the draws of the layers above. pullback(dz, dkl) -> dq_params. InputError where
    neither table has a row.
    """
    if form := AT_DRAWS.get((type(posterior), type(prior))):
        return form(posterior, prior, q_params, noise=noise, draws=draws, mode=mode)
    kl, kl_pullback = closed_form_kl(posterior, prior, q_params)
    z, z_pullback = posterior.sample(q_params, noise=noise, draws=draws, mode=mode)

    def pullback(dz: Array, dkl: Array) -> Array:
        dq_params: Array = z_pullback(dz) + kl_pullback(dkl)
        return dq_params

    return (z, kl), pullback


def closed_form_kl(posterior: Posterior, prior: Prior, q_params: Array) -> tuple[Array, Pullback]:
    """The KL of each group of latents (B, G) in nats; pullback(dkl) -> dq_params. InputError where the table
    has no row.

    Independent latents are groups of one each, so that G is Z. Those that are one choice, or that depend on
    each other through a norm, are one group.
    """
    form = CLOSED_FORMS.get((type(posterior), type(prior)))
    if form is None:
        pair = f"{type(posterior).__name__} to {type(prior).__name__}"
        if has_closed_form(posterior, prior):
            raise InputError(
                f"closed_form_kl: that from {pair} depends on the draws of the layers above: take sample_with_kl"
            )
        others = (
            "reconstruction takes a Point"
            if isinstance(posterior, Point)
            else "sampled_elbo and iwae need none"
        )
        known = [p.__name__ for q, p in CLOSED_FORMS if q is type(posterior)]
        to = f" (there is one to {' and to '.join(known)})" if known else ""
        raise InputError(
            f"closed_form_kl: no closed form is known from {pair}{to}; of the objectives {others}"
        )
    return form(posterior, prior, q_params)
