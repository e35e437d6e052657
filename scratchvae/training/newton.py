"""Newton's step and its gain by conjugate gradients on differences of gradients, without the Hessian."""

from collections.abc import Callable

import numpy as np

from scratchvae.arrays import Array

MOST = 200  # iterations of conjugate gradients: exact arithmetic would need as many as there are parameters
ENOUGH = 1e-4  # the share of the gradient that each Newton step may leave in the residual


def newton_step(
    gradient_at: Callable[[Array], Array], theta: Array, g: Array, *, epsilon: float
) -> tuple[Array, float]:
    """The step p ≈ H⁻¹ g (P,), and half of Newton's decrement squared, ½ gᵀ p, in units of the loss.

    A loss that is a quadratic form is lowest at θ − p, and falls by ½ gᵀ p on the way there (Boyd &
    Vandenberghe 2004, section 9.5.1). Conjugate gradients minimize that form, ½ pᵀ H p − gᵀ p, along one
    direction d after the other, and their gain grows towards ½ gᵀ p from below (Nocedal & Wright 2006,
    algorithm 7.1). They need only H d:

        H d ≈ (g(θ + h d) − g(θ − h d)) / 2h     h ‖d‖ = ∛ε (1 + ‖θ‖), where rounding and truncation are alike

    `epsilon` is the roundoff ε of the arithmetic behind `gradient_at`. A direction along which the loss is
    flat, to the rounding of these differences, ends the iteration, and the possible gain along it is not
    counted. A direction along which the loss curves downwards makes the gain infinite. The directions that
    are tried are those that the gradient leads to, g, H g, H² g …: exactly at a saddle there are none.
    """
    p, left = np.zeros_like(g), 0.0
    residual, d = g, g
    flat = 0.0  # the curvature that rounding can feign
    for _ in range(MOST):
        rr, dd = residual @ residual, d @ d
        if rr <= ENOUGH**2 * (g @ g) or dd == 0:
            break
        h = np.cbrt(epsilon) * (1 + np.linalg.norm(theta)) / np.sqrt(dd)
        Hd = (gradient_at(theta + h * d) - gradient_at(theta - h * d)) / (2 * h)
        curvature = (d @ Hd) / dd
        flat = max(flat, np.cbrt(epsilon) ** 2 * np.linalg.norm(Hd) / np.sqrt(dd))
        if not curvature > flat:
            return p, left if abs(curvature) <= flat and left > 0 else np.inf
        share = rr / (d @ Hd)
        p = p + share * d
        left += 0.5 * share * rr  # the form falls by ½ rr² / dᵀHd
        residual = residual - share * Hd
        d = residual + (residual @ residual) / rr * d
    return p, left
