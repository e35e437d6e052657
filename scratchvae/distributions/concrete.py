"""The Concrete law, a relaxed choice among K categories: y = log x, where x is a point of the simplex.

    y = log softmax((l − log E)/λ),    l the logits, E standard exponential numbers, λ the temperature

−log E follows the standard Gumbel law.

The smaller λ is, the nearer x = e^y is to a one-hot vector. The largest entry of x is the k-th with
probability softmax(l)_k, for every λ. Everything is computed from y, since entries of x may be too small for
the dtype where those of y are ordinary numbers. Maddison, Mnih & Teh 2017, section 3 and appendix C (the
ExpConcrete law); Jang, Gu & Poole 2017, section 2.
"""

from math import lgamma, log

import numpy as np

from scratchvae import ops
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_count, require_positive, require_shapes, sum_of_draws


def sample_standard(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Draw standard exponential numbers of that shape in float32.

    None of them is 0, since their logarithm is taken.
    """
    return np.maximum(rng.standard_exponential(shape, dtype=np.float32), np.finfo(np.float32).tiny)


@differentiable
def log_prob(y: Array, logits: Array, *, temperature: float) -> tuple[Array, Pullback]:
    """log p(y) = Σ_g (log (K − 1)! + (K − 1) log λ + Σ_k a_gk − K log Σ_k exp a_gk) with a = logits − λ y.

    y, logits (B, G, K)  ->  (B,) in nats, the sum over G independent choices. y should be normalized, Σ_k exp
    y_gk = 1. p(y) is the density of the K − 1 log-odds y_k − y_K. The density of x = e^y on the simplex is
    p(y) / Π_k x_k. A number that is added to all logits of a choice changes nothing. Maddison et al.
    2017, equation 24.
    """
    n = require_shapes("concrete.log_prob", y=(y, "B G K"), logits=(logits, "B G K"))
    require_count("concrete.log_prob", "the number of categories", n["K"])
    require_positive("concrete.log_prob", "temperature", temperature)
    G, K, slope = n["G"], n["K"], y.dtype.type(temperature)
    # an offset costs no digits, and has no gradient
    above = logits - logits.max(axis=2, keepdims=True, initial=-np.inf)
    log_shares, shares_pullback = ops.log_softmax(above - slope * y, axis=2)  # a_k − log Σ_i exp a_i
    log_py = log_shares.sum(axis=(1, 2)) + y.dtype.type(G * (lgamma(K) + (K - 1) * log(temperature)))

    def pullback(dlog_py: Array) -> tuple[Array, Array]:
        # da_k = dlog_py (1 − K softmax(a)_k)
        da = shares_pullback(np.broadcast_to(dlog_py[:, None, None], log_shares.shape))
        return -slope * da, da  # dy = −λ da,  dlogits = da

    return log_py, pullback


@differentiable
def reparameterize(
    logits: Array, *, noise: Array, temperature: float, draws: int = 1
) -> tuple[Array, Pullback]:
    """y = log softmax((logits − log noise)/λ), a draw where `noise` are standard exponential numbers.

    logits (B, G, K), noise (B · draws, G, K)  ->  y (B · draws, G, K). The draws of one example are
    neighbouring rows.
    """
    require_count("concrete.reparameterize", "draws", draws)
    shapes = {"logits": (logits, "B G K"), "noise": (noise, f"{len(logits) * draws} G K")}
    n = require_shapes("concrete.reparameterize", **shapes)
    require_positive("concrete.reparameterize", "temperature", temperature)
    G, K, sharpness = n["G"], n["K"], logits.dtype.type(1 / temperature)
    # an offset costs no digits, and changes nothing
    above = logits - logits.max(axis=2, keepdims=True, initial=-np.inf)
    perturbed = np.repeat(above, draws, axis=0) - np.log(noise.astype(logits.dtype, copy=False))
    y, y_pullback = ops.log_softmax(sharpness * perturbed, axis=2)

    def pullback(dy: Array) -> Array:
        dperturbed = sharpness * y_pullback(dy)  # (dy_i − x_i Σ_j dy_j)/λ
        # dlogits = Σ_draws
        return sum_of_draws(dperturbed.reshape(len(dy), G * K), draws).reshape(logits.shape)

    return y, pullback
