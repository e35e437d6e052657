"""PyTorch's expressions for the ops; each receives the module torch itself first."""

from collections.abc import Callable
from typing import Any

from scratchvae import ops


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
    """Compute the slope by automatic differentiation.

    It adds 0 x, since the slope of a straight line does not depend on x.
    """
    y = EXPRESSIONS[getattr(ops, activation)](torch, x, **constants)
    return torch.autograd.grad(y.sum(), x, create_graph=True)[0] + 0 * x


def _softplus_clamp(torch: Any, x: Any, *, low: float, high: float) -> Any:
    """Compute the bounds as Chua et al. 2018 wrote them."""
    softplus = torch.nn.functional.softplus
    x = high - softplus(high - x, threshold=50)
    return low + softplus(x - low, threshold=50)


def _tanh_clamp(torch: Any, x: Any, *, low: float, high: float) -> Any:
    return (high + low) / 2 + (high - low) / 2 * torch.tanh((2 * x - high - low) / (high - low))


def torch_triangular(torch: Any, entries: Any) -> Any:
    """Compute what `ops.lower_triangular` computes."""
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
