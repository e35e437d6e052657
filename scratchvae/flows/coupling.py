"""The affine coupling step: one half of the latents stays, and scales and shifts the other half.

    y_k = z_k,   y_m = z_m e^s + t,   s = 3 tanh(a/3),   [a | t] = network(z_k, context),   log |det J| = Σ s

Dinh, Sohl-Dickstein & Bengio 2017, section 3.2. Letters: B examples, D latents.
"""

from collections.abc import Callable, Sequence

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback, require_count, require_flag, require_shapes
from scratchvae.flows.interface import Step, of_parameters
from scratchvae.flows.network import first_weights, network
from scratchvae.flows.updates import scale, unscale


@differentiable
def couple(
    z: Array, context: Array, V: Array, *layers: Array, moves: tuple[int, ...]
) -> tuple[tuple[Array, Array], Pullback]:
    """y and log |det ∂y/∂z|, where the entries `moves` of z move.

    z (B, D), context (B, C), V and layers as `network` takes them  ->  (B, D) and (B,) in nats.
    """
    return _moved(scale, z, context, V, *layers, moves=moves)


@differentiable
def uncouple(
    y: Array, context: Array, V: Array, *layers: Array, moves: tuple[int, ...]
) -> tuple[tuple[Array, Array], Pullback]:
    """The z that `couple` maps to y, and log |det ∂z/∂y|. The half that stays is known, and gives s and t."""
    return _moved(unscale, y, context, V, *layers, moves=moves)


def _moved(
    update: Callable[..., tuple[tuple[Array, Array], Pullback]],
    z: Array,
    context: Array,
    V: Array,
    *layers: Array,
    moves: tuple[int, ...],
) -> tuple[tuple[Array, Array], Pullback]:
    D = require_shapes("flows.coupling", z=(z, "B D"))["D"]
    moved, kept = list(moves), [d for d in range(D) if d not in moves]
    both, network_pullback = network(z[:, kept], context, V, *layers)
    (found, log_det), update_pullback = update(z[:, moved], *np.split(both, 2, axis=1))
    y = z.copy()
    y[:, moved] = found

    def pullback(dy: Array, dlog_det: Array) -> tuple[Array, ...]:
        dmoved, da, dt = update_pullback(dy[:, moved], dlog_det)
        dkept, *gradients = network_pullback(np.hstack([da, dt]))
        dz = dy.copy()
        dz[:, moved] = dmoved  # dz_m = e^s dy_m, or e^−s of the inverse
        dz[:, kept] += dkept  # dz_k = dy_k + (∂[a | t]/∂z_k)ᵀ [da | dt]
        return dz, *gradients

    return (y, log_det), pullback


class Coupling(Step):
    """The coupling step. The weights of its network are its Parameters, and params = context (B, C).

    C may be 0. The second half of the latents moves, or the first half with `reverse`, which should alternate
    from step to step. `hidden` are the widths of the network's hidden layers. At first the map is the
    identity. A draw and a density cost one run of the network each.
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
        require_count("Coupling", "latent_dim", latent_dim)
        require_count("Coupling", "context", context, 0)
        require_flag("Coupling", "reverse", reverse)
        if latent_dim < 2:
            helps = "one latent has no other half; a MaskedAutoregressive step takes it"
            raise InputError(f"Coupling: latent_dim should be at least 2, found {latent_dim}: {helps}")
        self.latent_dim, self.n_params = latent_dim, context
        half = latent_dim // 2
        self.moves = tuple(range(half)) if reverse else tuple(range(half, latent_dim))
        kept = latent_dim - len(self.moves)
        self.weights = first_weights("Coupling", kept, context, 2 * len(self.moves), hidden, rng)

    def forward(self, z: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """y_m = z_m e^s + t."""
        return of_parameters(couple, z, params, self.weights, moves=self.moves)

    def inverse(self, y: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """z_m = (y_m − t) e^(−s)."""
        return of_parameters(uncouple, y, params, self.weights, moves=self.moves)

    def steepness(self, z: Array, params: Array, slope: Array) -> tuple[Array, Array]:
        """The pullback of the inverse, whose log |det| is −Σ s."""
        values = [weight.value for weight in self.weights]
        (y, _), _ = couple(z, params, *values, moves=self.moves)
        (_, log_det), pullback = uncouple(y, params, *values, moves=self.moves)
        return y, pullback(slope, np.ones_like(log_det))[0]
