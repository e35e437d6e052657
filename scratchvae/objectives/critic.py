"""A critic of codes, a network T(z) that learns to tell codes from other draws, and a penalty by it.

Letters: B examples, K draws of each, Z latents. q(z) = 1/N Σ_n q(z|x_n) is the law of codes, and r(z) is the
law of the other draws.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_at_least, require_choice
from scratchvae.data import Batch
from scratchvae.distributions import bernoulli
from scratchvae.layers import EVALUATION, Layer, Mode
from scratchvae.objectives.interface import Objective, Pass, Report
from scratchvae.objectives.penalties import Penalty
from scratchvae.posteriors import Noise

OTHERS = ("permuted", "prior")  # the draws that the critic compares codes with


@dataclass(frozen=True)
class Critic(Penalty):
    """The value of the model's critic T at the codes. `Discrimination` trains the critic, in its own phase.

    against = "permuted"        r(z) = Π_j q(z_j), by codes whose latents are exchanged between the examples of a batch
              "prior"           r(z) = p(z)

    form = "log_ratio"          T(z), which is log q(z)/r(z) for the best critic, and its mean KL(q(z) ‖ r(z))
           "non_saturating"     log(1 + exp T(z)) = −log(1 − D(z)), where D = σ(T) is the critic's probability that z is a code

    Against permuted codes the KL is the total correlation, and an Elbo with that penalty is the loss of the
    FactorVAE (Kim & Mnih 2018, section 3). Against the prior, non-saturating, the penalty makes a
    Reconstruction the loss of the adversarial autoencoder (Makhzani et al. 2015, section 2) and of the
    WAE-GAN (Tolstikhin et al. 2018, algorithm 1). The gradients reach z, and the critic's Parameters too, but
    the phase of the model does not move these.
    """

    weight: float
    against: str = "permuted"
    form: str = "log_ratio"
    term: ClassVar[str] = "critic"

    def __post_init__(self) -> None:
        require_at_least("Critic", "weight", self.weight, 0)
        require_choice("Critic", "against", self.against, OTHERS)
        require_choice("Critic", "form", self.form, ("log_ratio", "non_saturating"))

    def opponent(self, model: Any) -> tuple[Objective, str]:
        """`Discrimination`, which trains the critic."""
        critic_of("Critic", model)
        return Discrimination(self.against), "critic"

    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        B, K = one.log_px.shape
        T, critic_pullback = critic_of("Critic", model)(one.z, mode=mode)
        said, said_pullback = ops.softplus(T) if self.form == "non_saturating" else (T, None)

        def pullback(dpenalty: Array) -> dict[str, Array]:
            dsaid = np.repeat(dpenalty / dpenalty.dtype.type(K), K)[:, None]  # dsaid_bk = dpenalty_b / K
            # dT = dsaid σ(T) where it is log(1 + exp T)
            dT = dsaid if said_pullback is None else said_pullback(dsaid)
            return {"dz": critic_pullback(dT)}

        return said.reshape(B, K).mean(axis=1), pullback


@dataclass(frozen=True)
class Discrimination(Objective):
    """loss = −½ ⟨log D(z)⟩ − ½ ⟨log(1 − D(r))⟩ with D = σ(T), for codes z and other draws r.

    It is the cross entropy of telling the two apart, and fills the critic's Parameters alone: codes are data
    here, and the networks that made them receive no gradient. The best critic has T(z) = log q(z)/r(z), and
    one that can't tell them apart has the loss log 2. `against` is that of `Critic`: the other draws are from
    the prior, or they are the batch's own codes with each latent permuted on its own. Both are part of the
    noise. The term is cross_entropy. Kim & Mnih 2018, algorithms 1 and 2, with one batch for codes and for
    permuted codes; Makhzani et al. 2015, section 2.
    """

    against: str = "permuted"

    def __post_init__(self) -> None:
        require_choice("Discrimination", "against", self.against, OTHERS)

    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise, and the noise of the other draws.

        It is draws from the prior (B, Z), or a permutation of the rows for each latent (B, Z).
        """
        own = model.draw_noise(rows, rng)
        if self.against == "prior":
            return own, model.prior.sample(rows, rng)
        return own, rng.random((rows, model.posterior.latent_dim)).argsort(axis=0)

    def __call__(
        self, model: Any, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        critic = critic_of("Discrimination", model)
        own, others = noise
        one, _ = model.run(batch, own, mode=mode)  # nobody calls its pullback
        z, B = one.z, len(batch)
        r = others.astype(z.dtype) if self.against == "prior" else np.take_along_axis(z, others, axis=0)
        T, critic_pullback = critic(np.concatenate([z, r]), mode=mode)
        is_code = np.repeat(np.array([[1], [0]], z.dtype), B, axis=0)
        log_p, log_p_pullback = bernoulli.log_prob(T, x=is_code)  # log D(z), then log(1 − D(r))
        cross_entropy = -0.5 * (log_p[:B] + log_p[B:])
        report = Report(float(cross_entropy.mean(dtype=np.float64)), {"cross_entropy": cross_entropy})

        def pullback() -> None:
            critic_pullback(log_p_pullback(np.full_like(log_p, -0.5 / B)))  # ∂loss/∂log_p = −1/2B

        return report, pullback


def critic_of(where: str, model: Any) -> Layer:
    """The model's critic. InputError for a model that has none."""
    critic = getattr(model, "critic", None)
    if not isinstance(critic, Layer):
        expected = "the model should have a critic, as VAE(critic=(256, 256)) and --critic 256 256 give it"
        found = "found none" if critic is None else f"found {critic!r:.80}, which is no Layer"
        raise InputError(f"{where}: {expected}; {found}")
    return critic
