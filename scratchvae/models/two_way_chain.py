"""Two sigmoid belief networks over the same units: one draws downwards, the other recognizes upwards."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.data import Batch
from scratchvae.distributions import bernoulli
from scratchvae.layers import EVALUATION, Layer, Mode, Parameter
from scratchvae.likelihoods import fill_missing
from scratchvae.models import bernoulli_chain
from scratchvae.models.hidden_units import HiddenUnits
from scratchvae.posteriors import Noise


class TwoWayChain(HiddenUnits):
    """The draws and log-probabilities of p(x, h) and of q(h|x), where h = (h_1, …, h_L) and h_0 = x.

        p(x, h) = p(h_L) Π_l p(h_{l−1}|h_l)        q(h|x) = Π_l q(h_l|h_{l−1})

    The logits of p(h_L) are `top`. The layers of `generation` map h_L downwards to the logits of x, and those
    of `recognition` map x upwards to the logits of h_L. Where all of h is one array (B, H), h_1 comes first.
    """

    hidden: tuple[int, ...]
    top: Parameter
    generation: tuple[Layer, ...]
    recognition: tuple[Layer, ...]

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """The noise of `rows` recognitions: (rows, H) from U(0, 1), float32.

        A number is one of 2²⁴ steps, and the draw 0 becomes half a step. Otherwise 0 would lie below every
        probability, and a unit that is on with probability 1e-30 would be on in every 2²⁴th draw, with a
        weight of 1e30.
        """
        return np.maximum(rng.random((rows, self.n_hidden), dtype=np.float32), np.float32(2.0**-25))

    def recognize(
        self, *, x: Array, uniform: Array, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """h ~ q(h|x), drawn from the bottom up, and log q(h|x).

        x (B, D), uniform (B, H)  ->  (B, H) and (B,) in nats. pullback(dlog_q) fills q's Parameters, and the
        draws stay what they are.
        """
        self._require("recognize", x=(x, "B D"), uniform=(uniform, "B H"))
        bernoulli_chain.require_binary("recognize", x=x)
        uniforms = _parts(uniform, self.hidden)
        (drawn, log_q), pullback = bernoulli_chain.draw(self.recognition, x, uniforms, mode=mode)
        return (np.concatenate(drawn, axis=1), log_q), pullback

    def dream(self, *, uniform: Array) -> tuple[Array, Array]:
        """(x, h) ~ p(x, h), drawn from the top down.

        uniform (B, D + H), x's columns first  ->  (B, D) and (B, H).
        """
        self._require("dream", uniform=(uniform, "B D+H"))
        for_top, *downwards = _parts(uniform, (prod(self.event_shape), *self.hidden))[::-1]
        top = bernoulli.sample(np.repeat(self.top.value[None], len(uniform), axis=0), uniform=for_top)
        (drawn, _), _ = bernoulli_chain.draw(self.generation, top, downwards)
        *h, x = top, *drawn
        return x, np.concatenate(h[::-1], axis=1)

    def log_joint(
        self, batch: Batch, h: Array, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """log p(x|h) = log p(x|h_1) and log p(h) = log p(h_L) + Σ_l log p(h_{l−1}|h_l).

        h (B·K, H)  ->  (B, K) each, in nats. pullback(dlog_px, dlog_ph) fills the generative Parameters and
        returns None, since h is 0 or 1 and has no gradient.
        """
        repeated = batch.repeat(draws)
        x = fill_missing(repeated.x, repeated.observed)
        self._require("log_joint", x=(x, "B D"), h=(h, "B H"))
        bernoulli_chain.require_binary("log_joint", x=x, h=h)
        states = [x, *_parts(h, self.hidden)][::-1]
        log_top, top_pullback = bernoulli.log_prob(
            np.repeat(self.top.value[None], len(x), axis=0), x=states[0]
        )
        terms, chain_pullback = bernoulli_chain.log_prob(
            self.generation, states, observed=repeated.observed, mode=mode
        )
        *inner, log_px = terms
        log_ph = sum(inner, log_top)

        def pullback(dlog_px: Array, dlog_ph: Array) -> None:
            by_row = dlog_ph.reshape(-1)
            chain_pullback(*[by_row] * len(inner), dlog_px.reshape(-1))
            # dtop_j = Σ_b dlog_ph_b (h_bj − σ(top_j)), h that of h_L
            self.top.receive(top_pullback(by_row).sum(axis=0))

        return (log_px.reshape(-1, draws), log_ph.reshape(-1, draws)), pullback

    def decoded(
        self, h: Array, batch: Batch, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """The logits (B·K, D) of p(x|h_1), which only the first columns of h (B·K, H) change.

        pullback(dlogits) returns dh_1.
        """
        return self.generation[-1](h[:, : self.hidden[0]], mode=mode)

    def log_recognition(self, *, x: Array, h: Array, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log q(h|x) = Σ_l log q(h_l|h_{l−1})  (B,) in nats. pullback(dlog_q) fills q's Parameters."""
        self._require("log_recognition", x=(x, "B D"), h=(h, "B H"))
        bernoulli_chain.require_binary("log_recognition", x=x, h=h)
        terms, chain_pullback = bernoulli_chain.log_prob(
            self.recognition, [x, *_parts(h, self.hidden)], mode=mode
        )
        log_q = sum(terms[1:], terms[0])

        def pullback(dlog_q: Array) -> None:
            chain_pullback(*[dlog_q] * len(terms))

        return log_q, pullback

    def _require(self, where: str, **arrays: tuple[Array, str]) -> None:
        D, H = prod(self.event_shape), self.n_hidden
        sizes = {"B D": f"B {D}", "B H": f"B {H}", "B D+H": f"B {D + H}"}
        require_shapes(
            f"HelmholtzMachine.{where}",
            **{name: (array, sizes[shape]) for name, (array, shape) in arrays.items()},
        )


def _parts(array: Array, widths: Sequence[int]) -> list[Array]:
    """The columns of each layer, as contiguous arrays."""
    return [np.ascontiguousarray(part) for part in np.split(array, np.cumsum(widths)[:-1], axis=1)]
