"""The subject of a report is a run; each part that several sections need is computed once, on demand."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data import Batch, Dataset
from scratchvae.layers import dtype_of
from scratchvae.models import Classes, LatentVariableModel
from scratchvae.runs.folder import Run
from scratchvae.runs.judgement import Judgement, objective_of
from scratchvae.runs.reading import Reading, read_run

SHOWN = 2000  # the number of examples whose codes are shown
COMPARED = 20_000  # the number of training examples that are searched for the nearest one
DRAWS, WEIGHED = 100, 500  # the numbers of draws and of examples for log p(x)
FRAME = "time"  # the factor that frames of a sound have
FEW_ENTRIES = 30  # counts of more entries, with names, are those of a text and not of a table


@dataclass(frozen=True)
class Subject:
    """A run, its folder as it is read, some of its examples, and their codes."""

    run: Run

    @cached_property
    def reading(self) -> Reading:
        """The run's records."""
        return read_run(self.run.folder)

    @property
    def name(self) -> str:
        """The title of the page, which is the folder's name."""
        return self.run.folder.resolve().name

    @cached_property
    def shown(self) -> Dataset:
        """The first of the examples that the model is judged on."""
        return self.run.judged.subset(slice(0, SHOWN))

    @property
    def judged_on(self) -> str:
        """A word for these examples: training or held-out."""
        return "training" if self.run.held_out is None else "held-out"

    @cached_property
    def judgement(self) -> Judgement:
        """The judgement of the model on these examples."""
        judged, objective = self.run.judged, objective_of(self.run)
        return Judgement(self.run, judged, objective, DRAWS, min(WEIGHED, len(judged)), self.run.config.seed)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """What `evaluate` finds of the model; empty where it cannot be judged on the data."""
        try:
            return self.judgement.metrics()
        except (InputError, FloatingPointError):
            return {}

    @cached_property
    def codes(self) -> Array:
        """The codes (N, Z) of the shown examples."""
        return np.asarray(self.run.model.transform(self.shown))

    @property
    def has_latents(self) -> bool:
        """Whether each example has a vector of real latents."""
        return isinstance(self.run.model, LatentVariableModel)

    @property
    def latent_model(self) -> Any:
        """The model, where it `has_latents`, so that it encodes and decodes."""
        return self.run.model

    @property
    def kind(self) -> str:
        """The kind of the examples: "images", "sound", "text" or "columns"."""
        data = self.run.judged
        if len(data.event_shape) == 3:
            return "images"
        if FRAME in data.factors:
            return "sound"
        if len(data.entry_names) > FEW_ENTRIES and getattr(data, "schema", None) is None and self._counts:
            return "text"
        return "columns" if len(data.event_shape) == 1 else "other"

    @property
    def _counts(self) -> bool:
        x = self.shown.batch(slice(0, 100)).x
        return bool((x >= 0).all() and (x == np.floor(x)).all())

    def told(self, n: int, *, many: bool = False) -> dict[str, Any]:
        """Return what the model is told of the first n examples, as the keyword y of `sample` and `decode`.

        The result is empty where the model is told nothing.
        """
        y = self.run.judged.y if self.run.model.condition is not None else None
        return {} if y is None else {"y": np.resize(y, (n, *y.shape[1:])) if many else y[:n]}

    def prior_draws(self, n: int) -> Array:
        """Draw n codes (n, Z) from z ~ p(z), or from p(z|y) with the y of the first examples."""
        model: Any = self.run.model
        rows = Batch(np.empty((n, 0), dtype_of(model)), self.told(n, many=True).get("y"))
        return np.asarray(model.prior_given(rows).sample(n, np.random.default_rng(self.run.config.seed)))

    def drawn(self, n: int, *, mean: bool = True) -> Array:
        """Decode n draws from the prior into (n, *event_shape), or draw x too with mean=False.

        A model that is told y is told that of the first examples, or each class equally often.
        """
        model: Any = self.run.model
        told = self.told(n, many=True)
        if isinstance(model.condition, Classes):
            told = {"y": np.arange(n) % model.condition.width}
        return np.asarray(model.sample(n, self.run.config.seed, mean=mean, **told))
