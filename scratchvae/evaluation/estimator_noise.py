"""The noise of one step: an objective's value and gradient vary from draw to draw."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, require_count
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode, named_parameters
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
        """E‖g − E g‖², the sum of the variances of all entries of g.

        g are the gradients of the Parameters whose names begin with `prefix`.
        """
        return float(
            sum(
                variance.sum() for name, variance in self.gradient_variance.items() if name.startswith(prefix)
            )
        )

    def signal(self, prefix: str = "") -> float:
        """‖E g‖ for the Parameters whose names begin with `prefix`, at least 0.

        The noise of the mean adds variance / draws to its square, which is subtracted.
        """
        squares = sum(
            float((mean**2).sum()) for name, mean in self.gradient_mean.items() if name.startswith(prefix)
        )
        return float(np.sqrt(max(squares - self.total_variance(prefix) / self.draws, 0.0)))

    def signal_to_noise(self, prefix: str = "", *, of: "EstimatorNoise | None" = None) -> float:
        """‖E g‖ / √E‖g − E g‖², the reliability of one evaluation.     Rainforth et al. 2018, section 3.

        `of` is an estimator that has the same mean and less noise: the signal is then taken from it.
        """
        return (of or self).signal(prefix) / float(np.sqrt(self.total_variance(prefix)))


def estimator_noise(
    model: Model,
    objective: Objective,
    batch: Batch,
    *,
    draws: int,
    rng: np.random.Generator,
    mode: Mode = EVALUATION,
) -> EstimatorNoise:
    """Evaluate the objective on one batch `draws` times, by default in evaluation mode.

    The model's gradients are None afterwards. Two estimators of one quantity have equal means, and are
    compared by their variances (Kingma & Welling 2014, section 2.2).
    """
    require_count("estimator_noise", "draws", draws, 2)
    parameters = named_parameters(model)
    mean: dict[str, Array] = {name: np.zeros(p.value.shape) for name, p in parameters.items()} | {
        "": np.zeros(())
    }
    squares: dict[str, Array] = {name: np.zeros_like(m) for name, m in mean.items()}
    for parameter in parameters.values():
        parameter.grad = None  # the gradient of an earlier pullback would be added to the first one
    for k in range(1, draws + 1):
        report, pullback = objective(model, batch, objective.draw_noise(model, len(batch), rng), mode=mode)
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
