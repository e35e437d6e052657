"""The provenance of a case: what it computes and where that is derived, in the words of a docstring."""

import re
from typing import Any

from scratchvae import layers, likelihoods, objectives, posteriors, priors
from scratchvae.reference.cases.case import Case

ROOMS = (objectives, layers, posteriors, priors, likelihoods)
AUTHORS = r"[A-Z][\w’'\-]+(?:,? (?:&|and|et al\.|[A-Z][\w’'\-]+))*"
PLACE = (
    r", (?:sections?|appendix|equations?|chapter|theorem|algorithm) [\w.]*\w"
    r"(?:(?:,| and| to) [\dA-Z](?:[\w.]*\w)?)*"
)
CITATION = re.compile(rf"{AUTHORS} (?:19|20)\d\d(?:{PLACE})*")


def equation(case: Case) -> str:
    """Return the first line of the docstring, up to the shapes; empty where the case has none to show."""
    first = _docstring(case).partition("\n")[0]
    return re.split(r" {4,}", first)[0].strip()


def sources(case: Case) -> list[str]:
    """Return the papers that the docstring names, each with its section or equation where it says one."""
    return list(dict.fromkeys(" ".join(found.split()) for found in CITATION.findall(_docstring(case))))


def _docstring(case: Case) -> str:
    return (getattr(_subject(case), "__doc__", None) or "").strip()


def _subject(case: Case) -> Any:
    """Return the function, or the class of that name; an objective's name stands before the colon."""
    if case.terms is None and "<locals>" not in getattr(case.op, "__qualname__", "<locals>"):
        return case.op
    name = re.split(r"[:,]", case.name)[0]
    return next((vars(room)[name] for room in ROOMS if name in vars(room)), None)
