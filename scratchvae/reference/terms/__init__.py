"""Terms of the family, each beside the faults that public code has in it.

`diagnose_term` compares a term of your loss, such as an MMD, a total correlation, or the norms of a
quantization, with the reference. Each file holds one kind of term: how its right value is had from this
library, and its faults, each as the wrong formula with the sentence that mends it.
"""

from scratchvae.reference.terms.diagnosing import TERMS, TermReport, diagnose_term
from scratchvae.reference.terms.term import Fault, Term

__all__ = ["TERMS", "Fault", "Term", "TermReport", "diagnose_term"]
