"""The trials of the certificate: every law, objective and Bayes' rule, on ordinary and extreme inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Embedding, Layer, Linear, Mode, Parameter, cast
from scratchvae.likelihoods import Bernoulli, GaussianPerPixel
from scratchvae.models import VAE, NaiveBayes
from scratchvae.objectives import Elbo, Iwae, Objective, SampledElbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.reference.cases import Trial, all_parts
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.inputs import BITS, B, D
from scratchvae.reference.certificate import oracles
from scratchvae.reference.certificate.critic_trials import critic_trials

Z = 2
FAR = "log-weights near −10⁴"


def all_trials() -> list[Trial]:
    """Return every trial."""
    of_parts = (trial for part in all_parts() for trial in part.trials())
    return [*of_parts, *objective_trials(), *critic_trials(), *posterior_trials()]


class _Given(Layer):
    """A layer that gives q_params as they are, whatever x is."""

    def __init__(self, value: Array) -> None:
        self.q_params = Parameter(value)

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        def pullback(dy: Array) -> None:
            self.q_params.receive(dy)

        return self.q_params.value, pullback


def objective_trials() -> list[Trial]:
    """Return every objective of a variational model, with ordinary and extreme posteriors and weights."""
    kinds = {
        "ordinary": (normal(B, 2 * Z, seed=4), normal(Z, D, seed=5)),
        "wide and narrow posteriors": (
            np.array([[0.5, -1, -40, 3], [1, 2, 2, -40], [0, 0.1, -30, -30]], np.float64),
            normal(Z, D),
        ),
        "sure decoder": (normal(B, 2 * Z, seed=4), normal(Z, D, seed=5, scale=60.0)),
        "all weights equal": (np.tile([[0.3, -0.2, -60.0, -60.0]], (B, 1)), normal(Z, D, seed=5)),
        FAR: (normal(B, 2 * Z, seed=4), normal(Z, D, seed=5, scale=1e4)),
    }
    objectives: dict[str, tuple[Objective, dict[str, Any]]] = {
        "Elbo": (Elbo(), {}),
        "Elbo: beta": (Elbo(beta=4.0), {"beta": 4.0}),
        "Elbo: free bits": (Elbo(free_bits=0.3), {"free_bits": 0.3}),
        "Elbo: capacity": (Elbo(capacity=0.7), {"capacity": 0.7}),
        "SampledElbo": (SampledElbo(beta=2.0, samples=3), {"kind": "sampled", "K": 3, "beta": 2.0}),
        "Iwae": (Iwae(3), {"kind": "iwae", "K": 3}),
    }
    return [
        Trial(
            f"{name}: {kind}",
            _loss_op(objective),
            lambda q_params, W, settings=settings, **data: oracles.loss(q_params, W, **data, **settings),
            {"q_params": q_params, "W": W},
            {"x": BITS, "noise": normal(B * settings.get("K", 1), Z, seed=7)},
            floor=1e4 if kind == FAR else 1.0,
            why="log-weights near −10⁴ cancel" if kind == FAR else "gradients of draws and of terms cancel",
        )
        for name, (objective, settings) in objectives.items()
        for kind, (q_params, W) in kinds.items()
        if kind != FAR or name == "Iwae"  # the only one with weights
    ]


def _loss_op(objective: Objective) -> Callable[..., tuple[Array, Pullback]]:
    def op(q_params: Array, W: Array, *, x: Array, noise: Array) -> tuple[Array, Pullback]:
        encoder, decoder = _Given(q_params), Linear(W.shape[0], W.shape[1], bias=False, rng=0)
        model = VAE(
            event_shape=(D,),
            encoder=encoder,
            posterior=DiagonalGaussian(Z),
            prior=StandardGaussian(Z),
            decoder=decoder,
            likelihood=Bernoulli(),
        )
        cast(model, q_params.dtype)
        encoder.q_params.value, decoder.weight.value = q_params, W
        report, objective_pullback = objective(model, Batch(x), noise)

        def pullback(dloss: Array) -> tuple[Array | None, ...]:
            encoder.q_params.grad = decoder.weight.grad = None
            objective_pullback()
            return encoder.q_params.grad, decoder.weight.grad

        return np.asarray(report.loss), pullback

    return op


def posterior_trials() -> list[Trial]:
    """Return the class posteriors of naive Bayes, near the classes and far from all of them.

    An offset of the prior is tried too.
    """
    K = 3
    law = {"mean": normal(K, D, seed=8), "log_var": normal(K, D, seed=9)}
    near, log_prior = normal(B, D, seed=10), normal(K, seed=11)
    kinds = {  # log_prior, x, and how large the numbers are that cancel
        "ordinary": (log_prior, near, 1.0),
        "a thousand deviations from every class": (log_prior, 1e3 + near, 1e6),
        "offset 10⁴ of the prior": (1e4 + log_prior, near, 1e4),
        "offset −10⁴ of the prior": (-1e4 + log_prior, near, 1e4),
    }
    why = "log p(x|z) and log p(z) of the classes cancel"
    return [
        Trial(
            f"naive_bayes.predict_log_proba: {kind}",
            _class_posterior,
            oracles.class_posterior,
            {"log_prior": prior},
            {**law, "x": x},
            floor=floor,
            why=why,
        )
        for kind, (prior, x, floor) in kinds.items()
    ]


def _class_posterior(log_prior: Array, *, mean: Array, log_var: Array, x: Array) -> tuple[Array, Pullback]:
    """Compute what NaiveBayes predicts with such a table, in float64, and how that moves with log p(z)."""
    model = NaiveBayes(GaussianPerPixel())
    model.decoder, model.log_prior = Embedding(len(mean), 2 * D), log_prior.astype(np.float64)
    model.decoder.weight.value = np.concatenate([mean, log_var], axis=1).astype(np.float64)
    log_pz = model.predict_log_proba(x)

    def pullback(d: Array) -> Array:
        # dlog p(z) = Σ_n (d_n − p(z|x_n) Σ_k d_nk)
        return (d - np.exp(log_pz) * d.sum(axis=1, keepdims=True)).sum(axis=0)

    return log_pz, pullback
