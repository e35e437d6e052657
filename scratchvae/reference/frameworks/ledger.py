"""A loss taken apart into what it is linear in: each term with its weight, by what it depends on.

The loss is Σ_i ⟨w_i, t_i⟩ + c over these terms t_i, where the weight w_i is the loss's gradient by t_i, and c
is a constant. So sums and means over any axis, factors, and masks are in the weights, however the loss was
reduced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import (
    LOCAL,
    NORMALIZERS,
    SPREADS,
    VIEWS,
    Node,
    belongs,
    heirs,
    lineage,
)
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.spread import Gradients

# seeds at nodes -> gradients by others, 0 of none
Pull = Callable[[Sequence[tuple[Node, Array]], Sequence[Node]], list[Array]]
SUMS = {
    "add",
    "sub",
    "weighted_sum",
    "neg",
    "sum",
    "mean",
    "pick",
    "chunk",
    "stack",
    "cat",
    "concatenate",
    *(VIEWS - {"detach"}),
    *SPREADS,
}
# what a closed-form KL, or log q(z|x), is made by from mean, spread and z
ARITHMETIC_AND_SUMS = LOCAL | SUMS | NORMALIZERS | {"logsumexp"}
BY_EXAMPLE = LOCAL | {"sum", "mean"}


@dataclass(frozen=True)
class Entry:
    """A term of the loss, and the loss's gradient by it.

    The role is "reconstruction" of what depends on the decoder's output, "posterior" of what else mean and
    spread enter entry by entry, "prior" of what depends on z alone, and "other" of anything else.
    """

    role: str
    node: Node
    weight: Array

    @property
    def value(self) -> Array:
        """What it adds to the loss, entry by entry."""
        return np.asarray(self.weight, np.float64) * self.node.value()


@dataclass(frozen=True)
class Ledger:
    """The terms of one loss, and for which of them a capacity turned the sign: γ |KL − C| below C."""

    entries: tuple[Entry, ...]
    turned: Array | float = 1.0  # −1 where a KL is below its capacity; of each example, or of all
    capacity: bool = False  # whether there is one

    def of(self, *roles: str) -> list[Entry]:
        """The terms of these roles."""
        return [entry for entry in self.entries if entry.role in roles]

    def total(self, *roles: str) -> float:
        """What terms of these roles add to the loss."""
        return float(sum(entry.value.sum() for entry in self.of(*roles)))

    def by_example(self, B: int, *roles: str) -> Array | None:
        """(B,): what they add for each example; None where a term is no sum over examples first."""
        parts = []
        for entry in self.of(*roles):
            if not entry.node.shape or entry.node.shape[0] != B:
                return None
            parts.append(entry.value.reshape(B, -1).sum(axis=1))
        return sum(parts[1:], parts[0]) if parts else np.zeros(B)


def ledger(roles: Roles, loss: Node, gradients: Gradients, pull: Pull) -> Ledger | None:
    """The loss's terms; None where a weight is not known, as of what was detached."""
    if roles.z is None or roles.mean is None or roles.output is None:
        return None
    used = lineage([loss])
    after, of_z = heirs(roles.output, used), heirs(roles.z, used)
    heads = {node for node in (roles.mean, roles.held, roles.std) if node is not None}
    direct = _direct(heads, used, {roles.z})
    near, by_heads = _near({*heads, roles.z}, used), _near(heads, direct)
    found, turned = _terms(loss, after, direct, {*heads, roles.z, roles.output})
    closed = not any(n in of_z and n in direct and n in near for n in found)
    weights = gradients(loss, found)
    if any(weight is None for weight in weights):
        return None
    entries = []
    for node, weight in zip(found, weights, strict=True):
        assert weight is not None
        role = "other"
        if node in after:
            role = "reconstruction"
        elif node in direct and node in by_heads:
            role = "posterior"
        elif node in of_z and node not in direct and not closed:
            role = "prior"
        entries.append(Entry(role, node, np.broadcast_to(weight, node.shape)))
    entries = [_with_its_density(entry, entries, {*heads, roles.z}) for entry in _straight(entries, pull)]
    signs = gradients(loss, turned)
    sign: Array | float = 1.0
    for node, weight in zip(turned, signs, strict=True):
        if weight is not None:
            sign = np.sign(weight) if node.shape else float(np.sign(weight))
    return Ledger(tuple(entries), sign, bool(turned))


def _straight(entries: list[Entry], pull: Pull) -> list[Entry]:
    """The entries, where one that others are made of weighs only what does not come through those."""
    known: list[Entry] = []
    for entry in sorted(entries, key=lambda e: -e.node.index):
        if entry.node in lineage([e.node for e in known]):
            (through,) = pull([(e.node, e.weight) for e in known], [entry.node])
            entry = replace(entry, weight=entry.weight - through.reshape(entry.node.shape))
        known.append(entry)
    return known


def _with_its_density(entry: Entry, entries: list[Entry], ends: set[Node]) -> Entry:
    """A term of parameters alone, such as log σ, has the role of the terms whose density it belongs to.

    Two densities may share a parameter: that with which it shares more, such as σ itself, comes first.
    """
    roles = ("reconstruction", "posterior", "prior") if entry.role == "other" else ()
    shared = {role: _formula([e.node for e in entries if e.role == role], ends) for role in roles}
    made = {role: {node for node in known if not node.kind} for role, known in shared.items()}
    for known in (made, shared):
        role = next((role for role in roles if belongs(entry.node, known[role])), None)
        if role is not None:
            return replace(entry, role=role)
    return entry


def _formula(nodes: list[Node], ends: set[Node]) -> set[Node]:
    """What terms are made of by arithmetic, as far as the arrays that layers gave."""
    found: set[Node] = set()
    waiting = [node for node in nodes if node not in ends]
    while waiting:
        node = waiting.pop()
        if node in found:
            continue
        found.add(node)
        if node in nodes or (node.op in ARITHMETIC_AND_SUMS and not node.kind):
            waiting += [p for p in node.parents if p not in ends]
    return found


def _terms(loss: Node, after: set[Node], direct: set[Node], ends: set[Node]) -> tuple[list[Node], list[Node]]:
    """What the loss is a weighted sum of, and the arguments of absolute values of a KL."""
    found: dict[Node, None] = {}
    turned: list[Node] = []
    waiting, met = [loss], set()
    while waiting:
        node = waiting.pop()
        if node in met or not node.learned:
            continue
        met.add(node)
        learned = [p for p in node.parents if p.learned]
        if node in ends:
            found[node] = None
        elif node.op == "abs" and node in direct and node not in after and len(node.shape) < 2:
            turned += node.parents
            waiting += node.parents
        elif (node.op in SUMS and not node.kind) or _scaled(node, learned):
            waiting += learned
        else:
            found[node] = None
    return list(found), turned


def _scaled(node: Node, learned: list[Node]) -> bool:
    """Whether the node is one array times, or over, what was not learned."""
    if node.op == "mul":
        return len(learned) == 1 and len(node.operands) == 2
    return (
        node.op == "div" and len(node.operands) == 2 and len(learned) == 1 and node.operands[0] is learned[0]
    )


def _direct(heads: set[Node], used: set[Node], stops: set[Node]) -> set[Node]:
    """What depends on the heads otherwise than through z, and not as detached."""
    found = set(heads)
    for node in sorted(used, key=lambda n: n.index):
        if node not in stops and node.op != "detach" and any(parent in found for parent in node.parents):
            found.add(node)
    return found


def _near(starts: set[Node], used: set[Node]) -> set[Node]:
    """What is made of these entry by entry, and by sums: no layer, no matrix of all pairs of examples."""
    behind = heirs_of(starts, used)
    found = set(starts)
    for node in sorted(used, key=lambda n: n.index):
        made = [p for p in node.parents if p in behind]
        if (
            made
            and node.op in BY_EXAMPLE
            and not node.kind
            and all(p in found for p in made)
            and not _pairs(node)
        ):
            found.add(node)
    return found


def heirs_of(starts: set[Node], used: set[Node]) -> set[Node]:
    """The nodes themselves and all that depend on one of them."""
    found: set[Node] = set()
    for start in starts:
        found |= heirs(start, used)
    return found


def _pairs(node: Node) -> bool:
    """Whether arrays are joined so that each example meets each other: (B, 1, Z) with (1, B, Z)."""
    shapes = [p.shape for p in node.parents if p.size > 1]
    return len(shapes) > 1 and all(node.size > int(np.prod(shape)) for shape in shapes)
