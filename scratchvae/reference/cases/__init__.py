"""The case table has every public op and distribution, layer, objective and role, on small float64 arrays.

The file of a law holds all that the checks know about it. A file of this folder with a function `parts` is
found without being listed.
"""

from importlib import import_module
from pkgutil import iter_modules

from scratchvae.reference.cases import layers, objectives
from scratchvae.reference.cases.case import Case
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, Trial


def all_parts() -> list[Part]:
    """Return the Parts of every file of this folder that has any, built anew, since models hold state."""
    files = [import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__)]
    return [part for file in files if hasattr(file, "parts") for part in file.parts()]


def all_cases() -> list[Case]:
    """Return every case of a gradient."""
    return [*(case for part in all_parts() for case in part.cases), *layers.cases(), *objectives.cases()]


def sampling_cases() -> list[SamplingCase]:
    """Return every sampler of distributions, posteriors, likelihoods and priors, beside its density."""
    return [part.sampling for part in all_parts() if part.sampling is not None]


__all__ = [
    "Case",
    "Inputs",
    "Part",
    "SamplingCase",
    "Trial",
    "all_cases",
    "all_parts",
    "layers",
    "objectives",
    "sampling_cases",
]
