"""The interface that wake-sleep's objectives need: a model with binary hidden units that can dream.

Letters: B examples, D entries, H hidden units.
"""

from typing import Any, Protocol

from scratchvae.arrays import Array, InputError, Pullback
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.interface import Model


class BeliefNet(Model, Protocol):
    """p(x, h) and q(h|x) over binary x (B, D) and h (B, H). Draws pass no gradient on.

    In a pass, z is h: `dlog_px` and `dlog_pz` fill the generative Parameters, and `dlog_q` those of q at the
    draws.
    """

    n_hidden: int

    def dream(self, *, uniform: Array) -> tuple[Array, Array]:
        """(x, h) ~ p(x, h), `uniform` (B, D + H) from U(0, 1)."""

    def log_recognition(self, *, x: Array, h: Array, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log q(h|x) (B,) in nats; pullback(dlog_q)."""


def require_moving_draws(where: str, model: Any, mode: Mode) -> None:
    """Raise InputError where a gradient needs draws that move with q, and the model's draws do not."""
    if mode.training and hasattr(model, "dream"):
        expected = "draws should move with q, as those of a Gaussian do"
        remedy = "train it by its own phases (wake_sleep, reweighted_wake_sleep)"
        raise InputError(f"{where}: {expected}; those of a {type(model).__name__} do not: {remedy}")


def require_belief_net(where: str, model: Any) -> None:
    """Raise InputError for a model that cannot dream."""
    if not hasattr(model, "dream"):  # isinstance would take ten times as long, at every step
        raise InputError(f"{where}: the model should be a HelmholtzMachine, found {type(model).__name__}")
