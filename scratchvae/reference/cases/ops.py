"""Cases of the ops, at least one each, and PyTorch's expressions for them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.reference.cases.case import Case, cholesky_factors, normal, off_zero, spread
from scratchvae.reference.cases.part import Part
from scratchvae.reference.cases.special_functions import ORACLES

OBSERVED = np.array([[1, 0, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0]])

ACTIVATIONS = [
    Case("relu", ops.relu, {"x": off_zero(3, 4)}),
    Case("leaky_relu", ops.leaky_relu, {"x": off_zero(3, 4)}, {"slope": 0.2}),
    Case("elu", ops.elu, {"x": off_zero(3, 4)}, {"alpha": 1.0}),
    Case("elu: α ≠ 1, steeper at 0", ops.elu, {"x": off_zero(2, 5)}, {"alpha": 1.7}),
    Case("gelu_erf", ops.gelu_erf, {"x": normal(3, 4)}),
    Case("gelu_tanh", ops.gelu_tanh, {"x": normal(3, 4)}),
    Case("silu", ops.silu, {"x": normal(3, 4)}),
    Case("tanh", ops.tanh, {"x": normal(3, 4)}),
    Case("sigmoid", ops.sigmoid, {"x": normal(3, 4, scale=3.0)}),
    Case("softplus", ops.softplus, {"x": normal(3, 4, scale=3.0)}),
]

BOUNDS = [  # each on numbers below, between and above its bounds, and off the kinks of clamp
    Case("clamp", ops.clamp, {"x": spread(3, 4)}, {"low": -0.33, "high": 0.27}),
    Case("softplus_clamp", ops.softplus_clamp, {"x": normal(3, 4, scale=3.0)}, {"low": -1.7, "high": 0.6}),
    Case("tanh_clamp", ops.tanh_clamp, {"x": normal(3, 4, scale=3.0)}, {"low": -1.7, "high": 0.6}),
]

SLOPES = [
    Case(f"slope: {case.name}", ops.slope, case.arrays, {"activation": case.op.__name__, **case.constants})
    for case in ACTIVATIONS
]

LINEAR = [Case("linear", ops.linear, {"x": normal(4, 3), "W": normal(3, 2), "b": normal(2)})]

SHAPING = [
    Case("reshape", ops.reshape, {"x": normal(2, 6)}, {"shape": (3, 4)}),
    Case("split", ops.split, {"x": normal(2, 5, 2)}, {"sizes": (1, 3, 1), "axis": 1}),
    Case("split: last axis", ops.split, {"x": normal(2, 5)}, {"sizes": (4, 1), "axis": -1}),
    Case("concatenate", ops.concatenate, {"a": normal(2, 1), "b": normal(2, 3)}, {"axis": 1}),
    Case("concatenate: one part", ops.concatenate, {"a": normal(2, 3)}, {"axis": 0}),
    Case("fill_missing", ops.fill_missing, {"x": normal(3, 4), "fill": normal(4)}, {"observed": OBSERVED}),
]

REDUCTIONS = [
    Case("sum: all", ops.sum, {"x": normal(2, 3)}),
    Case("sum: some axes", ops.sum, {"x": normal(2, 3, 4)}, {"axis": (0, 2)}),
    Case("log_sum_exp", ops.log_sum_exp, {"x": normal(2, 3, 4, scale=2.0)}, {"axis": 1}),
    Case("log_softmax", ops.log_softmax, {"x": normal(2, 3, 4, scale=2.0)}, {"axis": 1}),
    Case("softmax", ops.softmax, {"x": normal(2, 3, 4, scale=2.0)}, {"axis": 1}),
]

CONVOLUTION = [
    Case("conv2d", ops.conv2d, {"x": normal(2, 2, 4, 5), "W": normal(3, 2, 3, 2), "b": normal(3)}),
    Case(
        "conv2d: stride, padding",
        ops.conv2d,
        {"x": normal(2, 1, 6, 7), "W": normal(2, 1, 4, 3), "b": normal(2)},
        {"stride": 2, "padding": 1},
    ),
    Case(
        "conv2d: stride beyond the kernel",
        ops.conv2d,
        {"x": normal(1, 2, 7, 6), "W": normal(1, 2, 2, 1), "b": normal(1)},
        {"stride": 3},
    ),
    Case(
        "conv2d: padding beyond the kernel",
        ops.conv2d,
        {"x": normal(1, 1, 2, 3), "W": normal(2, 1, 2, 2), "b": normal(2)},
        {"stride": 2, "padding": 3},
    ),
    Case(
        "conv_transpose2d",
        ops.conv_transpose2d,
        {"x": normal(2, 2, 3, 2), "W": normal(2, 3, 2, 3), "b": normal(3)},
    ),
    Case(
        "conv_transpose2d: stride, padding, output padding",
        ops.conv_transpose2d,
        {"x": normal(2, 2, 3, 2), "W": normal(2, 1, 4, 3), "b": normal(1)},
        {"stride": 2, "padding": 1, "output_padding": 1},
    ),
    Case(
        "conv_transpose2d: output padding of rows only",
        ops.conv_transpose2d,
        {"x": normal(1, 2, 2, 3), "W": normal(2, 2, 3, 3), "b": normal(2)},
        {"stride": 3, "padding": 0, "output_padding": (2, 0)},
    ),
]

POOLING = [
    Case("max_pool2d", ops.max_pool2d, {"x": spread(2, 2, 4, 5)}),
    Case("max_pool2d: overlapping", ops.max_pool2d, {"x": spread(1, 2, 5, 6)}, {"size": 3, "stride": 2}),
    Case("mean_pool2d", ops.mean_pool2d, {"x": normal(2, 2, 4, 5)}),
    Case("mean_pool2d: overlapping", ops.mean_pool2d, {"x": normal(1, 2, 5, 6)}, {"size": 3, "stride": 1}),
    Case("upsample2d", ops.upsample2d, {"x": normal(2, 1, 2, 3)}, {"factor": 3}),
]

NORMALIZATION = [
    Case(
        "batch_norm: vectors",
        ops.batch_norm,
        {"x": normal(5, 2), "gamma": normal(2, seed=1), "beta": normal(2, seed=2)},
    ),
    Case(
        "batch_norm: images",
        ops.batch_norm,
        {"x": normal(3, 2, 2, 2), "gamma": normal(2, seed=1), "beta": normal(2, seed=2)},
    ),
    Case(
        "batch_norm_frozen",
        ops.batch_norm_frozen,
        {"x": normal(3, 2, 2), "gamma": normal(2, seed=1), "beta": normal(2, seed=2)},
        {"mean": np.array([0.3, -0.2]), "var": np.array([0.5, 2.0])},
    ),
    Case(
        "layer_norm",
        ops.layer_norm,
        {"x": normal(4, 5), "gamma": normal(5, seed=1), "beta": normal(5, seed=2)},
    ),
    Case(
        "layer_norm: two axes",
        ops.layer_norm,
        {"x": normal(2, 3, 2, 3), "gamma": normal(2, 3, seed=1), "beta": normal(2, 3, seed=2)},
    ),
    Case("direction", ops.direction, {"x": normal(4, 3, seed=2)}),
    Case("weight_norm", ops.weight_norm, {"v": normal(4, 2, 2), "g": normal(4, seed=1)}),
    Case(
        "weight_norm: other axis", ops.weight_norm, {"v": normal(4, 3), "g": normal(3, seed=1)}, {"axis": 1}
    ),
]

LOOKUP = [
    Case("embedding", ops.embedding, {"table": normal(5, 3)}, {"indices": np.array([[0, 4], [4, 2]])}),
    Case(
        "dropout",
        ops.dropout,
        {"x": normal(3, 4)},
        {"mask": np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 0]], bool), "rate": 0.4},
    ),
]

FACTORS = cholesky_factors(2, 4)
TRIANGULAR = [
    Case("lower_triangular", ops.lower_triangular, {"entries": normal(2, 6)}),
    Case("lower_triangular: one row", ops.lower_triangular, {"entries": normal(3, 1)}),
    Case("solve_triangular", ops.solve_triangular, {"L": FACTORS, "b": normal(2, 4, 3)}),
    Case("cholesky", ops.cholesky, {"S": FACTORS @ FACTORS.transpose(0, 2, 1)}),
]

CASES = [
    *ACTIVATIONS,
    *BOUNDS,
    *SLOPES,
    *LINEAR,
    *SHAPING,
    *REDUCTIONS,
    *CONVOLUTION,
    *POOLING,
    *NORMALIZATION,
    *LOOKUP,
    *TRIANGULAR,
]


def parts() -> list[Part]:
    """A Part for each op."""
    return [_part_of(op) for op in dict.fromkeys(case.op for case in CASES)]


def _part_of(op: Callable[..., Any]) -> Part:
    oracle, tried = ORACLES.get(op, (None, []))
    cases = [case for case in CASES if case.op is op]
    return Part(op.__name__, op, cases, oracle=oracle, tried=tried, torch=EXPRESSIONS.get(op))


def _batch_norm(torch: Any, x: Any, gamma: Any, beta: Any, *, epsilon: float = 1e-5) -> Any:
    others = [axis for axis in range(x.ndim) if axis != 1]
    y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=epsilon)
    return y, x.mean(dim=others), x.var(dim=others, correction=0)


def _batch_norm_frozen(
    torch: Any, x: Any, gamma: Any, beta: Any, *, mean: Any, var: Any, epsilon: float = 1e-5
) -> Any:
    return torch.nn.functional.batch_norm(x, mean, var, gamma, beta, training=False, eps=epsilon)


def _weight_norm(torch: Any, v: Any, g: Any, *, axis: int = 0) -> Any:
    slices = v.movedim(axis, 0)
    directions = torch.nn.functional.normalize(slices.flatten(1), dim=1)
    return (g[:, None] * directions).reshape(slices.shape).movedim(0, axis)


def _slope(torch: Any, x: Any, *, activation: str, **constants: Any) -> Any:
    """By automatic differentiation; + 0 x, since the slope of a straight line does not depend on x."""
    y = EXPRESSIONS[getattr(ops, activation)](torch, x, **constants)
    return torch.autograd.grad(y.sum(), x, create_graph=True)[0] + 0 * x


def _softplus_clamp(torch: Any, x: Any, *, low: float, high: float) -> Any:
    """As Chua et al. 2018 wrote it."""
    softplus = torch.nn.functional.softplus
    x = high - softplus(high - x, threshold=50)
    return low + softplus(x - low, threshold=50)


def _tanh_clamp(torch: Any, x: Any, *, low: float, high: float) -> Any:
    return (high + low) / 2 + (high - low) / 2 * torch.tanh((2 * x - high - low) / (high - low))


def torch_triangular(torch: Any, entries: Any) -> Any:
    """PyTorch's `ops.lower_triangular`."""
    D = int((2 * entries.shape[1]) ** 0.5)
    L = torch.diag_embed(torch.exp(entries[:, :D]))
    rows, columns = torch.tril_indices(D, D, -1)
    L[:, rows, columns] = entries[:, D:]
    return L


EXPRESSIONS: dict[Callable[..., Any], Callable[..., Any]] = {  # each receives torch itself first
    ops.slope: _slope,
    ops.relu: lambda torch, x: torch.relu(x),
    ops.leaky_relu: lambda torch, x, *, slope=0.01: torch.nn.functional.leaky_relu(x, slope),
    ops.elu: lambda torch, x, *, alpha=1.0: torch.nn.functional.elu(x, alpha),
    ops.gelu_erf: lambda torch, x: torch.nn.functional.gelu(x),
    ops.gelu_tanh: lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"),
    ops.silu: lambda torch, x: torch.nn.functional.silu(x),
    ops.tanh: lambda torch, x: torch.tanh(x),
    ops.sigmoid: lambda torch, x: torch.sigmoid(x),
    ops.softplus: lambda torch, x: torch.nn.functional.softplus(x, threshold=50),
    ops.clamp: lambda torch, x, *, low, high: torch.clamp(x, low, high),
    ops.softplus_clamp: _softplus_clamp,
    ops.tanh_clamp: _tanh_clamp,
    ops.linear: lambda torch, x, W, b: torch.nn.functional.linear(x, W.T, b),
    ops.reshape: lambda torch, x, *, shape: torch.reshape(x, shape),
    ops.split: lambda torch, x, *, sizes, axis=1: torch.split(x, sizes, dim=axis),
    ops.fill_missing: lambda torch, x, fill, *, observed: torch.where(observed != 0, x, fill),
    ops.concatenate: lambda torch, *parts, axis=1: torch.cat(parts, dim=axis),
    ops.sum: lambda torch, x, *, axis=None: torch.sum(x, dim=axis),
    ops.log_sum_exp: lambda torch, x, *, axis=-1: torch.logsumexp(x, dim=axis),
    ops.log_softmax: lambda torch, x, *, axis=-1: torch.log_softmax(x, dim=axis),
    ops.softmax: lambda torch, x, *, axis=-1: torch.softmax(x, dim=axis),
    ops.conv2d: lambda torch, *arrays, **constants: torch.nn.functional.conv2d(*arrays, **constants),
    ops.conv_transpose2d: lambda torch, *arrays, **constants: torch.nn.functional.conv_transpose2d(
        *arrays, **constants
    ),
    ops.max_pool2d: lambda torch, x, *, size=2, stride=None: torch.nn.functional.max_pool2d(x, size, stride),
    ops.mean_pool2d: lambda torch, x, *, size=2, stride=None: torch.nn.functional.avg_pool2d(x, size, stride),
    ops.upsample2d: lambda torch, x, *, factor=2: torch.nn.functional.interpolate(
        x, scale_factor=factor, mode="nearest"
    ),
    ops.batch_norm: _batch_norm,
    ops.batch_norm_frozen: _batch_norm_frozen,
    ops.layer_norm: lambda torch, x, gamma, beta, *, epsilon=1e-5: torch.nn.functional.layer_norm(
        x, gamma.shape, gamma, beta, epsilon
    ),
    ops.direction: lambda torch, x: torch.nn.functional.normalize(x, dim=1),
    ops.weight_norm: _weight_norm,
    ops.embedding: lambda torch, table, *, indices: torch.nn.functional.embedding(indices, table),
    ops.dropout: lambda torch, x, *, mask, rate: x.masked_fill(~mask, 0) / (1 - rate),
    ops.lower_triangular: torch_triangular,
    ops.solve_triangular: lambda torch, L, b: torch.linalg.solve_triangular(L, b, upper=False),
    ops.cholesky: lambda torch, S: torch.linalg.cholesky((S + S.mT) / 2),
}
