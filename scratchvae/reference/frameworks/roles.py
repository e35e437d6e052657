"""The roles of arrays in a step: mean, spread, noise, z, output and parts of the loss."""

from __future__ import annotations

from dataclasses import dataclass, field

from scratchvae.reference.frameworks.flow import (
    Node,
)
from scratchvae.reference.frameworks.terms import Term


@dataclass
class Roles:
    """What was found, None where nothing was; and in plain words what was not."""

    z: Node | None = None
    mean: Node | None = None
    joined: Node | None = None  # the mean as it was added to the noise, once for each draw
    std: Node | None = None  # what multiplies the noise
    held: Node | None = None  # what the encoder puts out of it: every use of the spread goes through it
    noise: Node | None = None
    target: Node | None = None
    output: Node | None = None
    before_sigmoid: Node | None = None  # where the output is a sigmoid's
    broadcast: str = ""  # words for an output and data whose shapes are broadcast to a larger one
    log_w: Node | None = None
    terms: list[Term] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
