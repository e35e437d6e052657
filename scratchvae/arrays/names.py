"""Names that a user chooses: whether one is known, and which known one was perhaps meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from scratchvae.arrays.errors import InputError

LONGEST_NAME = 100  # characters: a longer text is no misspelt name, and comparing it would take long


def require_choice(where: str, name: str, choice: str, known: Any) -> None:
    """Raise InputError unless `choice` is one of the `known` names."""
    if not isinstance(choice, str) or choice not in known:
        found = f"found {choice!r:.80}{nearest(choice, known)}"
        raise InputError(f"{where}: {name} should be one of {', '.join(sorted(known))}; {found}")


def nearest(name: Any, known: Iterable[str]) -> str:
    """Return a question that asks for the known name nearest to `name`, or "" where no known name is near.

    An error adds it to its message, since the name was perhaps misspelt.

    >>> nearest("bernouli", ["bernoulli", "gaussian"])
    ' (did you mean bernoulli?)'
    """
    near = (
        get_close_matches(name, list(known), n=1)
        if isinstance(name, str) and len(name) <= LONGEST_NAME
        else []
    )
    return f" (did you mean {near[0]}?)" if near else ""
