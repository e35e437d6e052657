"""How true the reference is: values and gradients of distributions and objectives beside mpmath's at 60 digits and more."""

from scratchvae.reference.certificate.certify import LIMITS, Certified, Trial, certify

__all__ = ["LIMITS", "Certified", "Trial", "certify"]
