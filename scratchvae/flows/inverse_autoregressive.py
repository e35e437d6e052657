"""The inverse autoregressive step: all latents move together, by gates that depend on earlier latents."""

from collections.abc import Sequence

import numpy as np

from scratchvae.arrays import Array, Pullback, require_count, require_flag
from scratchvae.flows.autoregressive import one_by_one, together
from scratchvae.flows.interface import Step, of_parameters
from scratchvae.flows.network import first_weights

OPEN = 2.0  # the first a, whose σ(a) = 0.88 keeps most of each z


class InverseAutoregressive(Step):
    """y_d = σ(a_d) z_d + (1 − σ(a_d)) m_d,   log |det J| = Σ_d log σ(a_d),   [a | m] = MADE(z, context).

    a_d and m_d depend on the latents before d, and on the context (B, C), which an encoder puts out:
    params = context, and `context` = C may be 0. The network's weights are Parameters of the step. A draw and
    its density cost one run of the network. The density of any other y costs one run for each latent, since
    the inverse finds them one by one.

    `hidden` are the widths of the network's hidden layers. With `reverse`, which should alternate from step
    to step, the order of the latents is from the last to the first. At first a = 2 and m = 0. Kingma et al.
    2016, section 4, equations 13 to 15.
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
        require_count("InverseAutoregressive", "latent_dim", latent_dim)
        require_count("InverseAutoregressive", "context", context, 0)
        require_flag("InverseAutoregressive", "reverse", reverse)
        self.latent_dim, self.n_params = latent_dim, context
        self.order = tuple(range(latent_dim))[:: -1 if reverse else 1]
        self.weights = first_weights(
            "InverseAutoregressive", latent_dim, context, 2 * latent_dim, hidden, rng
        )
        self.weights[-1].value[:latent_dim] = OPEN

    def forward(self, z: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """y, for which all latents are computed together."""
        return of_parameters(together, z, params, self.weights, order=self.order, update="gate")

    def inverse(self, y: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """z_d = m_d + (y_d − m_d)/σ(a_d), one latent after the other."""
        return of_parameters(one_by_one, y, params, self.weights, order=self.order, update="gate")

    def steepness(self, z: Array, params: Array, slope: Array) -> tuple[Array, Array]:
        """J⁻ᵀ (slope − ∂log |det J|/∂z), by back substitution."""
        values = [weight.value for weight in self.weights]
        (y, log_det), _ = together(z, params, *values, order=self.order, update="gate")
        _, pullback = one_by_one(y, params, *values, order=self.order, update="gate", x=z)
        return y, pullback(slope, np.ones_like(log_det))[0]
