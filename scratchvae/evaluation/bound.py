"""An objective's terms as means over a data set."""

import numpy as np

from scratchvae.data import Dataset, binarize
from scratchvae.layers import EVALUATION, dtype_of
from scratchvae.objectives import Objective, Trainable


def bound(
    model: Trainable,
    data: Dataset,
    objective: Objective,
    *,
    rng: np.random.Generator,
    binarized: bool = False,
    batch_size: int = 500,
) -> dict[str, float]:
    """The mean loss and the mean of each term, in nats per example, in evaluation mode; `binarized` draws x ~ Bernoulli(x)."""
    dtype = dtype_of(model)
    totals: dict[str, float] = {}
    for start in range(0, len(data), batch_size):
        x = data.batch(slice(start, start + batch_size), dtype)
        model.likelihood.require_support(x)
        x = binarize(x, rng) if binarized else x
        report, _ = objective(model, x, objective.draw_noise(model, len(x), rng), mode=EVALUATION)
        for name, mean in report.means().items():
            totals[name] = totals.get(name, 0.0) + mean * len(x)
    return {name: total / len(data) for name, total in totals.items()}
