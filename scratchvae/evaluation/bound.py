"""The terms of an objective, as means over a data set."""

from dataclasses import replace

import numpy as np

from scratchvae.arrays import Array, require_count, require_flag
from scratchvae.data import Batch, Dataset, binarize
from scratchvae.layers import EVALUATION, dtype_of
from scratchvae.likelihoods import require_batch_supported
from scratchvae.objectives import Model, Objective, Report
from scratchvae.posteriors import Noise


class NotFinite(FloatingPointError):
    """The loss or a term of some example is no number.

    It holds the batch, its noise and report, and the places of the examples in their data set.
    """

    def __init__(self, words: str, batch: Batch, noise: Noise, report: Report, places: Array) -> None:
        super().__init__(words)
        self.batch, self.noise, self.report, self.places = batch, noise, report, places


def bound(
    model: Model,
    data: Dataset,
    objective: Objective,
    *,
    rng: np.random.Generator,
    binarized: bool = False,
    batch_size: int = 500,
) -> dict[str, float]:
    """The mean loss and the mean of each term, in nats per example, in evaluation mode.

    `binarized` draws x ~ Bernoulli(x). The term `bound` is a lower bound on log p(x), or where the likelihood
    takes a part of x as `given`, on log p(x | that part). Raises NotFinite where the loss or a term is NaN or
    infinite, and says which term was first, and for which examples.
    """
    require_count("bound", "batch_size", batch_size)
    require_flag("bound", "binarized", binarized)
    dtype = dtype_of(model)
    totals: dict[str, float] = {}
    seen = 0
    for batch in data.batches(batch_size, dtype):
        require_batch_supported(model.likelihood, batch)
        judged = replace(batch, x=binarize(batch.x, rng)) if binarized else batch
        noise = objective.draw_noise(model, len(batch), rng)
        with np.errstate(over="ignore", invalid="ignore"):  # NotFinite says it in words
            report, _ = objective(model, judged, noise, mode=EVALUATION)
        means = report.means()
        if not np.isfinite(list(means.values())).all():
            places = np.arange(seen, seen + len(batch))
            words = f"{data.name}: {what_went_first(report, places, judged.x)}"
            raise NotFinite(words, judged, noise, report, places)
        seen += len(batch)
        for name, mean in means.items():
            totals[name] = totals.get(name, 0.0) + mean * len(batch)
    return {name: total / len(data) for name, total in totals.items()}


def what_went_first(report: Report, places: Array, x: Array) -> str:
    """Say which term of a report is not finite first, and for which examples.

    x (B, D) are the examples, and `places` (B,) are their places in the data set.
    """
    first = report.first_not_finite()
    if first is None:
        return f"the loss is {report.loss}; each of its terms is finite, but not their sum"
    name, rows = first
    worst = x[rows[0]]
    column = int(np.argmax(np.abs(np.where(np.isfinite(worst), worst, 0))))
    which = f"example {places[rows[0]]}, whose largest entry is {worst[column]:g} in column {column}"
    many = f", and {len(rows) - 1} more of {len(x)}" if len(rows) > 1 else ""
    return f"the loss is {report.loss}; its term {name} is not finite first, for {which}{many}"
