"""p(z) is a second VAE, whose examples are the codes of the first."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from scratchvae import ops
from scratchvae.arrays import (
    Array,
    Pullback,
    generator_from,
    require_count,
    require_shapes,
    sizes_of,
    sum_of_draws,
)
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Buffer, Layer, Linear, Mode, Parameter, ReLU, Sequential
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors.interface import Prior
from scratchvae.priors.standard_gaussian import StandardGaussian


class TwoStage(Prior):
    """p(z) = ∫ N(z; mean(u), σ² I) N(u; 0, I) du, estimated with the second stage's own encoder q(u|z):

        p̂(z) = 1/K Σ_k N(z; mean(u_k), σ² I) N(u_k; 0, I) / q(u_k|z),   u_k ~ q(u|z),  K = `draws`.

    z and u have as many latents. `mean` and q(u|z), a diagonal Gaussian, are networks of these `hidden`
    widths, and σ² is learned. A draw is u ~ N(0, I), then z ~ N(mean(u), σ² I), which needs no encoder.

    The codes of a trained model, z ~ q(z|x) over all x, need not follow N(0, I). The second stage learns the
    law that they do follow: models.fit_prior(model, x, "two_stage") trains it on draws of those codes, and
    leaves the model itself as it is.

    p̂(z) is unbiased, and so log p̂(z) is on average a lower bound on log p(z). A bound on log p(x) stays a
    lower bound where log p̂(z) takes the place of log p(z). With K = 1, log p̂(z) is the second stage's ELBO,
    which is what the paper trains. In evaluation the noise of u_1, …, u_K never changes, and so log p̂ is a
    function of z. In training mode the noise is drawn anew.

    Dai & Wipf 2019, section 4; with several draws Burda et al. 2016.
    """

    def __init__(
        self,
        latent_dim: int,
        *,
        hidden: int | Sequence[int] = 128,
        draws: int = 8,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        require_count("TwoStage", "latent_dim", latent_dim)
        require_count("TwoStage", "draws", draws)
        self.latent_dim, self.draws = latent_dim, draws
        rng, widths = generator_from("TwoStage", "rng", rng), sizes_of("TwoStage", "hidden", hidden)
        self.posterior, self.start = DiagonalGaussian(latent_dim), StandardGaussian(latent_dim)
        self.encoder = _network([latent_dim, *widths, self.posterior.n_params], rng)
        self.decoder = _network([latent_dim, *reversed(widths), latent_dim], rng)
        self.log_var = Parameter(np.zeros(1, np.float32))  # log σ²
        self.noise = Buffer(rng.standard_normal((draws, latent_dim)).astype(np.float32))

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log p̂(z) (B,); pullback(dlog_pz) gives both networks and σ² their gradients and returns dz."""
        require_shapes("TwoStage", z=(z, f"B {self.latent_dim}"))
        K = self.draws
        q_params, encoder_pullback = self.encoder(z, mode=mode)
        (u, log_q), draw_pullback = self.posterior.sample_with_log_prob(
            q_params, noise=self._noise(z, mode), draws=K, mode=mode
        )
        log_pu, start_pullback = self.start.log_prob(u)
        mean, decoder_pullback = self.decoder(u, mode=mode)
        log_var = np.broadcast_to(self.log_var.value, mean.shape)
        log_pz_given_u, law_pullback = gaussian.log_prob(np.repeat(z, K, axis=0), mean, log_var)
        log_w = (log_pz_given_u + log_pu - log_q).reshape(-1, K)
        log_sum, sum_pullback = ops.log_sum_exp(log_w, axis=1)

        def pullback(dlog_pz: Array) -> Array:
            dlog_w = sum_pullback(dlog_pz).reshape(-1)  # dlog_w_bk = dlog_pz_b w_bk / Σ_j w_bj
            dcopies, dmean, dlog_var = law_pullback(dlog_w)
            self.log_var.receive(dlog_var.sum().reshape(1))  # one σ² for all entries of all draws
            du = decoder_pullback(dmean) + start_pullback(dlog_w)
            by_encoder: Array = encoder_pullback(draw_pullback(du, -dlog_w))
            return by_encoder + sum_of_draws(dcopies, K)  # z is in q(u|z), and in N(z; mean(u), σ² I)

        return log_sum - z.dtype.type(np.log(K)), pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """u ~ N(0, I), then z ~ N(mean(u), σ² I)."""
        require_count("TwoStage.sample", "n", n, 0)
        mean, _ = self.decoder(self.start.sample(n, rng))
        noise = gaussian.sample_standard((n, self.latent_dim), rng)
        z, _ = gaussian.reparameterize(mean, np.broadcast_to(self.log_var.value, mean.shape), noise=noise)
        return z.astype(np.float32, copy=False)

    def _noise(self, z: Array, mode: Mode) -> Array:
        """Standard normal numbers (B·K, Z), in the dtype of z."""
        if mode.rng is None:
            return np.tile(self.noise.value, (len(z), 1)).astype(z.dtype, copy=False)
        drawn = mode.rng.standard_normal((len(z) * self.draws, self.latent_dim), dtype=np.float32)
        return drawn.astype(z.dtype, copy=False)


def _network(widths: Sequence[int], rng: np.random.Generator) -> Sequential:
    layers: list[Layer] = []
    for wide, narrow in pairwise(widths):
        layers += [Linear(wide, narrow, rng=rng), ReLU()]
    return Sequential(*layers[:-1])
