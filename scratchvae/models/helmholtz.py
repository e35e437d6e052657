"""The Helmholtz machine: a layered sigmoid belief network, and a second one upside down that recognizes what the first draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae import kernels
from scratchvae.arrays import Array, InputError, Pullback, require_choice, require_finite, require_shapes
from scratchvae.data import Dataset
from scratchvae.distributions import bernoulli
from scratchvae.evaluation import log_likelihood
from scratchvae.layers import EVALUATION, Layer, Mode, Owner, Parameter, dtype_of
from scratchvae.likelihoods import Bernoulli, Likelihood
from scratchvae.models import bernoulli_chain
from scratchvae.models.examples import as_dataset
from scratchvae.objectives import Objective, ReweightedRecognition, ReweightedWake, Schedule, Sleep, Wake
from scratchvae.training import Adam, Callback, Phase, ProgressBar, Training

AT_ONCE = 500  # examples, so that memory does not grow with their number
ALGORITHMS: Mapping[str, Callable[[int], Sequence[Objective]]] = {  # name: the phases of a step, for so many draws an example
    "wake_sleep": lambda samples: (Wake(), Sleep()),
    "reweighted_wake_sleep": lambda samples: (ReweightedWake(samples), ReweightedRecognition(samples), Sleep()),
}


class HelmholtzMachine(Owner):
    """p(x, h) = p(h_L) Π_l p(h_{l−1}|h_l), h_0 = x, and q(h|x) = Π_l q(h_l|h_{l−1}), every unit of every layer 0 or 1.

        p(h_L) = Bernoulli(σ(top))        p(h_{l−1}|h_l) = Bernoulli(σ(generation(h_l)))
                                          q(h_l|h_{l−1}) = Bernoulli(σ(recognition(h_{l−1})))

    `hidden` are the widths of h_1 … h_L, `recognition` the L layers from x upwards, `generation` those from h_L downwards to x:
    each any map to the logits of the layer that follows. Where all of h is one array (B, H), h_1 comes first. Draws are functions
    of uniform numbers handed in, and pass no gradient on.

    Dayan, Hinton, Neal & Zemel 1995, "The Helmholtz machine"; Hinton, Dayan, Frey & Neal 1995.
    """

    def __init__(
        self, *, event_shape: tuple[int, ...], hidden: Sequence[int], generation: Sequence[Layer], recognition: Sequence[Layer]
    ) -> None:
        self.event_shape, self.hidden = tuple(event_shape), tuple(hidden)
        if not self.hidden or min(self.hidden) < 1:
            raise InputError(f"HelmholtzMachine: hidden should be one width or more, each at least 1, found {self.hidden}")
        if len(generation) != len(self.hidden) or len(recognition) != len(self.hidden):
            expected = f"generation and recognition should have {len(self.hidden)} layers each, one for each hidden layer"
            raise InputError(f"HelmholtzMachine: {expected}, found {len(generation)} and {len(recognition)}")
        self.n_hidden = sum(self.hidden)
        self.likelihood: Likelihood = Bernoulli()
        self.top = Parameter(np.zeros(self.hidden[-1], np.float32))
        self.generation, self.recognition = tuple(generation), tuple(recognition)
        widths = (prod(self.event_shape), *self.hidden)
        bernoulli_chain.require_widths("HelmholtzMachine: recognition", self.recognition, widths)
        bernoulli_chain.require_widths("HelmholtzMachine: generation", self.generation, widths[::-1])
        self.history: list[dict[str, Any]] = []

    def recognize(self, *, x: Array, uniform: Array) -> tuple[Array, Array]:
        """h ~ q(h|x), from the bottom up, and log q(h|x).     x (B, D), uniform (B, H)  ->  (B, H) and (B,) in nats."""
        self._require("recognize", x=(x, "B D"), uniform=(uniform, "B H"))
        _require_binary("recognize", x=x)
        drawn, log_q = bernoulli_chain.draw(self.recognition, x, _parts(uniform, self.hidden))
        return np.concatenate(drawn, axis=1), log_q

    def dream(self, *, uniform: Array) -> tuple[Array, Array]:
        """(x, h) ~ p(x, h), from the top down.     uniform (B, D + H), x's columns first  ->  (B, D) and (B, H)."""
        self._require("dream", uniform=(uniform, "B D+H"))
        for_top, *downwards = _parts(uniform, (prod(self.event_shape), *self.hidden))[::-1]
        top = bernoulli.sample(np.repeat(self.top.value[None], len(uniform), axis=0), uniform=for_top)
        drawn, _ = bernoulli_chain.draw(self.generation, top, downwards)
        *h, x = top, *drawn
        return x, np.concatenate(h[::-1], axis=1)

    def log_joint(self, *, x: Array, h: Array, mode: Mode = EVALUATION) -> tuple[tuple[Array, Array], Pullback]:
        """log p(x|h) = log p(x|h_1) and log p(h) = log p(h_L) + Σ_l log p(h_{l−1}|h_l), each (B,) in nats.

        pullback(dlog_px, dlog_ph) fills the generative Parameters.
        """
        self._require("log_joint", x=(x, "B D"), h=(h, "B H"))
        _require_binary("log_joint", x=x, h=h)
        states = [x, *_parts(h, self.hidden)][::-1]
        log_top, top_pullback = bernoulli.log_prob(np.repeat(self.top.value[None], len(x), axis=0), x=states[0])
        (*inner, log_px), chain_pullback = bernoulli_chain.log_prob(self.generation, states, mode=mode)
        log_ph = sum(inner, log_top)

        def pullback(dlog_px: Array, dlog_ph: Array) -> None:
            chain_pullback(*[dlog_ph] * len(inner), dlog_px)
            self.top.receive(top_pullback(dlog_ph).sum(axis=0))  # dtop_j = Σ_b dlog_ph_b (h_bj − σ(top_j)), h that of h_L

        return (log_px, log_ph), pullback

    def log_recognition(self, *, x: Array, h: Array, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log q(h|x) = Σ_l log q(h_l|h_{l−1})  (B,) in nats; pullback(dlog_q) fills q's Parameters."""
        self._require("log_recognition", x=(x, "B D"), h=(h, "B H"))
        _require_binary("log_recognition", x=x, h=h)
        terms, chain_pullback = bernoulli_chain.log_prob(self.recognition, [x, *_parts(h, self.hidden)], mode=mode)
        log_q = sum(terms[1:], terms[0])

        def pullback(dlog_q: Array) -> None:
            chain_pullback(*[dlog_q] * len(terms))

        return log_q, pullback

    def fit(
        self,
        x: npt.ArrayLike | Dataset,
        y: None = None,
        *,
        algorithm: str = "wake_sleep",
        samples: int = 5,
        epochs: int = 10,
        batch_size: int = 100,
        learning_rate: float | Schedule = 1e-3,
        held_out: npt.ArrayLike | Dataset | None = None,
        binarized: bool = False,
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
        progress: bool = False,
    ) -> HelmholtzMachine:
        """Train on x by one of ALGORITHMS, each phase by an Adam of its own, and return the machine.

        `samples` are the draws of each example that reweighted_wake_sleep takes. `history` has a record for each epoch, whose
        terms are led by their phase's number ("0.bound"); `binarized` draws x ~ Bernoulli(x) anew in every batch.
        """
        require_choice("HelmholtzMachine", "algorithm", algorithm, ALGORITHMS)
        phases = [Phase(objective, Adam(learning_rate)) for objective in ALGORITHMS[algorithm](samples)]
        bar: list[Callback] = [ProgressBar()] if progress else []
        training = Training(
            self,
            phases,
            self._dataset(x),
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            held_out=None if held_out is None else self._dataset(held_out),
            binarized=binarized,
            callbacks=[*callbacks, *bar],
        )
        self.history = training.run().history
        return self

    def transform(self, x: npt.ArrayLike | Dataset) -> Array:
        """The probability of each hidden unit  ->  (N, H), grey x allowed; means are passed up in place of draws.

        For h_1 this is E[h_1|x] under q, for higher layers its mean-field approximation.
        """
        codes = [np.concatenate(self._means(batch), axis=1) for batch in self._batches(self._dataset(x))]
        return np.concatenate(codes)

    def inverse_transform(self, h: npt.ArrayLike) -> Array:
        """E[x|h_1] of hidden units (N, H) between 0 and 1  ->  (N, *event_shape); those above h_1 change nothing."""
        h = np.asarray(h, dtype_of(self))
        self._require("inverse_transform", h=(h, "B H"))
        require_finite("HelmholtzMachine.inverse_transform", "h", h)
        logits, _ = self.generation[-1](h[:, : self.hidden[0]])
        return self.likelihood.mean(logits).reshape(-1, *self.event_shape)

    def reconstruct(self, x: npt.ArrayLike | Dataset) -> Array:
        """E[x|h_1] at h_1 = E[h_1|x]  ->  (N, *event_shape)."""
        return self.inverse_transform(self.transform(x))

    def sample(self, n: int = 1, rng: np.random.Generator | int | None = None, *, mean: bool = True) -> Array:
        """n dreams: E[x|h_1] of h ~ p(h), or with mean=False draws x ~ p(x|h_1)  ->  (n, *event_shape)."""
        uniform = np.random.default_rng(rng).random((n, self.n_hidden + prod(self.event_shape)), dtype=np.float32)
        x, h = self.dream(uniform=uniform)
        return self.inverse_transform(h) if mean else x.reshape(n, *self.event_shape)

    def score_samples(self, x: npt.ArrayLike | Dataset, *, seed: int = 0, samples: int = 100) -> Array:
        """log p(x) of each example, estimated with `samples` importance-weighted draws  ->  (N,) in nats."""
        return log_likelihood(self, self._dataset(x), samples=samples, rng=np.random.default_rng(seed))

    def score(self, x: npt.ArrayLike | Dataset, y: None = None) -> float:
        """The mean of score_samples."""
        return float(self.score_samples(x).mean())

    def _means(self, x: Array) -> list[Array]:
        self.likelihood.require_support(x)
        means, below = [], x
        for layer in self.recognition:
            logits, _ = layer(below)
            below = kernels.sigmoid(logits)
            means.append(below)
        return means

    def _require(self, where: str, **arrays: tuple[Array, str]) -> None:
        D, H = prod(self.event_shape), self.n_hidden
        sizes = {"B D": f"B {D}", "B H": f"B {H}", "B D+H": f"B {D + H}"}
        require_shapes(f"HelmholtzMachine.{where}", **{name: (array, sizes[shape]) for name, (array, shape) in arrays.items()})

    def _dataset(self, x: npt.ArrayLike | Dataset) -> Dataset:
        return as_dataset("HelmholtzMachine", x, self.event_shape)

    def _batches(self, data: Dataset) -> Iterator[Array]:
        for start in range(0, len(data), AT_ONCE):
            yield data.batch(slice(start, start + AT_ONCE), dtype_of(self))


def _parts(array: Array, widths: Sequence[int]) -> list[Array]:
    """The columns of each layer, contiguous."""
    return [np.ascontiguousarray(part) for part in np.split(array, np.cumsum(widths)[:-1], axis=1)]


def _require_binary(where: str, **arrays: Array) -> None:
    for name, array in arrays.items():
        binary = (array == 0) | (array == 1)
        if not binary.all():
            found = f"found {array[~binary][0]:g}; data.binarize, or binarized=True in training, draws such from grey"
            raise InputError(f"HelmholtzMachine.{where}: {name} should be 0 or 1 everywhere, {found}")
