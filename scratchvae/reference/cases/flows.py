"""Cases of flows: every function of the steps, and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.flows import (
    autoregressive,
    coupling,
    householder,
    network,
    planar,
    radial,
    updates,
)
from scratchvae.reference.cases import flow_oracles as oracles
from scratchvae.reference.cases import flow_torch as expressions
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.part import Inputs, Part, part_of

B, D, C = 3, 4, 2
CANCELS = "the two parts of y, or of a gradient, cancel"
PLANAR = {"w": normal(B, D, seed=1), "u": normal(B, D, seed=2), "b": normal(B, 1, seed=3)}
RADIAL = {"z0": normal(B, D, seed=1), "a": normal(B, 1, seed=2), "b": normal(B, 1, seed=3)}
UPDATED = {"a": normal(B, D, seed=1), "m": normal(B, D, seed=2)}
ORDERS: dict[str, tuple[int, ...]] = {"in order": (0, 1, 2, 3), "in another": (2, 0, 3, 1)}


def _layers(
    inputs: int, outputs: int, *widths: int, contexts: int = C, scale: float = 0.7
) -> dict[str, Array]:
    """Return a context, and V, W, b, … of a network of these hidden widths."""
    sizes = (inputs, *widths, outputs)
    found = {"context": normal(B, contexts, seed=21), "V": normal(contexts, widths[0], seed=22, scale=scale)}
    for i in range(len(sizes) - 1):
        found[f"W{i}"] = normal(sizes[i], sizes[i + 1], seed=23 + i, scale=scale)
        found[f"b{i}"] = normal(sizes[i + 1], seed=33 + i, scale=scale)
    return found


TWO_LAYERS, ONE_LAYER, COUPLED = _layers(D, 2 * D, 5, 6), _layers(D, 2 * D, 7), _layers(2, 4, 5)
# The inverse of a network with these weights is no larger than its input.
GENTLE = _layers(D, 2 * D, 7, scale=0.3), _layers(D, 2 * D, 5, 6, scale=0.3)

# The certificate uses small arrays, since its oracles are slow.
SMALL = 2
FEW = {"planar": PLANAR, "radial": RADIAL, "updated": UPDATED}
FEW = {name: {key: a[:, :SMALL] for key, a in arrays.items()} for name, arrays in FEW.items()}
FEW |= {"network": _layers(SMALL, 2 * SMALL, 3, contexts=1), "coupled": _layers(1, 2, 2, contexts=1)}
BARE = _layers(SMALL, 2 * SMALL, 2, 2, contexts=0)


def parts() -> list[Part]:
    """Return every function of the steps."""
    return [*_amortized(), *_updates(), *_networks()]


def _tried(
    name: str, arrays: dict[str, Array], others: dict[str, dict[str, Array]] | None = None, **constants: Any
) -> list[Inputs]:
    """Return the inputs of a certificate: the arrays, and each of the others in place of some.

    An array z or y of that name is added, as wide as the arrays need.
    """
    start = {name: normal(B, SMALL, seed=4), **arrays}
    kinds = {"ordinary": {}, **(others or {})}
    return [
        Inputs(kind, {**start, **some}, constants, floor=1.0, why=CANCELS) for kind, some in kinds.items()
    ]


def _amortized() -> list[Part]:
    """Return the steps whose parameters are arrays of each example."""
    steep = {
        "wᵀu from −30 to 30": {
            "u": np.array([[-30.0], [1e-3], [30.0]])
            * FEW["planar"]["w"]
            / (FEW["planar"]["w"] ** 2).sum(1)[:, None]
        },
        "a from −40 to 40": {"b": np.array([[-40.0], [1e-8], [40.0]])},
        "short w": {"w": 1e-3 * FEW["planar"]["w"]},
    }
    far = {
        "α and m from e⁻²⁰ to 20": {
            "a": np.array([[-20.0], [0.0], [20.0]]),
            "b": np.array([[20.0], [-20.0], [3.0]]),
        },
        "near the centre": {"z0": normal(B, SMALL, seed=4) + 1e-6},
    }
    nearer = {**far, "near the centre": {"y": FEW["radial"]["z0"] + 1e-6 * normal(B, SMALL, seed=5)}}
    z, y = {"z": normal(B, D)}, {"y": normal(B, D)}
    return [
        part_of(
            planar.forward,
            {**z, **PLANAR},
            oracle=oracles.planar,
            tried=_tried("z", FEW["planar"], steep),
            torch=expressions.planar,
        ),
        part_of(
            planar.inverse,
            {**y, **PLANAR},
            oracle=oracles.planar_inverse,
            tried=_tried("y", FEW["planar"], {"a from −40 to 40": steep["a from −40 to 40"]}),
            torch=expressions.planar_inverse,
        ),
        part_of(
            radial.forward,
            {**z, **RADIAL},
            more={"m beyond α": ({**z, **RADIAL, "a": RADIAL["b"], "b": RADIAL["a"] + 2}, {})},
            oracle=oracles.radial,
            tried=_tried("z", FEW["radial"], far),
            torch=expressions.radial,
        ),
        part_of(
            radial.inverse,
            {**y, **RADIAL},
            more={"m beyond R": ({**y, **RADIAL, "b": RADIAL["b"] + 6}, {})},
            oracle=oracles.radial_inverse,
            tried=_tried("y", FEW["radial"], nearer),
            torch=expressions.radial_inverse,
        ),
        part_of(
            householder.reflect,
            {**z, "v": normal(B, D, seed=1)},
            oracle=oracles.reflect,
            tried=_tried(
                "z", {"v": normal(B, SMALL, seed=1)}, {"long v": {"v": normal(B, SMALL, seed=1, scale=1e6)}}
            ),
            torch=expressions.reflect,
        ),
    ]


def _updates() -> list[Part]:
    ends = {"a from −15 to 40": {"a": np.linspace(-15, 40, B * SMALL).reshape(B, SMALL)}}
    both = {
        updates.gate: ("z", oracles.gate, expressions.gate),
        updates.ungate: ("y", oracles.ungate, expressions.ungate),
        updates.scale: ("z", oracles.scale, expressions.scale),
        updates.unscale: ("y", oracles.unscale, expressions.unscale),
    }
    found = []
    for op, (name, oracle, torch) in both.items():
        tried = _tried(name, FEW["updated"], {} if op is updates.ungate else ends)
        found.append(part_of(op, {name: normal(B, D), **UPDATED}, oracle=oracle, tried=tried, torch=torch))
    return found


def _networks() -> list[Part]:
    """Return the network, and the steps that consist of it."""
    x, gates = {"x": normal(B, D)}, {"order": ORDERS["in order"], "update": "gate"}
    backwards = {"order": ORDERS["in another"], "update": "unscale"}
    return [
        part_of(
            network.network,
            {**x, **TWO_LAYERS},
            {"order": ORDERS["in another"]},
            more={"no order": ({**x, **TWO_LAYERS}, {})},
            oracle=oracles.network,
            tried=_tried("x", BARE, order=(0, 1)),
            torch=expressions.network,
        ),
        part_of(
            autoregressive.together,
            {**x, **TWO_LAYERS},
            gates,
            more={"factors": ({**x, **ONE_LAYER}, backwards)},
            oracle=oracles.together,
            tried=_tried("x", FEW["network"], order=(0, 1), update="gate"),
            torch=expressions.together,
        ),
        part_of(
            autoregressive.one_by_one,
            {"y": normal(B, D, scale=0.5), **GENTLE[0]},
            gates,
            more={"factors": ({"y": normal(B, D, scale=0.5), **GENTLE[1]}, backwards)},
            oracle=oracles.one_by_one,
            tried=_tried("y", FEW["network"], order=(1, 0), update="unscale"),
            torch=expressions.one_by_one,
        ),
        part_of(
            coupling.couple,
            {"z": normal(B, D), **COUPLED},
            {"moves": (2, 3)},
            oracle=oracles.couple,
            tried=_tried("z", FEW["coupled"], moves=(1,)),
            torch=expressions.couple,
        ),
        part_of(
            coupling.uncouple,
            {"y": normal(B, D), **COUPLED},
            {"moves": (0, 1)},
            oracle=oracles.uncouple,
            tried=_tried("y", FEW["coupled"], moves=(0,)),
            torch=expressions.uncouple,
        ),
    ]
