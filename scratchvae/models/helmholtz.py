"""The Helmholtz machine: a layered sigmoid belief network that draws, and a second one that recognizes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from scratchvae import arrays, kernels
from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_choice,
    require_count,
    require_flag,
)
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import RowNoise, log_likelihood
from scratchvae.layers import EVALUATION, Layer, Mode, Parameter, dtype_of
from scratchvae.likelihoods import Bernoulli, fill_missing
from scratchvae.memory import enough_memory
from scratchvae.models import bernoulli_chain
from scratchvae.models.alternation import ALGORITHMS
from scratchvae.models.conditions import require_untold
from scratchvae.models.estimator import AT_ONCE
from scratchvae.models.examples import codes_given
from scratchvae.models.two_way_chain import TwoWayChain
from scratchvae.objectives import Kl, Pass
from scratchvae.posteriors import Noise
from scratchvae.training import Optimizer, Phase


class HelmholtzMachine(TwoWayChain):
    """A sigmoid belief network p(x, h) and a recognition network q(h|x), whose units are all 0 or 1.

        p(x, h) = p(h_L) Π_l p(h_{l−1}|h_l),  h_0 = x        q(h|x) = Π_l q(h_l|h_{l−1})
        p(h_L) = Bernoulli(σ(top))        p(h_{l−1}|h_l) = Bernoulli(σ(generation(h_l)))
                                          q(h_l|h_{l−1}) = Bernoulli(σ(recognition(h_{l−1})))

    `hidden` are the widths of h_1 … h_L. `recognition` are the L layers from x upwards, and `generation`
    those from h_L downwards to x. Each layer is any map to the logits of the next units. Where all of h is
    one array (B, H), h_1 comes first. Draws are functions of uniform numbers, which are arguments, and pass
    no gradient on. `fit` trains by `algorithm`, one of ALGORITHMS, and each phase of it has an optimizer of
    its own. `samples` is the number of draws of each example that reweighted_wake_sleep takes.

    q takes a missing entry as 0, and p(x|h_1) is that of the observed entries. Dreams lack the same entries
    as the examples. Dayan, Hinton, Neal & Zemel 1995, "The Helmholtz machine"; Hinton, Dayan, Frey & Neal
    1995.
    """

    def __init__(
        self,
        *,
        event_shape: tuple[int, ...],
        hidden: Sequence[int],
        generation: Sequence[Layer],
        recognition: Sequence[Layer],
        algorithm: str = "wake_sleep",
        samples: int = 5,
    ) -> None:
        require_choice("HelmholtzMachine", "algorithm", algorithm, ALGORITHMS)
        require_count("HelmholtzMachine", "samples", samples)
        self.algorithm, self.samples = algorithm, samples
        self.event_shape, self.hidden = (
            tuple(event_shape),
            arrays.sizes_of("HelmholtzMachine", "hidden", hidden, least=1),
        )
        if len(generation) != len(self.hidden) or len(recognition) != len(self.hidden):
            expected = f"generation and recognition should have {len(self.hidden)} layers each, one for each hidden layer"
            raise InputError(f"HelmholtzMachine: {expected}, found {len(generation)} and {len(recognition)}")
        self.n_hidden, self.likelihood = sum(self.hidden), Bernoulli()
        self.top = Parameter(np.zeros(self.hidden[-1], np.float32))
        self.generation, self.recognition = tuple(generation), tuple(recognition)
        widths = (prod(self.event_shape), *self.hidden)
        bernoulli_chain.require_widths("HelmholtzMachine: recognition", self.recognition, widths)
        bernoulli_chain.require_widths("HelmholtzMachine: generation", self.generation, widths[::-1])

    @property
    def model_(self) -> HelmholtzMachine:
        """This model itself, since it has its networks."""
        return self

    def _prepare(self, event_shape: tuple[int, ...], y: npt.ArrayLike | None, *, fresh: bool) -> None:
        """Do nothing, as every part was given."""

    def _n_features_out(self) -> int:
        return self.n_hidden

    def _try_out(self) -> None:
        self.inverse_transform(
            np.concatenate(self._means(np.zeros((1, prod(self.event_shape)), dtype_of(self))), axis=1)
        )

    def phases(self, optimizer: Optimizer) -> list[Phase]:
        """The phases of the algorithm, each of which moves one half of the machine."""
        return [
            Phase(objective, optimizer, over=half)
            for objective, half in ALGORITHMS[self.algorithm](self.samples)
        ]

    def run(
        self,
        batch: Batch,
        noise: Noise,
        *,
        draws: int = 1,
        kl: Kl = "none",
        score: bool = True,
        mode: Mode = EVALUATION,
    ) -> tuple[Pass, Pullback]:
        """One pass: h ~ q(h|x) as z, log p(x|h), and with kl="sampled" log p(h) and log q(h|x).

        In the pullback dlog_px and dlog_pz fill the generative Parameters, and dlog_q fills those of q. The
        draws do not move with q, and so `score` and `path` change nothing, and there are no dz, dkl and
        dq_params. q_params is (B, 0). InputError for kl="closed_form", since this KL has no closed form.
        """
        require_choice("run", "kl", kl, ("closed_form", "none", "sampled"))
        if batch.shown is not None:
            raise InputError("HelmholtzMachine: every example should be seen as it is; found others shown")
        if kl == "closed_form":
            raise InputError("HelmholtzMachine: the KL has no closed form; objectives by sampling need none")
        repeated = batch.repeat(draws)
        x = fill_missing(repeated.x, repeated.observed)
        (h, log_q), recognition_pullback = self.recognize(x=x, uniform=noise, mode=mode)
        (log_px, log_ph), joint_pullback = self.log_joint(batch, h, draws=draws, mode=mode)

        def pullback(
            *,
            dlog_px: Array | None = None,
            dlog_pz: Array | None = None,
            dlog_q: Array | None = None,
            path: Array | None = None,
        ) -> None:
            if dlog_px is not None or dlog_pz is not None:
                joint_pullback(*(np.zeros_like(log_px) if d is None else d for d in (dlog_px, dlog_pz)))
            if dlog_q is not None:
                recognition_pullback(dlog_q.reshape(-1))

        none = np.empty((len(batch), 0), h.dtype)
        if kl == "none":
            return Pass(log_px, none, h), pullback
        return Pass(log_px, none, h, log_pz=log_ph, log_q=log_q.reshape(-1, draws)), pullback

    def transform(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """The probability of each hidden unit  ->  (N, H). x may be grey.

        The probabilities of a layer are passed up in the place of draws. For h_1 this gives E[h_1|x] under q,
        and for higher layers a mean-field approximation of it.
        """
        codes = [
            np.concatenate(self._means(batch.x), axis=1)
            for batch in self._dataset(x).batches(AT_ONCE, dtype_of(self))
        ]
        return np.concatenate(codes)

    def inverse_transform(self, h: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Array:
        """E[x|h_1] of hidden units (N, H) between 0 and 1  ->  (N, *event_shape).

        The units above h_1 change nothing.
        """
        require_untold("HelmholtzMachine.inverse_transform", y)
        h = codes_given("inverse_transform", h, dtype_of(self), called="h")
        self._require("inverse_transform", h=(h, "B H"))
        arrays.require_finite("HelmholtzMachine.inverse_transform", "h", h)
        logits, _ = self.decoded(h, Batch(h[:, :0]))
        return self.likelihood.mean(logits).reshape(-1, *self.event_shape)

    def sample(
        self,
        n: int = 1,
        rng: np.random.Generator | int | None = None,
        *,
        y: npt.ArrayLike | None = None,
        mean: bool = True,
    ) -> Array:
        """n dreams: E[x|h_1] of h ~ p(h), or with mean=False draws x ~ p(x|h_1)  ->  (n, *event_shape)."""
        require_count("sample", "n", n, 0)
        require_flag("sample", "mean", mean)
        require_untold("HelmholtzMachine.sample", y)
        rng = arrays.generator_from("HelmholtzMachine.sample", "rng", rng)
        with enough_memory(f"HelmholtzMachine.sample(n={n})"):
            x, h = self.dream(
                uniform=rng.random((n, self.n_hidden + prod(self.event_shape)), dtype=np.float32)
            )
        return self.inverse_transform(h) if mean else x.reshape(n, *self.event_shape)

    def score_samples(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, seed: int = 0, samples: int = 100
    ) -> Array:
        """log p(x) of each example, estimated with `samples` importance-weighted draws  ->  (N,) in nats."""
        return log_likelihood(self, self._dataset(x), samples=samples, rng=RowNoise(seed))

    def _means(self, x: Array) -> list[Array]:
        self.likelihood.require_support(x)
        means, below = [], x
        for layer in self.recognition:
            logits, _ = layer(below)
            below = kernels.sigmoid(logits)
            means.append(below)
        return means
