"""Activations as layers; each calls the op of its name, which states the equation."""

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_choice
from scratchvae.layers.interface import EVALUATION, Layer, Mode, apply


class ReLU(Layer):
    """max(x, 0)."""

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.relu, x)


class LeakyReLU(Layer):
    """x where x > 0, else negative_slope · x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.leaky_relu, x, slope=self.negative_slope)


class ELU(Layer):
    """x where x > 0, else α (eˣ − 1)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.elu, x, alpha=self.alpha)


class GELU(Layer):
    """x Φ(x), or its approximation by tanh with approximate="tanh"."""

    def __init__(self, approximate: str = "none") -> None:
        require_choice("GELU", "approximate", approximate, ("none", "tanh"))
        self.approximate = approximate

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.gelu_tanh if self.approximate == "tanh" else ops.gelu_erf, x)


class SiLU(Layer):
    """x σ(x)."""

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.silu, x)


class Tanh(Layer):
    """tanh x."""

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.tanh, x)


class Sigmoid(Layer):
    """1 / (1 + e⁻ˣ)."""

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.sigmoid, x)


class Softplus(Layer):
    """log(1 + eˣ)."""

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.softplus, x)


ACTIVATIONS: dict[str, type[Layer]] = {
    "elu": ELU,
    "gelu": GELU,
    "leaky_relu": LeakyReLU,
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "silu": SiLU,
    "softplus": Softplus,
    "tanh": Tanh,
}
