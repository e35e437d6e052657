"""Which arrays of a step have which role, found from what was done with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from scratchvae.reference.frameworks.flow import (
    ELEMENTWISE,
    LOCAL,
    LOSSES,
    ORDERS,
    Node,
    bare,
    before_parting,
    belongs,
    chain,
    gate,
    heirs,
    history,
    lineage,
    sources,
)
from scratchvae.reference.frameworks.log_weights import log_weights
from scratchvae.reference.frameworks.role_sampling import is_entered, sample
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.terms import Term, Terms

COMPARING = ELEMENTWISE | set(LOSSES)
BELONGING = {  # of a term that may be part of a density: what else it may be a part of
    "other": ("reconstruction", "kl"),
    "kl": ("reconstruction",),
    "prior": ("reconstruction",),
}


def find_roles(loss: Node, x: Node | None = None) -> Roles:
    """The roles of the arrays that the loss was made of; `x` is what is known to be the data."""
    roles, used = Roles(), sorted(lineage([loss]), key=lambda node: node.index)
    sample(roles, used, loss, x)
    if roles.z is not None:
        _output(roles, used, roles.z, x)
    else:
        _without_noise(roles, used, loss, x)
    if roles.output is not None and roles.mean is not None and roles.target is not None:
        roles.target = _as_seen(roles.target, lineage([roles.mean]))
    if roles.output is not None:
        roles.log_w = log_weights(used, roles.output, roles.z)
        roles.terms = _terms(roles, loss, used)
        if roles.held is None and roles.log_w is None and _take_spread(roles):
            roles.terms = _terms(roles, loss, used)
    return roles


def roles_beyond(loss: Node, z: Node, encoded: Node, x: Node | None) -> Roles:
    """The output and the parts of the loss, where it is known what z is and what the encoder gave."""
    roles, used = Roles(z=z, mean=encoded), sorted(lineage([loss]), key=lambda node: node.index)
    _output(roles, used, z, x)
    if roles.output is not None and roles.target is not None:
        roles.target = _as_seen(roles.target, lineage([encoded]))
        roles.terms = _terms(roles, loss, used)
    return roles


def _output(roles: Roles, used: list[Node], z: Node, x: Node | None) -> None:
    """The output: what z became, as it was when data were first compared with it."""
    made = heirs(z, used)
    comparing = list(_comparisons(used, made)) or list(_of_features(used, made))
    if not comparing:
        roles.unknown.append("an output that is compared with data")
        return
    size = x.size if x is not None else max(data.size for _, data, _ in comparing)
    comparing = [one for one in comparing if one[1].size == size] or comparing
    root = history(comparing[0][1])[-1]
    comparing = [one for one in comparing if history(one[1])[-1] is root]
    roles.broadcast = next((said for one in comparing if (said := _broadcast(*one))), "")
    roles.target = _shared([data for _, data, _ in comparing])
    turned = any(_turns(node) for node in history(comparing[0][1]))
    steps = _in_order(comparing[0][2], turned)
    roles.output = gate(steps, [node for node, _, _ in comparing])
    roles.output = next((n for n in steps[steps.index(roles.output) :] if bare(n) is n), steps[-1])
    roles.output = before_parting(roles.output, heirs(z, used))
    if roles.output.op == "logsigmoid":  # whose exponential may give log(1 − p): the logits are before it
        roles.output = bare(roles.output.parents[0])
    for deeper in _in_order(roles.output, turned):
        if deeper.op == "sigmoid":
            roles.output, roles.before_sigmoid = deeper, bare(deeper.parents[0])


def _in_order(output: Node, turned: bool) -> list[Node]:
    """What the output is a function of entry by entry, up to where its axes were transposed.

    Further back, too, where the data are `turned` as well before both meet, and up to a log-sigmoid, which is
    the likelihood's and no decoder's.
    """
    steps = list(chain(output))
    whole = turned or any(node.op == "logsigmoid" for node in steps)
    orders = [i for i, node in enumerate(steps) if not whole and _turns(node)]
    return steps[: orders[0] + 1] if orders else steps


def _turns(node: Node) -> bool:
    """Whether the entries come in another order than those of the array that it is a view of."""
    if node.op != "view" or node.kind or node.parents[0].size != node.size:
        return node.op in ORDERS
    return not np.array_equal(node.value().ravel(), node.parents[0].value().ravel())


def _broadcast(node: Node, data: Node, output: Node) -> str:
    """Words for data and output of shapes that are broadcast to a larger one; "" where they are not."""
    try:
        shape = np.broadcast_shapes(data.shape, output.shape)
    except ValueError:
        return ""
    if np.prod(shape) <= max(data.size, output.size):
        return ""
    return (
        f"an output of shape {output.shape} and data of shape {data.shape} are broadcast to {shape} where "
        f"they are compared ({node.place}), so that each output meets the data of every example: give both "
        "one shape"
    )


def _comparisons(used: list[Node], made: set[Node]) -> Iterator[tuple[Node, Node, Node]]:
    """The calls that compare data with an output and are followed by no layer: (call, data, output)."""
    for node in used:
        data, outputs = [p for p in node.parents if p.like_data], [p for p in node.parents if p in made]
        if node.op in COMPARING and data and outputs and not is_entered(node, used):
            yield node, data[0], outputs[0]


def _of_features(used: list[Node], made: set[Node]) -> Iterator[tuple[Node, Node, Node]]:
    """The calls that compare what a network makes of the data with what it makes of an output."""
    for node in used:
        outputs = [p for p in node.parents if p in made]
        others = [p for p in node.parents if p.learned and p.of_data and p not in made]
        alike = len(outputs) == len(others) == 1 and outputs[0].shape == others[0].shape
        if node.op in COMPARING and alike and not is_entered(node, used):
            yield node, others[0], outputs[0]


def _shared(targets: list[Node]) -> Node:
    """The array that all of them are functions of, as late as possible: x itself beside x and 1 − x."""
    histories = [history(target) for target in targets]
    return bare(
        next(node for node in histories[0] if all(node in others for others in histories)), spreads=True
    )


def _terms(roles: Roles, loss: Node, used: list[Node]) -> list[Term]:
    """The terms of log w, or else of the loss."""
    assert roles.output is not None
    direct = {node for node in (roles.mean, roles.held) if node is not None}
    ends = direct | ({roles.z} if roles.z is not None else set())
    terms = Terms(heirs(roles.output, used), roles.z, direct, roles.log_w is not None)
    found = [term for term in terms.of(roles.log_w or loss) if term.node.learned]
    return [_with_its_density(term, found, ends) for term in found]


def _with_its_density(term: Term, terms: list[Term], ends: set[Node]) -> Term:
    """A term such as log σ, of parameters or of the decoder's σ, has the role of the density it is of."""
    for role in BELONGING.get(term.role, ()):
        known = lineage([t.node for t in terms if t.role == role], ends) - ends
        if not ends & lineage([term.node], known) and belongs(term.node, known):
            return replace(term, role=role)
    return term


def _take_spread(roles: Roles) -> bool:
    """Whether the KL is made of one array besides the mean: then it is the spread."""
    known = [node for node in (roles.mean, roles.z) if node is not None]
    size = -1 if roles.mean is None else roles.mean.size
    others = [term.node for term in roles.terms if term.role != "reconstruction"]
    heads = {head for node in others for head in sources(node, known) if not head.kind and head.size == size}
    if len(heads) == 1:
        (roles.held,) = heads
    return len(heads) == 1


def _as_seen(target: Node, seen: set[Node]) -> Node:
    """The target, or the data behind it that the encoder saw."""
    if target.learned or seen & set(history(target)):
        return target
    behind = [
        node
        for node in lineage([target])
        if node.kind == "data" and node.size == target.size and node in seen
    ]
    return behind[0] if len(behind) == 1 else target


def _without_noise(roles: Roles, used: list[Node], loss: Node, x: Node | None) -> None:
    """Mean and spread by the KL, and z by what is made of them, where no draw enters."""
    comparing = list(_comparisons(used, {node for node in used if node.learned}))
    if not comparing:
        roles.unknown.append("noise, and an output that is compared with data")
        return
    output = gate(list(chain(comparing[-1][2])), [node for node, _, _ in comparing])
    terms = Terms(heirs(output, used)).of(loss)
    heads = {head for term in terms if term.role == "other" for head in sources(term.node) if not head.kind}
    heads -= {output}
    if len(heads) == 2 and len({head.size for head in heads}) == 1:
        near = set(heads)  # the heads, and what is made of them entry by entry
        for node in used:
            made = {p for p in node.parents if p.learned}
            if node.op in LOCAL and made and made <= near:
                near.add(node)
        for mean in sorted(heads, key=lambda node: node.index):
            (held,) = heads - {mean}
            entered = [
                n for n in used if n in near & heirs(mean, used) & lineage([output]) and n.size == mean.size
            ]
            z = entered[-1] if entered else None
            if z is not None:
                roles.mean, roles.joined, roles.held, roles.z = mean, mean, held, z
                _output(roles, used, z, x)
                return
    drawn = "a draw of noise was seen, but no sum of a mean with a spread times it"
    seen = drawn if any(node.kind == "draw" for node in used) else "no draw of noise was seen"
    roles.unknown.append(f"z, mean and spread: {seen}")
