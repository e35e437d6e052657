"""Cases of the ops, at least one for each, and PyTorch's expressions for them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.reference.cases.case import Case, cholesky_factors, normal, off_zero, spread
from scratchvae.reference.cases.ops_torch import EXPRESSIONS
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

BOUNDS = [  # numbers below, between and above the bounds of each op, and off the kinks of clamp
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
    """Return a Part for each op."""
    return [_part_of(op) for op in dict.fromkeys(case.op for case in CASES)]


def _part_of(op: Callable[..., Any]) -> Part:
    oracle, tried = ORACLES.get(op, (None, []))
    cases = [case for case in CASES if case.op is op]
    return Part(op.__name__, op, cases, oracle=oracle, tried=tried, torch=EXPRESSIONS.get(op))
