"""A case is one row of the case table: an op, its arrays, its constants.

It drives the gradient, dtype, twin and framework checks alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch
from scratchvae.layers import Buffer, Layer, Mode, Parameter, cast, named_buffers, named_parameters
from scratchvae.objectives import Model, Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class Case:
    """An op on float64 arrays, none of which is near a kink: `op(*arrays.values(), **constants)`.

    The op returns value and pullback. `held` are the data and noise that an objective's op holds itself, and
    `terms` computes its terms from the same arrays.
    """

    name: str
    op: Callable[..., Any]
    arrays: Mapping[str, Array]
    constants: Mapping[str, Any] = field(default_factory=dict)
    held: Mapping[str, Array] = field(default_factory=dict)
    terms: Callable[..., Mapping[str, Array]] | None = None


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> Array:
    """Return normal numbers, the same for the same shape and seed."""
    return scale * np.random.default_rng([seed, *shape]).standard_normal(shape)


def off_zero(*shape: int, seed: int = 0) -> Array:
    """Return numbers of both signs between 0.1 and 2, none of which is near a kink at 0."""
    rng = np.random.default_rng([seed, *shape])
    return rng.uniform(0.1, 2, shape) * rng.choice([-1.0, 1.0], shape)


def spread(*shape: int, seed: int = 0) -> Array:
    """Return numbers that are at least 0.1 apart, shuffled, so that no two are near a tie."""
    n = int(np.prod(shape))
    return np.random.default_rng([seed, *shape]).permutation(0.1 * np.arange(n) - 0.05 * n).reshape(shape)


def cholesky_factors(n: int, size: int, *, seed: int = 0) -> Array:
    """Return lower triangular matrices (n, size, size), each with a diagonal between 0.5 and 2."""
    rng = np.random.default_rng([seed, n, size])
    diagonal = rng.uniform(0.5, 2, (n, size))
    return np.tril(rng.standard_normal((n, size, size)), -1) + diagonal[:, :, None] * np.eye(size)


def layer_case(name: str, layer: Layer, x: Array, *, training: bool = False) -> Case:
    """Make a case of a layer as an op of x and of its Parameters, whose values start at normal numbers."""
    cast(layer, np.float64)
    parameters, buffers = named_parameters(layer), named_buffers(layer)

    def op(x: Array, *values: Array) -> tuple[Array, Pullback]:
        _take(parameters, buffers, values)
        y, layer_pullback = layer(x, mode=Mode(np.random.default_rng(0)) if training else Mode())

        def pullback(dy: Array) -> tuple[Array, ...]:
            return (layer_pullback(dy), *_collected(parameters))

        return y, pullback

    arrays = {name: normal(*p.value.shape, seed=i + 1) for i, (name, p) in enumerate(parameters.items())}
    return Case(name, op, {"x": x, **arrays})


def objective_case(
    name: str,
    objective: Objective,
    model: Model,
    x: Array,
    *,
    noise: Noise,
    y: Array | None = None,
    training: bool = False,
    over: tuple[str, ...] = ("",),
    observed: Array | None = None,
) -> Case:
    """Make a case of an objective's loss as an op of the model's Parameters.

    Only the Parameters count whose names begin with one of `over`; others stay as they are.
    """
    cast(model, np.float64)
    parameters = {name: found for name, found in named_parameters(model).items() if name.startswith(over)}
    others = {name: found for name, found in named_parameters(model).items() if name not in parameters}
    fixed = tuple(parameter.value for parameter in others.values())
    buffers = named_buffers(model)

    def report_and_pullback(values: tuple[Array, ...]) -> tuple[Report, Pullback]:
        _take(parameters, buffers, values)
        dtype = next(iter(parameters.values())).value.dtype
        _take(others, buffers, tuple(value.astype(dtype) for value in fixed))
        mode = Mode(np.random.default_rng(0)) if training else Mode()
        batch = Batch(x, y, observed).astype(dtype)
        return objective(model, batch, _as_dtype(noise, dtype), mode=mode)

    def op(*values: Array) -> tuple[Array, Pullback]:
        report, objective_pullback = report_and_pullback(values)

        def pullback(dloss: Array) -> tuple[Array, ...]:
            objective_pullback()
            return tuple(dloss * gradient for gradient in _collected(parameters))

        return np.asarray(report.loss, next(iter(parameters.values())).value.dtype), pullback

    arrays = {name: parameter.value for name, parameter in parameters.items()}
    drawn = noise if isinstance(noise, tuple) else (noise,)
    held = {"x": x, **{f"noise.{i}": part for i, part in enumerate(drawn) if part is not None and part.size}}
    held |= {} if y is None else {"y": y}
    held |= {} if observed is None else {"observed": observed}
    held |= dict(zip(others, fixed, strict=True))
    return Case(name, op, arrays, held=held, terms=lambda *values: report_and_pullback(values)[0].terms)


def _take(
    parameters: Mapping[str, Parameter], buffers: Mapping[str, Buffer], values: tuple[Array, ...]
) -> None:
    """Give the Parameters these values, and the Buffers their dtype."""
    for parameter, value in zip(parameters.values(), values, strict=True):
        parameter.value = value
    for buffer in buffers.values():
        dtypes = [parameter.value.dtype for parameter in parameters.values()]
        buffer.value = buffer.value.astype(dtypes[0] if dtypes else buffer.value.dtype)


def _as_dtype(noise: Noise, dtype: Any) -> Noise:
    if isinstance(noise, tuple):
        return tuple(_as_dtype(part, dtype) for part in noise)
    return noise.astype(dtype) if noise is not None and noise.dtype.kind == "f" else noise


def _collected(parameters: Mapping[str, Any]) -> list[Array]:
    """Return the gradients that the Parameters received, and reset them."""
    gradients = []
    for parameter in parameters.values():
        gradients.append(np.zeros_like(parameter.value) if parameter.grad is None else parameter.grad)
        parameter.grad = None
    return gradients
