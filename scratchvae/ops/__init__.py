"""Differentiable plain functions: `value, pullback = op(*arrays, **constants)`.

Positional arguments are differentiated, and keywords are constants. The pullback takes the gradient of each
part of the value and returns the gradient of each positional argument. The letter B stands for the batch, D
for inputs and H for hidden units. Each file says what its other letters stand for.
"""

from scratchvae.ops.activations import (
    elu,
    gelu_erf,
    gelu_tanh,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from scratchvae.ops.bounds import clamp, softplus_clamp, tanh_clamp
from scratchvae.ops.cholesky import cholesky
from scratchvae.ops.convolution import conv2d, conv_transpose2d
from scratchvae.ops.direction import direction
from scratchvae.ops.dropout import dropout
from scratchvae.ops.embedding import embedding
from scratchvae.ops.linear import linear
from scratchvae.ops.log_mixture import log_mixture
from scratchvae.ops.logistic import logistic_interval
from scratchvae.ops.missing import fill_missing
from scratchvae.ops.normalization import batch_norm, batch_norm_frozen, layer_norm, weight_norm
from scratchvae.ops.pooling import max_pool2d, mean_pool2d, upsample2d
from scratchvae.ops.reductions import log_softmax, log_sum_exp, softmax, sum
from scratchvae.ops.shaping import concatenate, reshape, split
from scratchvae.ops.slopes import slope
from scratchvae.ops.triangular import lower_triangular, solve_triangular

__all__ = [
    "batch_norm",
    "batch_norm_frozen",
    "cholesky",
    "clamp",
    "concatenate",
    "conv2d",
    "conv_transpose2d",
    "direction",
    "dropout",
    "elu",
    "embedding",
    "fill_missing",
    "gelu_erf",
    "gelu_tanh",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_mixture",
    "log_softmax",
    "log_sum_exp",
    "logistic_interval",
    "lower_triangular",
    "max_pool2d",
    "mean_pool2d",
    "relu",
    "reshape",
    "sigmoid",
    "silu",
    "slope",
    "softmax",
    "softplus",
    "softplus_clamp",
    "solve_triangular",
    "split",
    "sum",
    "tanh",
    "tanh_clamp",
    "upsample2d",
    "weight_norm",
]
