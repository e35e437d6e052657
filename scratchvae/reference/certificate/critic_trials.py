"""Trials of a critic of codes: its cross entropy and its penalty, as functions of what it says of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Layer, Mode, Parameter
from scratchvae.objectives import Critic, Discrimination
from scratchvae.reference.cases import Trial
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.models import POINT, B, X, Z, autoencoder

KINDS = {
    "ordinary": normal(2 * B, 1, seed=21),
    "near 0": normal(2 * B, 1, seed=22, scale=1e-9),
    "sure": np.array([[40.0], [-35], [700], [-800], [30], [90]]),
}
CANCEL = "T − log(1 + exp T) cancels where the critic is sure and right"


def critic_trials() -> list[Trial]:
    """Return both, on a critic that is undecided, one that is not, and one that is sure."""
    trials = []
    for kind, T in KINDS.items():
        trials.append(
            Trial(f"Discrimination: {kind}", _cross_entropy, _exact_cross_entropy, {"T": T}, {}, 1.0, CANCEL)
        )
        trials.append(Trial(f"Critic: {kind}", _fooled, _exact_fooled, {"T": T[:B]}))
    return trials


class _Says(Layer):
    """A critic that says T, whatever z is."""

    def __init__(self, T: Array) -> None:
        self.T = Parameter(T)

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        def pullback(dT: Array) -> Array:
            self.T.receive(dT)
            return np.zeros_like(x)

        return self.T.value, pullback


def _judged(T: Array) -> tuple[Any, _Says]:
    model, critic = autoencoder(), _Says(T)
    model.critic = critic
    return model, critic


def _taken(critic: _Says, fill: Callable[[], Any]) -> Array:
    critic.T.grad = None
    fill()
    assert critic.T.grad is not None
    return critic.T.grad


def _cross_entropy(T: Array) -> tuple[Array, Pullback]:
    """Compute the loss of Discrimination from what the critic says of B codes and of B other draws."""
    model, critic = _judged(T)
    report, loss_pullback = Discrimination("prior")(model, Batch(X), (POINT[0], np.zeros((B, Z))))

    def pullback(dloss: Array) -> Array:
        return dloss * _taken(critic, loss_pullback)

    return np.asarray(report.loss, T.dtype), pullback


def _exact_cross_entropy(T: Array) -> Any:
    m = mathematics()
    softplus = [m.log1p(m.exp(-t if k < B else t)) for k, t in enumerate(T[:, 0])]
    return np.asarray(sum(softplus) / (2 * B))


def _fooled(T: Array) -> tuple[Array, Pullback]:
    """Compute the non-saturating penalty Critic of each of B codes."""
    model, critic = _judged(T)
    batch = Batch(X.astype(T.dtype))
    one, _ = model.run(batch, POINT[0])
    penalty = Critic(1.0, against="prior", form="non_saturating")
    said, said_pullback = penalty(model, batch, one, None, mode=EVALUATION)

    def pullback(dsaid: Array) -> Array:
        return _taken(critic, lambda: said_pullback(dsaid))

    return said, pullback


def _exact_fooled(T: Array) -> Any:
    m = mathematics()
    return np.array([m.log1p(m.exp(t)) for t in T[:, 0]])
