"""Convolution over images and its transpose, as layers."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_flag
from scratchvae.layers.initializers import initial_weight_and_bias
from scratchvae.layers.interface import EVALUATION, Layer, Mode, apply
from scratchvae.layers.parameter import Parameter


class Conv2d(Layer):
    """A convolution over images with a learned kernel and bias, by ops.conv2d.

    x (B, in_channels, H, W)  ->  y (B, out_channels, P, Q), weight (out_channels, in_channels, k, k).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        *,
        bias: bool = True,
        init: str = "pytorch",
        rng: np.random.Generator | int | None = None,
    ) -> None:
        require_flag("Conv2d", "bias", bias)
        _require_sizes("Conv2d", in_channels, out_channels, kernel_size, stride, padding)
        area = kernel_size**2
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        weight, first_bias = initial_weight_and_bias(
            init, shape, in_channels * area, out_channels * area, out_channels, rng
        )
        self.weight = Parameter(weight)
        self.bias = Parameter(first_bias) if bias else None
        self.stride, self.padding = stride, padding

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        bias = self.bias or Parameter(np.zeros(self.weight.value.shape[0], self.weight.value.dtype))
        return apply(
            ops.conv2d, x, self.weight, bias, stride=self.stride, padding=self.padding, needs_dx=needs_dx
        )


class ConvTranspose2d(Layer):
    """A transposed convolution with a learned kernel and bias, by ops.conv_transpose2d.

    x (B, in_channels, P, Q) -> y (B, out_channels, H, W), weight (in_channels, out_channels, k, k). For the
    fan-in the "pytorch" initializer takes out_channels · k², as PyTorch does.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        output_padding: int | tuple[int, int] = 0,
        *,
        bias: bool = True,
        init: str = "pytorch",
        rng: np.random.Generator | int | None = None,
    ) -> None:
        require_flag("ConvTranspose2d", "bias", bias)
        _require_sizes("ConvTranspose2d", in_channels, out_channels, kernel_size, stride, padding)
        area = kernel_size**2
        shape = (in_channels, out_channels, kernel_size, kernel_size)
        fans = (
            (out_channels * area, in_channels * area)
            if init == "pytorch"
            else (in_channels * area, out_channels * area)
        )
        weight, first_bias = initial_weight_and_bias(init, shape, *fans, out_channels, rng)
        self.weight = Parameter(weight)
        self.bias = Parameter(first_bias) if bias else None
        for more in output_padding if isinstance(output_padding, tuple) else (output_padding,):
            require_count("ConvTranspose2d", "output_padding", more, 0)
        self.stride, self.padding, self.output_padding = stride, padding, output_padding

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        bias = self.bias or Parameter(np.zeros(self.weight.value.shape[1], self.weight.value.dtype))
        return apply(
            ops.conv_transpose2d,
            x,
            self.weight,
            bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            needs_dx=needs_dx,
        )


def _require_sizes(
    where: str, in_channels: int, out_channels: int, kernel_size: int, stride: int, padding: int
) -> None:
    """Raise InputError unless all are whole numbers of at least 1, or at least 0 for the padding."""
    sizes = {
        "in_channels": in_channels,
        "out_channels": out_channels,
        "kernel_size": kernel_size,
        "stride": stride,
    }
    for name, count in sizes.items():
        require_count(where, name, count)
    require_count(where, "padding", padding, 0)
