"""q(z|x) is the law of z = f(z0), where z0 is Gaussian with independent latents and f is a flow."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes, sum_of_draws
from scratchvae.distributions import gaussian
from scratchvae.flows import Step
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors.interface import Density, Noise


class FlowPosterior(Density):
    """z = f(z0), z0 ~ N(mean, diag σ²):   log q(z|x) = log N(z0; mean, diag σ²) − log |det ∂f/∂z0|.

    q_params = [mean | log σ² | params], where the flow says how many params it reads for each example. `flow`
    is one step, or a Chain of them. Draws cost one run of the flow, and the density of a given z costs one
    run of its inverse.

    Rezende & Mohamed 2015, equations 5 to 7; Kingma et al. 2016, algorithm 1.
    """

    def __init__(self, flow: Step) -> None:
        if not isinstance(flow, Step):
            raise InputError(f"FlowPosterior: flow should be a step, such as a Chain, found {flow!r:.80}")
        self.flow = flow
        self.latent_dim = flow.latent_dim
        self.n_params = 2 * flow.latent_dim + flow.n_params

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """Standard normal numbers (rows, Z)."""
        return gaussian.sample_standard((rows, self.latent_dim), rng)

    def base_and_params(self, q_params: Array) -> tuple[tuple[Array, ...], Pullback]:
        """mean and log σ² of z0 (B, Z), and the flow's params.

        pullback(dmean, dlog_var, dparams) returns dq_params.
        """
        require_shapes("FlowPosterior", q_params=(q_params, f"B {self.n_params}"))
        return ops.split(q_params, sizes=(self.latent_dim, self.latent_dim, self.flow.n_params))

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """z = f(mean + σ · noise)."""
        (z, log_q), both_pullback = self.sample_with_log_prob(q_params, noise=noise, draws=draws, mode=mode)

        def pullback(dz: Array) -> Array:
            return both_pullback(dz, np.zeros_like(log_q))

        return z, pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z = f(z0), and log q(z|x) = log N(z0; mean, σ²) − log |det ∂f/∂z0| at z0 = mean + σ · noise.

        Without the score log q moves with z alone. Its slope begins as that of the Gaussian at z0, −noise/σ,
        and each step transforms it. Then q_params and the Parameters of the flow change log q only by way of
        z.
        """
        require_count("FlowPosterior", "draws", draws)
        (mean, log_var, params), split_pullback = self.base_and_params(q_params)
        z0, base_pullback = gaussian.reparameterize(mean, log_var, noise=noise, draws=draws)
        log_q0, log_q0_pullback = gaussian.log_prob_of_draw(log_var, noise=noise, draws=draws)
        copies = np.repeat(params, draws, axis=0)
        (z, log_det), flow_pullback = self.flow.forward(z0, copies)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            if score:
                dz0, dcopies = flow_pullback(dz, -dlog_q)
            else:
                with np.errstate(over="ignore"):
                    precision = np.minimum(np.exp(-0.5 * log_var), np.finfo(log_var.dtype).max)  # 1/σ
                    first = -noise.astype(log_var.dtype, copy=False) * np.repeat(precision, draws, axis=0)
                _, slope = self.flow.steepness(z0, copies, first)  # ∂log q/∂z
                dz0, dcopies = flow_pullback(dz + dlog_q[:, None] * slope, np.zeros_like(dlog_q))
            dmean, dlog_var = base_pullback(dz0)
            if score:
                dlog_var = dlog_var + log_q0_pullback(dlog_q)
            return split_pullback(dmean, dlog_var, sum_of_draws(dcopies, draws))

        return (z, log_q0 - log_det), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log N(f⁻¹(z); mean, σ²) + log |det ∂f⁻¹/∂z|."""
        (mean, log_var, params), split_pullback = self.base_and_params(q_params)
        require_shapes("FlowPosterior", q_params=(q_params, "B P"), z=(z, f"B {self.latent_dim}"))
        (z0, log_det), flow_pullback = self.flow.inverse(z, params)
        log_q0, log_q0_pullback = gaussian.log_prob(z0, mean, log_var)

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            dz0, dmean, dlog_var = log_q0_pullback(dlog_q)
            dz, dparams = flow_pullback(dz0, dlog_q)
            return split_pullback(dmean, dlog_var, dparams), dz

        return log_q0 + log_det, pullback

    def code(self, q_params: Array) -> Array:
        """f(mean), which is the draw without noise. E[z|x] has no closed form."""
        (mean, _, params), _ = self.base_and_params(q_params)
        (z, _), _ = self.flow.forward(mean, params)
        return z
