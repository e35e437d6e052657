"""Real-valued entries with tails as heavy as the data ask for: p(x|z) = t(location, s, ν).

At ν = ∞ it is a Gaussian.
"""

from typing import Literal

import numpy as np

from scratchvae.arrays import (
    Array,
    Pullback,
    require_at_least,
    require_choice,
    require_finite,
    require_number,
)
from scratchvae.distributions import student_t
from scratchvae.layers import EVALUATION, Buffer, Mode, Parameter
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries
from scratchvae.likelihoods.missing import fill_missing, where_observed

Source = Literal["constant", "parameter", "decoder"]
SOURCES = ("constant", "parameter", "decoder")


class StudentT(Likelihood):
    """A location that the decoder computes, a scale s, and degrees of freedom ν.

        x_params = [location | a | b],    s = min_scale + exp(a),    ν = exp(b)

    `scale_from` and `df_from` say where a and b come from. With "constant" they make the given number. With
    "parameter" each is one number for all entries, which is learned from the given one on. With "decoder"
    each is an output for each entry, where 0 means the given number. x_params has a and b only where they are
    the decoder's. A constant df may be infinite: the likelihood is then a Gaussian of variance s².

    `scale` and `min_scale` are in units of x. As with GaussianDiagonal, an entry that the location can
    reproduce exactly drives its s down to min_scale, and without end where that is 0. Lange, Little & Taylor
    1989, "Robust statistical modeling using the t distribution", has the law, and in section 3 how ν is
    learned.
    """

    def __init__(
        self,
        scale: float = 1.0,
        df: float = 4.0,
        *,
        scale_from: Source = "constant",
        df_from: Source = "constant",
        min_scale: float = 0.0,
    ) -> None:
        require_choice("StudentT", "scale_from", scale_from, SOURCES)
        require_choice("StudentT", "df_from", df_from, SOURCES)
        require_at_least("StudentT", "min_scale", min_scale, 0)
        require_number(
            "StudentT", "scale", scale, f"finite and above min_scale = {min_scale:g}", above=min_scale
        )
        if not (isinstance(df, float | np.floating) and df == np.inf and df_from == "constant"):
            require_number("StudentT", "df", df, "positive, and finite unless it is a constant", above=0)
        self.scale_from, self.df_from = scale_from, df_from
        self.log_min_scale = float(np.log(min_scale)) if min_scale else -np.inf
        self.log_excess = _held(np.log(scale - min_scale), scale_from)
        self.log_df = _held(np.log(df), df_from)

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A location for each entry, and the other numbers that the decoder computes."""
        return n_entries(event_shape) * self._outputs

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """log t(x; location, s, ν). A learned log_excess and log_df receive the sum of their gradients."""
        location, excess, log_df = self._split(x_params)
        log_scale = self._log_scale(excess)
        x = for_each_draw(fill_missing(x, observed), draws)
        log_prob = where_observed(student_t.log_prob, observed, draws)
        log_px, op_pullback = log_prob(x, location, log_scale, log_df, needs_dx=False)

        def pullback(dlog_px: Array) -> Array:
            _, dlocation, dlog_scale, dlog_df = op_pullback(dlog_px)
            dexcess = dlog_scale * np.exp(excess - log_scale)  # da = dlog_scale exp(a)/s
            decoded = [dlocation]
            for held, source, gradient in (
                (self.log_excess, self.scale_from, dexcess),
                (self.log_df, self.df_from, dlog_df),
            ):
                if source == "decoder":
                    decoded.append(gradient)
                elif isinstance(held, Parameter):
                    held.receive(gradient.sum().reshape(1))  # one number for all entries receives Σ_bd
            return np.concatenate(decoded, axis=1)

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """The location, which is the median and the mode, and for ν > 1 the mean too.

        For ν ≤ 1 there is no mean.
        """
        location, _, _ = self._split(x_params)
        return location

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """x = location + s · noise/√precision, with normal noise and a precision from Gamma(ν/2)/(ν/2)."""
        location, excess, log_df = self._split(x_params)
        noise = rng.standard_normal(location.shape).astype(x_params.dtype)
        with np.errstate(over="ignore", under="ignore"):
            half = 0.5 * np.exp(log_df.astype(np.float64))
        finite = np.maximum(np.where(np.isfinite(half), half, 1.0), np.finfo(np.float64).tiny)
        precision = np.where(np.isfinite(half), rng.standard_gamma(finite) / finite, 1.0).astype(
            x_params.dtype
        )
        # tiny ν draw numbers beyond any float
        precision = np.maximum(precision, np.finfo(x_params.dtype).tiny)
        return student_t.sample(location, self._log_scale(excess), noise=noise, precision=precision)

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is a finite number."""
        require_finite("StudentT", "x", x)

    @property
    def _outputs(self) -> int:
        return 1 + (self.scale_from == "decoder") + (self.df_from == "decoder")

    def _split(self, x_params: Array) -> tuple[Array, Array, Array]:
        """The location, a and b, each (B, D)."""
        parts = np.split(x_params, self._outputs, axis=1)
        location = parts.pop(0)
        found = []
        for held, source in ((self.log_excess, self.scale_from), (self.log_df, self.df_from)):
            start = held.value.astype(x_params.dtype)
            found.append(
                start + parts.pop(0) if source == "decoder" else np.broadcast_to(start, location.shape)
            )
        return location, found[0], found[1]

    def _log_scale(self, excess: Array) -> Array:
        """log s = log(min_scale + exp(a))."""
        return np.logaddexp(excess, excess.dtype.type(self.log_min_scale))


def _held(start: float, source: Source) -> Parameter | Buffer:
    value = np.full(1, start, np.float32)
    return Parameter(value) if source == "parameter" else Buffer(value)
