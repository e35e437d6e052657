"""Somebody's training step in JAX, run and differentiated: what it returned, what it drew, and its arrays compared by themselves.

jax is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis import SCALES, Outcome, Report, canonical, examine, read
from scratchvae.reference.frameworks.verdicts import rank, unaccusing


def by_arrays(
    step: Callable[..., Any], parameters: Any, x: Any, arguments: Any, *, noise: Any, likelihood: str | None, **settings: Any
) -> Report:
    """The report on the arrays that a step returned beside its loss, and on the noise that it drew.

    What is not said of likelihood and reduction is what explains most. InputError where mean, spread, z or output is missing.
    """
    loss, arrays, _, draws = run(step, parameters, x, arguments)
    names = settings.pop("names", None) or {}
    shown = {canonical(name, names) or name: np.asarray(array) for name, array in arrays.items()}
    wanted = {"mean": ("mean",), "log_var": SCALES, "z": ("z",), "logits": ("logits", "x_mean")}
    missing = [name for name, any_of in wanted.items() if not set(any_of) & set(shown)]
    if missing:
        raise InputError(
            f"check_jax: without names of layers the step should return (loss, arrays) with {', '.join(wanted)}, found no "
            f"{', '.join(missing)}"
        )
    mean = shown["mean"]
    drawn = shown.get("noise", None if noise is None else np.asarray(noise))
    drawn = noise_of(draws if drawn is None else [drawn], (len(mean), mean[0].size))
    known = {"x": np.asarray(x), "loss": loss, **({} if drawn is None else {"noise": drawn.astype(loss.dtype)}), **shown}
    laws = [likelihood] if likelihood else ["bernoulli"] if "logits" in shown else ["bernoulli", "gaussian"]
    best: Report | None = None
    for law in laws:
        for reduction in ("mean", "sum"):
            try:
                found = examine(read(known, names={}, **{"likelihood": law, "reduction": reduction, **settings})).report
            except InputError:
                if law == laws[-1]:
                    raise
                continue
            if best is None or rank(found) < rank(best):
                best = found
            if found.ok and not found.of(Outcome.UNPROVEN):
                break
    assert best is not None
    careful = unaccusing(best, [])
    return replace(careful, blind=(*careful.blind, "gradients were not compared: name encoder, heads and decoder for that"))


def run(step: Callable[..., Any], parameters: Any, x: Any, arguments: Any) -> tuple[Array, dict[str, Any], Any, list[Array]]:
    """The loss, the arrays returned beside it, the gradients, and what was drawn: the last first, normal before uniform."""
    import jax

    draws: dict[str, list[Array]] = {"normal": [], "uniform": []}
    originals = {name: getattr(jax.random, name) for name in draws}

    def watched(name: str) -> Callable[..., Any]:
        def draw(*given: Any, **named: Any) -> Any:
            drawn = originals[name](*given, **named)
            if isinstance(drawn, jax.core.Tracer):
                raise InputError(
                    "check_jax: the step should not be jitted, or vmapped over its keys: its noise can't be seen then"
                )
            draws[name].append(np.asarray(drawn))
            return drawn

        return draw

    def split(tree: Any) -> tuple[Any, dict[str, Any]]:
        result = step(tree, x, *arguments)
        loss, arrays = result if isinstance(result, tuple) and len(result) == 2 else (result, {})
        if not isinstance(arrays, dict) or np.shape(loss) != ():
            raise InputError("check_jax: step should return the loss of the batch, one number, or (loss, a dict of arrays)")
        return loss, arrays

    for name in draws:
        setattr(jax.random, name, watched(name))
    try:
        (loss, arrays), gradient = jax.value_and_grad(split, has_aux=True)(parameters)
    finally:
        for name, original in originals.items():
            setattr(jax.random, name, original)
    return np.asarray(loss), arrays, gradient, [*reversed(draws["normal"]), *reversed(draws["uniform"])]


def noise_of(draws: list[Array], shape: tuple[int, int]) -> Array | None:
    """The first of the draws that has as many numbers as the shape, else the first that broadcasts to it, else None."""
    for draw in draws:
        if draw.size == shape[0] * shape[1]:
            return draw.reshape(shape)
    for draw in draws:
        if draw.size > 1 and draw.ndim <= 2 and all(a in (1, b) for a, b in zip(draw.shape[::-1], shape[::-1], strict=False)):
            return np.broadcast_to(draw, shape)
    return None
