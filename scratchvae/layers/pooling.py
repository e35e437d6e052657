"""Pooling and upsampling as layers.     x (B, C, H, W)."""

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count
from scratchvae.layers.interface import EVALUATION, Layer, Mode, apply


class MaxPool2d(Layer):
    """The largest entry of each window. Where stride is None, it is kernel_size."""

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        for name, count in (("kernel_size", kernel_size), ("stride", 1 if stride is None else stride)):
            require_count("MaxPool2d", name, count)
        self.kernel_size, self.stride = kernel_size, stride

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.max_pool2d, x, size=self.kernel_size, stride=self.stride)


class AvgPool2d(Layer):
    """The mean of each window. Where stride is None, it is kernel_size."""

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        for name, count in (("kernel_size", kernel_size), ("stride", 1 if stride is None else stride)):
            require_count("AvgPool2d", name, count)
        self.kernel_size, self.stride = kernel_size, stride

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.mean_pool2d, x, size=self.kernel_size, stride=self.stride)


class Upsample(Layer):
    """Every pixel repeated scale_factor times in both directions."""

    def __init__(self, scale_factor: int) -> None:
        require_count("Upsample", "scale_factor", scale_factor)
        self.scale_factor = scale_factor

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.upsample2d, x, factor=self.scale_factor)
