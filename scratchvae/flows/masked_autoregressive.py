"""The masked autoregressive step: numbers that depend on earlier latents scale and shift each latent."""

from collections.abc import Sequence

import numpy as np

from scratchvae.arrays import Array, Pullback, require_count, require_flag
from scratchvae.flows.autoregressive import one_by_one, together
from scratchvae.flows.interface import Step, of_parameters
from scratchvae.flows.network import first_weights


class MaskedAutoregressive(Step):
    """y_d = z_d e^(s_d) + m_d,   log |det J| = Σ_d s_d,   s = 3 tanh(a/3),   [a | m] = MADE(y, context).

    s_d and m_d depend on the y before d. So the density of any y costs one run of the network, and a draw
    costs one for each latent, which suits a prior. For InverseAutoregressive it is the other way round, and
    its `context`, `hidden` and `reverse` mean the same. At first the map is the identity. Papamakarios,
    Pavlakou & Murray 2017, section 3.1, equations 3 to 6.
    """

    def __init__(
        self,
        latent_dim: int,
        context: int = 0,
        *,
        hidden: int | Sequence[int] = 64,
        reverse: bool = False,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        require_count("MaskedAutoregressive", "latent_dim", latent_dim)
        require_count("MaskedAutoregressive", "context", context, 0)
        require_flag("MaskedAutoregressive", "reverse", reverse)
        self.latent_dim, self.n_params = latent_dim, context
        self.order = tuple(range(latent_dim))[:: -1 if reverse else 1]
        self.weights = first_weights("MaskedAutoregressive", latent_dim, context, 2 * latent_dim, hidden, rng)

    def forward(self, z: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """y_d = z_d e^(s_d) + m_d, one latent after the other."""
        return of_parameters(one_by_one, z, params, self.weights, order=self.order, update="unscale")

    def inverse(self, y: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """z_d = (y_d − m_d) e^(−s_d), all latents together."""
        return of_parameters(together, y, params, self.weights, order=self.order, update="unscale")

    def steepness(self, z: Array, params: Array, slope: Array) -> tuple[Array, Array]:
        """The pullback of the inverse, whose log |det| is −log |det J|."""
        values = [weight.value for weight in self.weights]
        (y, _), _ = one_by_one(z, params, *values, order=self.order, update="unscale")
        (_, log_det), pullback = together(y, params, *values, order=self.order, update="unscale")
        return y, pullback(slope, np.ones_like(log_det))[0]
