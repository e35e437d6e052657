"""How a model is trained or judged: `report, pullback = objective(model, x, noise)`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.layers import EVALUATION, Layer, Mode
from scratchvae.likelihoods import Likelihood
from scratchvae.posteriors import Noise, Posterior
from scratchvae.priors import Prior


class Trainable(Protocol):
    """What every model has, whatever it is made of: what training, checkpoints and judgements ask for."""

    event_shape: tuple[int, ...]
    likelihood: Likelihood


class Model(Trainable, Protocol):
    """What most objectives need of a model; those of a BeliefNet say so."""

    encoder: Layer
    posterior: Posterior
    prior: Prior
    decoder: Layer


@dataclass(frozen=True)
class Report:
    """The number that is minimized, and the terms it is made of for each of B examples, in nats.

    `bound` among the terms is a lower bound on log p(x) whatever weights the loss gives its parts. In training mode, layers and
    likelihoods that fit themselves to the batch (BatchNorm, GaussianOptimal) make it one for that batch only.
    """

    loss: float
    terms: dict[str, Array]  # each (B,)

    def means(self) -> dict[str, float]:
        """The loss, and the mean of each term over the batch."""
        return {"loss": self.loss, **{name: float(term.mean(dtype=np.float64)) for name, term in self.terms.items()}}


class Objective(ABC):
    """A loss over a batch. It draws nothing itself: what draw_noise drew, handed back, gives the same numbers again.

    Each objective says in its signatures which kind of model it is for.
    """

    @abstractmethod
    def draw_noise(self, model: Any, batch: int, rng: np.random.Generator) -> Noise:
        """All the randomness of one call for `batch` examples."""

    @abstractmethod
    def __call__(self, model: Any, x: Array, noise: Noise, *, mode: Mode = EVALUATION) -> tuple[Report, Pullback]:
        """x (B, D)  ->  report; pullback() gives every Parameter that took part its gradient of the loss, a mean over B."""

    @abstractmethod
    def at(self, step: int) -> "Objective":
        """This objective with every schedule replaced by its number at `step`, counted from 0."""
