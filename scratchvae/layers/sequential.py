"""Layers made of layers: one after another, around a shortcut, around a layer, side by side."""

from scratchvae import ops
from scratchvae.arguments import as_float
from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes
from scratchvae.layers.interface import EVALUATION, Layer, Mode
from scratchvae.layers.parameter import named_parameters


class Sequential(Layer):
    """y = layer_n(… layer_1(x)). A layer's Parameters are named by its place: "0.weight"."""

    transparent = "layers"

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        pullbacks = []
        y = x
        for layer in self.layers:
            y, layer_pullback = layer(y, mode=mode, needs_dx=needs_dx)
            pullbacks.append((layer_pullback, needs_dx))
            # only a layer above the first Parameter has to pass a gradient down
            needs_dx = needs_dx or bool(named_parameters(layer))

        def pullback(dy: Array) -> Array | None:
            for layer_pullback, goes_on in reversed(pullbacks):
                dy = layer_pullback(dy)
                if not goes_on:
                    return None
            return dy

        return y, pullback


class Residual(Layer):
    """y = x + layer(x), a shortcut around `layer`, which keeps the shape.     He et al. 2016."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        x = as_float("Residual", "x", x)
        change, layer_pullback = self.layer(x, mode=mode, needs_dx=needs_dx)
        y = x + change

        def pullback(dy: Array) -> Array | None:
            dx = layer_pullback(dy)
            return (dy + dx).astype(x.dtype, copy=False) if needs_dx else None  # dx = dy + (∂layer/∂x)ᵀ dy

        return y, pullback


class Bypass(Layer):
    """y = [layer(x₁) | x₂] along axis 1 for x = [x₁ | x₂], where x₂ has `width` columns.

    So a label gets past convolutions, which take images. For a layer (B, D) -> (B, F), x is (B, D + width),
    and y is (B, F + width).
    """

    def __init__(self, layer: Layer, width: int) -> None:
        require_count("Bypass", "width", width)
        self.layer, self.width = layer, width

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        require_shapes("Bypass", x=(x, "B D"))
        if x.shape[1] <= self.width:
            raise InputError(
                f"Bypass: x should have more than width = {self.width} entries, found {x.shape[1]}"
            )
        (through, around), split_pullback = ops.split(x, sizes=(x.shape[1] - self.width, self.width))
        h, layer_pullback = self.layer(through, mode=mode, needs_dx=needs_dx)
        y, concatenate_pullback = ops.concatenate(h, around, axis=1)

        def pullback(dy: Array) -> Array | None:
            dh, daround = concatenate_pullback(dy)
            dthrough = layer_pullback(dh)
            # dx = [(∂layer/∂x₁)ᵀ dh | daround]
            return split_pullback(dthrough, daround) if needs_dx else None

        return y, pullback


class Heads(Layer):
    """y = [head_1(x) | head_2(x) | …] along axis 1, such as a mean and a log-variance from one trunk."""

    transparent = "heads"

    def __init__(self, *heads: Layer) -> None:
        self.heads = heads

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        outputs, pullbacks = zip(*(head(x, mode=mode, needs_dx=needs_dx) for head in self.heads), strict=True)
        y, concatenate_pullback = ops.concatenate(*outputs, axis=1)

        def pullback(dy: Array) -> Array | None:
            parts = concatenate_pullback(dy)
            parts = parts if isinstance(parts, tuple) else (parts,)
            dxs = [head_pullback(part) for head_pullback, part in zip(pullbacks, parts, strict=True)]
            return sum(dxs[1:], dxs[0]) if needs_dx else None  # dx = Σ over the heads

        return y, pullback
