"""The penalty ‖∂D/∂z‖², which says how much a decoder's output moves with the code, and its gradient.

The rows of the Jacobian, one row k for each latent, are computed from the code up to the output of the
decoder:

    T_0 = I,    through a Linear  T ← T W_l,    through an activation  T ← T ∘ s_l with s_l = f_l′(a_l),    at the top  J = T.

The value ‖J‖² depends on each W_l twice, as in the contractive penalty of an encoder: through the product,
and through the a_l on which the slopes depend. The decoder's own pullbacks pass the gradients of the slopes
down, to the code as well.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_at_least, require_count
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Layer, Linear, Mode
from scratchvae.layers.activations import Activation
from scratchvae.objectives.contraction import chain
from scratchvae.objectives.interface import Pass
from scratchvae.objectives.penalties import Penalty
from scratchvae.posteriors import Noise


@dataclass(frozen=True)
class DecoderGradient(Penalty):
    """‖∂D(z)/∂z‖² = Σ_kd (∂D_d/∂z_k)² at each code, where D is all that the decoder puts out.

    For a linear decoder it is ‖W‖². It is the derivative by the code, and not by the data that the encoder
    saw. The gradients reach the decoder's Parameters and, through z, the encoder's. The decoder may be made
    of Linear layers and activations. Ghosh, Sajjadi, Vergari, Black & Schölkopf 2020, equation 8.
    """

    weight: float
    term: ClassVar[str] = "decoder_gradient"

    def __post_init__(self) -> None:
        require_at_least("DecoderGradient", "weight", self.weight, 0)

    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        B, K = one.log_px.shape
        told = model.told(one.z, batch, draws=K)
        norm, norm_pullback = slope_norm(model.decoder, told, latents=one.z.shape[1], mode=mode)

        def pullback(dpenalty: Array) -> dict[str, Array]:
            return {"dz": norm_pullback(np.repeat(dpenalty / K, K))}

        return norm.reshape(B, K).mean(axis=1), pullback


def slope_norm(decoder: Layer, z: Array, *, latents: int, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
    """‖∂y/∂z‖² (B,) of y = decoder(z) by the first `latents` columns of z (B, Z + …).

    pullback(dnorm) gives the decoder's Parameters their gradients, and returns dz of these columns. It costs
    as many passes as there are latents.
    """
    require_count("slope_norm", "latents", latents)
    passed = []  # each layer's pullback, with that of the rows, from the code up
    h, T = z, np.broadcast_to(np.eye(latents, z.shape[1], dtype=z.dtype), (len(z), latents, z.shape[1]))
    for layer in chain(decoder, "DecoderGradient", "the decoder"):
        below = h
        h, layer_pullback = layer(below, mode=mode)
        T, row_pullback = (
            _through_linear(layer, T) if isinstance(layer, Linear) else _through_activation(layer, below, T)
        )
        passed.append((layer_pullback, row_pullback))
    J = T

    def pullback(dnorm: Array) -> Array:
        dT = 2 * dnorm[:, None, None] * J  # dJ = 2 dnorm J
        dh = np.zeros_like(h)
        for layer_pullback, row_pullback in reversed(passed):
            dT, da = row_pullback(dT)
            dh = layer_pullback(dh) + da  # the gradient from the layers above, plus that of the slope here
        return dh[:, :latents]

    return (J * J).sum(axis=(1, 2)), pullback


def _through_linear(layer: Linear, T: Array) -> tuple[Array, Pullback]:
    """T W. pullback(dabove) returns dT and 0, since W is a Parameter and no input."""
    W = layer.weight

    def pullback(dabove: Array) -> tuple[Array, float]:
        W.receive(np.tensordot(T, dabove, axes=((0, 1), (0, 1))))  # dW_io = Σ_bk T_bki dabove_bko
        return dabove @ W.value.T, 0.0  # dT = dabove Wᵀ

    return T @ W.value, pullback


def _through_activation(layer: Activation, a: Array, T: Array) -> tuple[Array, Pullback]:
    """T ∘ s with s = f′(a); pullback(dabove) -> dT and da."""
    s, slope_pullback = ops.slope(a, activation=layer.op.__name__, **layer.constants)

    def pullback(dabove: Array) -> tuple[Array, Array]:
        ds = (dabove * T).sum(axis=1)  # ds_bi = Σ_k dabove_bki T_bki
        return dabove * s[:, None, :], slope_pullback(ds)  # dT = dabove ∘ s,  da = f″(a) ds

    return T * s[:, None, :], pullback
