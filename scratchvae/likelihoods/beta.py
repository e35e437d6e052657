"""Shares and rates, strictly between 0 and 1: p(x|z) = Beta(a, b).

The decoder computes the mean, and the concentration a + b may be a constant.
"""

from typing import Literal

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, InputError, Pullback, require_choice, require_positive
from scratchvae.distributions import beta
from scratchvae.layers import EVALUATION, Buffer, Mode, Parameter
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries
from scratchvae.likelihoods.missing import where_observed

SOURCES = ("constant", "parameter", "decoder")


class Beta(Likelihood):
    """A mean σ(l) and a concentration ν: the variance is σ(l) σ(−l)/(1 + ν).     x_params = [l | c].

        a = ν σ(l),    b = ν σ(−l)

    `concentration_from` says where ν comes from. With "constant" it is the given number. With "parameter" it
    is one number for all entries, which is learned from the given one on. With "decoder" it is an output c
    for each entry, where c = 0 means the given number, and only then x_params has c.

    Ferrari & Cribari-Neto 2004, "Beta regression for modelling rates and proportions".
    """

    def __init__(
        self,
        concentration: float = 10.0,
        *,
        concentration_from: Literal["constant", "parameter", "decoder"] = "parameter",
    ) -> None:
        require_positive("Beta", "concentration", concentration)
        require_choice("Beta", "concentration_from", concentration_from, SOURCES)
        self.concentration_from = concentration_from
        start = np.full(1, np.log(concentration), np.float32)
        self.log_concentration: Parameter | Buffer = (
            Parameter(start) if concentration_from == "parameter" else Buffer(start)
        )

    def inside(self, entries: int) -> Array:
        """½ for each entry, since 0 is outside."""
        return np.full(entries, 0.5)

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A number l for each entry, and a number c where the decoder computes it."""
        return n_entries(event_shape) * (1 + (self.concentration_from == "decoder"))

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """Σ_d log Beta(x_d; a, b). A learned log ν receives the sum of its gradients."""
        half = x.dtype.type(0.5)
        # missing entries become ½, which is in the support as 0 is not
        x = for_each_draw(x if observed is None else np.where(observed != 0, x, half), draws)
        l, log_a, log_b = self._split(x_params)
        # in float64, because slopes beyond float32 are multiplied by 0 and subtracted from each other below
        wide = (v.astype(np.float64) for v in (x, log_a, log_b))
        log_px, op_pullback = where_observed(beta.log_prob, observed, draws)(*wide, needs_dx=False)
        with np.errstate(over="ignore"):
            log_px = log_px.astype(l.dtype)

        def pullback(dlog_px: Array) -> Array:
            _, dlog_a, dlog_b = op_pullback(dlog_px.astype(np.float64))
            with np.errstate(over="ignore"):
                # dl = dlog_a σ(−l) − dlog_b σ(l)
                dl = (dlog_a * kernels.sigmoid(-l) - dlog_b * kernels.sigmoid(l)).astype(l.dtype)
                dlog_concentration = (dlog_a + dlog_b).astype(l.dtype)  # dlog_ν = dlog_a + dlog_b
            if isinstance(self.log_concentration, Parameter):
                # one number for all entries receives Σ_bd
                self.log_concentration.receive(dlog_concentration.sum().reshape(1))
            return (
                np.concatenate([dl, dlog_concentration], axis=1)
                if self.concentration_from == "decoder"
                else dl
            )

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """σ(l)."""
        l, _, _ = self._split(x_params)
        return kernels.sigmoid(l)

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """A number strictly between 0 and 1 for each entry."""
        l, log_a, log_b = self._split(x_params)
        return beta.sample(log_a, log_b, uniform=rng.random(l.shape))

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry lies in (0, 1).

        At 0 and at 1 the density is 0, ∞ or neither.
        """
        inside = (x > 0) & (x < 1)
        if not inside.all():
            found = f"found {x[~inside][0]:g}"
            helps = (
                "where 0 and 1 occur, (x·(N − 1) + ½)/N of N examples lies between, "
                "or continuous_bernoulli takes them"
            )
            raise InputError(f"Beta: x should lie strictly between 0 and 1, {found}; {helps}")

    def _split(self, x_params: Array) -> tuple[Array, Array, Array]:
        """l, log a and log b, each (B, D)."""
        decoded = self.concentration_from == "decoder"
        l, *c = np.split(x_params, 2, axis=1) if decoded else (x_params,)
        log_concentration = self.log_concentration.value.astype(x_params.dtype) + (c[0] if c else 0)
        log_a = log_concentration - kernels.softplus(-l)  # log ν σ(l)
        return l, log_a, log_concentration - kernels.softplus(l)
