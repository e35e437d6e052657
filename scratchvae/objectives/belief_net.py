"""What wake-sleep's objectives need of a model with layers of binary hidden units, and the terms that both of its phases weigh.

log w_bk = log p(x_b|h_bk) + log p(h_bk) − log q(h_bk|x_b).     Letters: B examples, D entries, H hidden units, K draws.
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods import Likelihood


@runtime_checkable
class BeliefNet(Protocol):
    """p(x, h) and q(h|x) over binary x (B, D) and h (B, H), both drawn from uniform numbers that are handed in.

    `log_joint` fills the generative Parameters, `log_recognition` those of q: draws pass no gradient on.
    """

    event_shape: tuple[int, ...]
    likelihood: Likelihood
    n_hidden: int

    def recognize(self, *, x: Array, uniform: Array) -> tuple[Array, Array]:
        """(h, log q(h|x)), h ~ q(h|x)."""

    def dream(self, *, uniform: Array) -> tuple[Array, Array]:
        """(x, h) ~ p(x, h), `uniform` (B, D + H)."""

    def log_joint(self, *, x: Array, h: Array, mode: Mode = EVALUATION) -> tuple[tuple[Array, Array], Pullback]:
        """(log p(x|h), log p(h)), each (B,); pullback(dlog_px, dlog_ph)."""

    def log_recognition(self, *, x: Array, h: Array, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log q(h|x) (B,); pullback(dlog_q)."""


def require_belief_net(where: str, model: Any) -> None:
    """Raise InputError for a model that can't be asked to recognize and to dream."""
    if not hasattr(model, "dream"):  # isinstance takes ten times as long, at every step
        raise InputError(f"{where}: the model should be a HelmholtzMachine, found {type(model).__name__}")


def draw_uniform(where: str, model: BeliefNet, rows: int, rng: np.random.Generator) -> Array:
    """The noise of `rows` recognitions: (rows, H) from U(0, 1), float32.

    Of the 2²⁴ numbers that are drawn 0 becomes half a step: below it lies every probability, however small, and a unit that is on
    with 1e-30 would be on at every 2²⁴th draw, with a weight of 1e30.
    """
    require_belief_net(where, model)
    return np.maximum(rng.random((rows, model.n_hidden), dtype=np.float32), np.float32(2.0**-25))


def recognized_terms(
    model: BeliefNet, x: Array, uniform: Array, K: int, *, mode: Mode = EVALUATION
) -> tuple[tuple[Array, Array, Array, Array], Pullback]:
    """(log_px, log_ph, log_q) (B, K) and the draws h (B·K, H) that they are of; pullback(dlog_px, dlog_ph) to p's Parameters.

    `uniform` (B·K, H), the rows of one x side by side.
    """
    B = len(x)
    repeated = np.repeat(x, K, axis=0)
    h, log_q = model.recognize(x=repeated, uniform=uniform)
    (log_px, log_ph), joint_pullback = model.log_joint(x=repeated, h=h, mode=mode)

    def pullback(dlog_px: Array, dlog_ph: Array) -> None:
        joint_pullback(dlog_px.reshape(-1), dlog_ph.reshape(-1))

    return (log_px.reshape(B, K), log_ph.reshape(B, K), log_q.reshape(B, K), h), pullback
