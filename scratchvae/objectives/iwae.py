"""The importance-weighted bound: tighter the more draws it takes."""

from dataclasses import dataclass

import numpy as np

from scratchvae import ops
from scratchvae.arrays import InputError, Pullback, require_choice, require_count
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.belief_net import require_moving_draws
from scratchvae.objectives.interface import Model, Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class Iwae(Objective):
    """loss = −⟨log 1/K Σ_k w_k⟩ with w_k = p(x|z_k) p(z_k) / q(z_k|x), K = `samples` draws for each example.

    With w̃_k = w_k / Σ_k w_k, the gradient to the encoder's and q's Parameters φ, z_k = z(ε_k, φ), is estimated by

        gradient = "total"   Σ_k w̃_k dlog w_k/dφ, all of it                                  Burda et al. 2016, equation 14
                   "dreg"    Σ_k w̃_k² ∂log w_k/∂z_k ∂z_k/∂φ, doubly reparameterized         Tucker et al. 2019, equation 8
                   "stl"     ∂log w/∂z ∂z/∂φ, at K = 1 only, where dreg is the same draw by draw     Roeder et al. 2017

    The three estimators have the same expectation. The exception is training with GaussianOptimal or BatchNorm, which
    couple the draws: w̃_k then depends on other draws too, and "dreg" is biased. As K grows, the signal of "total" fades
    beside its noise (Rainforth et al. 2018), and the signal of "dreg" does not. With K > 1, "stl" is biased, and so it is
    refused. The Parameters of p(x|z) and p(z) get Σ_k w̃_k ∂log w_k from each of the three.

    The terms are bound (with its −log K), and log_px and kl as means over the draws. Their difference log_px − kl is the
    plain bound, which never exceeds this one.
    Burda, Grosse & Salakhutdinov 2016, equation 8.
    """

    samples: int = 50
    gradient: str = "total"

    def __post_init__(self) -> None:
        require_count("Iwae", "samples", self.samples)
        require_choice("Iwae", "gradient", self.gradient, ("dreg", "stl", "total"))
        if self.gradient == "stl" and self.samples > 1:
            expected = 'gradient "stl" should come with samples = 1, since it is biased with more; take "dreg"'
            raise InputError(f"Iwae: {expected}; found samples = {self.samples}")

    def draw_noise(self, model: Model, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise for K draws of each example."""
        return model.draw_noise(rows * self.samples, rng)

    def __call__(self, model: Model, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION) -> tuple[Report, Pullback]:
        require_moving_draws("Iwae", model, mode)
        one, run_pullback = model.run(batch, noise, draws=self.samples, kl="sampled", score=self.gradient == "total", mode=mode)
        log_w = one.log_weights
        log_sum, log_sum_pullback = ops.log_sum_exp(log_w, axis=1)
        bound = log_sum - log_w.dtype.type(np.log(self.samples))
        terms = {"bound": bound, "log_px": one.log_px.mean(axis=1), "kl": one.sampled_kl.mean(axis=1)}
        report = Report(float(-bound.mean(dtype=np.float64)), terms)

        def pullback() -> None:
            dlog_w = log_sum_pullback(np.full_like(bound, -1 / len(batch)))  # ∂loss/∂log w_bk = −w̃_bk / B, w̃ = w / Σ_k w
            # a share too small to change any sum is 0: subnormal numbers would slow every product that it meets
            dlog_w = np.where(np.abs(dlog_w) < np.finfo(dlog_w.dtype).eps ** 2 / len(batch), 0, dlog_w)
            path = None if self.gradient == "total" else -len(batch) * dlog_w  # w̃_bk
            run_pullback(dlog_px=dlog_w, dlog_pz=dlog_w, dlog_q=-dlog_w, path=path)

        return report, pullback
