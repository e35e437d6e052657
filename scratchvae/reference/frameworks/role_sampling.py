"""The sampling of a step: z = mean + σ · noise, found from what a draw went into."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import (
    CURVES,
    LOCAL,
    ORDERS,
    SPREADS,
    VIEWS,
    Node,
    bare,
    chain,
    gate,
    heirs,
    lineage,
)
from scratchvae.reference.frameworks.proportions import same
from scratchvae.reference.frameworks.roles import Roles

PRODUCTS = {"mm", "matmul", "bmm", "einsum", "inner"}


def sample(roles: Roles, used: list[Node], loss: Node, x: Node | None) -> None:
    """Enter z = mean + σ · noise: the first sum, by entry, of what a draw went into with what was learned."""
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
        steps = list(chain(roles.std))
        roles.held = bare(gate(steps, [loss]), spreads=True)
        once = bare(steps[-1], spreads=True)  # before it was repeated for each draw
        if roles.mean is not None and roles.held.size != roles.mean.size == once.size:
            roles.held = once


def _reparameterized(roles: Roles, draw: Node, used: list[Node]) -> bool:
    """Whether the draw is the noise of z, which is entered then."""
    carried = {draw}
    for node in used:
        if draw.learned or node.op not in LOCAL or not carried & set(node.parents):
            continue
        carried.add(node)
        found = _joined(node, carried)
        if found is not None and is_entered(node, used):
            roles.z = node
            roles.joined, roles.std, roles.noise = found
            return True
    return False


def as_added(noise: Array, roles: Roles) -> Array:
    """The noise with the sign that z = mean + σ · noise has: of a normal draw, −noise is as good."""
    assert roles.noise is not None
    assert roles.z is not None
    if roles.noise.op != "draw normal" or roles.std is None or roles.joined is None:
        return noise
    mean, std = roles.joined.value(), np.abs(roles.std.value())
    try:
        turned = same(roles.z.value() - mean, -std * noise)
    except ValueError:  # they belong to the noise in another order of axes
        return noise
    return -noise if turned else noise


def _by_numbers(roles: Roles, used: list[Node], x: Node | None) -> None:
    """Enter noise that no watched call drew, as NumPy's: numbers, but no mask, times a spread."""
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


def other_layer(roles: Roles, used: list[Node]) -> Node | None:
    """Another mean + σ · noise than z that a layer takes, with the network's σ: a second layer of latents."""
    for draw in [n for n in used if n.op == "draw normal" and n is not roles.noise and not n.learned]:
        carried = {draw}
        for node in [n for n in used if n.op in LOCAL]:
            if node is roles.z or not carried & set(node.parents):
                continue
            carried.add(node)
            found = _joined(node, carried)
            if found is not None and found[1] is not None and is_entered(node, used):
                return node
    return None


def _joined(node: Node, carried: set[Node]) -> tuple[Node, Node | None, Node] | None:
    """Mean, spread and noise, if the node is mean ± spread · noise with a carried noise; else None."""
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
    uniform = any(n.op == "draw uniform" for n in carried)
    while at.op in LOCAL and not at.kind:
        if uniform and at.op in CURVES:  # as where Gumbel or Laplace noise is made: what joins is this
            noise = at
            break
        factors += [p for p in at.parents if p not in carried and p.learned]
        before = next(p for p in at.parents if p in carried)
        noise = noise if at.op in VIEWS | SPREADS | ORDERS else before
        at = before
    return mean, factors[0] if len(factors) == 1 else None, noise


def is_entered(node: Node, used: list[Node]) -> bool:
    """Whether a layer takes what comes of the node: parameters join it otherwise than entry by entry."""
    after = heirs(node, used)
    beyond = (n for n in after - {node} if n.op not in LOCAL)
    layers = any(bare(p, spreads=True, turned=True).kind == "parameter" for n in beyond for p in n.parents)
    # z zᵀ needs no parameters
    return layers or any(n.op in PRODUCTS and set(n.parents) <= after for n in after)
