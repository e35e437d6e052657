"""q(z|x) = Σ_c π_c N(mean_c, diag σ_c²), whose weights, means and variances the encoder computes."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes, sum_of_draws
from scratchvae.distributions import gaussian, mixture
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors.interface import Density, Noise


class MixturePosterior(Density):
    """A posterior with several modes: C = `components` Gaussians, each with independent latents.

    q_params (B, C (2Z + 1)) = [logits | means | log σ²], the last two component by component.

    A draw is a smooth function of q_params: `distributions.mixture.reparameterize` puts standard normal
    numbers through the inverse of q's conditional distribution functions, and its gradient is implicit
    (Figurnov, Mohamed & Mnih 2018). So every objective takes this posterior as it takes others.

    `objectives.StratifiedElbo` stratifies the draws, with as many from each component. The noise then has one
    more column, the number of a component, and the draw is from that component alone,
    z = mean_c + σ_c · noise. log q is that of the whole mixture in this case too (Roeder, Wu & Duvenaud 2017,
    section 5).
    """

    def __init__(self, latent_dim: int, components: int = 2) -> None:
        require_count("MixturePosterior", "latent_dim", latent_dim)
        require_count("MixturePosterior", "components", components)
        self.latent_dim, self.components = latent_dim, components
        self.n_params = components * (2 * latent_dim + 1)

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """Standard normal numbers (rows, Z)."""
        return gaussian.sample_standard((rows, self.latent_dim), rng)

    def stratified(self, noise: Noise) -> Noise:
        """The same noise, for draws from component 0, then from 1, and so on, round and round."""
        component = np.arange(len(noise), dtype=noise.dtype) % self.components
        return np.concatenate([noise, component[:, None]], axis=1)

    def mixture_of(self, q_params: Array) -> tuple[tuple[Array, Array, Array], Pullback]:
        """logits (B, C), means and log σ² (B, C, Z); pullback(dlogits, dmeans, dlog_vars) -> dq_params."""
        C, Z = self.components, self.latent_dim
        B = require_shapes("MixturePosterior", q_params=(q_params, f"B {self.n_params}"))["B"]
        (logits, means, log_vars), split_pullback = ops.split(q_params, sizes=(C, C * Z, C * Z))

        def pullback(dlogits: Array, dmeans: Array, dlog_vars: Array) -> Array:
            return split_pullback(dlogits, dmeans.reshape(B, C * Z), dlog_vars.reshape(B, C * Z))

        return (logits, means.reshape(B, C, Z), log_vars.reshape(B, C, Z)), pullback

    def log_weights(self, q_params: Array) -> tuple[Array, Pullback]:
        """log π_c (B, C); pullback(dlog_weights) -> dq_params."""
        (logits, means, _), mixture_pullback = self.mixture_of(q_params)
        log_weights, softmax_pullback = ops.log_softmax(logits, axis=1)

        def pullback(dlog_weights: Array) -> Array:
            return mixture_pullback(
                softmax_pullback(dlog_weights), np.zeros_like(means), np.zeros_like(means)
            )

        return log_weights, pullback

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """z, whose conditional distribution functions have the values Φ(noise).

        Where the noise has a column with a component's number, z is a draw of that component instead.
        """
        require_count("MixturePosterior", "draws", draws)
        Z = self.latent_dim
        (logits, means, log_vars), mixture_pullback = self.mixture_of(q_params)
        rows = len(q_params) * draws
        if noise.shape not in ((rows, Z), (rows, Z + 1)):
            expected = f"noise should be ({rows}, {Z}), or ({rows}, {Z + 1}) with a component's number behind each draw's"
            raise InputError(f"MixturePosterior: {expected}; found {noise.shape}")
        each = [np.repeat(part, draws, axis=0) for part in (logits, means, log_vars)]
        if noise.shape[1] == Z:
            z, z_pullback = mixture.reparameterize(*each, noise=noise)
        else:
            place = np.arange(rows), noise[:, Z].astype(np.int64)
            z, z_pullback = gaussian.reparameterize(each[1][place], each[2][place], noise=noise[:, :Z])

        def pullback(dz: Array) -> Array:
            found = z_pullback(dz)
            if len(found) == 2:
                deach = [np.zeros_like(part) for part in each]
                deach[1][place], deach[2][place] = found  # only the drawn component has a gradient
                found = tuple(deach)
            return mixture_pullback(*(_sum_over_draws(part, draws) for part in found))

        return z, pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z of `sample`, and log q(z|x), the density of the whole mixture at z."""
        z, z_pullback = self.sample(q_params, noise=noise, draws=draws, mode=mode)
        log_q, log_q_pullback = self.log_prob(np.repeat(q_params, draws, axis=0), z, mode=mode)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            dcopies, dz_by_log_q = log_q_pullback(dlog_q)
            dq_params: Array = z_pullback(dz + dz_by_log_q)  # the gradient by way of z
            return dq_params + sum_of_draws(dcopies, draws) if score else dq_params

        return (z, log_q), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log Σ_c π_c N(z; mean_c, σ_c²)."""
        parameters, mixture_pullback = self.mixture_of(q_params)
        log_q, log_q_pullback = mixture.log_prob_of_each(z, *parameters)

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            dz, *dparameters = log_q_pullback(dlog_q)
            return mixture_pullback(*dparameters), dz

        return log_q, pullback

    def code(self, q_params: Array) -> Array:
        """E[z|x] = Σ_c π_c mean_c."""
        (logits, means, _), _ = self.mixture_of(q_params)
        weights, _ = ops.softmax(logits, axis=1)
        mean: Array = (weights[:, :, None] * means).sum(axis=1)
        return mean


def _sum_over_draws(d: Array, draws: int) -> Array:
    return sum_of_draws(d.reshape(len(d), -1), draws).reshape(-1, *d.shape[1:])
