"""The fully connected layer."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_flag
from scratchvae.layers.initializers import initial_weight_and_bias
from scratchvae.layers.interface import EVALUATION, Layer, Mode, apply
from scratchvae.layers.parameter import Parameter


class Linear(Layer):
    """y = x W + b.     x (B, in_features)  ->  y (B, out_features).

    The weight is (in_features, out_features), the transpose of PyTorch's, and the bias is (out_features,).
    `init` names an initializer, which draws from `rng`, a generator or a seed.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: str = "pytorch",
        rng: np.random.Generator | int | None = None,
    ) -> None:
        require_flag("Linear", "bias", bias)
        for name, count in (("in_features", in_features), ("out_features", out_features)):
            require_count("Linear", name, count)
        shape = (in_features, out_features)
        weight, first_bias = initial_weight_and_bias(
            init, shape, in_features, out_features, out_features, rng
        )
        self.weight = Parameter(weight)
        self.bias = Parameter(first_bias) if bias else None

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        bias = self.bias or Parameter(np.zeros(self.weight.value.shape[1], self.weight.value.dtype))
        return apply(ops.linear, x, self.weight, bias, needs_dx=needs_dx)
