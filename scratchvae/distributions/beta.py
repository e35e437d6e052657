"""The beta distribution of entries in (0, 1), by log_a = log a and log_b = log b.

    p(x) = Γ(a+b)/(Γ(a) Γ(b)) xᵃ⁻¹ (1−x)ᵇ⁻¹

Its mean is a/(a+b). The entries must lie strictly between 0 and 1, because the density at an end is 0, ∞ or
neither. `kernels/textbook/unit_interval.py` computes everything in float64, in either dtype: the logarithms
of Γ and of x agree in their first digits where a and b are large. Beyond e^±690, a and b enter by their
logarithms alone.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64, sampler
from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.distributions import dirichlet

LARGEST = 690.0  # of log a and log b in dx, where a number beyond the range is needed by its sign alone
LEAST = -690.0  # of log a and log b: below it every draw is at one of the two ends
NORMAL_FROM = 36.0  # from this log a and log b on, log x/(1−x) is normal in every digit of a float64


@differentiable
@in_float64
def log_prob(x: Array, log_a: Array, log_b: Array, *, needs_dx: bool = True) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d (log Γ(a+b) − log Γ(a) − log Γ(b) + (a−1) log x + (b−1) log(1−x)).

    All (B, D)  ->  (B,) in nats.

    InputError for x outside (0, 1). A float32 x near 1 has the absolute error of a roundoff of 1, and so
    log(1−x) is as inexact as 1−x then is.
    """
    require_shapes("beta.log_prob", x=(x, "B D"), log_a=(log_a, "B D"), log_b=(log_b, "B D"))
    if x.size and not (x.min() > 0 and x.max() < 1):
        raise InputError(
            f"beta.log_prob: x should lie strictly between 0 and 1, found {x.min():g} to {x.max():g}"
        )
    by_entry, of_a, of_b = kernels.beta(log_a, log_b, x)
    log_px = by_entry.sum(axis=1)

    def pullback(dlog_px: Array) -> tuple[Array | None, Array, Array]:
        d = dlog_px[:, None]
        dlog_a = d * of_a  # dlog_a = dlog_px a (ψ(a+b) − ψ(a) + log x)
        dlog_b = d * of_b  # dlog_b = dlog_px b (ψ(a+b) − ψ(b) + log(1−x))
        if not needs_dx:
            return None, dlog_a, dlog_b
        more = np.maximum(np.maximum(log_a, log_b) - LARGEST, 0)
        with np.errstate(over="ignore", under="ignore"):
            slope = np.expm1(log_a - more) / x - np.expm1(log_b - more) / (1 - x)
        dx = np.where(d == 0, d, d * slope)  # dx = dlog_px ((a−1)/x − (b−1)/(1−x))
        return dx, dlog_a, dlog_b

    return log_px, pullback


@differentiable
def kl(log_a: Array, log_b: Array, other_log_a: Array, other_log_b: Array) -> tuple[Array, Pullback]:
    """KL(Beta(a, b) ‖ Beta(α, β)), summed over the entries.

    All (B, D)  ->  (B,) in nats. Each beta law is a Dirichlet law of two shares, whose KL is taken.
    """
    shaped = {
        "log_b": (log_b, "B D"),
        "other_log_a": (other_log_a, "B D"),
        "other_log_b": (other_log_b, "B D"),
    }
    n = require_shapes("beta.kl", log_a=(log_a, "B D"), **shaped)
    one, other = np.stack([log_a, log_b], axis=2), np.stack([other_log_a, other_log_b], axis=2)
    by_entry, entry_pullback = dirichlet.kl(one.reshape(-1, 2), other.reshape(-1, 2))

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        # kl_b = Σ_d kl_bd
        done, dother = (g.reshape(*log_a.shape, 2) for g in entry_pullback(np.repeat(dkl, n["D"])))
        return done[:, :, 0], done[:, :, 1], dother[:, :, 0], dother[:, :, 1]

    return by_entry.reshape(log_a.shape).sum(axis=1), pullback


@sampler
def sample(log_a: Array, log_b: Array, *, uniform: Array) -> Array:
    """The inverse of the distribution function at `uniform`, a draw from U[0, 1).

    All (B, D). The result lies strictly between 0 and 1. As a or b falls to 0, x is next to 0 with the
    probability b/(a+b) and next to 1 otherwise. As a and b grow, x gathers at its mean.
    """
    from scipy.special import betaincinv  # imported here: it takes a third of a second

    require_shapes("beta.sample", log_a=(log_a, "B D"), log_b=(log_b, "B D"), uniform=(uniform, "B D"))
    la, lb, u = (v.astype(np.float64) for v in (log_a, log_b, uniform))
    inside = (np.minimum(la, lb) > LEAST) & (np.maximum(la, lb) < -LEAST)
    with np.errstate(under="ignore"):
        x = betaincinv(np.exp(np.where(inside, la, 0)), np.exp(np.where(inside, lb, 0)), u)
        x = np.where(inside & np.isfinite(x), x, _at_the_ends(la, lb, u))
    limits = np.finfo(log_a.dtype)
    return np.clip(x, limits.tiny, 1 - limits.epsneg).astype(log_a.dtype)


def _at_the_ends(log_a: Array, log_b: Array, u: Array) -> Array:
    """The inverse at u where a or b is next to 0 or beyond e³⁶, which `betaincinv` answers by NaN.

    Of two large numbers the logarithm of x/(1−x) is normal, of mean log a/b and variance 1/a + 1/b. Of one,
    say b, x is a draw from Gamma(a) over b.
    """
    from scipy.special import gammaincinv, ndtri

    u = np.clip(u, 2.0**-53, 1 - 2.0**-53)  # the quantiles of 0 and of 1 are infinite
    lesser, apart = np.minimum(log_a, log_b), log_a - log_b
    share = kernels.sigmoid(-apart)  # b/(a+b)
    spread = np.sqrt(sum(np.exp(-np.maximum(l, NORMAL_FROM)) for l in (log_a, log_b)))
    normal = kernels.sigmoid(apart + ndtri(u) * spread)
    shape = np.exp(np.clip(lesser, LEAST, NORMAL_FROM))
    drawn = gammaincinv(shape, np.where(apart < 0, u, 1 - u)) * np.exp(-np.maximum(lesser + np.abs(apart), 0))
    of_one = np.where(apart < 0, drawn, 1 - drawn)
    of_large = np.where(lesser > NORMAL_FROM, normal, of_one)
    return np.where(lesser < LEAST, np.where(u < share, 0.0, 1.0), of_large)
