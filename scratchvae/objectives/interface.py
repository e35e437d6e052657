"""The interface of an objective, `report, pullback = objective(model, batch, noise)`, and of its model.

Letters: B examples, K draws of each, Z latents, G groups of latents whose KL is counted apart, P numbers of
q_params.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Layer, Mode
from scratchvae.likelihoods import Likelihood
from scratchvae.posteriors import Noise, Posterior
from scratchvae.priors import Prior

Kl = Literal["none", "closed_form", "sampled"]


@dataclass(frozen=True, eq=False)
class Pass:
    """One trip of a batch through a model: the log-probabilities, in nats, that objectives weigh.

    log_px    (B, K)    log p(x|z)
    q_params  (B, P)    the parameters of q(z|x), from the encoder
    z         (B·K, Z)  the draws, those of one x in neighbouring rows
    log_pz    (B, K)    log p(z), and
    log_q     (B, K)    log q(z|x), where kl="sampled" was asked for
    kl        (B, G)    KL(q(z|x) ‖ p(z)) by group of latents, where kl="closed_form" was asked for
    relaxed   True if z are draws of another law than q(z|x), so that log p(x|z) − kl is no bound
    x_params  (B·K, P)  the parameters of p(x|z), from the decoder; None for a model without one decoder
    """

    log_px: Array
    q_params: Array
    z: Array
    log_pz: Array | None = None
    log_q: Array | None = None
    kl: Array | None = None
    x_params: Array | None = None
    relaxed: bool = False

    @property
    def log_weights(self) -> Array:
        """log w = log p(x|z) + log p(z) − log q(z|x)  (B, K), of a pass with kl="sampled"."""
        assert self.log_pz is not None
        return self.log_px + self.log_pz - self._log_q

    @property
    def sampled_kl(self) -> Array:
        """log q(z|x) − log p(z)  (B, K), whose mean over q is KL(q ‖ p), of a pass with kl="sampled"."""
        return self._log_q - self.log_pz

    @property
    def _log_q(self) -> Array:
        assert self.log_q is not None, 'the pass should have been run with kl="sampled"'
        return self.log_q


class Trainable(Protocol):
    """A model as checkpoints and minimizers need it, which may be made of anything."""

    event_shape: tuple[int, ...]
    likelihood: Likelihood


class Model(Trainable, Protocol):
    """A model that has passes, as objectives, training and evaluation need it."""

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """All random numbers that `rows` draws of z need."""

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
        """One pass with K = `draws` of each example, where `noise` is that of B·K draws.

        pullback(*, dlog_px=None, dlog_pz=None, dlog_q=None, dkl=None, dz=None, dq_params=None, path=None)
        gives every Parameter that took part its gradient of Σ (dlog_px log_px + …). Each argument has the
        shape of its part of the pass, and None stands for 0. With score=False the gradient of log q(z|x)
        reaches q through z alone, and not through q_params directly (sticking the landing). `path` (B, K)
        multiplies the gradient that each draw's z passes on to q, as doubly reparameterized gradients need;
        it needs score=False.
        """

    def log_joint(
        self, batch: Batch, z: Array, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """log p(x|z) and log p(z), each (B, K), at given z (B·K, Z).

        pullback(dlog_px, dlog_pz) gives the Parameters of p their gradients and returns dz, or None where z
        is discrete and so has no gradient.
        """


class LatentModel(Model, Protocol):
    """A model with one vector of latents for each example, as it is needed to look at the latent space."""

    encoder: Layer
    posterior: Posterior
    prior: Prior
    decoder: Layer
    critic: Layer | None

    def code(self, batch: Batch) -> Array:
        """The one code (B, Z) of each example."""

    def told(self, z: Array, batch: Batch, *, draws: int = 1) -> Array:
        """The array that the decoder gets (B·K, Z + …): codes z (B·K, Z), and then what else it is told."""

    def seen(self, batch: Batch) -> Array:
        """The array that the encoder gets, a row for each example."""

    def prior_given(self, batch: Batch, *, mode: Mode = EVALUATION) -> Prior:
        """p(z) for the latents of this batch."""

    def decoded(
        self, z: Array, batch: Batch, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """x_params (B·K, n_params) of codes z (B·K, Z). pullback(dx_params) returns dz."""


@dataclass(frozen=True)
class Report:
    """The loss, which is minimized, and its terms for each of B examples, in nats.

    `bound` among the terms is a lower bound on log p(x), whatever weights the loss gives its parts. Where the
    likelihood takes a part of x as `given`, such as the size of each example, it is a lower bound on log p(x
    | that part). In training mode, layers and likelihoods that fit themselves to the batch (BatchNorm,
    GaussianOptimal) make it a bound for that batch only.
    """

    loss: float
    terms: dict[str, Array]  # each (B,)

    def means(self) -> dict[str, float]:
        """The loss, and the mean of each term over the batch."""
        return {
            "loss": self.loss,
            **{name: float(term.mean(dtype=np.float64)) for name, term in self.terms.items()},
        }

    def first_not_finite(self) -> tuple[str, Array] | None:
        """The first term that is not finite, and the rows where it is not, or None.

        The search looks at kl before log_px, since kl depends on q(z|x) alone, while log p(x|z) depends on a
        z drawn from q(z|x). The other terms are sums of these two, or are computed after them. None says that
        all terms are finite.
        """
        for name in ("kl", "log_px", *self.terms):
            finite = np.isfinite(self.terms[name]) if name in self.terms else np.ones(1, bool)
            if not finite.all():
                return name, np.flatnonzero(~finite)
        return None


class Objective(ABC):
    """A loss over a batch, which draws nothing: the same noise gives the same numbers again.

    Weights may be schedules, which are functions of the step: they are read at `mode.step`.
    """

    @abstractmethod
    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Noise:
        """All random numbers that one call needs for a batch of `rows` examples."""

    @abstractmethod
    def __call__(
        self, model: Any, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        """The report. pullback() gives every Parameter that took part its gradient of the loss.

        The loss is a mean over B.
        """
