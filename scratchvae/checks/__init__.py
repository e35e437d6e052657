"""Checks for anyone's code, using nothing else of the package: gradients against differences, draws against
their density.
"""

from scratchvae.checks.gradients import Comparison, GradientError, check_pullback, derivative
from scratchvae.checks.sampling import Moment, check_draws

__all__ = ["Comparison", "GradientError", "Moment", "check_draws", "check_pullback", "derivative"]
