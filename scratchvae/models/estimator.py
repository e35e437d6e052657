"""The interface of every model that is trained step by step."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods import Likelihood
from scratchvae.models.conditions import Condition
from scratchvae.models.fitting import Fitting
from scratchvae.models.weights import weights_differ
from scratchvae.objectives import Kl, Pass
from scratchvae.posteriors import Noise

AT_ONCE = 500  # examples: with parts of this size memory does not grow with the number of examples


class Estimator(Fitting):
    """A model that is trained step by step. Its pass is `run`, and its training has one phase or several.

    Every verb takes examples as (N, D) or (N, *event_shape), or a Dataset of such; data/README.md lists all
    forms. Numbers are taken as they stand, whatever their dtype: pixels from 0 to 255 should come as a
    Dataset of kind "pixels". A model of a table, whose likelihood has a schema, takes a DataFrame with its
    columns too. `y` is what else is known of the examples, one for all of them or one for each. A model whose
    `condition` is None has no use for y and ignores it, as scikit-learn's pipelines and cross-validation
    expect. Any other model refuses examples without y.
    """

    event_shape: tuple[int, ...]
    likelihood: Likelihood
    condition: Condition | None = None
    classifier: Any = None  # a Layer that infers the class of an example; before `fit` its widths

    def __sklearn_clone__(self) -> Self:
        """A model of the same parameters that is not fitted.

        Networks that were given have their first weights again.
        """
        copied = super().__sklearn_clone__()
        if (
            self._has_networks()
            and self.model_ is self
            and not weights_differ(self._held(), self.left_weights)
        ):
            copied._take(self.first_weights)
        return copied

    @abstractmethod
    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """All random numbers that `rows` draws of z need."""

    @abstractmethod
    def run(
        self,
        batch: Batch,
        noise: Noise,
        *,
        draws: int = 1,
        kl: Kl = "none",
        score: bool = True,
        mode: Mode = EVALUATION,
    ) -> tuple[Pass, Pullback]:
        """One pass of a batch, as `objectives.Model.run` defines it.

        The pullback fills the Parameters.
        """

    @abstractmethod
    def log_joint(
        self, batch: Batch, z: Array, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """log p(x|z) and log p(z), each (B, K), at given z (B·K, Z).

        `objectives.Model.log_joint` defines the pullback.
        """

    @abstractmethod
    def score_samples(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, seed: int = 0
    ) -> Array:
        """A log-probability of each example  ->  (N,) in nats."""

    def score(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> float:
        """The mean of score_samples over the examples, in nats."""
        return float(self.score_samples(x, y).mean())
