"""Codes of a codebook in a watched step, z = z_e + sg(e − z_e), and the two norms that move them.

The norms are ‖sg(z_e) − e‖², which moves the codes, and ‖z_e − sg(e)‖², which holds the encoder to them (van
den Oord et al. 2017, equation 3). What each weighs is told by the gradients.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import VIEWS, Node, bare, lineage
from scratchvae.reference.frameworks.own_latents import Codes, agrees, unproven
from scratchvae.reference.frameworks.proportions import fitted, near
from scratchvae.reference.frameworks.spread import Gradients

CLOSE = 1e-4
MOVES = "‖sg(z_e) − e‖², which moves the codes,"
HOLDS = "‖z_e − sg(e)‖², which holds the encoder to them,"
MOST_CODES = 1 << 24  # entries of the table of distances


def quantized(used: list[Node], gradients: Gradients, loss: Node) -> Codes | None:
    """The codes, where one straight-through step is in the loss; None where there is none, or several."""
    found = [step for node in used if (step := _straight_through(node)) is not None]
    if len(found) != 1:
        return None
    z, z_e, e = found[0]
    inner_e, inner_z_e = bare(e), bare(z_e)
    codes = Codes(z, inner_z_e, {"z": z, "mean": inner_z_e, "codes": inner_e})
    codes.notes.append(
        f"z is a code of a codebook, passed straight through ({z.place}): its norms take the place of a KL"
    )
    value, there = z.value().astype(np.float64), e.value().astype(np.float64)
    size = float(np.abs(z_e.value()).max() + np.abs(there).max())
    if np.abs(value - there).max() <= 1e-5 * size:
        codes.lines.append(agrees("z", value, there))
    else:
        codes.lines.append(unproven("z", value, there, "the decoder does not get the code itself"))
    book = _choice(codes, z_e, e)
    _norms(codes, gradients, loss, z_e, e)
    if book is not None and book.learned and not codes.weights.get(MOVES, 1.0):
        codes.blind.append(
            "no norm moves the codes: no gradient reaches the codebook. Take ‖sg(z_e) − e‖² from the code "
            "itself, before the straight-through step, unless the codes move by averages"
        )
    return codes


def _straight_through(node: Node) -> tuple[Node, Node, Node] | None:
    """(z, z_e, e), where the node is z_e + sg(e − z_e) or z_e − sg(z_e − e)."""
    if node.op not in {"add", "sub"} or len(node.parents) != 2:
        return None
    pairs = [node.parents, node.parents[::-1]] if node.op == "add" else [node.parents]
    for z_e, cut in pairs:
        inner, detached = cut, False
        while inner.op in VIEWS and inner.parents:
            detached, inner = detached or inner.op == "detach", inner.parents[0]
        if not detached or inner.op != "sub" or len(inner.parents) != 2 or not z_e.learned:
            continue
        e, subtracted = inner.parents if node.op == "add" else inner.parents[::-1]
        if bare(subtracted) is bare(z_e) and bare(e) is not bare(z_e) and e.shape == z_e.shape:
            return node, z_e, e
    return None


def _choice(codes: Codes, z_e: Node, e: Node) -> Node | None:
    """Enter a line that says whether each code is the nearest of its codebook, which is returned."""
    for node, rows, encoded, book in _books(z_e, e):
        squares = ((encoded**2).sum(1)[:, None] - 2 * encoded @ book.T + (book**2).sum(1)).min(axis=1)
        own = ((encoded - rows) ** 2).sum(axis=1)
        if (own <= squares + 1e-4 * (1 + np.abs(own))).all():
            codes.lines.append(agrees("code", own, squares))
        else:
            why = "the code is not the nearest of the codebook, which another rule of choice may make right"
            codes.lines.append(unproven("code", own, squares, why))
        return node
    codes.blind.append("not found: the codebook, so that it was not checked whether each code is the nearest")
    return None


def _books(z_e: Node, e: Node) -> Iterator[tuple[Node, Array, Array, Array]]:
    """The node of a codebook, codes (N, C), what they stand for (N, C), and a codebook (K, C).

    Every code is a row of the codebook.
    """
    behind = sorted(lineage([e]), key=lambda n: (n.kind != "parameter", n.index))
    for node in [n for n in behind if len(n.shape) == 2 and n.shape[0] > 1]:
        book = node.value()
        C = book.shape[1]
        for axis in range(len(e.shape) - 1, -1, -1):
            if book.dtype.kind != "f" or e.shape[axis] % C or e.size // C * len(book) > MOST_CODES:
                continue
            rows, encoded = (
                np.moveaxis(n.value(), axis, -1).reshape(-1, C).astype(np.float64) for n in (e, z_e)
            )
            known = {row.tobytes() for row in book}
            if all(row.tobytes() in known for row in rows.astype(book.dtype)):
                yield node, rows, encoded, book.astype(np.float64)


def _norms(codes: Codes, gradients: Gradients, loss: Node, z_e: Node, e: Node) -> None:
    """What both norms weigh, and what they add to the loss."""
    by_z, by_e, by_z_e = gradients(loss, [codes.z, bare(e), bare(z_e)])
    if by_z is None or by_z_e is None:
        codes.blind.append("not found: a gradient of the encoder's output, for none reaches it")
        return
    apart = z_e.value().astype(np.float64) - e.value().astype(np.float64)
    rounding = CLOSE * float(np.abs(by_z).max()) * 0.1
    own = _laid_out(by_z_e, bare(z_e), z_e) - by_z.reshape(z_e.shape)
    moved = np.zeros(e.shape) if by_e is None else _laid_out(by_e, bare(e), e)
    weights = []
    for name, slope, apart_by in (("d_codes", moved, -apart), ("d_z_e", own, apart)):
        within = max(CLOSE * float(np.abs(slope).max(initial=0)), rounding)
        a = fitted(slope, apart_by, within=within) if np.abs(slope).max(initial=0) > within else 0.0
        if a is None:
            where = f" ({e.place})" if e.place else ""
            codes.blind.append(
                f"the gradient of the {'codes' if name == 'd_codes' else 'encoder'}{where} is not that of a "
                "norm ‖z_e − e‖² with one side detached: the terms of the codes and the loss's value were "
                "not checked; diagnose_term('quantization', …) compares them by themselves"
            )
            return
        weights.append(0.5 * a)
        codes.lines.append(agrees(name, slope, a * apart_by))
    codebook, commitment = weights
    codes.weights |= {MOVES: codebook, HOLDS: commitment}
    squares = float((apart**2).sum())
    codes.values.append(((codebook + commitment) * squares, ""))
    if codebook and near(codebook, commitment):
        words = "one norm moves the code and the encoder alike: detach one of them in each of two norms"
        codes.values.append((codebook * squares, f"{words}, unless that is meant"))
    if not commitment:
        codes.blind.append(
            "no norm holds the encoder to the codes: add β ‖z_e − sg(e)‖², unless that is meant"
        )


def _laid_out(gradient: Array, inner: Node, outer: Node) -> Array:
    """The gradient by an array, in the layout of a view of it: the numbers tell which entry is which."""
    value, like = inner.value().ravel(), outer.value().ravel()
    g = gradient.astype(np.float64).ravel()
    if not np.array_equal(value, like):
        moved = np.empty_like(g)
        moved[np.argsort(like, kind="stable")] = g[np.argsort(value, kind="stable")]
        g = moved
    return g.reshape(outer.shape)
