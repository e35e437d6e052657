"""A trained decoder in 8 bits is small enough to stand in a page, and its error is bounded.

    W_oi ≈ scale_o q_oi,  q_oi a whole number from −127 to 127,  scale_o = max_i |W_oi| / 127

The largest weight of a row decides its scale, so that each weight is off by half a scale at most. The error
of an output follows from this and from the inputs, layer by layer:

    |Δy_o| ≤ Σ_i |scale_o q_oi| |Δh_i| + ½ scale_o Σ_i |h_i|

A rectifier makes no difference larger, and no slope of the sigmoid is above ¼. So a pixel's probability is
off by |Δl| / 4 at most, where l is its logit.
"""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Layer, Linear, ReLU, Sequential


@dataclass(frozen=True)
class PackedLayer:
    """A layer y = bias + scale (q h), followed by max(0, y) where it is `rectified`.

    The arrays are q (O, I) int8, scale and bias (O,) float32.
    """

    q: Array
    scale: Array
    bias: Array
    rectified: bool

    def __call__(self, h: Array) -> Array:
        """Turn inputs (N, I) into outputs (N, O), in float64, as the page computes them."""
        y = self.bias.astype(float) + self.scale.astype(float) * (h @ self.q.astype(float).T)
        return np.maximum(y, 0) if self.rectified else y

    def for_page(self) -> dict[str, Any]:
        """Return the layer as JSON can hold it, its arrays in base64."""
        arrays = {name: b64encode(getattr(self, name).tobytes()).decode() for name in ("q", "scale", "bias")}
        return {**arrays, "rectified": self.rectified}


def packed(decoder: Layer) -> list[PackedLayer]:
    """Return the layers of a decoder of Linear and ReLU in 8 bits."""
    assert isinstance(decoder, Sequential)
    layers: list[PackedLayer] = []
    for layer in decoder.layers:
        if isinstance(layer, ReLU):
            last = layers.pop()
            layers.append(PackedLayer(last.q, last.scale, last.bias, rectified=True))
            continue
        assert isinstance(layer, Linear)
        assert layer.bias is not None
        W = layer.weight.value.T
        scale = (np.abs(W).max(axis=1) / 127).astype(np.float32)
        q = np.round(W / np.maximum(scale, np.finfo(np.float32).tiny)[:, None]).astype(np.int8)
        layers.append(PackedLayer(q, scale, layer.bias.value.astype(np.float32), rectified=False))
    return layers


def logits_of(layers: list[PackedLayer], z: Array) -> Array:
    """Return the logits (N, D) that the page computes from codes z (N, Z)."""
    h = z.astype(float)
    for layer in layers:
        h = layer(h)
    return h


def largest_logit_error(decoder: Layer, layers: list[PackedLayer], z: Array) -> Array:
    """Return how far each logit (N, D) of each code can be from the decoder's own, at most."""
    assert isinstance(decoder, Sequential)
    h, error = z.astype(float), np.zeros(z.shape)
    weights = [layer for layer in decoder.layers if isinstance(layer, Linear)]
    for exact, layer in zip(weights, layers, strict=True):
        scale = layer.scale.astype(float)
        error = error @ np.abs(scale[:, None] * layer.q).T + 0.5 * scale * np.abs(h).sum(
            axis=1, keepdims=True
        )
        assert exact.bias is not None
        h = h @ exact.weight.value.astype(float) + exact.bias.value.astype(float)
        h = np.maximum(h, 0) if layer.rectified else h
    return error
