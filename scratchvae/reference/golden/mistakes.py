"""Negative vectors: what well-known faulty forms of a case give.

With them a comparison can show that it would catch these forms.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

from scratchvae import ops
from scratchvae.arrays import Array, Pullback
from scratchvae.distributions import bernoulli
from scratchvae.objectives import Ciwae, Elbo, Iwae, Mmd, Renyi, SampledElbo, TotalCorrelation
from scratchvae.reference.cases.case import Case, normal
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, B, K, Z
from scratchvae.reference.golden.alterations import (
    Change,
    exchanged,
    instead,
    multiplied,
    plus,
    through,
    weighed,
)

LOG_TWO_PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Mistake:
    """A faulty form of one case: its name, its words, and the change from the right op to the faulty one."""

    name: str
    case: str
    words: str
    change: Change


def _twice(a: Array) -> tuple[Array, Pullback]:
    return 2 * a, lambda d: 2 * d


def _half(a: Array) -> tuple[Array, Pullback]:
    return a / 2, lambda d: d / 2


def _of_std(mean: Array, log_var: Array, *, noise: Array) -> tuple[Array, Pullback]:
    return mean + log_var * noise, lambda dz: (dz, dz * noise)


def _unnormalized(case: Case) -> Case:
    def op(z: Array, logits: Array, means: Array, log_vars: Array) -> tuple[Array, Pullback]:
        value, right = case.op(z, logits, means, log_vars)
        total, total_pullback = ops.log_sum_exp(logits, axis=0)

        def pullback(dvalue: Array) -> tuple[Array, ...]:
            dz, dlogits, dmeans, dlog_vars = right(dvalue)
            return dz, dlogits + total_pullback(np.asarray(dvalue.sum(), value.dtype)), dmeans, dlog_vars

        return value + total, pullback

    return replace(case, op=op)


def _column_weights(N: int) -> TotalCorrelation:
    """Put the stratified weight of the example after the own one into the second column instead."""
    penalty = TotalCorrelation(3.0, examples=N)
    shares = np.full((B, B), 1 / (B - 1))
    np.fill_diagonal(shares, 1 / N)
    shares[:, 1] = (N - B + 1) / (N * (B - 1))
    object.__setattr__(penalty, "shares", lambda *_, **__: shares)
    return penalty


def _softmax(a: Array) -> tuple[Array, Pullback]:
    return ops.softmax(a, axis=-1)


ENTRIES = multiplied(lambda arrays: 1 / next(iter(arrays.values())).shape[1])
MISTAKES = (
    Mistake("log_var_for_log_std", "gaussian.kl_to_standard", "σ = exp(log_var)", through("log_var", _twice)),
    Mistake(
        "kl_without_half", "gaussian.kl_to_standard", "the factor ½ is missing", multiplied(lambda _: 2.0)
    ),
    Mistake("kl_sign", "gaussian.kl_to_standard", "−KL for KL", multiplied(lambda _: -1.0)),
    Mistake(
        "kl_averaged_over_latents", "gaussian.kl_to_standard", "a mean over the latents for the sum", ENTRIES
    ),
    Mistake(
        "kl_without_one",
        "gaussian.kl_to_standard",
        "½ (mean² + σ² − log σ²): KL(p ‖ p) is not 0",
        plus(lambda mean, log_var: np.full(len(mean), mean.shape[1] / 2)),
    ),
    Mistake("kl_arguments_swapped", "gaussian.kl", "KL(p ‖ q) for KL(q ‖ p)", exchanged),
    Mistake(
        "log_var_for_log_std",
        "gaussian.reparameterize",
        "z = mean + exp(log_var) · noise",
        through("log_var", _twice),
    ),
    Mistake("log_var_for_std", "gaussian.reparameterize", "z = mean + log_var · noise", instead(_of_std)),
    Mistake(
        "constants_dropped",
        "gaussian.log_prob",
        "without −½ D log 2π",
        plus(lambda x, mean, log_var: np.full(len(x), x.shape[1] / 2 * LOG_TWO_PI)),
    ),
    Mistake("averaged_over_entries", "gaussian.log_prob", "a mean over the entries for the sum", ENTRIES),
    Mistake(
        "log_scale_for_log_var",
        "laplace.log_prob",
        "log s is read as the logarithm of s²",
        through("log_scale", _half),
    ),
    Mistake("averaged_over_entries", "bernoulli.log_prob", "a mean over the entries for the sum", ENTRIES),
    Mistake(
        "sign", "bernoulli.log_prob", "the cross-entropy for the log-probability", multiplied(lambda _: -1.0)
    ),
    Mistake(
        "probabilities_as_logits",
        "bernoulli.log_prob",
        "a sigmoid comes before the logits",
        through("logits", ops.sigmoid),
    ),
    Mistake(
        "softmax_before_logits",
        "categorical.log_prob",
        "a softmax comes before the logits",
        through("logits", _softmax),
    ),
    Mistake("kl_arguments_swapped", "categorical.kl", "KL(p ‖ q) for KL(q ‖ p)", exchanged),
    Mistake(
        "factorial_dropped",
        "poisson.log_prob",
        "without −log x!",
        plus(lambda log_rate, x: gammaln(x + 1).sum(axis=1)),
    ),
    Mistake(
        "coefficient_dropped",
        "multinomial.log_prob",
        "without log n! − Σ log x!",
        plus(lambda logits, x: gammaln(x + 1).sum(axis=1) - gammaln(x.sum(axis=1) + 1)),
    ),
    Mistake(
        "normalizer_dropped",
        "continuous_bernoulli.log_prob",
        "the Bernoulli's log p of grey values",
        instead(bernoulli.log_prob),
    ),
    Mistake("weights_unnormalized", "mixture.log_prob", "exp(logits) for softmax(logits)", _unnormalized),
    Mistake("summed_over_batch", "Elbo", "a sum over the batch for the mean", multiplied(lambda _: float(B))),
    Mistake("kl_left_out", "Elbo", "the reconstruction alone", weighed(Elbo(beta=0.0), LATENT_NOISE)),
    Mistake(
        "kl_detached",
        "Elbo",
        "the loss is right, and the KL has no gradient",
        weighed(Elbo(), LATENT_NOISE, slopes_of=Elbo(beta=0.0)),
    ),
    Mistake("beta_forgotten", "Elbo: beta", "β = 1 for 4", weighed(Elbo(), LATENT_NOISE)),
    Mistake(
        "mean_of_logs",
        "Iwae",
        "the mean of K bounds for the bound of K draws",
        weighed(SampledElbo(samples=K), LATENT_NOISES),
    ),
    Mistake(
        "groups_and_samples_swapped",
        "Iwae: groups",
        "K groups of M draws for M of K",
        weighed(Iwae(3, groups=2), normal(6 * B, Z)),
    ),
    Mistake(
        "parts_exchanged", "Ciwae", "β weighs the other bound", weighed(Ciwae(K, beta=0.7), LATENT_NOISES)
    ),
    Mistake("order_of_alpha", "Renyi", "α for 1 − α", weighed(Renyi(K, alpha=0.4), LATENT_NOISES)),
    Mistake(
        "stratified_column",
        "Elbo: TotalCorrelation, stratified",
        "the stratified weight stands in one column for all examples",
        weighed(Elbo(beta=0.5, penalties=(_column_weights(7),)), (LATENT_NOISE, None)),
    ),
    Mistake(
        "pairs_of_one_with_itself",
        "Elbo: Mmd",
        "means over all pairs, those of a code with itself too",
        weighed(Elbo(beta=0.5, penalties=(Mmd(5.0, estimator="v"),)), (LATENT_NOISE, normal(B, Z, seed=11))),
    ),
)


def mistakes_of(case: Case) -> list[Mistake]:
    """Return the faulty forms of a case."""
    return [mistake for mistake in MISTAKES if mistake.case == case.name]
