"""Cases of wake-sleep's objectives, each as an op of the Parameters that it fills.

Draws and their weights are held fixed.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Linear, Mode, Sequential, Tanh
from scratchvae.models import HelmholtzMachine
from scratchvae.objectives import Pass, ReweightedRecognition, ReweightedWake, Sleep, Wake
from scratchvae.posteriors import Noise
from scratchvae.reference.cases.case import Case, normal, objective_case

B, D, K = 3, 4, 3
HIDDEN = (3, 2)
H = sum(HIDDEN)
X = np.array([[0.0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1]])
GENERATIVE, RECOGNITION = ("top", "generation"), ("recognition",)


def machine() -> HelmholtzMachine:
    """Return a machine of two hidden layers, whose lowest conditionals have a hidden layer of their own."""
    one = HelmholtzMachine(
        event_shape=(D,),
        hidden=HIDDEN,
        generation=[Linear(2, 3, rng=1), Sequential(Linear(3, 3, rng=2), Tanh(), Linear(3, D, rng=3))],
        recognition=[Sequential(Linear(D, 3, rng=4), Tanh(), Linear(3, 3, rng=5)), Linear(3, 2, rng=6)],
    )
    one.top.value = normal(2, seed=7)
    return one


@dataclass(frozen=True, eq=False)
class HeldWeights(Pass):
    """A pass whose weights stay what they were, while its log q moves."""

    held: Array | None = None

    @property
    def log_weights(self) -> Array:
        """Return the weights that are held."""
        assert self.held is not None
        return self.held


class HeldDraws(HelmholtzMachine):
    """A machine whose draws from q, and their weights, are those of a copy that never moves."""

    def __init__(self, model: HelmholtzMachine) -> None:
        super().__init__(
            event_shape=model.event_shape,
            hidden=model.hidden,
            generation=model.generation,
            recognition=model.recognition,
        )
        self.top.value = model.top.value
        self.still = deepcopy(model)

    def recognize(
        self, *, x: Array, uniform: Array, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """Return the copy's draws, and the gradient of the model's own log q at them."""
        (h, log_q), _ = self.still.recognize(x=x, uniform=uniform)
        _, pullback = self.log_recognition(x=x, h=h, mode=mode)
        return (h, log_q), pullback

    def run(self, batch: Batch, noise: Noise, *, draws: int = 1, **settings: Any) -> tuple[Pass, Pullback]:
        """Return the copy's draws and weights, and the model's own log q at these draws."""
        one, pullback = super().run(batch, noise, draws=draws, **settings)
        log_q, _ = self.log_recognition(x=batch.repeat(draws).x, h=one.z)
        parts = (one.log_px, one.q_params, one.z, one.log_pz, log_q.reshape(-1, draws))
        return HeldWeights(*parts, held=one.log_weights), pullback


def cases() -> list[Case]:
    """Return the cases, built anew, since models hold state.

    Draws are step functions of the Parameters from which they are drawn. The losses of p hold the Parameters
    of q fixed, and the losses of q those of p. Only the q of ReweightedRecognition moves while its draws and
    weights must not.
    """
    rng = np.random.default_rng(8)
    one, several, dreams = (rng.random(shape) for shape in ((B, H), (B * K, H), (B, D + H)))
    return [
        objective_case("Wake", Wake(), machine(), X, noise=one, over=GENERATIVE),
        objective_case("Sleep", Sleep(), machine(), X, noise=dreams, over=RECOGNITION),
        objective_case("ReweightedWake", ReweightedWake(K), machine(), X, noise=several, over=GENERATIVE),
        objective_case(
            "ReweightedRecognition",
            ReweightedRecognition(K),
            HeldDraws(machine()),
            X,
            noise=several,
            over=RECOGNITION,
        ),
    ]
