"""Relaxed categorical draws in a watched step, y = softmax((l + Gumbel noise)/τ), and their KL to even odds.

The KL is that of the categorical law, Σ q log q + log K with q = softmax(l), as in Jang, Gu & Poole 2017.
"""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import LOCAL, Node, bare, heirs, lineage
from scratchvae.reference.frameworks.ledger import Pull
from scratchvae.reference.frameworks.own_latents import Codes, agrees, unproven
from scratchvae.reference.frameworks.proportions import CLOSE, fitted, same
from scratchvae.reference.frameworks.spread import Gradients

BETWEEN = LOCAL | {"softmax", "logsumexp"}
OF_NOISE = {"draw uniform", "exponential"}


def relaxed(used: list[Node], gradients: Gradients, pull: Pull, loss: Node) -> Codes | None:
    """The draws, where softmax((l + noise)/τ) or torch's gumbel_softmax is in the loss; else None."""
    found = _called(used) or _by_hand(used)
    if found is None:
        return None
    y, logits, noise = found
    codes = Codes(y, logits, {"z": y, "mean": logits})
    drawn = "a draw of torch's gumbel_softmax" if noise is None else "a relaxed categorical draw"
    codes.notes.append(f"z is {drawn} ({y.place}): its KL takes the place of a Gaussian's")
    if noise is not None:
        _draw(codes, y, logits, noise)
    _divergence(codes, gradients, pull, loss, y, logits)
    return codes


def _called(used: list[Node]) -> tuple[Node, Node, Node | None] | None:
    found = [node for node in used if node.op == "gumbel_softmax" and node.parents]
    return (found[0], bare(found[0].parents[0]), None) if len(found) == 1 else None


def _by_hand(used: list[Node]) -> tuple[Node, Node, Node | None] | None:
    """(y, logits, noise), where logits and noise that was made of logarithms of a draw are joined."""
    for node in used:
        if node.op not in {"add", "sub"} or len(node.parents) != 2:
            continue
        learned = [p for p in node.parents if p.learned]
        made = [p for p in node.parents if not p.learned]
        if len(learned) != 1 or len(made) != 1 or learned[0].size != made[0].size:
            continue
        behind = lineage(made)
        if not any(n.op in OF_NOISE for n in behind) or not any(n.op == "log" for n in behind):
            continue
        after = [n for n in sorted(heirs(node, used), key=lambda n: n.index) if n.op in {"softmax", "exp"}]
        if after and all(n.op in BETWEEN for n in lineage(after[:1], [node]) if node in lineage([n])):
            return after[0], _unnormalized(bare(learned[0])), made[0]
    return None


def _unnormalized(logits: Node) -> Node:
    """What log-probabilities were made of, less their logsumexp, which gives the same softmax."""
    normal = logits.op == "sub" and any(n.op == "logsumexp" for n in lineage(logits.parents[1:]))
    return bare(logits.parents[0]) if normal else logits


def _draw(codes: Codes, y: Node, logits: Node, noise: Node) -> None:
    """A line that says whether y is the softmax of logits and Gumbel noise, over some τ."""
    l, g, found = (n.value().astype(np.float64) for n in (logits, noise, y))
    l, g = l.reshape(found.shape), g.reshape(found.shape)
    behind = lineage([noise])
    if any(n.op == "draw uniform" for n in behind):
        made = [_gumbel(n.value().astype(np.float64)) for n in behind if n.size == g.size]
        if not any(same(sign * g, of_u, 1e-3) for of_u in made for sign in (1.0, -1.0)):
            why = "the noise is not −log(−log u) of a uniform u, so that it is no Gumbel noise"
            codes.lines.append(unproven("noise", g, None, why))
            return
    between = lineage([y])
    numbers = [1.0, *(n for node in between for n in node.numbers if n > 0)]
    numbers += [
        float(n.value().flat[0]) for n in between if n.is_number and n.size == 1 and n.value().min() > 0
    ]
    for tau in dict.fromkeys(numbers):
        for sign in (1.0, -1.0):
            if same(found, _softmax((l + sign * g) / tau), 1e-5):
                codes.lines.append(agrees("z", found, _softmax((l + sign * g) / tau)))
                codes.notes.append(f"its temperature is {tau:.6g}")
                return
    why = "it is not softmax((logits + noise)/τ) over the last axis, with a τ of the step"
    codes.lines.append(unproven("z", found, None, why))


def _gumbel(u: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(-np.log(-np.log(np.clip(u, 1e-12, 1 - 1e-12))))


def _softmax(l: Array) -> Array:
    e = np.exp(l - l.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _divergence(codes: Codes, gradients: Gradients, pull: Pull, loss: Node, y: Node, logits: Node) -> None:
    """The KL's weight by its gradient at a fixed draw, and what it adds to the loss, right and otherwise."""
    by_y, total = gradients(loss, [y, logits])
    if by_y is None or total is None:
        codes.blind.append("not found: a gradient of the logits or of the draw, for none reaches it")
        return
    own = total.astype(np.float64) - pull([(y, by_y)], [logits])[0].reshape(total.shape)
    own, l = own.reshape(y.shape), logits.value().astype(np.float64).reshape(y.shape)
    q, K = _softmax(l), l.shape[-1]
    with np.errstate(all="ignore"):
        log_q = np.where(q > 0, np.log(q), 0.0)
    negative_entropy = (q * log_q).sum(axis=-1, keepdims=True)
    slope = q * (log_q - negative_entropy)
    b = fitted(own, slope, close=CLOSE) if np.abs(own).max() > 1e-6 * np.abs(total).max() else 0.0
    if b is None:
        codes.blind.append(
            "the KL of the categorical law was not recognized by its gradient at a fixed draw: it was not "
            "checked, nor the loss's value; diagnose_term('categorical_kl', …) compares it by itself"
        )
        return
    if not b:
        codes.blind.append("no KL of the categorical law was found in the loss")
    codes.lines.append(agrees("d_logits of the draw", own, b * slope))
    codes.weights["the KL of the categorical law"], codes.expected = b, True
    groups, whole = l.size // K, b * float(negative_entropy.sum())
    codes.values += [
        (whole + b * groups * np.log(K), ""),
        (whole, "the KL lacks log K: write Σ q (log q + log K), unless a constant is left out on purpose"),
        (whole - b * groups / K, "the KL has 1/K in place of log 1/K: write Σ q (log q − log(1/K))"),
    ]
