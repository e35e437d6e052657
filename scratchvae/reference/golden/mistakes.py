"""Negative vectors: what well-known faulty forms of a case give, so that a comparison can show that it would
catch them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import gammaln

from scratchvae import ops
from scratchvae.arrays import Array, Pullback
from scratchvae.distributions import bernoulli
from scratchvae.objectives import Ciwae, Elbo, Iwae, Mmd, Objective, Renyi, SampledElbo, TotalCorrelation
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, B, K, X, Z, vae

LOG_TWO_PI = float(np.log(2 * np.pi))
Change = Callable[[Case], Case]


@dataclass(frozen=True)
class Mistake:
    """A faulty form of one case: its name, what it does in words, and the case with the faulty op in place of
    the right one.
    """

    name: str
    case: str
    words: str
    change: Change


def multiplied(factor: Callable[[Mapping[str, Array]], float]) -> Change:
    """The op times a number, which depends on the shapes of its arrays."""

    def change(case: Case) -> Case:
        by = factor(case.arrays)

        def op(*arrays: Array, **constants: Any) -> tuple[Array, Pullback]:
            value, right = case.op(*arrays, **constants)
            dtype = value.dtype.type
            return value * dtype(by), lambda dvalue: right(dvalue * dtype(by))

        return replace(case, op=op)

    return change


def plus(term: Callable[..., Array]) -> Change:
    """The op plus what none of its gradients shows: a constant of each example, of the arrays and constants
    by name.
    """

    def change(case: Case) -> Case:
        def op(*arrays: Array, **constants: Any) -> tuple[Array, Pullback]:
            value, right = case.op(*arrays, **constants)
            given = dict(zip(case.arrays, arrays, strict=True)) | constants
            return value + np.asarray(term(**given), value.dtype), right

        return replace(case, op=op)

    return change


def through(name: str, read: Callable[[Array], tuple[Array, Pullback]]) -> Change:
    """The op of an input that is read through another op first."""

    def change(case: Case) -> Case:
        place = list(case.arrays).index(name)

        def op(*arrays: Array, **constants: Any) -> tuple[Array, Pullback]:
            misread, read_pullback = read(arrays[place])
            value, right = case.op(*arrays[:place], misread, *arrays[place + 1 :], **constants)

            def pullback(dvalue: Array) -> Any:
                gradients = right(dvalue)
                if not isinstance(gradients, tuple):
                    return read_pullback(gradients)
                return *gradients[:place], read_pullback(gradients[place]), *gradients[place + 1 :]

            return value, pullback

        return replace(case, op=op)

    return change


def exchanged(case: Case) -> Case:
    """The op with the first and the second half of its inputs exchanged."""
    half = len(case.arrays) // 2

    def op(*arrays: Array, **constants: Any) -> tuple[Array, Pullback]:
        value, right = case.op(*arrays[half:], *arrays[:half], **constants)

        def pullback(dvalue: Array) -> tuple[Array, ...]:
            gradients = right(dvalue)
            return (*gradients[half:], *gradients[:half])

        return value, pullback

    return replace(case, op=op)


def instead(op: Callable[..., Any]) -> Change:
    """Another op of the same arrays and constants."""
    return lambda case: replace(case, op=op)


def weighed(objective: Objective, noise: Any, *, slopes_of: Objective | None = None) -> Change:
    """Another objective of the same model, data and noise; `slopes_of`: with the gradients of that one."""

    def change(case: Case) -> Case:
        value = objective_case(case.name, objective, vae(), X, noise=noise)
        if slopes_of is None:
            return value
        slopes = objective_case(case.name, slopes_of, vae(), X, noise=noise)
        return replace(value, op=lambda *arrays: (value.op(*arrays)[0], slopes.op(*arrays)[1]))

    return change


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
    """The stratified weight of the example after the own one, put into the second column instead."""
    penalty = TotalCorrelation(3.0, examples=N)
    shares = np.full((B, B), 1 / (B - 1))
    np.fill_diagonal(shares, 1 / N)
    shares[:, 1] = (N - B + 1) / (N * (B - 1))
    object.__setattr__(penalty, "_shares", lambda *_, **__: shares)
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
    """The faulty forms of a case."""
    return [mistake for mistake in MISTAKES if mistake.case == case.name]
