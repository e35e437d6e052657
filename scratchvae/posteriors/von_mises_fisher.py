"""q(z|x) is a von Mises-Fisher law on the unit sphere, q_params = [a vector along the mean | log κ]."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_shapes
from scratchvae.distributions import gaussian, uniform_sphere, von_mises_fisher
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors.interface import Density, Noise

LEVELS = 1 << 23  # uniform numbers are the middles of so many steps: all are float32, and none is 0 or 1


class VonMisesFisher(Density):
    """Codes on the sphere, around a mean direction μ with a concentration κ > 0.

    It is the posterior of hyperspherical VAEs. For Z latents an encoder puts out Z + 1 numbers: a vector,
    whose direction is μ and whose length has no meaning, and log κ. A draw is a function of one uniform
    number, which gives the angle to μ by the inverse of its distribution function, and of a uniform direction
    at right angles to μ. So its gradient is exact for any κ and Z ≥ 2, and no draw is rejected.

    With the prior UniformSphere the KL has a closed form. A prior over real vectors does not fit: its density
    is one per unit of volume, and that of this law one per unit of the sphere's area.

    Davidson et al. 2018, "Hyperspherical variational auto-encoders".
    """

    space: str = "points of the unit sphere"

    def __init__(self, latent_dim: int) -> None:
        require_count("VonMisesFisher", "latent_dim", latent_dim, 2)
        self.latent_dim = latent_dim
        self.n_params = latent_dim + 1

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """(rows, Z): a number from U(0, 1), and Z − 1 standard normal ones, of which the direction counts."""
        uniform = (rng.integers(LEVELS, size=(rows, 1)).astype(np.float32) + np.float32(0.5)) / np.float32(
            LEVELS
        )
        return np.concatenate([uniform, gaussian.sample_standard((rows, self.latent_dim - 1), rng)], axis=1)

    def mean_and_log_concentration(self, q_params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """μ (B, Z) of norm 1 and log κ (B,); pullback(dmean, dlog_concentration) -> dq_params."""
        require_shapes("VonMisesFisher", q_params=(q_params, f"B {self.n_params}"))
        (vector, column), split_pullback = ops.split(q_params, sizes=(self.latent_dim, 1))
        mean, direction_pullback = ops.direction(vector)

        def pullback(dmean: Array, dlog_concentration: Array) -> Array:
            return split_pullback(direction_pullback(dmean), dlog_concentration[:, None])

        return (mean, column[:, 0]), pullback

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """z = (1 − v) μ + √(v (2 − v)) t, with v from the uniform number and t from the direction."""
        (_, _, z), _, z_pullback = self._drawn(q_params, noise, draws)
        return z, z_pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z of `sample`, and log q(z|x) = log q(μ|x) − κ v.

        The log-density is computed from v and not from z. Without the score log q moves with z alone, and
        ∂log q/∂z = κ μ.
        """
        (mean, log_concentration, z), v, z_pullback = self._drawn(q_params, noise, draws)
        Z = self.latent_dim
        log_q, log_q_pullback = von_mises_fisher.log_prob_of_draw(log_concentration, v, dim=Z, draws=draws)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            if score:
                dlog_concentration, dv = log_q_pullback(dlog_q)
                return z_pullback(dz, dv, dlog_concentration)
            with np.errstate(over="ignore"):
                # κ μ
                steepness = np.minimum(np.exp(log_concentration), np.finfo(z.dtype).max)[:, None] * mean
            return z_pullback(dz + dlog_q[:, None] * np.repeat(steepness, draws, axis=0))

        return (z, log_q), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log q(z|x) = log q(μ|x) − ½ κ |z − μ|²."""
        (mean, log_concentration), params_pullback = self.mean_and_log_concentration(q_params)
        log_q, log_q_pullback = von_mises_fisher.log_prob(z, mean, log_concentration)

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            dz, dmean, dlog_concentration = log_q_pullback(dlog_q)
            return params_pullback(dmean, dlog_concentration), dz

        return log_q, pullback

    def code(self, q_params: Array) -> Array:
        """μ, which is the direction of E[z|x] and the likeliest z.

        E[z|x] itself lies inside the sphere, where there are no codes.
        """
        (mean, _), _ = self.mean_and_log_concentration(q_params)
        return mean

    def _drawn(
        self, q_params: Array, noise: Noise, draws: int
    ) -> tuple[tuple[Array, Array, Array], Array, Pullback]:
        """(μ, log κ, z), and v. pullback(dz, dv, dlog_concentration) returns dq_params.

        dv and dlog_concentration are 0 by default.
        """
        require_count("VonMisesFisher", "draws", draws)
        require_shapes("VonMisesFisher", noise=(noise, f"{len(q_params) * draws} {self.latent_dim}"))
        (mean, log_concentration), params_pullback = self.mean_and_log_concentration(q_params)
        uniform, tangent = (
            noise[:, 0],
            uniform_sphere.sample(noise=noise[:, 1:].astype(mean.dtype, copy=False)),
        )
        v, v_pullback = von_mises_fisher.versine(
            log_concentration, uniform=uniform, dim=self.latent_dim, draws=draws
        )
        z, z_pullback = von_mises_fisher.reparameterize(mean, v, tangent=tangent, draws=draws)

        def pullback(dz: Array, dv: Array | float = 0.0, dlog_concentration: Array | float = 0.0) -> Array:
            dmean, dv_by_z = z_pullback(dz)
            return params_pullback(dmean, v_pullback(dv_by_z + dv) + dlog_concentration)

        return (mean, log_concentration, z), v, pullback
