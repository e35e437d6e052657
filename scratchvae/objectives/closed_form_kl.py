"""KL(q(z|x) ‖ p(z)) in closed form: a table with a row for each pair of posterior and prior that has one.

A second table has the pairs over latents in layers whose KL is in closed form layer by layer, given draws of
the layer above.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_shapes
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
    LogisticNormal,
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
    """½ (mean_i² + Σ_j<i L_ij² + L_ii² − 1) − log L_ii, the share of each latent i given those before it."""
    (mean, L), params_pullback = posterior.mean_and_factor(q_params)
    kl, kl_pullback = gaussian_full.kl_to_standard_by_dimension(mean, L)

    def pullback(dkl: Array) -> Array:
        return params_pullback(*kl_pullback(dkl))

    return kl, pullback


def diagonal_to_diagonal(
    posterior: DiagonalGaussian, prior: ConditionalGaussian | LogisticNormal, q_params: Array
) -> tuple[Array, Pullback]:
    """½ ((σ_j² + (mean_j − m_j)²)/τ_j² − 1 − log σ_j²/τ_j²) for each latent j, where p(z) = N(m, diag τ²).

    A ConditionalGaussian is p(z|y) in its place. The pullback returns dq_params, and gives the Parameters of
    a ConditionalGaussian the gradients that m and log τ² get. A LogisticNormal has no Parameters.
    """
    (mean, log_var), split_pullback = posterior.mean_and_log_var(q_params)
    others, prior_pullback = prior.mean_and_log_var(
        *() if isinstance(prior, ConditionalGaussian) else (mean,)
    )
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
        return dlogits.reshape(q_params.shape)

    return kl.reshape(B, G), pullback


def codes_to_codes(posterior: VectorQuantized, prior: CodePrior, q_params: Array) -> tuple[Array, Pullback]:
    """−log p(k_g|k_1, …, k_(g−1)) for each choice g. k are the codes of x, which have all the mass of q.

    Under a uniform prior it is log K. The pullback gives a learned prior its gradient. It returns 0 for
    q_params, since the nearest code stays the same under a small change.
    """
    if isinstance(prior, Codes) and prior.choices.logits is None:
        require_shapes("VectorQuantized", q_params=(q_params, f"B {posterior.n_params}"))
        kl = np.full((len(q_params), posterior.groups), np.log(posterior.categories), q_params.dtype)
        return kl, lambda dkl: np.zeros_like(q_params)  # whatever the codes are: none is searched for
    log_p, log_p_pullback = prior.log_prob_of(posterior.indices(q_params), q_params)

    def pullback(dkl: Array) -> Array:
        log_p_pullback(-dkl)
        return np.zeros_like(q_params)

    return -log_p, pullback


def product_to_product(
    posterior: JointPosterior, prior: ProductPrior, q_params: Array
) -> tuple[Array, Pullback]:
    """The KLs of the parts side by side, each by its row of the table, as the KL of products is their sum."""
    each, apart_pullback = posterior.apart(q_params)
    terms = [closed_form_kl(*given) for given in zip(posterior.parts, prior.parts, each, strict=True)]
    ends = list(accumulate(kl.shape[1] for kl, _ in terms))[:-1]

    def pullback(dkl: Array) -> Array:
        pieces = zip(terms, np.split(dkl, ends, axis=1), strict=True)
        return apart_pullback(*(part_pullback(own) for (_, part_pullback), own in pieces))

    return np.concatenate([kl for kl, _ in terms], axis=1), pullback


def sphere_to_uniform(
    posterior: VonMisesFisher, prior: UniformSphere, q_params: Array
) -> tuple[Array, Pullback]:
    """κ A(κ) − log E[e^(κ w)] of all latents together (B, 1).

    A single coordinate of a point on a sphere has no KL of its own.
    """
    (mean, log_concentration), params_pullback = posterior.mean_and_log_concentration(q_params)
    kl, kl_pullback = von_mises_fisher.kl_to_uniform(log_concentration, dim=posterior.latent_dim)

    def pullback(dkl: Array) -> Array:
        return params_pullback(np.zeros_like(mean), kl_pullback(dkl[:, 0]))

    return kl[:, None], pullback


CLOSED_FORMS: dict[
    tuple[type[Posterior], type[Prior]], Callable[[Any, Any, Array], tuple[Array, Pullback]]
] = {
    (DiagonalGaussian, StandardGaussian): diagonal_to_standard,
    (DiagonalGaussian, ConditionalGaussian): diagonal_to_diagonal,
    (DiagonalGaussian, LogisticNormal): diagonal_to_diagonal,
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
    """KL(q(z_l|z_{l+1}, x) ‖ p(z_l|z_{l+1})) at draws of z_{l+1}, for each latent.

    The prior of a layer is the one that the layer above gives. Some public ladders take N(0, I) in its place,
    and their terms are then those of no model.
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
    """Whether a table has a row for the pair, and where both are products, for each pair of parts."""
    return (type(posterior), type(prior)) in AT_DRAWS or _needs_no_draws(posterior, prior)


def _needs_no_draws(posterior: Posterior, prior: Prior) -> bool:
    """Whether `closed_form_kl` has an answer."""
    if isinstance(posterior, JointPosterior) and isinstance(prior, ProductPrior):
        return all(map(_needs_no_draws, posterior.parts, prior.parts))
    return (type(posterior), type(prior)) in CLOSED_FORMS


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

    The KL is that of `closed_form_kl`, and depends on no draw. With latents in layers the KL of a layer is a
    mean over the draws of the layers above. pullback(dz, dkl) returns dq_params. InputError where neither
    table has a row.
    """
    if form := AT_DRAWS.get((type(posterior), type(prior))):
        return form(posterior, prior, q_params, noise=noise, draws=draws, mode=mode)
    kl, kl_pullback = closed_form_kl(posterior, prior, q_params)
    z, z_pullback = posterior.sample(q_params, noise=noise, draws=draws, mode=mode)

    def pullback(dz: Array, dkl: Array) -> Array:
        return z_pullback(dz) + kl_pullback(dkl)

    return (z, kl), pullback


def closed_form_kl(posterior: Posterior, prior: Prior, q_params: Array) -> tuple[Array, Pullback]:
    """The KL of each group of latents (B, G) in nats. pullback(dkl) returns dq_params.

    Each independent latent is a group, so that G is Z. Latents that are one choice, or that depend on each
    other through a norm, are one group. InputError where the table has no row.
    """
    form = CLOSED_FORMS.get((type(posterior), type(prior)))
    if form is None:
        pair = f"{type(posterior).__name__} to {type(prior).__name__}"
        if has_closed_form(posterior, prior):
            why = f"that from {pair} depends on the draws of the layers above"
            raise InputError(f"closed_form_kl: {why}: take sample_with_kl")
        none = "sampled_elbo and iwae need none"
        others = "reconstruction takes a Point" if isinstance(posterior, Point) else none
        known = [p.__name__ for q, p in CLOSED_FORMS if q is type(posterior)]
        to = f" (there is one to {' and to '.join(known)})" if known else ""
        raise InputError(
            f"closed_form_kl: no closed form is known from {pair}{to}; of the objectives {others}"
        )
    return form(posterior, prior, q_params)
