"""What a JAX step drew and returned, compared by itself where its equations were not recognized."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis import SCALES, Outcome, Report, canonical, examine, read
from scratchvae.reference.frameworks.jax_traced import Traced
from scratchvae.reference.frameworks.verdicts import rank, unaccusing

WANTED = {"mean": ("mean",), "log_var": SCALES, "z": ("z",), "logits": ("logits", "x_mean")}


def shown_by(traced: Traced, names: dict[str, str]) -> dict[str, Array]:
    """The arrays that the step returned beside its loss, by canonical name where they have one."""
    return {canonical(name, names) or name: node.value() for name, node in traced.returned.items()}


def noise_drawn(traced: Traced, given: Any, shape: tuple[int, int]) -> Array | None:
    """The noise of this shape: what is given, or of the draws the last that fits, normal before uniform."""
    drawn = [node for node in reversed(traced.graph.nodes) if node.kind == "draw"]
    draws = [node.value() for law in ("draw normal", "draw uniform") for node in drawn if node.op == law]
    return noise_of(draws if given is None else [np.asarray(given)], shape)


def by_arrays(
    traced: Traced, x: Any, *, noise: Any, likelihood: str | None, **settings: Any
) -> Report | None:
    """The report on the arrays that a step returned beside its loss, and on the noise that it drew.

    What is not said of likelihood and reduction is what explains most. None where mean, spread, z or output
    is missing.
    """
    shown = shown_by(traced, settings.pop("names", None) or {})
    if not all(set(any_of) & set(shown) for any_of in WANTED.values()):
        return None
    loss, mean = traced.loss.value(), shown["mean"]
    drawn = noise_drawn(traced, shown.get("noise", noise), (len(mean), mean[0].size))
    known = {
        "x": np.asarray(x),
        "loss": loss,
        **({} if drawn is None else {"noise": drawn.astype(loss.dtype)}),
        **shown,
    }
    laws = [likelihood] if likelihood else ["bernoulli"] if "logits" in shown else ["bernoulli", "gaussian"]
    best: Report | None = None
    for law in laws:
        for reduction in ("mean", "sum"):
            try:
                found = examine(
                    read(known, names={}, **{"likelihood": law, "reduction": reduction, **settings})
                ).report
            except InputError:
                if law == laws[-1]:
                    raise
                continue
            if best is None or rank(found) < rank(best):
                best = found
            if found.ok and not found.of(Outcome.UNPROVEN):
                break
    assert best is not None
    careful = unaccusing(best, [], settings)
    return replace(
        careful,
        blind=(*careful.blind, "gradients were not compared: name encoder, heads and decoder for that"),
    )


def noise_of(draws: list[Array], shape: tuple[int, int]) -> Array | None:
    """The first draw of as many numbers as the shape, or one that broadcasts to it; else None."""
    for draw in draws:
        if draw.size == shape[0] * shape[1]:
            return draw.reshape(shape)
    for draw in draws:
        if (
            draw.size > 1
            and draw.ndim <= 2
            and all(a in (1, b) for a, b in zip(draw.shape[::-1], shape[::-1], strict=False))
        ):
            return np.broadcast_to(draw, shape)
    return None
