"""What a term of a loss is by its form, in words: a kernel of all pairs, a flow, a mixture."""

from __future__ import annotations

from collections.abc import Iterable

from scratchvae.reference.frameworks.flow import Node, lineage
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.spread import Gradients
from scratchvae.reference.frameworks.terms import Term

JACOBIANS = {"logdet", "slogdet", "det", "logabsdet"}


def said_of_others(terms: list[Node], roles: Roles, B: int) -> str:
    """Where the terms are that are neither reconstruction nor KL, and what they are by their form."""
    where = ", ".join(dict.fromkeys(node.place for node in terms if node.place)) or "somewhere"
    ends = {n for n in (roles.z, roles.mean, roles.held, roles.output) if n is not None}
    form = form_of_term(lineage(terms, ends), B)
    return f"a term of the loss is neither reconstruction nor KL ({where}){f', but {form}' if form else ''}"


def with_gradient(role: str, roles: Roles, gradients: Gradients, unknown: list[str]) -> list[Term]:
    """The terms of a role, without those that no gradient reaches the output from: these are `unknown`."""
    terms, output = [t for t in roles.terms if t.role == role], roles.output
    if output is None or len(terms) == 1:
        return terms
    idle = [t for t in terms if _is_idle(t.node, output, gradients)]
    if not idle or len(idle) == len(terms):
        return terms
    where = ", ".join(dict.fromkeys(term.node.place for term in idle if term.node.place)) or "somewhere"
    unknown.append(
        f"a gradient of a term of the loss ({where}): it is made of the output, but as detached or under "
        "no_grad, so that it adds a number to the loss and teaches nothing"
    )
    return [t for t in terms if t not in idle]


def _is_idle(node: Node, output: Node, gradients: Gradients) -> bool:
    """Whether the term is made of the output, and has no gradient by it."""
    if output not in lineage([node]):
        return False
    (slope,) = gradients(node, [output])
    return slope is None or not slope.any()


def form_of_term(made: Iterable[Node], B: int) -> str:
    """The form of a term by the calls that made it; "" of none that is known here."""
    made = list(made)
    ops = {node.op for node in made}
    pairs = any(node.op in {"sub", "cdist", "mm", "matmul"} and _of_pairs(node, B) for node in made)
    if pairs and "logsumexp" in ops:
        return (
            "densities of each draw under all examples' posteriors, as in an estimate of the total "
            "correlation"
        )
    if pairs and ops & {"exp", "reciprocal", "div"}:
        return "a kernel of all pairs of examples, as in a maximum mean discrepancy (MMD)"
    in_logs = {at.op for node in made if node.op == "log" for at in (_inner(node), _inner(_inner(node)))}
    if ops & JACOBIANS or "abs" in in_logs:
        return "the logarithm of a Jacobian, as of a flow"
    return ""


def said_of_likelihood(made: Iterable[Node]) -> str:
    """Of a likelihood that is none of those which are compared, by the calls that made it of the output."""
    ops = {node.op for node in made}
    of = "logistics" if ops & {"sigmoid", "softplus", "logsigmoid"} else "densities"
    form = f" (by its form it is a mixture of {of})" if "logsumexp" in ops else ""
    more = ""
    if form and of == "logistics":
        more = "; diagnose_term('discretized_logistic', …) compares one component's log-probabilities"
    return f"how the output is compared with x was not recognized{form}, so it is taken as it is{more}"


def _inner(node: Node) -> Node:
    return node.parents[0] if node.parents else node


def _of_pairs(node: Node, B: int) -> bool:
    """Whether the array has two axes of examples."""
    return sum(size in (B, 2 * B) for size in node.shape) > 1
