"""The closed-form KL without a weight, found inside a term of the loss."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import SCALES, std_read_as
from scratchvae.reference.frameworks.flow import Node
from scratchvae.reference.frameworks.proportions import near, same
from scratchvae.reference.frameworks.terms import scaled


def plain_kl(node: Node, arrays: dict[str, Array], B: int) -> Node | None:
    """The closed-form KL over the batch or of each example, of which the term is a multiple; else None."""
    kind = next((name for name in SCALES if name in arrays), None)
    if kind is None:
        return None
    var = std_read_as(kind, arrays[kind].astype(np.float64)) ** 2
    with np.errstate(all="ignore"):
        kl = 0.5 * (arrays["mean"].astype(np.float64) ** 2 + var - 1 - np.log(var)).reshape(B, -1).sum(axis=1)
    plain = None
    while True:
        value = node.value()
        whole = value.ndim == 0 and any(near(float(value), float(total)) for total in (kl.sum(), kl.mean()))
        if whole or (value.shape == (B,) and same(value, kl)):
            plain = node  # a mean times a weight that is as large as the batch is a sum only by chance
        found = scaled(node) if node.op in {"mul", "div"} else None
        if (found is None and node.op != "neg") or (plain is not None and node.op != "mul"):
            return plain
        node = node.parents[0] if found is None else found[0]
