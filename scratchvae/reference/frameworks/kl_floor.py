"""The floor under a KL, max(λ, KL), as of free bits: what it is set under, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass

from scratchvae.reference.frameworks.flow import Node, lineage
from scratchvae.reference.frameworks.roles import Roles


@dataclass(frozen=True)
class Floor:
    """A number below which the step counts a KL as that number, and what of the KL it holds up."""

    bits: float
    under: str

    @property
    def said(self) -> str:
        """A note that the floor was seen."""
        return (
            f"the step counts {self.under} as {self.bits:.6g} nats where it is less, by max(KL, "
            f"{self.bits:.6g}), which is taken as the free bits that you meant"
        )


def floor_of(roles: Roles, B: int) -> Floor | None:
    """The floor under the KL, where the loss has one."""
    heads = {node for node in (roles.mean, roles.held) if node is not None}
    for term in [t for t in roles.terms if t.role == "kl"]:
        for node in sorted(lineage([term.node], heads), key=lambda n: n.index):
            if node.op not in {"clamp", "maximum"} or not heads <= lineage([node]):
                continue
            bits = _number(node)
            if bits is not None and bits > 0:
                return Floor(bits, _under(node.shape, B))
    return None


def _number(node: Node) -> float | None:
    """The one number among the operands, which may be an array of equal entries."""
    found = [
        float(o.value().flat[0]) if isinstance(o, Node) else float(o) for o in node.operands if _is_one(o)
    ]
    return found[0] if len(found) == 1 else None


def _is_one(operand: object) -> bool:
    return not isinstance(operand, Node) or (not operand.learned and operand.is_number)


def _under(shape: tuple[int, ...], B: int) -> str:
    if not shape or shape == (1,):
        return "the batch's mean or total KL"
    if len(shape) == 1:
        return "the KL of each example" if shape == (B,) else "the mean KL of each latent"
    return "the KL of each latent of each example"
