"""First values of weights, by functions `(shape, fan_in, fan_out, rng) -> float64 array`.

Layers choose them by name. fan_in counts the numbers that feed one output, and fan_out the numbers that one
input feeds.
"""

from collections.abc import Callable

import numpy as np

from scratchvae.arrays import Array, require_choice
from scratchvae.memory import enough_memory

Initializer = Callable[[tuple[int, ...], int, int, np.random.Generator], Array]


def glorot_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """U(−a, a), a = √(6 / (fan_in + fan_out)).     Glorot & Bengio 2010, equation 16."""
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)


def glorot_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """N(0, 2 / (fan_in + fan_out)).     Glorot & Bengio 2010, equation 12."""
    return rng.normal(0, np.sqrt(2 / (fan_in + fan_out)), shape)


def he_uniform(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """U(−a, a), a = √(6 / fan_in), of variance 2 / fan_in.     He et al. 2015, section 2.2."""
    limit = np.sqrt(6 / fan_in)
    return rng.uniform(-limit, limit, shape)


def he_normal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """N(0, 2 / fan_in).     He et al. 2015, equation 10."""
    return rng.normal(0, np.sqrt(2 / fan_in), shape)


def orthogonal(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """Orthonormal rows or columns, whichever are fewer, of the matrix (first axis, all other axes).

    Saxe et al. 2014.
    """
    rows, columns = shape[0], int(np.prod(shape[1:]))
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    # with these signs every orthogonal matrix is equally likely (Mezzadri 2007)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(q if rows >= columns else q.T).reshape(shape)


def pytorch(shape: tuple[int, ...], fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
    """U(−a, a), a = 1/√fan_in: what PyTorch's Linear and Conv2d start from, weights and biases alike."""
    limit = 1 / np.sqrt(fan_in)
    return rng.uniform(-limit, limit, shape)


INITIALIZERS: dict[str, Initializer] = {
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "orthogonal": orthogonal,
    "pytorch": pytorch,
}


def initial_weight_and_bias(
    name: str,
    shape: tuple[int, ...],
    fan_in: int,
    fan_out: int,
    n_outputs: int,
    rng: np.random.Generator | int | None,
) -> tuple[Array, Array]:
    """A float32 weight by the initializer `name`, and a bias (n_outputs,).

    The bias is zero, but for "pytorch", which draws it like the weight.
    """
    require_choice("initializers", "init", name, INITIALIZERS)
    rng = np.random.default_rng(rng)
    with enough_memory(f"weights of shape {shape}"):
        weight = INITIALIZERS[name](shape, fan_in, fan_out, rng).astype(np.float32)
        bias = pytorch((n_outputs,), fan_in, fan_out, rng) if name == "pytorch" else np.zeros(n_outputs)
    return weight, bias.astype(np.float32)
