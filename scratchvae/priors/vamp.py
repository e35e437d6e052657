"""p(z) = 1/K Σ_k q(z|u_k), a mixture of the posteriors of K learned pseudo-inputs u_k."""

from math import prod

import numpy as np
import numpy.typing as npt

from scratchvae import ops
from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_count,
    require_finite,
    require_shapes,
    sum_of_draws,
)
from scratchvae.layers import EVALUATION, Layer, Mode, Parameter
from scratchvae.posteriors import Density
from scratchvae.priors.interface import Prior
from scratchvae.priors.spaces import REAL, SPHERE, prior_over

# of q_params and z that are computed together, for pairs of a z and a u_k: 16 MB in float32 for any B and K
NUMBERS_AT_ONCE = 1 << 22


class VampPrior(Prior):
    """The variational mixture of posteriors: `components` densities q(z|u_k) with equal weights.

    It is learned with the model, and has no network of its own. It holds the model's `encoder` and
    `posterior`, and so the encoder's Parameters receive two gradients that add up, one by way of q(z|x) and
    one by way of p(z). The pseudo-inputs receive theirs by way of p(z) alone. With the data as pseudo-inputs
    p(z) is the aggregate posterior 1/N Σ_n q(z|x_n), which is the prior that makes the bound largest for a
    given q (equation 7). A few pseudo-inputs keep p(z) from fitting the examples one by one.

    A pseudo-input is a vector of D = prod(event_shape) entries that the encoder reads in place of an example.

    - `pseudo_inputs` are the first values of u, (K, D) or (K, *event_shape). Without them each entry is drawn
      from N(mean, std²), and `components` says how many there are.
    - `bounds` (low, high) limit the numbers that the encoder reads: it gets min(max(u, low), high). The
      authors take (0, 1) for pixels. An entry of u beyond a bound has no gradient, and so it stays there.
      Without bounds, which suits data that may be any number, the encoder reads u itself.

    The encoder reads pseudo-inputs in evaluation mode, in training too: dropout drops nothing, and BatchNorm
    uses its running statistics without changing them. So p(z) is one density, which depends on the weights
    alone.

    InputError for a posterior without a density.     Tomczak & Welling 2018, equations 9 to 12.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        encoder: Layer,
        posterior: Density,
        *,
        components: int = 100,
        pseudo_inputs: npt.ArrayLike | None = None,
        bounds: tuple[float, float] | None = None,
        mean: float = 0.0,
        std: float = 1.0,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        if not isinstance(posterior, Density) or posterior.space not in (REAL, SPHERE):
            expected = f"the posterior should have a density over {REAL} or {SPHERE}"
            helps = "" if posterior.space == REAL else f": take the prior {prior_over(posterior.space)}"
            raise InputError(f"VampPrior: {expected}; found a {type(posterior).__name__}{helps}")
        require_count("VampPrior", "components", components)
        if bounds is not None and not bounds[0] < bounds[1]:
            raise InputError(f"VampPrior: bounds should be (low, high) with low < high, found {bounds}")
        self.latent_dim = posterior.latent_dim
        self.space = posterior.space
        self.encoder, self.posterior, self.bounds = encoder, posterior, bounds
        D = prod(event_shape)
        if pseudo_inputs is None:
            first = mean + std * np.random.default_rng(rng).standard_normal((components, D))
        else:
            first = _as_rows(np.asarray(pseudo_inputs), D)
        require_finite("VampPrior", "pseudo_inputs", first)
        self.pseudo_inputs = Parameter(first.astype(np.float32))

    def components(self) -> tuple[Array, Pullback]:
        """q_params (K, P) of every q(z|u_k).

        pullback(dq_params) gives the encoder and the pseudo-inputs their gradients.
        """
        u = self.pseudo_inputs.value
        shown, inside = u, None
        if self.bounds is not None:
            low, high = self.bounds
            shown, inside = np.clip(u, low, high), (u >= low) & (u <= high)
        q_params, encoder_pullback = self.encoder(shown)

        def pullback(dq_params: Array) -> None:
            dshown = encoder_pullback(dq_params)
            # du = dshown [low ≤ u ≤ high]
            self.pseudo_inputs.receive(dshown if inside is None else dshown * inside)

        return q_params, pullback

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log 1/K Σ_k q(z|u_k), computed from log q(z_b|u_k) of all B·K pairs.

        Where there are many pairs, a few examples are computed together, and the pullback computes their
        densities again. So memory grows with B·K by no more than one number for each pair.
        """
        require_shapes("VampPrior", z=(z, f"B {self.latent_dim}"))
        q_params, components_pullback = self.components()
        q_dtype, q_params = q_params.dtype, q_params.astype(z.dtype, copy=False)
        (K, P), Z = q_params.shape, self.latent_dim
        step = max(1, NUMBERS_AT_ONCE // (K * (P + Z)))
        chunks = [slice(start, start + step) for start in range(0, len(z), step)]
        log_q = np.empty((len(z), K), z.dtype)
        for rows in chunks:
            log_pairs, latest_pullback = self._pairs(q_params, z[rows])
            log_q[rows] = log_pairs.reshape(-1, K)
        log_sum, log_sum_pullback = ops.log_sum_exp(log_q, axis=1)

        def pullback(dlog_pz: Array) -> Array:
            # dlog_q_bk = dlog_pz_b r_bk, r_bk = q(z_b|u_k) / Σ_j q(z_b|u_j)
            dlog_q = log_sum_pullback(dlog_pz)
            dq_params, dz = np.zeros_like(q_params), np.empty_like(z)
            for rows in chunks:
                pairs_pullback = latest_pullback if len(chunks) == 1 else self._pairs(q_params, z[rows])[1]
                dq_pairs, dz_pairs = pairs_pullback(dlog_q[rows].reshape(-1))
                # dq_params_k = Σ_b dlog_q_bk ∂log q(z_b|u_k)/∂q_params_k
                dq_params += dq_pairs.reshape(-1, K, P).sum(axis=0)
                dz[rows] = sum_of_draws(dz_pairs, K)  # dz_b = Σ_k dlog_q_bk ∂log q(z_b|u_k)/∂z_b
            components_pullback(dq_params.astype(q_dtype, copy=False))
            return dz

        return log_sum - z.dtype.type(np.log(K)), pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """A pseudo-input for each draw, all equally likely, then a draw from its q(z|u_k)."""
        require_count("VampPrior.sample", "n", n, 0)
        q_params, _ = self.components()
        chosen = rng.integers(len(q_params), size=n)
        z, _ = self.posterior.sample(q_params[chosen], noise=self.posterior.draw_noise(n, rng))
        return z

    def _pairs(self, q_params: Array, z: Array) -> tuple[Array, Pullback]:
        """log q(z_b|u_k) of each of B z (B, Z) with each of K q_params (K, P)  ->  (B·K,).

        The K pairs of one z are neighbours.
        """
        return self.posterior.log_prob(np.tile(q_params, (len(z), 1)), np.repeat(z, len(q_params), axis=0))


def _as_rows(pseudo_inputs: Array, D: int) -> Array:
    """Pseudo-inputs (K, D) or (K, *event_shape) as (K, D), K at least 1. InputError for anything else."""
    if pseudo_inputs.dtype.kind != "f":
        expected = (
            "pseudo_inputs should be floating, in the units that the encoder reads (pixels from 0 to 1)"
        )
        raise InputError(f"VampPrior: {expected}; found {pseudo_inputs.dtype}")
    if pseudo_inputs.ndim < 2 or not len(pseudo_inputs) or prod(pseudo_inputs.shape[1:]) != D:
        expected = (
            f"pseudo_inputs should hold at least one event of {D} entries, as (K, {D}) or (K, *event_shape)"
        )
        raise InputError(f"VampPrior: {expected}; found shape {pseudo_inputs.shape}")
    return pseudo_inputs.reshape(-1, D)
