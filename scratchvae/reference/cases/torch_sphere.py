"""The von Mises-Fisher law in PyTorch, which has none of its own.

Bessel functions come from their series, and distribution functions from quadrature. The gradients that
autograd finds are right, since the expressions are the definitions. κ has to be below some 40.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

TERMS = 120  # so many terms of the series of I_ν are summed
NODES, WEIGHTS = np.polynomial.legendre.leggauss(300)


def log_area(dim: int) -> float:
    """Compute the logarithm of the area of the unit sphere in D dimensions."""
    return math.log(2) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)


def log_growth(torch: Any, kappa: Any, dim: int) -> Any:
    """log E[e^(κ w)] over the uniform law: log Σ_k (κ²/4)ᵏ Γ(D/2)/(k! Γ(D/2 + k))."""
    k, half = torch.arange(TERMS, dtype=kappa.dtype), torch.tensor(0.5 * dim, dtype=kappa.dtype)
    log_terms = (
        2 * k * torch.log(kappa / 2)[:, None]
        + torch.lgamma(half)
        - torch.lgamma(k + 1)
        - torch.lgamma(half + k)
    )
    return torch.logsumexp(log_terms, dim=1)


def cosine(torch: Any, kappa: Any, dim: int) -> Any:
    """A(κ), the slope of log_growth, with a graph of its own."""
    return torch.autograd.grad(log_growth(torch, kappa, dim).sum(), kappa, create_graph=True)[0]


def log_prob(torch: Any, x: Any, mean: Any, log_concentration: Any) -> Any:
    """log p(x), with 1 − ½ |x − μ|² for the cosine, which it is on the sphere."""
    kappa = torch.exp(log_concentration)
    of_uniform = -log_area(x.shape[1]) - log_growth(torch, kappa, x.shape[1])
    return of_uniform + kappa * (1 - ((x - mean) ** 2).sum(1) / 2)


def expectation(torch: Any, mean: Any, log_concentration: Any) -> Any:
    """A(κ) μ."""
    return cosine(torch, torch.exp(log_concentration), mean.shape[1])[:, None] * mean


def kl_to_uniform(torch: Any, log_concentration: Any, *, dim: int) -> Any:
    """κ A − log E[e^(κ w)]."""
    kappa = torch.exp(log_concentration)
    return kappa * cosine(torch, kappa, dim) - log_growth(torch, kappa, dim)


def log_prob_of_draw(torch: Any, log_concentration: Any, versine: Any, *, dim: int, draws: int = 1) -> Any:
    """log p from v = 1 − μᵀx."""
    kappa = torch.exp(log_concentration)
    constant = -log_area(dim) - log_growth(torch, kappa, dim)
    return constant.repeat_interleave(draws) + kappa.repeat_interleave(draws) * (1 - versine)


def versine(torch: Any, log_concentration: Any, *, uniform: Any, dim: int, draws: int = 1) -> Any:
    """Compute 1 − cos of the angle where P(angle ≤ θ) = uniform, by bisection and one Newton step.

    Autograd differentiates the Newton step. Its value is 0, but its gradient −(∂P/∂κ)/p(θ) is that of the
    angle.
    """
    kappa = torch.exp(log_concentration).repeat_interleave(draws)
    nodes, weights = torch.tensor((NODES + 1) / 2), torch.tensor(WEIGHTS / 2)

    def density(theta: Any) -> Any:
        return torch.sin(theta) ** (dim - 2) * torch.exp(kappa[:, None] * (torch.cos(theta) - 1))

    def mass_below(theta: Any) -> Any:
        return (density(theta[:, None] * nodes) * weights).sum(1) * theta

    whole = mass_below(torch.full_like(kappa, math.pi))
    low, high = torch.zeros_like(kappa), torch.full_like(kappa, math.pi)
    with torch.no_grad():
        for _ in range(60):
            middle = (low + high) / 2
            over = mass_below(middle) > uniform * whole
            low, high = torch.where(over, low, middle), torch.where(over, middle, high)
        theta, height = low, (density(low[:, None])[:, 0] / whole)
    return 1 - torch.cos(theta - (mass_below(theta) / whole - uniform) / height)


def reparameterize(torch: Any, mean: Any, versine: Any, *, tangent: Any, draws: int = 1) -> Any:
    """Reflect the first axis, or its opposite, to μ, by a matrix for each draw."""
    mu, v = mean.repeat_interleave(draws, 0), versine[:, None]
    sign = torch.where(mu[:, :1] < 0, -1.0, 1.0).to(mu.dtype)
    h = mu + torch.nn.functional.pad(sign, (0, mu.shape[1] - 1))
    at_first_axis = torch.nn.functional.pad(tangent, (1, 0))
    t = at_first_axis - h * (h * at_first_axis).sum(1, keepdim=True) / (1 + sign * mu[:, :1])
    return (1 - v) * mu + torch.sqrt(v * (2 - v)) * t
