"""A loss taken apart into terms by what they depend on."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from scratchvae.reference.frameworks.flow import VIEWS, Node, lineage

LINEAR = {"sum", "mean", "neg", *VIEWS}
STACKS = {"stack", "cat", "concatenate"}  # whose sum is that of their parts


@dataclass(frozen=True)
class Term:
    """A term of the loss, or of log w: the number it is multiplied by, and its node.

    The role is "reconstruction" of what depends on the output, "kl" of what else depends on mean, spread or
    z, and "other"; of a term of log w, "prior" of what depends on z alone, and "posterior".
    """

    role: str
    weight: float
    node: Node


@dataclass(frozen=True)
class Terms:
    """The terms of a sum by role: what is of one role is not taken apart further."""

    after_output: Set[Node]
    z: Node | None = None
    direct: Set[Node] = frozenset()  # mean and spread
    weighted: bool = False  # of log w

    def of(self, node: Node) -> list[Term]:
        """The node as a sum of terms."""
        inner: list[Term] = []
        if node.op == "sum" and node.parents[0].op in STACKS:
            inner = [term for part in node.parents[0].parents if part.learned for term in self.of(part)]
        elif node.op in LINEAR and node.parents and not node.kind:
            inner = self._times(-1.0 if node.op == "neg" else 1.0, node.parents[0])
        elif node.op in {"add", "sub"} and len(node.operands) == 2:
            for i, operand in enumerate(node.operands):
                if isinstance(operand, Node) and operand.learned:
                    inner += self._times(-1.0 if i and node.op == "sub" else 1.0, operand)
        elif node.op in {"mul", "div"} and (found := scaled(node)) is not None:
            inner = self._times(found[1], found[0])
        return inner if len({term.role for term in inner}) > 1 else [Term(self._role(node), 1.0, node)]

    def _times(self, weight: float, node: Node) -> list[Term]:
        return [Term(term.role, weight * term.weight, term.node) for term in self.of(node)]

    def _role(self, node: Node) -> str:
        if node in self.after_output:
            return "reconstruction"
        z = set() if self.z is None else {self.z}
        direct = self.direct & lineage([node], z)
        if not direct and not (z & lineage([node])):
            return "other"
        return "kl" if not self.weighted else "posterior" if direct else "prior"


def scaled(node: Node) -> tuple[Node, float] | None:
    """The array and the number, where the node is one times the other."""
    if len(node.operands) != 2:
        return None
    a, b = node.operands
    number = [n for n in (a, b) if not isinstance(n, Node) or (not n.learned and n.is_number)]
    array = [n for n in (a, b) if isinstance(n, Node) and n.learned]
    if len(number) != 1 or len(array) != 1 or (node.op == "div" and array[0] is b):
        return None
    value = float(number[0].value().flat[0]) if isinstance(number[0], Node) else float(number[0])
    return array[0], 1 / value if node.op == "div" and value else value


def outer_weight(loss: Node, B: int) -> float:
    """What a loss multiplies the sum over its B examples by; 1 where it is no sum of an array (B,)."""
    node, weight, summed = loss, 1.0, False
    while node.parents and not node.kind:
        found = scaled(node) if node.op in {"mul", "div"} else None
        if found is not None:
            node, weight = found[0], weight * found[1]
        elif node.op in {"neg", "view"} or (node.op == "sum" and node.parents[0].shape == (B,)):
            summed, weight, node = (
                summed or node.op == "sum",
                -weight if node.op == "neg" else weight,
                node.parents[0],
            )
        else:
            break
    return weight if summed else 1.0
