"""Numbers kept between two bounds, y = f(x) for arrays of any shape.

A log-variance needs it most: exp(log σ²) overflows in float32 above 88, and the KL does too. `clamp` changes
nothing between the bounds, but its gradient beyond them is 0, so that an entry that has once left never comes
back by itself. `softplus_clamp` and `tanh_clamp` are smooth. Their gradient is above 0 everywhere, until it
underflows far outside, and they change values between the bounds too.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_bounds


@differentiable
def clamp(x: Array, *, low: float, high: float) -> tuple[Array, Pullback]:
    """y = min(max(x, low), high);  f′ = 1 at both bounds, as in PyTorch, and 0 beyond them."""
    require_bounds("clamp", low, high)
    y = np.clip(x, x.dtype.type(low), x.dtype.type(high))

    def pullback(dy: Array) -> Array:
        return np.where(y == x, dy, dy.dtype.type(0))  # dx = dy [low ≤ x ≤ high]

    return y, pullback


@differentiable
def softplus_clamp(x: Array, *, low: float, high: float) -> tuple[Array, Pullback]:
    """y = low + softplus(u − low) with u = high − softplus(high − x), where softplus(a) = log(1 + eᵃ).

    y rises from low to low + softplus(high − low). That end is above high by log(1 + e^(low − high)), which
    is 2·10⁻⁹ for ±10. Between the bounds y differs from x by at most 2e⁻ᵈ, where d is the distance to the
    nearer bound. f′ is about ½ at a bound. Chua, Calandra, McAllister & Levine 2018 (PETS), appendix A.1, for
    log-variances.
    """
    require_bounds("softplus_clamp", low, high)
    to_high = x.dtype.type(high) - x
    to_low = x.dtype.type(high - low) - kernels.softplus(to_high)  # u − low
    y = x.dtype.type(low) + kernels.softplus(to_low)

    def pullback(dy: Array) -> Array:
        du = dy * kernels.sigmoid(to_low)  # du = dy σ(u − low)
        return du * kernels.sigmoid(to_high)  # dx = du σ(high − x)

    return y, pullback


@differentiable
def tanh_clamp(x: Array, *, low: float, high: float) -> tuple[Array, Pullback]:
    """y = c + r tanh((x − c) / r) with the middle c = (low + high)/2 and the radius r = (high − low)/2.

    y rises from low to high, and f′ falls from 1 at the middle to 1 − tanh² 1 = 0.42 at a bound.
    """
    require_bounds("tanh_clamp", low, high)
    c, r = x.dtype.type(low / 2 + high / 2), x.dtype.type(high / 2 - low / 2)
    a = (x - c) / r
    y = c + r * kernels.tanh(a)

    def pullback(dy: Array) -> Array:
        e = np.exp(-2 * np.abs(a))
        # dx = dy (1 − tanh² a), as 4 e^(−2 |a|)/(1 + e^(−2 |a|))², which stays above 0
        return dy * (4 * e / (1 + e) ** 2)

    return y, pullback
