"""A log-variance that stays between two bounds, whatever number a network computes for it."""

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_bounds, require_choice, require_shapes
from scratchvae.layers.interface import EVALUATION, Layer, Mode

FORMS = {"clamp": ops.clamp, "softplus": ops.softplus_clamp, "tanh": ops.tanh_clamp}


class BoundedLogVar(Layer):
    """[mean | log σ²]  ->  [mean | log σ² between `low` and `high`].     x (B, 2Z) -> (B, 2Z), in nats.

    It comes after the last layer of an encoder for a DiagonalGaussian q(z|x), or of a decoder for a
    GaussianPerPixel. Without it an input of large numbers makes exp(log σ²) overflow, and the loss becomes
    infinite or NaN.

    `form` says how log σ² is kept: "softplus" and "tanh" lead it to the bounds smoothly, and their gradient
    is above 0 on both sides of a bound. "clamp" cuts it off, and its gradient is 1 at the bounds and 0
    beyond. `ops.softplus_clamp`, `ops.tanh_clamp` and `ops.clamp` have the equations.
    """

    def __init__(self, low: float = -10.0, high: float = 10.0, *, form: str = "softplus") -> None:
        require_bounds("BoundedLogVar", low, high)
        require_choice("BoundedLogVar", "form", form, FORMS)
        self.low, self.high, self.form = low, high, form

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        require_shapes("BoundedLogVar", x=(x, "B P"))
        half = x.shape[1] // 2
        (mean, log_var), split_pullback = ops.split(x, sizes=(half, x.shape[1] - half))
        bounded, bound_pullback = FORMS[self.form](log_var, low=self.low, high=self.high)
        y, join_pullback = ops.concatenate(mean, bounded, axis=1)

        def pullback(dy: Array) -> Array:
            dmean, dbounded = join_pullback(dy)
            return split_pullback(dmean, bound_pullback(dbounded))  # dx = [dmean | f′(log σ²) dlog σ²]

        return y, pullback
