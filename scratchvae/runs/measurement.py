"""The measurements of a run's model on examples, from which its metrics are computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.evaluation import bound, log_likelihood
from scratchvae.objectives import Objective
from scratchvae.posteriors import Point
from scratchvae.runs.folder import Run


@dataclass(frozen=True)
class Measurement:
    """A run's model and the examples that it is judged on; metrics are computed from its parts.

    Each part is computed once, when somebody asks for it. log p(x) is estimated for the first `likelihood_of`
    examples, with `samples` draws of each; 0 draws leave it out.
    """

    run: Run
    data: Dataset
    objective: Objective
    samples: int
    likelihood_of: int
    seed: int

    @cached_property
    def terms(self) -> dict[str, float]:
        """The mean loss, and the mean of each term of the objective, over all passes.

        Each pass has draws of its own.
        """
        return _means(self._drawn(self.data))

    @cached_property
    def terms_of_first(self) -> dict[str, float]:
        """The terms of the examples whose log p(x) is estimated."""
        return _means(self._drawn(self.first))

    def error(self, name: str) -> tuple[float, str] | None:
        """Return the standard error of a metric, and whether it comes from the draws or the examples.

        The error of a bound comes from passes over these same examples, each with draws of its own. The error
        of log p(x) says how far the mean of other examples like these may be; its many draws of each example
        move it less. Any other metric gives None.
        """
        found, over = 0.0, "draws"
        if name in ("bound", "bound_of_those"):
            found = self._error_of_draws(self.data if name == "bound" else self.first)
        elif name == "log_likelihood" and len(self.log_px) > 1:
            found, over = float(self.log_px.std(ddof=1) / np.sqrt(len(self.log_px))), "examples"
        return (found, over) if found > 0 else None

    def _drawn(self, data: Dataset) -> list[dict[str, float]]:
        """Return the objective's terms on `data`, once for each pass."""
        binarized, rng = self.run.config.binarized, self.rng()
        if len(data) not in self._passes:
            rounds = range(passes(len(data)))
            self._passes[len(data)] = [
                bound(self.run.model, data, self.objective, rng=rng, binarized=binarized) for _ in rounds
            ]
        return self._passes[len(data)]

    @cached_property
    def _passes(self) -> dict[int, list[dict[str, float]]]:
        return {}

    def _error_of_draws(self, data: Dataset) -> float:
        bounds = [terms["bound"] for terms in self._drawn(data) if "bound" in terms]
        return float(np.std(bounds, ddof=1) / np.sqrt(len(bounds))) if len(bounds) > 1 else 0.0

    @cached_property
    def first(self) -> Dataset:
        """The examples whose log p(x) is estimated."""
        return self.data.subset(slice(0, self.likelihood_of))

    @cached_property
    def log_px(self) -> Array:
        """The estimates of log p(x) of the first examples, (likelihood_of,) in nats."""
        binarized = self.run.config.binarized
        return log_likelihood(
            self.run.model, self.first, samples=self.samples, rng=self.rng(), binarized=binarized
        )

    @property
    def weighable(self) -> bool:
        """Whether log p(x) is asked for, and the model has a density to weigh draws by."""
        return self.samples > 0 and not isinstance(getattr(self.run.model, "posterior", None), Point)

    def rng(self) -> np.random.Generator:
        """Return the generator that every metric starts with, whatever other metrics are asked for."""
        return np.random.default_rng(self.seed)


def passes(examples: int) -> int:
    """Return how often so many examples pass through the model.

    That is until 2000 draws are made, but at least 4 and at most 100 times.
    """
    return min(max(4, -(-2000 // examples)), 100)


def _means(several: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([terms[name] for terms in several])) for name in several[0]}
