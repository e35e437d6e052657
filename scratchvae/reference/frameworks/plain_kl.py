"""The closed-form KL without a weight, found inside a term of the loss."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import SCALES, std_read_as
from scratchvae.reference.frameworks.flow import VIEWS, Node
from scratchvae.reference.frameworks.proportions import near, same
from scratchvae.reference.frameworks.terms import scaled


def plain_kl(node: Node, arrays: dict[str, Array], B: int) -> Node | None:
    """The closed-form KL over the batch or of each example, of which the term is a multiple; else None."""
    entries = _by_entry(arrays)
    if entries is None:
        return None
    kl, plain = entries.reshape(B, -1).sum(axis=1), None
    while True:
        value = node.value()
        whole = value.ndim == 0 and any(near(float(value), float(total)) for total in (kl.sum(), kl.mean()))
        if whole or (value.shape == (B,) and same(value, kl)):
            plain = node  # a mean times a weight that is as large as the batch is a sum only by chance
        found = scaled(node) if node.op in {"mul", "div"} else None
        if (found is None and node.op != "neg") or (plain is not None and node.op != "mul"):
            return plain
        node = node.parents[0] if found is None else found[0]


def around_formula(node: Node, arrays: dict[str, Array], B: int) -> tuple[Node, Node | None] | None:
    """Where the formula of the KL ends inside its term, however its entries are averaged; else None.

    It is the sum that the factors of the term multiply, and of those factors the ½ that belongs to the
    formula: None where the sum holds the ½ already.
    """
    entries, passed = _by_entry(arrays), []
    if entries is None:
        return None
    while True:
        found = scaled(node) if node.op in {"mul", "div"} else None
        if found is None and node.op not in {"neg", "sum", "mean", *VIEWS}:
            break
        passed += [] if found is None else [(node, abs(found[1]))]
        node = node.parents[0] if found is None else found[0]
    value, rows = np.abs(node.value()), entries.reshape(B, -1)
    wholes = [entries] if value.size == entries.size else [rows.sum(axis=1), rows.mean(axis=1)]
    wholes = wholes if value.ndim else [whole for w in wholes for whole in (w.sum(), w.mean())]
    for whole in wholes:
        if same(value, np.asarray(whole)):
            return node, None
        half = next((factor for factor, number in reversed(passed) if near(number, 0.5)), None)
        if half is not None and same(value, np.asarray(2 * whole)):
            return node, half
    return None


def _by_entry(arrays: dict[str, Array]) -> Array | None:
    """The KL of each latent, where the encoder's σ is known."""
    kind = next((name for name in SCALES if name in arrays), None)
    if kind is None:
        return None
    var = std_read_as(kind, arrays[kind].astype(np.float64)) ** 2
    with np.errstate(all="ignore"):
        return np.asarray(0.5 * (arrays["mean"].astype(np.float64) ** 2 + var - 1 - np.log(var)))
