"""Checks for anyone's code: gradients against differences, and draws against their density.

They use no other part of the package but `arrays`.
"""

from scratchvae.checks.gradients import Comparison, GradientError, check_pullback, derivative
from scratchvae.checks.sampling import Moment, check_draws

__all__ = ["Comparison", "GradientError", "Moment", "check_draws", "check_pullback", "derivative"]
