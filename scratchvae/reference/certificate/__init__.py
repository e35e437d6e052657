"""How true the reference is: values and gradients of laws and objectives beside mpmath's at 60 digits and
more.
"""

from scratchvae.reference.cases import Trial
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.certificate.certify import LIMITS, Certified, Truth, certify, truth
from scratchvae.reference.certificate.trials import all_trials

__all__ = ["LIMITS", "Certified", "Trial", "Truth", "all_trials", "certify", "mathematics", "truth"]
