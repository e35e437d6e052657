"""A step as the graph of its calls, the same for every framework: which array is made of which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchvae.arrays import Array

ARITHMETIC = {"add", "sub", "mul", "div", "neg", "addcmul"}
CURVES = {
    *(
        "exp",
        "log",
        "log1p",
        "expm1",
        "log2",
        "sqrt",
        "rsqrt",
        "pow",
        "square",
        "reciprocal",
        "abs",
        "sigmoid",
        "logsigmoid",
    ),
    *(
        "softplus",
        "tanh",
        "clamp",
        "relu",
        "elu",
        "maximum",
        "minimum",
        "where",
        "nan_to_num",
        "sign",
        "erf",
        "softsign",
    ),
    "logaddexp",
    *("floor", "round"),
}
LOSSES = {  # calls that compare an output with a target, and the law that each is of
    "binary_cross_entropy": "bernoulli",
    "binary_cross_entropy_with_logits": "bernoulli",
    "mse_loss": "gaussian",
    "l1_loss": "laplace",
    "smooth_l1_loss": "",
    "huber_loss": "",
    "gaussian_nll_loss": "",
    "poisson_nll_loss": "",
    "cross_entropy": "",
    "nll_loss": "",
    "kl_div": "",
}
VIEWS = {"view", "cast", "copy", "detach"}  # the same numbers, in another shape or dtype
SPREADS = {"expand", "repeat"}  # the same numbers, several times
PICKS = {"pick", "chunk"}
ORDERS = {"transpose"}  # the same numbers in another order
ELEMENTWISE = ARITHMETIC | CURVES
# what densities take of a parameter of their own
NORMALIZERS = {"log", "log1p", "log2", "lgamma", "softplus"}
PENALTIES = {"abs", "square", "pow"}
LOCAL = ELEMENTWISE | VIEWS | SPREADS | ORDERS


@dataclass(eq=False)
class Node:
    """One array of a step: the call that made it, and the arrays and numbers that it was given, in order.

    `kind` is "parameter", "data", "constant" or "draw" of an array that no call on other arrays made; "" of
    any other.
    """

    index: int
    op: str
    operands: tuple[Any, ...]
    shape: tuple[int, ...]
    value: Callable[[], Array]
    kind: str = ""
    handle: Any = None  # what the framework knows it by
    twins: list[Any] = field(default_factory=list)  # handles of the same computed once more
    place: str = ""  # the file and line of the user's code
    names: set[str] = field(default_factory=set)  # of the user's variables that held it
    half: bool = False  # in half precision
    learned: bool = False  # a parameter is among its ancestors
    of_data: bool = False  # data are among its ancestors

    @property
    def parents(self) -> list[Node]:
        """The arrays among the operands."""
        return [operand for operand in self.operands if isinstance(operand, Node)]

    @property
    def numbers(self) -> list[float]:
        """The numbers among the operands, and constant arrays of one entry."""
        single = [float(n.value().reshape(())) for n in self.parents if n.kind == "constant" and n.size == 1]
        return [float(operand) for operand in self.operands if not isinstance(operand, Node)] + single

    @property
    def size(self) -> int:
        """How many entries the array has."""
        return int(np.prod(self.shape))

    @property
    def is_number(self) -> bool:
        """Whether all entries are one number that no data and no parameter enter."""
        if self.kind == "constant" and self.size > 1:
            value = self.value()
            return bool((value == value.flat[0]).all())
        return self.size == 1

    @property
    def like_data(self) -> bool:
        """Whether it was made of data without any parameter, and holds numbers."""
        return self.of_data and not self.learned and not self.is_condition

    @property
    def is_condition(self) -> bool:
        """Whether its entries are true or false, as what torch.where chooses by."""
        return self.value().dtype.kind == "b"


def lineage(starts: Iterable[Node], stops: Iterable[Node] = ()) -> set[Node]:
    """The nodes and all their ancestors, without the `stops` and what lies behind them."""
    ended, found = set(stops), set()
    waiting = [node for node in starts if node not in ended]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [parent for parent in node.parents if parent not in ended]
    return found


def heirs(start: Node, among: Iterable[Node]) -> set[Node]:
    """The node itself and, of those among the given, all that depend on it."""
    found = {start}
    for node in sorted(among, key=lambda n: n.index):
        if any(parent in found for parent in node.parents):
            found.add(node)
    return found


def bare(node: Node, *, spreads: bool = False, turned: bool = False) -> Node:
    """What the node is a mere view of, with `spreads` or `turned` also what it repeats or transposes."""
    ops = VIEWS | (SPREADS if spreads else set()) | (ORDERS if turned else set())
    while (node.op in ops or (node.op in SPREADS and node.parents[0].size == node.size)) and node.parents:
        node = node.parents[0]
    return node


def chain(node: Node) -> Iterator[Node]:
    """The node, and what it is a function of entry by entry, as long as that is one array beside numbers."""
    yield node
    while node.op in LOCAL and not node.kind:
        variable = [p for p in node.parents if p.learned]
        if len(set(variable)) != 1 or (node.op in SPREADS and variable[0].size != node.size):
            return
        node = variable[0]
        yield node


def history(data: Node) -> list[Node]:
    """Data, and what they are a function of entry by entry, the original last."""
    steps = [data]
    while steps[-1].op in LOCAL and steps[-1].parents and not steps[-1].kind:
        behind = steps[-1].parents
        steps.append(max(behind, key=lambda parent: (parent.of_data, not parent.is_condition, parent.size)))
    return steps


def gate(steps: list[Node], ends: Iterable[Node]) -> Node:
    """The first of a chain's nodes that all paths from deeper in the chain to the ends go through."""
    ends = list(ends)
    for i, node in enumerate(steps):
        if not lineage(ends, [node]) & set(steps[i + 1 :]):
            return node
    return steps[-1]


def sources(node: Node, stops: Iterable[Node] = ()) -> set[Node]:
    """Where the lineage of a node, followed by entry and through sums, meets what is computed otherwise."""
    found, waiting, met = set(), [node], set(stops)
    while waiting:
        at = waiting.pop()
        if at in met:
            continue
        met.add(at)
        if at.op in LOCAL | {"sum", "mean", "logsumexp", *LOSSES} and not at.kind:
            waiting += [p for p in at.parents if p.learned]
        elif at.learned:
            found.add(at)
    return found


def before_parting(output: Node, made: set[Node]) -> Node:
    """What the output is of along several ways, as log m − log(r + m) is of m; else the output itself."""
    if output.op not in ELEMENTWISE or len({p for p in output.parents if p in made}) < 2:
        return output
    starts = [node for node in sources(output) if node in made]
    if len(starts) != 1 or starts[0].size != output.size:
        return output
    between = heirs(starts[0], lineage([output])) - {output}
    return next(n for n in sorted(between, key=lambda n: -n.index) if starts[0] not in lineage([output], [n]))


def belongs(node: Node, known: set[Node]) -> bool:
    """Whether a term is made of known arrays as log σ is in the formula of a density that holds σ.

    A penalty is not, such as a sum of squares or of absolute values of parameters.
    """
    waiting, met = [(node, False)], set()
    while waiting:
        at, normalizer = waiting.pop()
        if at in known or at in met:
            continue
        met.add(at)
        normalizer = normalizer or at.op in NORMALIZERS
        penalty = at.op in PENALTIES or (at.op == "mul" and len(set(at.operands)) == 1)
        if at.kind or (penalty and not normalizer) or at.op not in LOCAL | NORMALIZERS | {"sum", "mean"}:
            return False
        waiting += [(p, normalizer) for p in at.parents if p.learned]
    return True


def laws_of(made: Iterable[Node]) -> set[str]:
    """The laws that calls on an output are written of, by name or form, such as log y beside log(1 − y)."""
    found, logs = set(), set()
    for node in made:
        found.add(LOSSES.get(node.op, ""))
        inner = node.parents[0] if node.parents else node
        if node.op in {"logsigmoid", "softplus"}:
            found.add("bernoulli")
        elif node.op in {"log", "log1p"} and not node.kind:
            logs.add("1 - y" if node.op == "log1p" or (inner.op == "sub" and inner.numbers == [1.0]) else "y")
        elif inner.op == "sub" and any(p.like_data for p in inner.parents):
            found |= (
                {"gaussian"} if node.op in {"square", "pow"} else {"laplace"} if node.op == "abs" else set()
            )
    return (found | {"bernoulli"} if len(logs) == 2 else found) - {""}
