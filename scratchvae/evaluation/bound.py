"""An objective's terms as means over a data set."""

from dataclasses import replace

import numpy as np

from scratchvae.arrays import require_count
from scratchvae.data import Dataset, binarize
from scratchvae.layers import EVALUATION, dtype_of
from scratchvae.objectives import Model, Objective


def bound(
    model: Model,
    data: Dataset,
    objective: Objective,
    *,
    rng: np.random.Generator,
    binarized: bool = False,
    batch_size: int = 500,
) -> dict[str, float]:
    """The mean loss and the mean of each term, in nats per example, in evaluation mode; `binarized` draws x ~ Bernoulli(x)."""
    require_count("bound", "batch_size", batch_size)
    dtype = dtype_of(model)
    totals: dict[str, float] = {}
    for batch in data.batches(batch_size, dtype):
        model.likelihood.require_support(batch.x)
        judged = replace(batch, x=binarize(batch.x, rng)) if binarized else batch
        report, _ = objective(model, judged, objective.draw_noise(model, len(batch), rng), mode=EVALUATION)
        for name, mean in report.means().items():
            totals[name] = totals.get(name, 0.0) + mean * len(batch)
    return {name: total / len(data) for name, total in totals.items()}
