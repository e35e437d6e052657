"""Counts whose variance exceeds their mean: p(x|z) = NB(μ, r), which may have additional zeros."""

from typing import Literal

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_choice,
    require_flag,
    require_number,
    require_positive,
    sizes_of,
)
from scratchvae.distributions import negative_binomial, zero_inflated
from scratchvae.layers import EVALUATION, Buffer, Mode, Parameter
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, log_counts, n_entries, require_counts
from scratchvae.likelihoods.missing import fill_missing, where_observed

SOURCES = ("constant", "parameter", "feature", "decoder")
OFFSETS = ("none", "library")
LARGEST = 1e30  # of a mean, which is then finite in float32 too


class NegativeBinomial(Likelihood):
    """A mean μ from the decoder, and a dispersion r: the variance is μ + μ²/r.

        x_params = [a | log r | l],    log μ = a + log s

    `dispersion_from` says where r comes from. With "constant" it is the given number. With "parameter" it is
    one number for all entries, and with "feature" one for each entry, both learned from the given one on.
    With "decoder" it is an output for each entry of each example, where 0 means the given number. A constant
    may be infinite, and the law is then Poisson's. With `zero_inflated` an entry is 0 with a further
    probability σ(l), which the decoder computes too. x_params has log r and l only where they are the
    decoder's.

    With the `offset` "library" s is the size of the example: the mean of its observed counts, or 1 count in
    all if it has none. The decoder then says how an example's counts are shared out, and not how many they
    are. A code says nothing of s, and so `mean` and `sample` take it from `size`, the mean count of the
    example that they describe. With "none" s is 1.

    With the offset every log-probability is log p(x | z, s), in which s is taken as known before x, like an
    exposure in a regression. It is no probability of x by itself: s is computed from the x that is judged,
    and so the p(x | z, s(x)) of all x sum to more than 1. What a model calls its bound or log p(x) is then
    about log p(x | s). Compare it only with models that have the same offset, since others have to explain s
    too. Lopez et al. 2018 (scVI) infer the size, the sum of the counts, by a latent of its own, which has a
    prior, or take the observed one as given, as here.

    The encoder sees log(1 + x), unless `log_inputs` is False: counts in the hundreds would make its σ²
    overflow at the first step.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        dispersion: float = 1.0,
        *,
        dispersion_from: Literal["constant", "parameter", "feature", "decoder"] = "feature",
        zero_inflated: bool = False,
        offset: Literal["none", "library"] = "none",
        size: float = 1.0,
        log_inputs: bool = True,
    ) -> None:
        require_choice("NegativeBinomial", "dispersion_from", dispersion_from, SOURCES)
        require_choice("NegativeBinomial", "offset", offset, OFFSETS)
        require_positive("NegativeBinomial", "size", size)
        event_shape = sizes_of("NegativeBinomial", "event_shape", event_shape, least=1)
        if not (
            isinstance(dispersion, float | np.floating)
            and dispersion == np.inf
            and dispersion_from == "constant"
        ):
            require_number(
                "NegativeBinomial",
                "dispersion",
                dispersion,
                "positive, and finite unless it is a constant",
                above=0,
            )
        for name, flag in (("zero_inflated", zero_inflated), ("log_inputs", log_inputs)):
            require_flag("NegativeBinomial", name, flag)
        self.entries, self.dispersion_from, self.zero_inflated = (
            n_entries(event_shape),
            dispersion_from,
            zero_inflated,
        )
        self.offset, self.size, self.log_inputs = offset, size, log_inputs
        start = np.full(self.entries if dispersion_from == "feature" else 1, np.log(dispersion), np.float32)
        learned = dispersion_from in ("parameter", "feature")
        self.log_dispersion: Parameter | Buffer = Parameter(start) if learned else Buffer(start)

    @property
    def given(self) -> str:
        """In words the size of the example, where there is an offset."""
        return "the example's size" if self.offset == "library" else ""

    def is_probability(self, x: Array) -> bool:
        """Whether the example's size is not given: p(x|z) is then the probability of the counts x."""
        return self.offset == "none"

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A number a for each entry, and the other numbers that the decoder computes.

        InputError for events of another size than the constructor was given.
        """
        D = n_entries(event_shape)
        if self.entries != D:
            raise InputError(
                f"NegativeBinomial: it should be made for events of D = {D} entries, found one for {self.entries}"
            )
        return D * (1 + (self.dispersion_from == "decoder") + self.zero_inflated)

    def seen(self, x: Array) -> Array:
        """log(1 + x), or x."""
        return log_counts(x) if self.log_inputs else x

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """Σ_d log p(x_d|z). A learned log r receives the sum of its gradients."""
        x = fill_missing(x, observed)
        parts = self._split(x_params, for_each_draw(self._log_sizes(x, observed), draws))
        law = _zero_inflated_log_prob if self.zero_inflated else negative_binomial.log_prob
        log_px, op_pullback = where_observed(law, observed, draws)(*parts, x=for_each_draw(x, draws))

        def pullback(dlog_px: Array) -> Array:
            dlog_mean, dlog_dispersion, *dlogits = op_pullback(dlog_px)
            if isinstance(self.log_dispersion, Parameter):
                by_entry = dlog_dispersion.sum(axis=0)  # a number for each entry receives Σ_b
                self.log_dispersion.receive(
                    by_entry if self.dispersion_from == "feature" else by_entry.sum().reshape(1)
                )  # Σ_bd
            decoded = [dlog_dispersion] if self.dispersion_from == "decoder" else []
            return np.concatenate([dlog_mean, *decoded, *dlogits], axis=1)  # da = dlog_mean

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """(1 − σ(l)) μ, for an example of the given `size`."""
        log_mean, _, *logits = self._split(x_params, self._given_size(x_params))
        with np.errstate(over="ignore"):
            mean = np.minimum(np.exp(log_mean), LARGEST)
        return mean * kernels.sigmoid(-logits[0]) if logits else mean

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """A count for each entry, for an example of the given `size`."""
        log_mean, log_dispersion, *logits = self._split(x_params, self._given_size(x_params))
        with np.errstate(over="ignore"):
            r = np.exp(log_dispersion.astype(np.float64))
        finite = np.where(np.isfinite(r), r, 1.0)
        gamma = np.where(
            np.isfinite(r), rng.standard_gamma(finite) / np.maximum(finite, np.finfo(np.float64).tiny), 1.0
        )
        counts = negative_binomial.sample(log_mean, gamma=gamma, uniform=rng.random(log_mean.shape))
        if not logits:
            return counts
        return zero_inflated.sample(logits[0], counts=counts, uniform=rng.random(counts.shape))

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is one of 0, 1, 2, …"""
        require_counts("NegativeBinomial", x)

    def sized(self, x_params: Array, x: Array, observed: Array | None) -> Array:
        """x_params with which `mean` and `sample` describe examples of the sizes that x has."""
        more = self._log_sizes(x, observed) - self._given_size(x_params)
        return np.concatenate([x_params[:, : self.entries] + more, x_params[:, self.entries :]], axis=1)

    def _log_sizes(self, x: Array, observed: Array | None) -> Array:
        """log s (B, 1), which is 0 without an offset."""
        if self.offset == "none":
            return np.zeros((len(x), 1), x.dtype)
        known = (
            np.full((len(x), 1), x.shape[1])
            if observed is None
            else (observed != 0).sum(axis=1, keepdims=True)
        )
        total = fill_missing(x, observed).sum(axis=1, keepdims=True, dtype=np.float64)
        return np.log(np.maximum(total, 1) / np.maximum(known, 1)).astype(x.dtype)

    def _given_size(self, x_params: Array) -> Array:
        size = self.size if self.offset == "library" else 1.0
        return np.full((len(x_params), 1), np.log(size), x_params.dtype)

    def _split(self, x_params: Array, log_sizes: Array) -> tuple[Array, ...]:
        """log μ, log r and, where it is zero_inflated, l, each (B, D)."""
        parts = [
            x_params[:, start : start + self.entries] for start in range(0, x_params.shape[1], self.entries)
        ]
        log_mean = parts.pop(0) + log_sizes.astype(x_params.dtype)
        start = self.log_dispersion.value.astype(x_params.dtype)
        log_dispersion = (
            start + parts.pop(0)
            if self.dispersion_from == "decoder"
            else np.broadcast_to(start, log_mean.shape)
        )
        return log_mean, log_dispersion, *parts


def _zero_inflated_log_prob(
    log_mean: Array, log_dispersion: Array, logits: Array, *, x: Array
) -> tuple[Array, Pullback]:
    """The log-probability of each entry with more zeros, from that of the entry by itself."""
    by_entry, entry_pullback = negative_binomial.log_prob(
        *(a.reshape(-1, 1) for a in (log_mean, log_dispersion)), x=x.reshape(-1, 1)
    )
    log_px, inflated_pullback = zero_inflated.log_prob(by_entry.reshape(x.shape), logits, x=x)

    def pullback(dlog_px: Array) -> tuple[Array, Array, Array]:
        dlog_p, dlogits = inflated_pullback(dlog_px)
        dlog_mean, dlog_dispersion = entry_pullback(dlog_p.ravel())
        return dlog_mean.reshape(x.shape), dlog_dispersion.reshape(x.shape), dlogits

    return log_px, pullback
