"""Pointwise nonlinearities y = f(x) of arrays of any shape.

Every pullback is dx = dy f′(x). The docstrings state f′ at each kink.
"""

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback


@differentiable
def relu(x: Array) -> tuple[Array, Pullback]:
    """y = max(x, 0);  f′(0) = 0.     Nair & Hinton 2010."""
    y = kernels.relu(x)

    def pullback(dy: Array) -> Array:
        return kernels.relu_backward(dy, y)  # dx = dy [y > 0]

    return y, pullback


@differentiable
def leaky_relu(x: Array, *, slope: float = 0.01) -> tuple[Array, Pullback]:
    """y = x if x > 0, else slope · x;  f′(0) = slope.     Maas, Hannun & Ng 2013."""
    y = kernels.leaky_relu(x, slope)

    def pullback(dy: Array) -> Array:
        return kernels.leaky_relu_backward(dy, x, slope)  # dx = dy (1 if x > 0, else slope)

    return y, pullback


@differentiable
def elu(x: Array, *, alpha: float = 1.0) -> tuple[Array, Pullback]:
    """y = x if x > 0, else α (eˣ − 1);  f′(0) = α.     Clevert, Unterthiner & Hochreiter 2016."""
    y = kernels.elu(x, alpha)

    def pullback(dy: Array) -> Array:
        return kernels.elu_backward(dy, x, y, alpha)  # dx = dy (1 if x > 0, else y + α), as α eˣ = y + α

    return y, pullback


@differentiable
def gelu_erf(x: Array) -> tuple[Array, Pullback]:
    """y = x Φ(x) with Φ(x) = ½ (1 + erf(x/√2)), exact.     Hendrycks & Gimpel 2016, section 2."""
    y = kernels.gelu_erf(x)

    def pullback(dy: Array) -> Array:
        return kernels.gelu_erf_backward(dy, x)  # dx = dy (Φ(x) + x φ(x))

    return y, pullback


@differentiable
def gelu_tanh(x: Array) -> tuple[Array, Pullback]:
    """y = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), an approximation of gelu_erf.

    Hendrycks & Gimpel 2016, section 2.
    """
    y = kernels.gelu_tanh(x)

    def pullback(dy: Array) -> Array:
        return kernels.gelu_tanh_backward(dy, x)  # dx = dy (½ (1 + t) + ½ x (1 − t²) u′), t = tanh u

    return y, pullback


@differentiable
def silu(x: Array) -> tuple[Array, Pullback]:
    """y = x σ(x), also called swish.     Elfwing, Uchibe & Doya 2018."""
    y = kernels.silu(x)

    def pullback(dy: Array) -> Array:
        return kernels.silu_backward(dy, x)  # dx = dy σ(x) (1 + x σ(−x))

    return y, pullback


@differentiable
def tanh(x: Array) -> tuple[Array, Pullback]:
    """y = tanh x."""
    y = kernels.tanh(x)

    def pullback(dy: Array) -> Array:
        return kernels.tanh_backward(dy, y)  # dx = dy (1 − y²)

    return y, pullback


@differentiable
def sigmoid(x: Array) -> tuple[Array, Pullback]:
    """y = σ(x) = 1 / (1 + e⁻ˣ)."""
    y = kernels.sigmoid(x)

    def pullback(dy: Array) -> Array:
        return kernels.sigmoid_backward(dy, y)  # dx = dy y (1 − y)

    return y, pullback


@differentiable
def softplus(x: Array) -> tuple[Array, Pullback]:
    """y = log(1 + eˣ), without overflow.     Dugas et al. 2001."""
    y = kernels.softplus(x)

    def pullback(dy: Array) -> Array:
        return kernels.softplus_backward(dy, x)  # dx = dy σ(x)

    return y, pullback
