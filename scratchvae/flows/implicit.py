"""The gradient of an inverse, by the implicit function theorem."""

from collections.abc import Callable

from scratchvae.arrays import Array, Pullback


def implicit_pullback(forward_pullback: Pullback, solve_transposed: Callable[[Array], Array]) -> Pullback:
    """The pullback of y ↦ (z, −log |det J|), where f(z; θ) = y and J = ∂f/∂z.

    `forward_pullback` is that of z ↦ (y, log |det J|) at the z that was found, and `solve_transposed(g)` is
    J⁻ᵀ g. The way in which z was found does not matter. From J dz + ∂f/∂θ dθ = dy it follows that a gradient
    g at z is J⁻ᵀ g at y, and −(∂f/∂θ)ᵀ J⁻ᵀ g at θ.
    """

    def pullback(dz: Array, dlog_det: Array) -> tuple[Array, ...]:
        by_log_det, *_ = forward_pullback(0 * dz, -dlog_det)
        dy = solve_transposed(dz + by_log_det)  # dy = J⁻ᵀ (dz − dlog_det ∂log |det J|/∂z)
        _, *dparams = forward_pullback(-dy, -dlog_det)  # dθ = −(∂f/∂θ)ᵀ dy − dlog_det ∂log |det J|/∂θ
        return dy, *dparams

    return pullback
