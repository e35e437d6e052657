"""The table of cases that every check of the library runs through; golden vectors of it; and other code held against it.

    case, cases/       Case, all_cases: every op, distribution, layer and objective on small arrays
    sampling           SamplingCase, sampling_cases: every sampler beside its density
    diagnosis/         diagnose, assert_matches: which quantity of a step departs, and which of the mistakes it is
    torch_check        check_torch, a module's own step (torch_step watches it);  jax_twins: check_jax, of a parameter tree
    parts, twin_step, comparison    how a model's parts are named, the step by twins of its layers, and both held together
    torch_twins        layer_from_torch, module_from_layer
    state_dicts        names, layouts and files that PyTorch's users have
    certificate        values and gradients beside mpmath's: trials, oracles
    golden             vectors for code in any language
"""

from scratchvae.reference.case import Case
from scratchvae.reference.cases import all_cases
from scratchvae.reference.diagnosis import ALIASES, CATALOGUE, Finding, Line, Report, assert_matches, diagnose, mistakes
from scratchvae.reference.jax_twins import check_jax
from scratchvae.reference.sampling import SamplingCase, sampling_cases
from scratchvae.reference.state_dicts import load_state_dict, read_state_dict, save_state_dict, state_dict
from scratchvae.reference.torch_check import check_torch
from scratchvae.reference.torch_twins import layer_from_torch, module_from_layer

__all__ = [
    "ALIASES",
    "CATALOGUE",
    "Case",
    "Finding",
    "Line",
    "Report",
    "SamplingCase",
    "all_cases",
    "assert_matches",
    "check_jax",
    "check_torch",
    "diagnose",
    "layer_from_torch",
    "load_state_dict",
    "mistakes",
    "module_from_layer",
    "read_state_dict",
    "sampling_cases",
    "save_state_dict",
    "state_dict",
]
