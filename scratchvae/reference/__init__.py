"""The reference: the table of cases that every check runs through, and tools that compare other code with it.

cases/          Part, all_parts: all that the checks know about a function or a role is one row in its law's
                file; Case, all_cases: every op, distribution, layer and objective on small arrays;
                SamplingCase, sampling_cases: every sampler beside its density
certificate/    values and gradients beside mpmath's
diagnosis/      diagnose, assert_matches: which quantity of a step departs, and which mistake it is
frameworks/     capture, check_torch, check_jax, check_keras: a model's own step; check_training: the loop
                around it; layer_from_torch, module_from_layer; state dicts
terms/          diagnose_term: terms of the family, such as an MMD, beside the faults of public code
golden/         vectors for code in any language
"""

from scratchvae.reference.cases import Case, Part, SamplingCase, all_cases, all_parts, sampling_cases
from scratchvae.reference.diagnosis import (
    ALIASES,
    CATALOGUE,
    Finding,
    Line,
    Report,
    assert_matches,
    diagnose,
    mistakes,
)
from scratchvae.reference.frameworks import (
    Captured,
    capture,
    check_jax,
    check_keras,
    check_torch,
    check_training,
    layer_from_torch,
    load_state_dict,
    module_from_layer,
    read_state_dict,
    save_state_dict,
    state_dict,
)
from scratchvae.reference.terms import TERMS, TermReport, diagnose_term

__all__ = [
    "ALIASES",
    "CATALOGUE",
    "TERMS",
    "Captured",
    "Case",
    "Finding",
    "Line",
    "Part",
    "Report",
    "SamplingCase",
    "TermReport",
    "all_cases",
    "all_parts",
    "assert_matches",
    "capture",
    "check_jax",
    "check_keras",
    "check_torch",
    "check_training",
    "diagnose",
    "diagnose_term",
    "layer_from_torch",
    "load_state_dict",
    "mistakes",
    "module_from_layer",
    "read_state_dict",
    "sampling_cases",
    "save_state_dict",
    "state_dict",
]
