"""Activations as layers. Each calls the op of its name."""

from collections.abc import Callable
from typing import Any

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_choice, require_number
from scratchvae.layers.interface import EVALUATION, Layer, Mode, apply


class Activation(Layer):
    """y = op(x), entry by entry."""

    def __init__(self, op: Callable[..., Any], **constants: float) -> None:
        self.op, self.constants = op, constants

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(self.op, x, **self.constants)


class ReLU(Activation):
    """max(x, 0)."""

    def __init__(self) -> None:
        super().__init__(ops.relu)


class LeakyReLU(Activation):
    """x where x > 0, else negative_slope · x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        require_number("LeakyReLU", "negative_slope", negative_slope)
        super().__init__(ops.leaky_relu, slope=negative_slope)


class ELU(Activation):
    """x where x > 0, else α (eˣ − 1)."""

    def __init__(self, alpha: float = 1.0) -> None:
        require_number("ELU", "alpha", alpha)
        super().__init__(ops.elu, alpha=alpha)


class GELU(Activation):
    """x Φ(x), or its approximation by tanh with approximate="tanh"."""

    def __init__(self, approximate: str = "none") -> None:
        require_choice("GELU", "approximate", approximate, ("none", "tanh"))
        super().__init__(ops.gelu_tanh if approximate == "tanh" else ops.gelu_erf)


class SiLU(Activation):
    """x σ(x)."""

    def __init__(self) -> None:
        super().__init__(ops.silu)


class Tanh(Activation):
    """tanh x."""

    def __init__(self) -> None:
        super().__init__(ops.tanh)


class Sigmoid(Activation):
    """1 / (1 + e⁻ˣ)."""

    def __init__(self) -> None:
        super().__init__(ops.sigmoid)


class Softplus(Activation):
    """log(1 + eˣ)."""

    def __init__(self) -> None:
        super().__init__(ops.softplus)


ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "elu": ELU,
    "gelu": GELU,
    "leaky_relu": LeakyReLU,
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "silu": SiLU,
    "softplus": Softplus,
    "tanh": Tanh,
}
