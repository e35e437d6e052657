"""The function whose gradient a whole JAX training step takes, found by tracing the step up to there.

jax and flax are imported inside these functions only.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# whose modules may call these functions by their own names for reasons of their own
LIBRARIES = {"jax", "jaxlib", "flax", "haiku", "optax", "equinox", "keras", "numpyro", "scratchvae"}


class Differentiated(BaseException):  # which no except clause of the user's step catches
    """The step is about to differentiate this function of these arguments."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        super().__init__("a gradient is taken")
        self.function, self.arguments = function, arguments


@contextmanager
def _stopping_at_gradients() -> Iterator[None]:
    """Inside, a step stops where it would take a gradient.

    jax.grad and jax.value_and_grad, and those of flax.nnx, are replaced under every name by which the user's
    modules imported them; so is jax.vmap, inside of which a step may take the gradient of each example.
    """
    import jax

    offering = [jax, *([sys.modules["flax.nnx"]] if "flax.nnx" in sys.modules else [])]
    functions = [getattr(module, name) for module in offering for name in ("grad", "value_and_grad")]
    instead = {id(function): _stop for function in functions} | {id(jax.vmap): _batching(jax.vmap)}
    theirs = [m for name, m in list(sys.modules.items()) if m and name.partition(".")[0] not in LIBRARIES]
    kept = [
        (held, name, value, other)
        for held in [vars(module) for module in (*offering, *theirs) if hasattr(module, "__dict__")]
        for name, value in list(held.items())
        if (other := instead.get(id(value)))
    ]
    for held, name, _, other in kept:
        held[name] = other
    try:
        yield
    finally:
        for held, name, original, _ in kept:
            held[name] = original


def up_to_gradients(step: Callable[[], Any]) -> Any:
    """What the step returns, or what the function returns that it differentiates first."""
    import jax

    try:
        with _stopping_at_gradients():
            return step()
    except Differentiated:
        pass  # perhaps inside of jit, whose arrays are not those of this trace
    try:
        with _stopping_at_gradients(), jax.disable_jit():
            step()
    except Differentiated as found:
        reached = found
    return reached.function(*reached.arguments)


def _stop(function: Callable[..., Any], *settings: Any, **named_settings: Any) -> Callable[..., Any]:
    """Stands in for jax.grad."""

    def reached(*arguments: Any, **named: Any) -> Any:
        raise Differentiated(functools.partial(function, **named), arguments)

    return reached


def _batching(vmap: Callable[..., Any]) -> Callable[..., Any]:
    """Stands in for jax.vmap: of gradients of each example it makes the mean of their losses."""

    def batched(function: Callable[..., Any], *settings: Any, **named_settings: Any) -> Callable[..., Any]:
        def loss(*arguments: Any, **named: Any) -> Any:
            try:
                return function(*arguments, **named)
            except Differentiated as found:
                return found.function(*found.arguments)

        def mean(*arguments: Any, **named: Any) -> Any:
            import jax

            with _stopping_at_gradients(), jax.disable_jit():
                losses = vmap(loss, *settings, **named_settings)(*arguments, **named)
            return (losses[0] if isinstance(losses, tuple) else losses).mean()

        def reached(*arguments: Any, **named: Any) -> Any:
            try:
                return vmap(function, *settings, **named_settings)(*arguments, **named)
            except Differentiated:
                raise Differentiated(functools.partial(mean, **named), arguments) from None

        return reached

    return batched
