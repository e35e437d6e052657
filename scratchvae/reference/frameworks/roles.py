"""Which arrays of a step are its mean, spread, noise, z, output and parts of the loss: found from what was
done with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from scratchvae.reference.frameworks.flow import (
    ELEMENTWISE,
    LOCAL,
    LOSSES,
    ORDERS,
    SPREADS,
    VIEWS,
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
from scratchvae.reference.frameworks.terms import Term, Terms

COMPARING = ELEMENTWISE | set(LOSSES)
PRODUCTS = {"mm", "matmul", "bmm", "einsum", "inner"}


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
    log_w: Node | None = None
    terms: list[Term] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def find_roles(loss: Node, x: Node | None = None) -> Roles:
    """The roles of the arrays that the loss was made of; `x` is what is known to be the data."""
    roles, used = Roles(), sorted(lineage([loss]), key=lambda node: node.index)
    _sample(roles, used, loss, x)
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


def _sample(roles: Roles, used: list[Node], loss: Node, x: Node | None) -> None:
    """z = mean + σ · noise: the first sum of what a draw went into, entry by entry, with what parameters
    made.
    """
    draws = [node for node in used if node.kind == "draw"]
    for draw in sorted(draws, key=lambda node: node.op != "draw normal"):
        # torch.normal(mean, std), which sample() calls
        if len(draw.parents) == 2 and draw.parents[0].learned:
            roles.z, (roles.joined, roles.std) = draw, draw.parents
            break
        if _reparameterized(roles, draw, used):
            break
    if roles.z is None:
        _by_numbers(roles, used, x)
    if roles.joined is not None:
        roles.mean = bare(gate(list(chain(bare(roles.joined, spreads=True))), [loss]), spreads=True)
    if roles.std is not None:
        roles.std = bare(roles.std, spreads=True)
        roles.held = bare(gate(list(chain(roles.std)), [loss]), spreads=True)


def _reparameterized(roles: Roles, draw: Node, used: list[Node]) -> bool:
    """Whether the draw is the noise of z, which is entered then."""
    carried = {draw}
    for node in used:
        if draw.learned or node.op not in LOCAL or not carried & set(node.parents):
            continue
        carried.add(node)
        found = _joined(node, carried)
        if found is not None and _is_entered(node, used):
            roles.z = node
            roles.joined, roles.std, roles.noise = found
            return True
    return False


def _by_numbers(roles: Roles, used: list[Node], x: Node | None) -> None:
    """Noise that was drawn by no call which was watched, as by NumPy: numbers, but no mask, that a spread is
    multiplied by.
    """
    for leaf in [
        node for node in used if node.kind in {"data", "constant"} and node.size > 1 and node is not x
    ]:
        value = leaf.value()
        if value.dtype.kind != "f" or not np.ptp(value) or (value.min() >= 0 and value.max() <= 1):
            continue
        found = _reparameterized(roles, leaf, used) and roles.std is not None and roles.joined is not None
        if found and leaf not in lineage([n for n in (roles.joined, roles.std) if n is not None]):
            return
        roles.z = roles.joined = roles.std = roles.noise = None


def _joined(node: Node, carried: set[Node]) -> tuple[Node, Node | None, Node] | None:
    """Mean, spread and noise, if the node is mean ± spread · noise with what the noise became among the
    carried.
    """
    if node.op == "addcmul" and len(node.parents) == 3:
        at = next(p for p in node.parents if p in carried)
        mean, factors = node.parents[0], [p for p in node.parents[1:] if p not in carried]
    elif node.op in {"add", "sub"} and len(node.parents) == 2:
        noisy, means = ([p for p in node.parents if (p in carried) is side] for side in (True, False))
        if len(noisy) != 1:
            return None
        mean, at, factors = means[0], noisy[0], []
    else:
        return None
    if not mean.learned or mean in carried:
        return None
    noise = at
    while at.op in LOCAL and not at.kind:
        factors += [p for p in at.parents if p not in carried and p.learned]
        before = next(p for p in at.parents if p in carried)
        noise = noise if at.op in VIEWS | SPREADS | ORDERS else before
        at = before
    return mean, factors[0] if len(factors) == 1 else None, noise


def _is_entered(node: Node, used: list[Node]) -> bool:
    """Whether a layer takes what comes of the node: parameters join it otherwise than entry by entry."""
    after = heirs(node, used)
    beyond = (n for n in after - {node} if n.op not in LOCAL)
    layers = any(bare(p, spreads=True, turned=True).kind == "parameter" for n in beyond for p in n.parents)
    # z zᵀ needs no parameters
    return layers or any(n.op in PRODUCTS and set(n.parents) <= after for n in after)


def _output(roles: Roles, used: list[Node], z: Node, x: Node | None) -> None:
    """The output: what z became, as it was when data were first compared with it."""
    comparing = list(_comparisons(used, heirs(z, used)))
    if not comparing:
        roles.unknown.append("an output that is compared with data")
        return
    size = x.size if x is not None else max(data.size for _, data, _ in comparing)
    comparing = [one for one in comparing if one[1].size == size] or comparing
    root = history(comparing[0][1])[-1]
    comparing = [one for one in comparing if history(one[1])[-1] is root]
    roles.target = _shared([data for _, data, _ in comparing])
    roles.output = bare(gate(list(chain(comparing[0][2])), [node for node, _, _ in comparing]))
    roles.output = before_parting(roles.output, heirs(z, used))
    for deeper in chain(roles.output):
        if deeper.op == "sigmoid":
            roles.output, roles.before_sigmoid = deeper, bare(deeper.parents[0])


def _comparisons(used: list[Node], made: set[Node]) -> Iterator[tuple[Node, Node, Node]]:
    """The calls that compare data with an output and are followed by no layer: (call, data, output)."""
    for node in used:
        data, outputs = [p for p in node.parents if p.like_data], [p for p in node.parents if p in made]
        if node.op in COMPARING and data and outputs and not _is_entered(node, used):
            yield node, data[0], outputs[0]


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
    return found if roles.log_w is not None else [_with_its_density(term, found, ends) for term in found]


def _with_its_density(term: Term, terms: list[Term], ends: set[Node]) -> Term:
    """A term of parameters alone, such as log σ, has the role of the term whose density it belongs to."""
    for role in ("reconstruction", "kl") if term.role == "other" else ():
        if belongs(term.node, lineage([t.node for t in terms if t.role == role], ends)):
            return replace(term, role=role)
    return term


def _take_spread(roles: Roles) -> bool:
    """Whether the KL is made of one array besides the mean: then it is the spread, by which the noise was not
    multiplied.
    """
    known = [node for node in (roles.mean, roles.z) if node is not None]
    size = -1 if roles.mean is None else roles.mean.size
    others = [term.node for term in roles.terms if term.role != "reconstruction"]
    heads = {head for node in others for head in sources(node, known) if not head.kind and head.size == size}
    if len(heads) == 1:
        (roles.held,) = heads
    return len(heads) == 1


def _as_seen(target: Node, seen: set[Node]) -> Node:
    """The target, or the data behind it, where the encoder saw those and no function of each of their entries
    is the target.
    """
    if seen & set(history(target)):
        return target
    behind = [
        node
        for node in lineage([target])
        if node.kind == "data" and node.size == target.size and node in seen
    ]
    return behind[0] if len(behind) == 1 else target


def _without_noise(roles: Roles, used: list[Node], loss: Node, x: Node | None) -> None:
    """No draw enters: mean and spread may be known by a KL, and z by what is made of them before a layer
    takes it.
    """
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
