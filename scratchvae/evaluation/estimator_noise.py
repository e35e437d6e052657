"""How much an objective's value and gradient scatter from draw to draw: what a step's direction is worth."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, require_count
from scratchvae.data import Batch
from scratchvae.layers import named_parameters
from scratchvae.objectives import Model, Objective


@dataclass(frozen=True)
class EstimatorNoise:
    """Means and variances over `draws` evaluations, each with noise of its own.

    The standard error of a mean is √(variance / draws).
    """

    draws: int
    loss_mean: float
    loss_variance: float
    gradient_mean: dict[str, Array]  # by the Parameter's name
    gradient_variance: dict[str, Array]

    def total_variance(self, prefix: str = "") -> float:
        """E‖g − E g‖², the sum of the variances of all entries of g, the gradients of Parameters whose names begin so."""
        return float(sum(variance.sum() for name, variance in self.gradient_variance.items() if name.startswith(prefix)))


def estimator_noise(model: Model, objective: Objective, batch: Batch, *, draws: int, rng: np.random.Generator) -> EstimatorNoise:
    """Evaluate the objective on one batch, in evaluation mode, `draws` times; the model's gradients are left as None.

    Two estimators of one quantity have equal means, and are compared by their variances (Kingma & Welling 2014, section 2.2).
    """
    require_count("estimator_noise", "draws", draws, 2)
    parameters = named_parameters(model)
    mean: dict[str, Array] = {name: np.zeros(p.value.shape) for name, p in parameters.items()} | {"": np.zeros(())}
    squares: dict[str, Array] = {name: np.zeros_like(m) for name, m in mean.items()}
    for parameter in parameters.values():
        parameter.grad = None  # what an earlier pullback left would be added to the first draw's
    for k in range(1, draws + 1):
        report, pullback = objective(model, batch, objective.draw_noise(model, len(batch), rng))
        pullback()
        found: dict[str, Array] = {"": np.asarray(report.loss)}
        for name, parameter in parameters.items():
            found[name] = np.zeros(()) if parameter.grad is None else parameter.grad
            parameter.grad = None
        for name, value in found.items():  # Welford 1962
            difference = value - mean[name]
            mean[name] = mean[name] + difference / k
            squares[name] = squares[name] + difference * (value - mean[name])
    variance = {name: s / (draws - 1) for name, s in squares.items()}
    return EstimatorNoise(draws, float(mean.pop("")), float(variance.pop("")), mean, variance)
