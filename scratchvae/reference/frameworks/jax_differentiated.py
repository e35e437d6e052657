"""The function whose gradient a whole JAX training step takes, found by running the step up to there.

jax and flax are imported inside these functions only.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Differentiated(BaseException):  # which no except clause of the user's step catches
    """The step is about to differentiate this function of these arguments; the first is what it is differentiated by."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        super().__init__("a gradient is taken")
        self.function, self.arguments = function, arguments


@contextmanager
def stopping_at_gradients() -> Iterator[None]:
    """Inside, jax.grad and jax.value_and_grad, and those of flax.nnx, stop the step where the gradient would be computed."""
    import jax

    modules = [jax, *([sys.modules["flax.nnx"]] if "flax.nnx" in sys.modules else [])]
    kept = [(module, name, getattr(module, name)) for module in modules for name in ("grad", "value_and_grad")]
    for module, name, _ in kept:
        setattr(module, name, _stop)
    try:
        yield
    finally:
        for module, name, original in kept:
            setattr(module, name, original)


def differentiated(step: Callable[[], Any]) -> Differentiated:
    """What the step differentiates first, with arguments that are numbers: jit is switched off."""
    import jax

    try:
        with stopping_at_gradients(), jax.disable_jit():
            step()
    except Differentiated as found:
        return found
    raise RuntimeError("the step differentiates when it is traced, but not when it is run")


def _stop(function: Callable[..., Any], argnums: Any = 0, **settings: Any) -> Callable[..., Any]:
    """Stands in for jax.grad."""

    def reached(*arguments: Any, **named: Any) -> Any:
        at = argnums if isinstance(argnums, int) else 0

        def by_first(first: Any, *others: Any) -> Any:
            return functools.partial(function, **named)(*others[:at], first, *others[at:])

        raise Differentiated(by_first, (arguments[at], *arguments[:at], *arguments[at + 1 :]))

    return reached
