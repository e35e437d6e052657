"""Pushforwards: a layer's output moves by J(x) dx for a small move dx of its input. A pullback gives Jᵀ dy.

RULES has a row for each `__call__` that exists, and each rule says why it is right.
"""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from scratchvae import kernels, ops
from scratchvae.arrays import Array, InputError
from scratchvae.distributions import gaussian
from scratchvae.layers.activations import Activation
from scratchvae.layers.bounds import BoundedLogVar
from scratchvae.layers.convolution import Conv2d, ConvTranspose2d
from scratchvae.layers.dropout import Dropout
from scratchvae.layers.experts import Experts, MixtureOfExperts, ProductOfExperts
from scratchvae.layers.interface import Layer
from scratchvae.layers.learned_fill import LearnedFill
from scratchvae.layers.linear import Linear
from scratchvae.layers.normalization import BatchNorm, LayerNorm, WeightNorm
from scratchvae.layers.parameter import Parameter
from scratchvae.layers.pooling import AvgPool2d, MaxPool2d, Upsample
from scratchvae.layers.sequential import Bypass, Heads, Residual, Sequential
from scratchvae.layers.shaping import FirstColumns, Flatten, GroupSoftmax, GroupSum, Reshape
from scratchvae.layers.topics import Topics

Rule = Callable[[Any, Array, Array], tuple[Array, Array]]


def pushforward(layer: Layer, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = layer(x) and dy = J(x) dx, where J is the Jacobian of the layer in evaluation mode.

    x, dx (B, ...)  ->  y, dy like y.

    Each example moves along its own dx. dy is linear in dx, and so it is exact however long dx is: no finite
    step is taken. At a kink the slope is the one that the layer's pullback uses. No Parameter receives a
    gradient. InputError for a layer without a rule. Forward accumulation: Griewank & Walther 2008, section
    3.1.
    """
    if np.shape(dx) != np.shape(x):
        raise InputError(f"pushforward: dx should have the shape of x, {np.shape(x)}, found {np.shape(dx)}")
    # the class whose __call__ runs has the rule
    runs = next(kind for kind in type(layer).__mro__ if "__call__" in vars(kind))
    if runs not in RULES:
        known = ", ".join(sorted(kind.__name__ for kind in RULES))
        raise InputError(f"pushforward: there are rules for {known}; found {type(layer).__name__}")
    return RULES[runs](layer, x, dx)


def linear(layer: Layer, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = A x  =>  dy = A dx: a linear map is its own derivative."""
    return layer(x)[0], layer(dx)[0]


def affine(layer: Linear | Conv2d | ConvTranspose2d, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = A x + b  =>  dy = A dx: the same layer without its bias."""
    return layer(x)[0], _unbiased(layer)(dx)[0]


def weight_norm(layer: WeightNorm, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = A x + b  =>  dy = A dx: the weight does not depend on x, and so this layer is affine too."""
    slope = copy(layer)
    slope.layer = _unbiased(layer.layer)
    return layer(x)[0], slope(dx)[0]


def pointwise(layer: Activation | BoundedLogVar, x: Array, dx: Array) -> tuple[Array, Array]:
    """y_i = f(x_i)  =>  dy_i = f′(x_i) dx_i: J is diagonal, and so the pullback by Jᵀ is the pushforward."""
    y, pullback = layer(x)
    return y, pullback(dx)


def group_softmax(layer: GroupSoftmax, x: Array, dx: Array) -> tuple[Array, Array]:
    """∂y_i/∂x_j = y_i ([i = j] − y_j) within a group: J = Jᵀ, and the pullback is the pushforward."""
    y, pullback = layer(x)
    return y, pullback(dx)


def batch_norm(layer: BatchNorm, x: Array, dx: Array) -> tuple[Array, Array]:
    """y_c = γ_c (x_c − mean_c) / √(var_c + ε) + β_c with the running statistics: J is diagonal, and J = Jᵀ.

    The op's pullback is called and not the layer's, so that no Parameter receives a gradient.
    """
    running = {"mean": layer.running_mean.value, "var": layer.running_var.value}
    y, pullback = ops.batch_norm_frozen(x, layer.weight.value, layer.bias.value, **running, epsilon=layer.eps)
    return y, pullback(dx)[0]


def layer_norm(layer: LayerNorm, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = γ x̂ + β  =>  dy = γ dx̂, and ∂x̂/∂x = (I − 11ᵀ/F − x̂ x̂ᵀ/F) / √(var + ε) is symmetric.

    So the pullback of x̂, which is the op at γ = 1 and β = 0, is also its pushforward.
    """
    gamma, beta = layer.weight.value, layer.bias.value
    x_hat, pullback = ops.layer_norm(x, np.ones_like(gamma), np.zeros_like(beta), epsilon=layer.eps)
    return gamma * x_hat + beta, gamma * pullback(dx)[0]


def max_pool(layer: MaxPool2d, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = x at the largest entry of each window  =>  dy = dx at that same place."""
    y, _ = layer(x)
    size, stride = layer.kernel_size, layer.stride or layer.kernel_size
    _, place = kernels.max_pool(x, size, stride)
    windows = np.lib.stride_tricks.sliding_window_view(dx, (size, size), axis=(2, 3))[
        :, :, ::stride, ::stride
    ]
    dy = np.take_along_axis(windows.reshape(*place.shape, size * size), place[..., None], axis=-1)[..., 0]
    return y, dy


def learned_fill(layer: LearnedFill, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = x where an entry was observed, else a constant  =>  dy = dx where it was observed, else 0."""
    moving, D = copy(layer), len(layer.fill.value)
    moving.fill = Parameter(np.zeros_like(layer.fill.value))
    return layer(x)[0], moving(np.concatenate([dx[:, :D], x[:, D : 2 * D], dx[:, 2 * D :]], axis=1))[0]


def sequential(layer: Sequential, x: Array, dx: Array) -> tuple[Array, Array]:
    """The chain rule, forwards: J = J_n … J_2 J_1, and dx passes through J_1 first."""
    for part in layer.layers:
        x, dx = pushforward(part, x, dx)
    return x, dx


def residual(layer: Residual, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = x + f(x)  =>  dy = dx + J_f dx."""
    change, dchange = pushforward(layer.layer, x, dx)
    return x + change, dx + dchange


def bypass(layer: Bypass, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = [f(x₁) | x₂]  =>  dy = [J_f dx₁ | dx₂]."""
    cut = x.shape[1] - layer.width
    y, dy = pushforward(layer.layer, x[:, :cut], dx[:, :cut])
    return np.concatenate([y, x[:, cut:]], axis=1), np.concatenate([dy, dx[:, cut:]], axis=1)


def heads(layer: Heads, x: Array, dx: Array) -> tuple[Array, Array]:
    """y = [f_1(x) | f_2(x) | …]  =>  dy = [J_1 dx | J_2 dx | …]."""
    y, dy = zip(*(pushforward(head, x, dx) for head in layer.heads), strict=True)
    return np.concatenate(y, axis=1), np.concatenate(dy, axis=1)


def _opinions(layer: Experts, x: Array, dx: Array) -> tuple[Array, Array, Array, Array, Array]:
    """The means and log σ² of the experts, their changes, all (B, M, Z), and which are present (B, M)."""
    cuts = np.cumsum(layer.sizes)
    blocks, dblocks, masks = (
        np.split(a, cuts[:-1], axis=1) for a in (x[:, : cuts[-1]], dx[:, : cuts[-1]], x[:, cuts[-1] :])
    )
    each = [pushforward(*part) for part in zip(layer.encoders, blocks, dblocks, strict=True)]
    (means, log_vars), (dmeans, dlog_vars) = (
        np.split(np.stack(a, axis=1), 2, axis=2) for a in zip(*each, strict=True)
    )
    return means, log_vars, dmeans, dlog_vars, np.stack([mask.max(axis=1) > 0.5 for mask in masks], axis=1)


def product_of_experts(layer: ProductOfExperts, x: Array, dx: Array) -> tuple[Array, Array]:
    """The product's mean and log σ² have shares w_m of the experts' changes.

    dmean = Σ_m w_m (dmean_m − (mean_m − mean) dlog_σ_m²),    dlog_σ² = Σ_m w_m dlog_σ_m²
    """
    means, log_vars, dmeans, dlog_vars, present = _opinions(layer, x, dx)
    (mean, log_var), pullback = gaussian.product_of_experts(means, log_vars, present=present)
    weights, _ = pullback(np.ones_like(mean), np.zeros_like(mean))
    dmean = (weights * (dmeans - (means - mean[:, None]) * dlog_vars)).sum(axis=1)
    y, dy = np.hstack([mean, log_var]), np.hstack([dmean, (weights * dlog_vars).sum(axis=1)])
    return y, dy


def mixture_of_experts(layer: MixtureOfExperts, x: Array, dx: Array) -> tuple[Array, Array]:
    """The means and log σ² move with the experts that are present, and the logits, which are data, stay."""
    y, _ = layer(x)
    _, _, dmeans, dlog_vars, present = _opinions(layer, x, dx)
    held = [np.where(present[:, :, None], d, 0).reshape(len(x), -1) for d in (dmeans, dlog_vars)]
    return y, np.hstack([np.zeros_like(y[:, : len(layer.sizes)]), *held])


def topics(layer: Topics, x: Array, dx: Array) -> tuple[Array, Array]:
    """dθ = θ (dx − Σ_k θ_k dx_k), and dy = Σ_k dθ_k w_k, or in a mixture Σ_k dθ_k β_k / Σ_k θ_k β_k."""
    y, _ = layer(x)
    _, dshares = group_softmax(GroupSoftmax(1), x, dx)
    if layer.kind == "product":
        return y, dshares @ layer.weight.value
    return y, dshares @ layer.laws() / np.exp(y)


RULES: dict[type[Layer], Rule] = {
    Linear: affine,
    Conv2d: affine,
    ConvTranspose2d: affine,
    WeightNorm: weight_norm,
    AvgPool2d: linear,
    Upsample: linear,
    FirstColumns: linear,
    Flatten: linear,
    GroupSum: linear,
    Reshape: linear,
    LearnedFill: learned_fill,
    Dropout: linear,  # it is the identity at evaluation
    Activation: pointwise,
    BoundedLogVar: pointwise,  # it is the identity for the means
    GroupSoftmax: group_softmax,
    BatchNorm: batch_norm,
    LayerNorm: layer_norm,
    MaxPool2d: max_pool,
    Sequential: sequential,
    Residual: residual,
    Bypass: bypass,
    Heads: heads,
    MixtureOfExperts: mixture_of_experts,
    ProductOfExperts: product_of_experts,
    Topics: topics,
}


def _unbiased(layer: Linear | Conv2d | ConvTranspose2d) -> Any:
    slope = copy(layer)
    slope.bias = None
    return slope
