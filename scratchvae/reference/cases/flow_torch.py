"""Flow steps in PyTorch: automatic differentiation gives log |det J|, and Newton's method gives inverses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scratchvae.reference.cases.flow_oracles import connections


def _planar(torch: Any, z: Any, w: Any, u: Any, b: Any) -> Any:
    """Compute the planar step of one example: z, w, u (D,), b (1,)."""
    dot = torch.dot(w, u)
    u_hat = u + (-1 + torch.nn.functional.softplus(dot) - dot) * w / torch.dot(w, w)
    return z + u_hat * torch.tanh(torch.dot(w, z) + b)


def _radial(torch: Any, z: Any, z0: Any, a: Any, b: Any) -> Any:
    alpha, m = torch.nn.functional.softplus(a), torch.nn.functional.softplus(b)
    return z + (m - alpha) / (alpha + torch.linalg.norm(z - z0)) * (z - z0)


def _with_log_det(torch: Any, one: Callable[..., Any], z: Any, *params: Any) -> tuple[Any, Any]:
    """Compute y of each example, and log |det ∂y/∂z| of the Jacobian that PyTorch finds."""
    J = torch.func.vmap(torch.func.jacrev(lambda z, *p: one(torch, z, *p)))(z, *params)
    return torch.func.vmap(lambda z, *p: one(torch, z, *p))(z, *params), torch.linalg.slogdet(J).logabsdet


def _inverse(torch: Any, one: Callable[..., Any], y: Any, *params: Any) -> tuple[Any, Any]:
    """Invert by Newton's method with halved steps, and a last step that automatic differentiation follows.

    At the root the value of that step does not move z, and its derivative is that of the implicit function.
    """
    fixed = [p.detach() for p in params]
    z, target = y.detach().clone(), y.detach()
    every = torch.func.vmap(lambda z, *p: one(torch, z, *p))
    jacobian = torch.func.vmap(torch.func.jacrev(lambda z, *p: one(torch, z, *p)))
    for _ in range(60):
        moved = torch.linalg.solve(jacobian(z, *fixed), every(z, *fixed) - target)
        for _ in range(30):
            worse = ((every(z - moved, *fixed) - target) ** 2).sum(1) > (
                (every(z, *fixed) - target) ** 2
            ).sum(1)
            moved = torch.where(worse[:, None], moved / 2, moved)
        z = z - moved
    z = z - torch.linalg.solve(jacobian(z, *fixed), every(z, *params) - y)
    return z, -_with_log_det(torch, one, z, *params)[1]


def planar(torch: Any, z: Any, w: Any, u: Any, b: Any) -> Any:
    """Compute what planar.forward computes."""
    return _with_log_det(torch, _planar, z, w, u, b)


def planar_inverse(torch: Any, y: Any, w: Any, u: Any, b: Any) -> Any:
    """Compute what planar.inverse computes."""
    return _inverse(torch, _planar, y, w, u, b)


def radial(torch: Any, z: Any, z0: Any, a: Any, b: Any) -> Any:
    """Compute what radial.forward computes."""
    return _with_log_det(torch, _radial, z, z0, a, b)


def radial_inverse(torch: Any, y: Any, z0: Any, a: Any, b: Any) -> Any:
    """Compute what radial.inverse computes."""
    return _inverse(torch, _radial, y, z0, a, b)


def reflect(torch: Any, z: Any, v: Any) -> Any:
    """Compute what householder.reflect computes."""
    n = torch.nn.functional.normalize(v, dim=1)
    return z - 2 * n * (n * z).sum(1, keepdim=True)


def gate(torch: Any, z: Any, a: Any, m: Any) -> Any:
    """Compute what updates.gate computes."""
    return torch.lerp(m, z, torch.sigmoid(a)), torch.nn.functional.logsigmoid(a).sum(1)


def ungate(torch: Any, y: Any, a: Any, m: Any) -> Any:
    """Compute what updates.ungate computes."""
    return m + (y - m) / torch.sigmoid(a), -torch.nn.functional.logsigmoid(a).sum(1)


def scale(torch: Any, z: Any, a: Any, m: Any) -> Any:
    """Compute what updates.scale computes."""
    s = 3 * torch.tanh(a / 3)
    return torch.addcmul(m, z, torch.exp(s)), s.sum(1)


def unscale(torch: Any, y: Any, a: Any, m: Any) -> Any:
    """Compute what updates.unscale computes."""
    s = 3 * torch.tanh(a / 3)
    return (y - m) / torch.exp(s), -s.sum(1)


UPDATES = {"gate": (gate, ungate), "unscale": (unscale, scale)}


def network(
    torch: Any, x: Any, context: Any, V: Any, *layers: Any, order: Sequence[int] | None = None
) -> Any:
    """Compute what network.network computes."""
    weights, biases = layers[::2], layers[1::2]
    masks = (
        connections(order, [len(b) for b in biases], bool(len(V)))
        if order is not None
        else [1.0] * len(weights)
    )
    for i, (W, b, mask) in enumerate(zip(weights, biases, masks, strict=True)):
        x = torch.nn.functional.linear(x, (W * torch.as_tensor(mask)).T, b) + (context @ V if i == 0 else 0)
        x = x if i == len(weights) - 1 else torch.nn.functional.elu(x)
    return x


def together(
    torch: Any, x: Any, context: Any, V: Any, *layers: Any, order: Sequence[int], update: str
) -> Any:
    """Compute what autoregressive.together computes."""
    return UPDATES[update][0](torch, x, *network(torch, x, context, V, *layers, order=order).chunk(2, dim=1))


def one_by_one(
    torch: Any, y: Any, context: Any, V: Any, *layers: Any, order: Sequence[int], update: str
) -> Any:
    """Compute what autoregressive.one_by_one computes, by as many whole rounds as there are entries."""
    x, log_det = torch.zeros_like(y), None
    for _ in order:
        both = network(torch, x, context, V, *layers, order=order)
        x, log_det = UPDATES[update][1](torch, y, *both.chunk(2, dim=1))
    return x, log_det


def couple(
    torch: Any, z: Any, context: Any, V: Any, *layers: Any, moves: Sequence[int], update: Any = scale
) -> Any:
    """Compute what coupling.couple computes."""
    kept, moved = [d for d in range(z.shape[1]) if d not in moves], list(moves)
    found, log_det = update(
        torch, z[:, moved], *network(torch, z[:, kept], context, V, *layers).chunk(2, dim=1)
    )
    columns = {**dict(zip(kept, z[:, kept].T, strict=True)), **dict(zip(moved, found.T, strict=True))}
    return torch.stack([columns[d] for d in range(z.shape[1])], dim=1), log_det


def uncouple(torch: Any, y: Any, context: Any, V: Any, *layers: Any, moves: Sequence[int]) -> Any:
    """Compute what coupling.uncouple computes."""
    return couple(torch, y, context, V, *layers, moves=moves, update=unscale)
