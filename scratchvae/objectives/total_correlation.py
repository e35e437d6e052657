"""The total correlation of the aggregate posterior, which measures how far latents depend on each other."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_at_least,
    require_choice,
    require_count,
    require_shapes,
)
from scratchvae.data import Batch
from scratchvae.layers import Mode
from scratchvae.objectives.interface import Pass
from scratchvae.objectives.penalties import Penalty
from scratchvae.posteriors import DiagonalGaussian, Noise


@dataclass(frozen=True)
class TotalCorrelation(Penalty):
    """log q(z) − Σ_j log q(z_j) at the draws z of each example, where q(z) = 1/N Σ_n q(z|x_n) over all data.

    Its mean is KL(q(z) ‖ Π_j q(z_j)), which is 0 where latents are independent. A step sees B of the N
    examples, and so

        estimator = "weighted"     q(z) ≈ 1/B Σ_m q(z|x_m)      the batch in place of the data
                    "stratified"   q(z) ≈ Σ_m s_bm q(z|x_m)     right on average, over random batches

    where s_bb = 1/N for the example that z was drawn from, s_bm = (N − B + 1) / (N (B − 1)) for the one
    after it, and s_bm = 1/(B − 1) for each other one. Each q(z_j) is estimated in the same way. `examples`
    is N. Without it the batch counts as all the data. Where N = B both estimators are the exact sum.

    The example that z was drawn from has the share 1/N in q(z), but 1/B in the "weighted" estimate of q(z).
    q(z|x) of that example is large at z, and so this estimate is too large on average; it does not depend on
    N. Chen et al. write 1/NB Σ_m q(z|x_m), whose shares sum to 1/N and not to 1. Their term is larger than
    "weighted" by (Z − 1) log N, whatever the Parameters are. It has the same gradients, but it is not 0 where
    latents are independent.

    For a batch of one example both estimators give 0, since the latents of one q(z|x) are independent. Such a
    batch says nothing about the other examples. A batch of more than N examples is refused in training. In
    evaluation it counts as all the data.

    An ELBO with this penalty of weight β − 1 is the loss of the β-TC-VAE. The gradients reach the mean and
    the variance of every example of the batch, and z.
    Chen, Li, Grosse & Duvenaud 2018, section 4 (the loss) and appendix C (the estimators).
    """

    weight: float
    examples: int | None = None
    estimator: str = "stratified"
    term: ClassVar[str] = "total_correlation"

    def __post_init__(self) -> None:
        require_at_least("TotalCorrelation", "weight", self.weight, 0)
        require_choice("TotalCorrelation", "estimator", self.estimator, ("stratified", "weighted"))
        if self.examples is not None:
            require_count("TotalCorrelation", "examples", self.examples)

    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        if not isinstance(model.posterior, DiagonalGaussian):
            expected = "the posterior should be a DiagonalGaussian, whose latents have densities of their own"
            raise InputError(f"TotalCorrelation: {expected}; found a {type(model.posterior).__name__}")
        B, K = one.log_px.shape
        (mean, log_var), split_pullback = model.posterior.mean_and_log_var(one.q_params)
        shares = self.shares(B, training=mode.training).astype(one.z.dtype)
        shares = np.repeat(shares, K, axis=0)  # (B·K, B), a row for each draw
        (joint, by_latent), pullback_of_densities = aggregate_log_prob(one.z, mean, log_var, shares=shares)
        value = (joint - by_latent.sum(axis=1)).reshape(B, K).mean(axis=1)

        def pullback(dpenalty: Array) -> dict[str, Array]:
            djoint = np.repeat(dpenalty / dpenalty.dtype.type(K), K)
            dz, dmean, dlog_var = pullback_of_densities(
                djoint, np.broadcast_to(-djoint[:, None], by_latent.shape)
            )
            return {"dz": dz, "dq_params": split_pullback(dmean, dlog_var)}

        return value, pullback

    def shares(self, B: int, *, training: bool = True) -> Array:
        """s (B, B), the weights of q(z|x_m) at a draw of example b. Each row sums to 1."""
        N = B if self.examples is None else self.examples
        if N < B and training:
            raise InputError(
                f"TotalCorrelation: examples should be all those of the data, {B} or more; found {N}"
            )
        if self.examples is None or self.estimator == "weighted" or N <= B or B == 1:
            return np.full((B, B), 1 / B)
        shares, own = np.full((B, B), 1 / (B - 1)), np.arange(B)
        shares[own, own] = 1 / N
        shares[own, (own + 1) % B] = (N - B + 1) / (N * (B - 1))  # the share of the one after it
        return shares


@differentiable
def aggregate_log_prob(
    z: Array, mean: Array, log_var: Array, *, shares: Array
) -> tuple[tuple[Array, Array], Pullback]:
    """log Σ_m s_rm N(z_r; mean_m, σ_m²) (R,), and the same for each latent j alone (R, Z), in nats.

    z (R, Z), mean and log_var (M, Z), `shares` s (R, M). pullback(djoint, dby_latent) returns (dz, dmean,
    dlog_var).
    """
    require_shapes(
        "aggregate_log_prob",
        z=(z, "R Z"),
        mean=(mean, "M Z"),
        log_var=(log_var, "M Z"),
        shares=(shares, "R M"),
    )
    log_shares = np.log(shares).astype(z.dtype, copy=False)
    # of each latent alone, and in the last column of all latents together
    largest, total = kernels.aggregate_sums(z, mean, log_var, log_shares)
    with np.errstate(divide="ignore"):
        log_q = largest + np.log(total)

    def pullback(djoint: Array, dby_latent: Array) -> tuple[Array, Array, Array]:
        dlog_q = np.concatenate([dby_latent, djoint[:, None]], axis=1)
        # with d, the gradient of each log N(z_rj; mean_mj, σ_mj²), and u = (z_rj − mean_mj)/σ_mj:
        # dz_rj = −Σ_m d u/σ,  dmean_mj = Σ_r d u/σ,  dlog_var_mj = Σ_r d ½ (u² − 1)
        return kernels.aggregate_sums_backward(dlog_q, z, mean, log_var, log_shares, largest, total)

    return (log_q[:, -1], log_q[:, :-1]), pullback
