"""The bound of M2, a model that is told the class of some examples and infers the class of the others.

Letters: B examples, C classes, R pairs of an example and a class. Kingma, Rezende, Mohamed & Welling 2014,
section 3.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_at_least
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.annealing import Schedule, weight_in
from scratchvae.objectives.closed_form_kl import has_closed_form
from scratchvae.objectives.interface import Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class SemiSupervised(Objective):
    """loss = −⟨log_px⟩ + β ⟨kl⟩ − α ⟨log_qy⟩

    ⟨ ⟩ is the mean over the batch. A hidden class is −1 in the batch, and is summed over exactly. With one
    draw z_y ~ q(z|x, y) for each class,

        log_px = Σ_y w_y log p(x|z_y, y)
        kl = Σ_y w_y (KL(q(z|x, y) ‖ p(z|y)) − log p(y) + log w_y)

    where w_y = q(y|x), the classifier of the model, for an example whose class is hidden, and w_y = 1 at the
    class of any other example. So log_px − kl is a lower bound on log p(x) for the former, and on log p(x, y)
    for the latter. An example with a class costs one pass through the networks, and one without costs C. The
    classifier learns by both kinds of example: `alpha` is the weight of its own loss, for examples with a
    class. The paper takes α = 0.1 N/n, where n of N examples have a class, which is 10 if one of a hundred
    has. The KL of z has its closed form where there is one, and is sampled elsewhere.

    The terms are bound = log_px − kl (called "surrogate" where draws are relaxed), log_px, kl, and log_qy,
    the logarithm of q(y|x) at the class, which is 0 where none is known. Equations 6 to 9; β is the weight
    that Elbo has (Higgins et al. 2017).
    """

    alpha: float = 10.0
    beta: float | Schedule = 1.0

    def __post_init__(self) -> None:
        require_at_least("SemiSupervised", "alpha", self.alpha, 0)
        if not callable(self.beta):
            require_at_least("SemiSupervised", "beta", self.beta, 0)

    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise for each example with each class. The classes of an example are neighbours."""
        return model.draw_noise(rows * _classes_of(model), rng)

    def __call__(
        self, model: Any, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        B, C = len(batch), _classes_of(model)
        given = -1 if batch.y is None else batch.y
        y = model.condition.read("SemiSupervised", given, B, hidden=True)
        told = y >= 0
        log_q, classifier_pullback = model.log_classes(batch, mode=mode)
        at_class = y[:, None] == np.arange(C)
        tried = at_class | ~told[:, None]  # the pairs that are passed through the networks
        example, each = np.nonzero(tried)
        closed = has_closed_form(model.posterior, model.prior)
        one, run_pullback = model.run(
            batch.at(example, y=each),
            _rows_of(noise, np.flatnonzero(tried)),
            kl="closed_form" if closed else "sampled",
            mode=mode,
        )
        dtype = one.log_px.dtype.type
        alpha, beta = dtype(self.alpha), dtype(weight_in(mode, self.beta))
        kl_z = one.kl.sum(axis=1) if one.kl is not None else one.sampled_kl[:, 0]
        log_px_of, kl_of = np.zeros((2, B, C), dtype)
        log_px_of[tried], kl_of[tried] = one.log_px[:, 0], kl_z
        weights = np.where(told[:, None], at_class, np.exp(log_q)).astype(dtype)
        log_weights = np.where(told[:, None], 0, log_q)
        excess = kl_of - model.condition.log_shares.astype(dtype) + log_weights
        log_px, kl = (weights * log_px_of).sum(axis=1), (weights * excess).sum(axis=1)
        log_qy = (at_class * log_q).sum(axis=1)
        losses = -log_px + beta * kl - alpha * log_qy
        name = "surrogate" if one.relaxed else "bound"
        terms = {name: log_px - kl, "log_px": log_px, "kl": kl, "log_qy": log_qy}

        def pullback() -> None:
            share = (weights[tried] / dtype(B))[
                :, None
            ]  # ∂loss/∂log_px_by = −w_by / B,  ∂loss/∂kl_by = β w_by / B
            if closed:
                run_pullback(dlog_px=-share, dkl=np.repeat(beta * share, one.kl.shape[1], axis=1))
            else:
                run_pullback(dlog_px=-share, dlog_pz=-beta * share, dlog_q=beta * share)
            by_bound = weights * (
                beta * excess - log_px_of + beta
            )  # w_y (β (kl_y − log p(y) + log w_y) − log_px_y + β)
            dlog_q = np.where(told[:, None], -alpha * at_class, by_bound) / dtype(
                B
            )  # −α at a class that is known
            classifier_pullback(dlog_q.astype(dtype))

        return Report(float(losses.mean(dtype=np.float64)), terms), pullback


def _classes_of(model: Any) -> int:
    """The number of classes that the model's classifier tells apart."""
    if getattr(model, "classifier", None) is None:
        expected = (
            "the model should be a ConditionalVAE with a classifier, which says what class an example may be"
        )
        raise InputError(f"SemiSupervised: {expected}; found a {type(model).__name__} without")
    count: int = model.condition.width
    return count


def _rows_of(noise: Noise, rows: Array) -> Noise:
    """The given rows of a noise, whose parts are arrays, or tuples of arrays, with a row for each draw."""
    return tuple(_rows_of(part, rows) for part in noise) if isinstance(noise, tuple) else noise[rows]
