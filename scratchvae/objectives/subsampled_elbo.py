"""The bound of a model with an encoder for each modality, of all modalities together and of subsets of them.

Letters: B examples, M modalities, S subsets of each example.     Wu & Goodman 2018, section 2.3.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratchvae.arrays import InputError, Pullback, require_at_least, require_count
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Experts, Mode
from scratchvae.objectives.annealing import Schedule, weight_in
from scratchvae.objectives.closed_form_kl import has_closed_form
from scratchvae.objectives.interface import Objective, Report
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class SubsampledElbo(Objective):
    """loss = −⟨ELBO(x) + Σ_m ELBO(x_m) + Σ_j ELBO(x_Pj)⟩,  j = 1 … `subsets`

        ELBO(x_P) = E_(q(z|x_P))[log p(x_P|z)] − β KL(q(z|x_P) ‖ p(z))

    ⟨ ⟩ is the mean over the batch, x_m the modality m alone, and P_j a subset that is drawn anew for each
    example and step, each of the 2^M − 1 that hold a modality alike. Outside P nothing is seen, nor is
    anything explained there: each term is a lower bound on log p(x_P). The bound of all modalities alone
    would leave it open what an encoder says by itself, as the product of the experts is all that it asks
    about.

    The model's encoder has to be one of layers.Experts, which knows where the modalities are. Each of the
    S = 1 + M + `subsets` terms costs a pass, with one draw of z. Of an example that lacks a modality, subsets
    hold what it has, and the term of nothing is 0. The KL has its closed form where there is one, and is
    sampled elsewhere.

    The terms are bound = log_px − kl, log_px and kl, all of the whole x, and `subsets`, the sum of the other
    bounds. β is the weight that Elbo has (Higgins et al. 2017).
    """

    subsets: int = 1
    beta: float | Schedule = 1.0

    def __post_init__(self) -> None:
        require_count("SubsampledElbo", "subsets", self.subsets, 0)
        if not callable(self.beta):
            require_at_least("SubsampledElbo", "beta", self.beta, 0)

    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Noise:
        """The model's noise for S draws of each example, and the modalities in P_j (rows, subsets, M)."""
        M = len(_experts_of(model).sizes)
        own = model.draw_noise(rows * (1 + M + self.subsets), rng)
        inside = rng.random((rows, self.subsets, M)) < 0.5
        while (empty := ~inside.any(axis=2)).any():
            inside[empty] = rng.random((int(empty.sum()), M)) < 0.5
        return own, inside

    def __call__(
        self, model: Any, batch: Batch, noise: Noise, *, mode: Mode = EVALUATION
    ) -> tuple[Report, Pullback]:
        own, inside = noise
        B, experts = len(batch), _experts_of(model)
        M = len(experts.sizes)
        fixed = np.concatenate([np.ones((1, M), np.bool_), np.eye(M, dtype=np.bool_)])  # all, and each alone
        kept = np.concatenate([np.broadcast_to(fixed, (B, 1 + M, M)), inside], axis=1)  # (B, S, M)
        S = kept.shape[1]
        copies, observed = batch.repeat(S), np.repeat(kept, experts.entries, axis=2).reshape(B * S, -1)
        if copies.observed is not None:
            observed = observed & (copies.observed != 0)
        closed = has_closed_form(model.posterior, model.prior)
        one, run_pullback = model.run(
            replace(copies, observed=observed), own, kl="closed_form" if closed else "sampled", mode=mode
        )
        beta = one.log_px.dtype.type(weight_in(mode, self.beta))
        each_kl = one.sampled_kl[:, 0] if one.kl is None else one.kl.sum(axis=1)
        log_px, kl = one.log_px.reshape(B, S), each_kl.reshape(B, S)
        loss = float(-(log_px - beta * kl).sum(axis=1).mean(dtype=np.float64))
        bounds = log_px - kl
        terms = {"bound": bounds[:, 0], "log_px": log_px[:, 0], "kl": kl[:, 0]}
        terms["subsets"] = bounds[:, 1:].sum(axis=1)

        def pullback() -> None:
            share = np.full_like(one.log_px, 1 / B)
            if one.kl is None:
                # ∂loss/∂log_px_bs = −1/B, ∂loss/∂log_pz_bs = −β/B, ∂loss/∂log_q_bs = β/B
                run_pullback(dlog_px=-share, dlog_pz=-beta * share, dlog_q=beta * share)
            else:
                # ∂loss/∂log_px_bs = −1/B, ∂loss/∂kl_bsj = β/B
                run_pullback(dlog_px=-share, dkl=np.full_like(one.kl, beta / B))

        return Report(loss, terms), pullback


def _experts_of(model: Any) -> Experts:
    """The model's encoder, which has one for each modality."""
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, Experts):
        expected = (
            "the encoder should be a ProductOfExperts or a MixtureOfExperts, as modalities=2 builds one"
        )
        raise InputError(f"SubsampledElbo: {expected}; found a {type(encoder).__name__}")
    return encoder
