"""log w of a step: the logarithms of importance weights, found from what was done with the output."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import Node, bare, heirs, lineage, sources
from scratchvae.reference.frameworks.proportions import same


def log_weights(used: list[Node], output: Node, z: Node | None) -> Node | None:
    """What the logarithm of a mean of weights is taken of, if the output is in it: log w.

    A mixture's likelihood has such a logarithm too, but of what the decoder gave alone.
    """
    after = heirs(output, used)
    found = [node.parents[0] for node in used if node.op == "logsumexp" and node in after]
    made = set() if z is None else heirs(z, used)
    found = [log_w for log_w in found if z is None or any(not n.kind for n in sources(log_w) - made)]
    return found[0] if len(found) == 1 else _weighed_by_itself(used, after)


def _weighed_by_itself(used: list[Node], after: set[Node]) -> Node | None:
    """log w, where the loss holds Σ w̃ log w with detached weights w̃."""
    for node in used:
        pair = [parent for parent in node.parents if parent in after]
        if node.op == "mul" and len(pair) == 2:
            for weights, again in (pair, pair[::-1]):
                log_w = again if again in lineage([weights]) else bare(again)  # it may be computed twice
                between = lineage([weights], [log_w])
                cut = any(n.op == "detach" for n in between)
                if cut and log_w in lineage([weights]) and any(n.op in {"softmax", "exp"} for n in between):
                    return log_w
    return None


def add_constant(arrays: dict[str, Array]) -> None:
    """Enter −½ log 2π of each entry in a Gaussian's log p(x|z), where the step adds it as a number.

    Such a number is none of the terms that depend on parameters, but log w has it.
    """
    if not {"log_w", "log_px", "log_pz", "log_q", "x_mean"} <= set(arrays):
        return
    left = arrays["log_w"] - arrays["log_px"] - arrays["log_pz"] + arrays["log_q"]
    constant = -0.5 * float(np.log(2 * np.pi)) * arrays["x"][0].size
    if same(left, np.full_like(left, constant)):
        arrays["log_px"] = arrays["log_px"] + np.asarray(constant, left.dtype)
