"""What was seen of one step: its arrays by the names of diagnose, their reading, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import Node

Readings = Callable[[dict[str, Array], float | None], tuple[list[dict[str, Any]], list[str]]]


@dataclass
class Step:
    """One step by quantity, in the words of diagnose, and what is said of how it was read."""

    arrays: dict[str, Array] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # the file and line that made each
    # what may have been meant, the plainest first
    settings: list[dict[str, Any]] = field(default_factory=list)
    declared: frozenset[str] = frozenset()  # the settings that the user gave
    chosen: list[str] = field(default_factory=list)  # those of the notes that say so
    notes: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    other_layer: str = ""  # the place of a second layer of latents
    # quantity: why it may be wrong although its numbers are what was declared
    doubts: dict[str, str] = field(default_factory=dict)
    # where the reference's gradients can be handed to the user's own code
    ends: dict[str, Node] = field(default_factory=dict)
    # by other ways to parameters: (node, gradient)
    taken: list[tuple[Node, Array]] = field(default_factory=list)
    # the arrays before any factor was taken from the loss
    raw: dict[str, Array] = field(default_factory=dict)
    # arrays, and the KL's weight -> settings that may have been meant, and notes
    read_as: Readings | None = None
