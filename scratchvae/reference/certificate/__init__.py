"""The certificate says how true the reference is: it has values and gradients beside mpmath's.

mpmath computes with 60 digits and more.
"""

from scratchvae.reference.cases import Trial
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.certificate.certify import LIMITS, Certified, Truth, certify, truth
from scratchvae.reference.certificate.trials import all_trials

__all__ = ["LIMITS", "Certified", "Trial", "Truth", "all_trials", "certify", "mathematics", "truth"]
