"""The von Mises-Fisher law on the unit sphere in D dimensions, around a direction μ of norm 1.

    p(x) = C(κ) e^(κ μᵀx),    C(κ) = κ^ν/((2π)^(D/2) I_ν(κ)),    ν = D/2 − 1

`mean` is the mean direction μ, and `log_concentration` is log κ, one number for each example. I_ν is the
modified Bessel function. At κ = 0 the law is uniform, and at large κ it is a Gaussian of variance 1/κ on the
tangent plane at μ. Fisher 1953; Davidson, Falorsi, De Cao, Kipf & Tomczak 2018, "Hyperspherical variational
auto-encoders".

With A(κ) = I_{ν+1}(κ)/I_ν(κ), which is the expected cosine E[μᵀx], the slopes are

    d log C/dκ = −A        dA/dκ = 1 − A² − (D − 1) A/κ = Var[μᵀx]

`kernels/textbook/sphere.py` computes A, 1 − A and dA/dκ, each by itself, with all its digits for every κ and
D ≥ 2. Everything is computed in float64, in either dtype.

A draw is x = (1 − v) μ + √(v (2 − v)) t, with v = 1 − μᵀx and t a uniform direction at right angles to μ.
`versine` computes v by the inverse of its distribution function, so that its gradient is exact. Other
samplers take v from proposals that they accept or reject. The slope of the accepted proposal alone is then
biased, since κ also decides which proposal is accepted (Naesseth, Ruiz, Linderman & Blei 2017).
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_count,
    require_shapes,
    require_unit,
    sum_of_draws,
)
from scratchvae.distributions import uniform_sphere
from scratchvae.distributions._beyond_range import times_exp, weighed

GAUSSIAN_FROM = 40.0  # the log κ from which on the terms in 1/κ are below a roundoff


@differentiable
@in_float64
def log_prob(x: Array, mean: Array, log_concentration: Array) -> tuple[Array, Pullback]:
    """log p(x) = log p(μ) − ½ κ |x − μ|².

    x, mean (B, D) of norm 1, log_concentration (B,)  ->  (B,) in nats.

    On the sphere ½ |x − μ|² equals 1 − μᵀx, but it keeps its digits where x is near μ. The gradients of x
    and mean are those of this expression. x and mean can only move along the sphere, and so the components of
    their gradients at right angles to it have no meaning.
    InputError for vectors that are not of norm 1.
    """
    n = require_shapes(
        "von_mises_fisher.log_prob",
        x=(x, "B D"),
        mean=(mean, "B D"),
        log_concentration=(log_concentration, "B"),
    )
    for name, vectors in {"x": x, "mean": mean}.items():
        require_unit("von_mises_fisher.log_prob", name, vectors)
    log_peak, _, _, away, _ = _moments("log_prob", log_concentration, n["D"])
    apart = x - mean
    fallen = times_exp(0.5 * (apart * apart).sum(axis=1), log_concentration)  # ½ κ |x − μ|²
    log_px = log_peak - fallen

    def pullback(dlog_px: Array) -> tuple[Array, Array, Array]:
        dx = weighed(
            -dlog_px[:, None], times_exp(apart, log_concentration[:, None])
        )  # dx = −dlog_px κ (x − μ)
        return dx, -dx, weighed(dlog_px, away - fallen)  # dlog_κ = dlog_px κ (1 − A − ½ |x − μ|²)

    return log_px, pullback


@differentiable
@in_float64
def expectation(mean: Array, log_concentration: Array) -> tuple[Array, Pullback]:
    """E[x] = A(κ) μ, which lies inside the sphere.

    mean (B, D) of norm 1, log_concentration (B,)  ->  (B, D).
    """
    n = require_shapes(
        "von_mises_fisher.expectation", mean=(mean, "B D"), log_concentration=(log_concentration, "B")
    )
    _, _, cosine, _, variance = _moments("expectation", log_concentration, n["D"])
    held, more = _held(log_concentration)
    slope = np.exp(held - more) * variance  # dA/d log κ, which falls as 1/κ

    def pullback(d: Array) -> tuple[Array, Array]:
        return d * cosine[:, None], (d * mean).sum(axis=1) * slope  # dμ = d A,  dlog_κ = dᵀμ κ dA/dκ

    return cosine[:, None] * mean, pullback


@differentiable
@in_float64
def kl_to_uniform(log_concentration: Array, *, dim: int) -> tuple[Array, Pullback]:
    """KL(p ‖ uniform law on the sphere) = κ A − log E[e^(κ w)], w = μᵀx for uniform x.

    log_concentration (B,)  ->  (B,) in nats.

    The KL does not depend on μ. Near κ = 0 it is κ²/2D, and all digits of that are right.
    """
    require_shapes("von_mises_fisher.kl_to_uniform", log_concentration=(log_concentration, "B"))
    _, kl, _, _, variance = _moments("kl_to_uniform", log_concentration, dim)
    held, _ = _held(log_concentration)
    slope = np.exp(2 * held) * variance

    def pullback(dkl: Array) -> Array:
        return dkl * slope  # dlog_κ = dkl κ² dA/dκ

    return kl, pullback


@differentiable
@in_float64
def entropy(log_concentration: Array, *, dim: int) -> tuple[Array, Pullback]:
    """H = log |S| − KL(p ‖ uniform law), |S| the area of the sphere.     log κ (B,)  ->  (B,) in nats."""
    kl, kl_pullback = kl_to_uniform(log_concentration, dim=dim)
    at_a_point, _ = uniform_sphere.log_prob(np.eye(1, dim))

    def pullback(dH: Array) -> Array:
        return -kl_pullback(dH)  # dlog_κ = −dH κ² dA/dκ

    return -at_a_point - kl, pullback


@differentiable
@in_float64
def versine(log_concentration: Array, *, uniform: Array, dim: int, draws: int = 1) -> tuple[Array, Pullback]:
    """v = 1 − cos θ of a draw, where θ is the angle to μ with P(angle ≤ θ) = `uniform`, a draw from U(0, 1).

    log_concentration (B,), uniform (B · draws,)  ->  (B · draws,). The draws for one κ are neighbours.

    The draw solves P(θ(κ); κ) = uniform, and the derivative of this equation by κ gives the gradient,
    dv/dκ = −sin θ ∂P/∂κ / p(θ) (Figurnov, Mohamed & Mnih 2018). P and ∂P/∂κ are integrals over the angle, and
    both are computed to rounding. At D = 3 the solution is v = −log(1 + uniform (e^(−2κ) − 1))/κ.
    InputError for a `uniform` outside (0, 1).
    """
    require_count("von_mises_fisher.versine", "draws", draws)
    require_count("von_mises_fisher.versine", "dim", dim, 2)
    many = f"{len(log_concentration) * draws}"
    require_shapes(
        "von_mises_fisher.versine", log_concentration=(log_concentration, "B"), uniform=(uniform, many)
    )
    if uniform.size and not (uniform.min() > 0 and uniform.max() < 1):
        found = f"found {uniform.min():g} to {uniform.max():g}"
        raise InputError(f"von_mises_fisher.versine: uniform should lie strictly between 0 and 1, {found}")
    v, slope = kernels.sphere_quantile(log_concentration, uniform, dim, draws)

    def pullback(dv: Array) -> Array:
        return (dv * slope).reshape(len(log_concentration), draws).sum(axis=1)  # dlog_κ = Σ_k dv dv/dlog κ

    return v, pullback


@differentiable
def reparameterize(mean: Array, versine: Array, *, tangent: Array, draws: int = 1) -> tuple[Array, Pullback]:
    """x = (1 − v) μ + √(v (2 − v)) t, a draw where v is a `versine` and `tangent` ξ a uniform direction.

        t = [−s b | ξ − b μ_r/(1 + s μ₁)],    b = ξᵀμ_r,    μ = [μ₁ | μ_r],    s = sign μ₁

    ξ has D − 1 dimensions. A Householder reflection takes the first axis to −s μ, and it takes [0 | ξ] to t.
    A reflection keeps norms and angles, so that t has norm 1 and is at right angles to μ. The sign s is the
    one for which the divisor 1 + s μ₁ is at least 1.

    mean (B, D) of norm 1, versine (B · draws,), tangent (B · draws, D − 1) of norm 1  ->  (B · draws, D). The
    draws for one μ are neighbouring rows. Ulrich 1984; Davidson et al. 2018, algorithm 1.
    """
    require_count("von_mises_fisher.reparameterize", "draws", draws)
    D, many = require_shapes("von_mises_fisher.reparameterize", mean=(mean, "B D"))["D"], len(mean) * draws
    require_count("von_mises_fisher.reparameterize", "the length of mean", D, 2)
    shaped = {"versine": (versine, f"{many}"), "tangent": (tangent, f"{many} {D - 1}")}
    require_shapes("von_mises_fisher.reparameterize", **shaped)
    real = mean.dtype.type
    mu, xi, v = np.repeat(mean, draws, axis=0), tangent.astype(mean.dtype, copy=False), versine[:, None]
    first, rest = mu[:, :1], mu[:, 1:]
    sign = np.where(first < 0, real(-1), real(1))
    divisor, b = 1 + sign * first, (xi * rest).sum(axis=1, keepdims=True)
    t = np.concatenate([-sign * b, xi - b * rest / divisor], axis=1)
    sine = np.maximum(np.sqrt(v * (2 - v)), np.finfo(mean.dtype).tiny)
    x = (1 - v) * mu + sine * t

    def pullback(dx: Array) -> tuple[Array, Array]:
        dv = (dx * ((1 - v) / sine * t - mu)).sum(axis=1)  # dv = dxᵀ(t (1 − v)/√(v(2 − v)) − μ)
        dt_first, dt_rest = sine * dx[:, :1], sine * dx[:, 1:]
        pull = (dt_rest * rest).sum(axis=1, keepdims=True) / divisor
        db = -sign * dt_first - pull  # db = −s dt₁ − dt_rᵀμ_r/(1 + s μ₁)
        dfirst = sign * b * pull / divisor  # dμ₁ = s b dt_rᵀμ_r/(1 + s μ₁)²
        drest = db * xi - b / divisor * dt_rest  # dμ_r = db ξ − b dt_r/(1 + s μ₁)
        dmean = (1 - v) * dx + np.concatenate([dfirst, drest], axis=1)
        return sum_of_draws(dmean, draws), dv

    return x, pullback


@differentiable
@in_float64
def log_prob_of_draw(
    log_concentration: Array, versine: Array, *, dim: int, draws: int = 1
) -> tuple[Array, Pullback]:
    """log p(x) = log p(μ) − κ v at a draw x, from its versine v.

    log_concentration (B,), versine (B · draws,)  ->  (B · draws,) in nats.
    """
    require_count("von_mises_fisher.log_prob_of_draw", "draws", draws)
    many = f"{len(log_concentration) * draws}"
    require_shapes(
        "von_mises_fisher.log_prob_of_draw",
        log_concentration=(log_concentration, "B"),
        versine=(versine, many),
    )
    log_peak, _, _, away, _ = (
        np.repeat(a, draws) for a in _moments("log_prob_of_draw", log_concentration, dim)
    )
    each = np.repeat(log_concentration, draws)
    fallen = times_exp(versine, each)

    def pullback(dlog_q: Array) -> tuple[Array, Array]:
        by_draw = weighed(dlog_q, away - fallen)
        dlog_concentration = by_draw.reshape(len(log_concentration), draws).sum(axis=1)
        # dlog_κ = Σ_k dlog_q κ (1 − A − v),  dv = −dlog_q κ
        return dlog_concentration, weighed(-dlog_q, times_exp(np.ones_like(each), each))

    return log_peak - fallen, pullback


def _moments(name: str, log_concentration: Array, dim: int) -> tuple[Array, ...]:
    """Return log p(μ), the KL to the uniform law, A, κ (1 − A), and dA/dκ at the smaller of κ and e⁴⁰.

    From κ = e⁴⁰ on, the law is its Gaussian in every digit: the first two rise by ½ (D − 1) log κ, and
    κ (1 − A) and κ² dA/dκ stay at ½ (D − 1).
    """
    require_count(f"von_mises_fisher.{name}", "dim", dim, 2)
    held, more = _held(log_concentration)
    log_peak, kl, cosine, away, variance = kernels.sphere_moments(held, dim)
    rise = 0.5 * (dim - 1) * more
    return log_peak + rise, kl + rise, cosine, np.exp(held) * away, variance


def _held(log_concentration: Array) -> tuple[Array, Array]:
    """Return log κ up to 40, and what it is above 40."""
    held = np.minimum(log_concentration, GAUSSIAN_FROM)
    return held, log_concentration - held
