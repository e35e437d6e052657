"""The contractive penalty ‖∂z/∂x‖², which says how much the code moves with the data, and its gradient.

The layers are h_l = f_l(a_l) with a_l = h_l−1 W_l + b_l and slopes s_l = f_l′(a_l). The rows of the Jacobian,
one row k for each latent, are computed from the code down to the data by the rule of the pullbacks:

    G_L = I,    through an activation  G ← G ∘ s_l,    through a Linear  G ← G W_lᵀ,    at the data  J = G.

The value ‖J‖² depends on each W_l twice: through the product G W_lᵀ, and through a_l, on which the slopes
depend. So its gradient runs back up through the rows first. Then the encoder's own pullbacks pass down the
gradients of the slopes, da_l = f_l″ ds_l.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_at_least, require_count
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Layer, Linear, Mode, Sequential
from scratchvae.layers.activations import Activation
from scratchvae.objectives.interface import Pass
from scratchvae.objectives.penalties import Penalty
from scratchvae.posteriors import Noise, Point


@dataclass(frozen=True)
class Contraction(Penalty):
    """‖∂z/∂x‖² = Σ_kd (∂z_k/∂x_d)² at each example, where z is all that the encoder puts out.

    For a Point posterior z is the code, and x are the features that the encoder reads. Where the encoder also
    reads which of them were observed, those columns are no data, and no derivative by them counts. The
    encoder may be made of Linear layers and activations. Rifai, Vincent, Muller, Glorot & Bengio 2011,
    section 2; for one sigmoid layer it is Σ_j (h_j (1 − h_j))² Σ_d W_dj².
    """

    weight: float
    term: ClassVar[str] = "contraction"

    def __post_init__(self) -> None:
        require_at_least("Contraction", "weight", self.weight, 0)

    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        if not isinstance(model.posterior, Point):
            expected = "the penalty is on the codes of an autoencoder, whose posterior is a Point"
            raise InputError(f"Contraction: {expected}; found a {type(model.posterior).__name__}")
        seen = model.seen(batch)
        features = seen.shape[1] // 2 if model.shows_mask else seen.shape[1]
        norm, norm_pullback = jacobian_norm(model.encoder, seen, features=features, mode=mode)

        def pullback(dpenalty: Array) -> dict[str, Array]:
            norm_pullback(dpenalty)  # the encoder's Parameters receive theirs
            return {}

        return norm, pullback


def jacobian_norm(
    encoder: Layer, x: Array, *, features: int | None = None, mode: Mode = EVALUATION
) -> tuple[Array, Pullback]:
    """‖∂z/∂x‖² (B,) of z = encoder(x) (B, Z) at x (B, D), by the first `features` columns of x, or by all.

    pullback(dnorm) gives the encoder's Parameters their gradients. It costs Z times what a pullback does, and
    memory for Z rows of the widest layer for each example.
    """
    if features is not None:
        require_count("jacobian_norm", "features", features)
    passed = []  # each layer, its input and its pullback, from the data up
    h = x
    for layer in chain(encoder, "Contraction", "the encoder"):
        below = h
        h, layer_pullback = layer(below, mode=mode)
        passed.append((layer, below, layer_pullback))
    B, Z = h.shape
    G = np.broadcast_to(np.eye(Z, dtype=h.dtype), (B, Z, Z))
    row_pullbacks = []
    for layer, below, _ in reversed(passed):
        G, row_pullback = (
            _linear_rows(layer, G) if isinstance(layer, Linear) else _activation_rows(layer, below, G)
        )
        row_pullbacks.append(row_pullback)
    J = G.copy()
    J[:, :, x.shape[1] if features is None else features :] = 0

    def pullback(dnorm: Array) -> None:
        dG = 2 * dnorm[:, None, None] * J  # dJ = 2 dnorm J
        by_slopes = []
        for row_pullback in reversed(row_pullbacks):
            dG, da = row_pullback(dG)
            by_slopes.append(da)
        dh = np.zeros((B, Z), J.dtype)
        for (_, _, layer_pullback), da in zip(reversed(passed), reversed(by_slopes), strict=True):
            dh = layer_pullback(dh) + da  # the gradient from the layers above, plus that of the slope here

    return (J * J).sum(axis=(1, 2)), pullback


def _linear_rows(layer: Linear, G: Array) -> tuple[Array, Pullback]:
    """G Wᵀ. pullback(dbelow) returns dG and 0, since W is a Parameter and no input."""
    W = layer.weight

    def pullback(dbelow: Array) -> tuple[Array, float]:
        W.receive(np.tensordot(dbelow, G, axes=((0, 1), (0, 1))))  # dW_io = Σ_bk dbelow_bki G_bko
        return dbelow @ W.value, 0.0  # dG = dbelow W

    return G @ W.value.T, pullback


def _activation_rows(layer: Activation, a: Array, G: Array) -> tuple[Array, Pullback]:
    """G ∘ s with s = f′(a); pullback(dbelow) -> dG and da."""
    s, slope_pullback = ops.slope(a, activation=layer.op.__name__, **layer.constants)

    def pullback(dbelow: Array) -> tuple[Array, Array]:
        ds = (dbelow * G).sum(axis=1)  # ds_bi = Σ_k dbelow_bki G_bki
        return dbelow * s[:, None, :], slope_pullback(ds)  # dG = dbelow ∘ s,  da = f″(a) ds

    return G * s[:, None, :], pullback


def chain(layer: Layer, where: str, network: str) -> list[Linear | Activation]:
    """The layers that an input passes, one after another.

    InputError for layers that are neither Linear nor an activation.
    """
    if isinstance(layer, Sequential):
        return [part for inner in layer.layers for part in chain(inner, where, network)]
    if isinstance(layer, Linear | Activation):
        return [layer]
    expected = (
        f"{network} should be made of Linear layers and activations, whose second derivatives are known"
    )
    raise InputError(f"{where}: {expected}; found {type(layer).__name__}")
