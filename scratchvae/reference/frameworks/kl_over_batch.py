"""Whether a loss has its KL summed over the batch, where its reconstruction is a mean over it."""

from __future__ import annotations

from scratchvae.reference.frameworks.flow import Node, heirs, lineage
from scratchvae.reference.frameworks.proportions import near
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.terms import scaled


def is_summed(roles: Roles, loss: Node, B: int) -> bool:
    """Whether a KL is summed over the batch before it meets the reconstruction, and not divided by B."""
    used, heads = lineage([loss]), {n for n in (roles.mean, roles.held) if n}
    met = heirs(roles.output, used) if roles.output is not None else set()
    for term in [t for t in roles.terms if t.role == "kl"]:
        way = (lineage([term.node], heads) | heirs(term.node, used)) & used - met
        sums = [n for n in way if n.op == "sum" and n.size < B <= n.parents[0].size]
        factors = [one[1] for n in way if n.op in {"mul", "div"} and (one := scaled(n)) is not None]
        if sums and not any(near(abs(factor), 1 / B) for factor in factors):
            return True
    return False


def said_of_sum(number: float, B: int) -> str:
    """Words for a KL that is summed over the batch beside a reconstruction that is a mean over it."""
    return (
        f"whether the KL's weight {number:.6g} holds the 1/{B} of a mean: the KL is summed over the batch, "
        f"and the reconstruction is a mean over it, so that beta grows with the batch; divide the KL by {B}"
    )
