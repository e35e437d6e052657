"""What the name of a paper's model stands for."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class NamedModel(NamedTuple):
    """What a name stands for.

    `settings` are a run's, by name: "model" is one of MODELS, "objective" and "prior" are choices, "penalty"
    is a list of them, "beta" and others are short spellings. A claim is "measure < name", or with another
    of < <= >= > between them: the measure is smaller for this name than for the other, or than a number in
    its place.
    """

    paper: str
    says: str
    settings: Mapping[str, Any]
    claims: Sequence[str]
