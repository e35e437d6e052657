"""Normalization as layers: over the batch with running statistics, over features, and of a layer's weight."""

from copy import copy

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_at_least, require_count, sizes_of
from scratchvae.layers.convolution import Conv2d, ConvTranspose2d
from scratchvae.layers.interface import EVALUATION, Layer, Mode, apply
from scratchvae.layers.linear import Linear
from scratchvae.layers.parameter import Buffer, Parameter


class BatchNorm(Layer):
    """ops.batch_norm in training, and ops.batch_norm_frozen with the running statistics at evaluation.

    x (B, C, ...). Training moves the running mean and the running unbiased variance: running ← (1 − momentum)
    running + momentum · batch.
    """

    def __init__(self, num_features: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        require_count("BatchNorm", "num_features", num_features)
        require_at_least("BatchNorm", "eps", eps, 0)
        require_at_least("BatchNorm", "momentum", momentum, 0)
        self.weight = Parameter(np.ones(num_features, np.float32))
        self.bias = Parameter(np.zeros(num_features, np.float32))
        self.running_mean = Buffer(np.zeros(num_features, np.float32))
        self.running_var = Buffer(np.ones(num_features, np.float32))
        self.eps, self.momentum = eps, momentum

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        if not mode.training:
            running = {"mean": self.running_mean.value, "var": self.running_var.value}
            return apply(ops.batch_norm_frozen, x, self.weight, self.bias, **running, epsilon=self.eps)
        (y, mean, var), pullback = apply(ops.batch_norm, x, self.weight, self.bias, epsilon=self.eps)
        N = x.size // x.shape[1]
        self._remember(self.running_mean, mean)
        self._remember(self.running_var, var * x.dtype.type(N / (N - 1)))
        return y, pullback

    def _remember(self, running: Buffer, batch: Array) -> None:
        share = running.value.dtype.type(self.momentum)
        running.value = (1 - share) * running.value + share * batch


class LayerNorm(Layer):
    """ops.layer_norm over the last axes of x, which have the shape `normalized_shape`."""

    def __init__(self, normalized_shape: int | tuple[int, ...], *, eps: float = 1e-5) -> None:
        normalized_shape = sizes_of("LayerNorm", "normalized_shape", normalized_shape, least=1)
        require_at_least("LayerNorm", "eps", eps, 0)
        self.weight = Parameter(np.ones(normalized_shape, np.float32))
        self.bias = Parameter(np.zeros(normalized_shape, np.float32))
        self.eps = eps

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.layer_norm, x, self.weight, self.bias, epsilon=self.eps)


class WeightNorm(Layer):
    """A Linear or convolution whose weight is g v/‖v‖, with one length g for each output.

    It starts at the layer's own weight.
    """

    def __init__(self, layer: Linear | Conv2d | ConvTranspose2d) -> None:
        if not isinstance(layer, Linear | Conv2d | ConvTranspose2d):
            raise InputError(
                f"WeightNorm: layer should be a Linear, Conv2d or ConvTranspose2d, found {type(layer).__name__}"
            )
        self.axis = 0 if isinstance(layer, Conv2d) else 1  # the weight's axis of outputs
        v = layer.weight.value
        lengths = np.sqrt((v * v).sum(axis=tuple(i for i in range(v.ndim) if i != self.axis)))
        self.v, self.g = layer.weight, Parameter(lengths)
        self.layer = layer

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        W, norm_pullback = ops.weight_norm(self.v.value, self.g.value, axis=self.axis)
        normalized = copy(self.layer)
        normalized.weight = Parameter(W)
        y, layer_pullback = normalized(x, mode=mode, needs_dx=needs_dx)

        def pullback(dy: Array) -> Array | None:
            normalized.weight.grad = None
            dx = layer_pullback(dy)
            dv, dg = norm_pullback(normalized.weight.grad)
            self.v.receive(dv)
            self.g.receive(dg)
            return dx

        return y, pullback
