"""PyTorch modules as layers of this library and back, and a module's own training step held against ours.

torch is imported inside these functions only; `pip install torch` is the user's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae import layers
from scratchvae.arrays import InputError
from scratchvae.layers import Buffer, Layer, Parameter


def layer_from_torch(module: Any, *, share: bool = False, name: str = "") -> Layer:
    """The layer that computes what an nn.Module does; with share=True its weights are the same memory.

    Takes nn.Sequential of, and by themselves: Linear, Conv2d, ConvTranspose2d, BatchNorm1d and 2d, LayerNorm,
    Embedding, Dropout, MaxPool2d, AvgPool2d, Upsample (nearest), Flatten, Unflatten, Identity, and the
    activations. A Linear's weight is transposed. `name` is what messages call it. InputError for any other
    module, and for settings that a layer here has not.
    """
    return _twin(module, name or type(module).__name__, share)


def module_from_layer(layer: Layer) -> Any:
    """The nn.Module that computes what a layer does, with a copy of its weights."""
    import torch

    if isinstance(layer, layers.Sequential):
        return torch.nn.Sequential(*map(module_from_layer, layer.layers))
    for name, build in _builders(torch.nn).items():
        if type(layer).__name__ == name:
            module = build(layer)
            _hand_over(layer, module)
            return module
    raise InputError(f"module_from_layer: there is no PyTorch module for a {type(layer).__name__}")


def paired(layer: Layer, module: Any, prefix: str = "") -> dict[str, tuple[Parameter, Any, bool]]:
    """Each Parameter of `layer` beside the tensor of `module`, by its name; True where it is transposed."""
    if isinstance(layer, layers.Sequential):
        children = list(module.named_children())
        pairs: dict[str, tuple[Parameter, Any, bool]] = {}
        for inner, (name, child) in zip(layer.layers, children, strict=True):
            pairs |= paired(inner, child, f"{prefix}{name}.")
        return pairs
    return {
        f"{prefix}{name}": (
            ours,
            getattr(module, name),
            isinstance(layer, layers.Linear) and name == "weight",
        )
        for name, ours in vars(layer).items()
        if isinstance(ours, Parameter)
    }


def _twin(module: Any, where: str, share: bool) -> Layer:
    import torch

    nn = torch.nn
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        return layers.Sequential(
            *(_twin(child, f"{where}.{name}", share) for name, child in module.named_children())
        )
    known = _readers(nn)
    plain = not nn.utils.parametrize.is_parametrized(module)  # a subclass that computes the same will do
    for kind, build in known.items():
        if plain and isinstance(module, kind) and type(module).forward is kind.forward:
            layer = build(module, where)
            _take_over(layer, module, share)
            return layer
    names = ", ".join(kind.__name__ for kind in known)
    raise InputError(
        f"layer_from_torch: {where} is a {type(module).__name__}, for which there is no layer; there are "
        f"{names}"
    )


def _readers(nn: Any) -> dict[Any, Callable[[Any, str], Layer]]:
    """How each kind of module is read."""

    def require(where: str, **settings: tuple[Any, Any]) -> None:
        for name, (found, expected) in settings.items():
            if found != expected:
                raise InputError(f"layer_from_torch: {where} should have {name} = {expected}, found {found}")

    def one(where: str, name: str, value: Any) -> int:
        found = value if isinstance(value, tuple) else (value, value)
        require(where, **{name: (found, (found[0], found[0]))})
        return int(found[0])

    def convolution(m: Any, where: str) -> dict[str, Any]:
        require(
            where, groups=(m.groups, 1), dilation=(m.dilation, (1, 1)), padding_mode=(m.padding_mode, "zeros")
        )
        if isinstance(m.padding, str):
            raise InputError(
                f"layer_from_torch: {where} should have its padding as a number, found {m.padding!r}"
            )
        sizes = {name: one(where, name, getattr(m, name)) for name in ("kernel_size", "stride", "padding")}
        return {
            "in_channels": m.in_channels,
            "out_channels": m.out_channels,
            **sizes,
            "bias": m.bias is not None,
        }

    def norm(m: Any, where: str) -> Layer:
        require(where, affine=(m.affine, True), track_running_stats=(m.track_running_stats, True))
        if m.momentum is None:
            raise InputError(f"layer_from_torch: {where} should have a momentum, found None")
        return layers.BatchNorm(m.num_features, eps=m.eps, momentum=m.momentum)

    def pool(kind: Any, m: Any, where: str) -> Layer:
        require(
            where,
            padding=(m.padding, 0),
            ceil_mode=(m.ceil_mode, False),
            dilation=(getattr(m, "dilation", 1), 1),
        )
        return kind(one(where, "kernel_size", m.kernel_size), one(where, "stride", m.stride))

    def flatten(m: Any, where: str) -> Layer:
        require(where, start_dim=(m.start_dim, 1), end_dim=(m.end_dim, -1))
        return layers.Flatten()

    def unflatten(m: Any, where: str) -> Layer:
        require(where, dim=(m.dim, 1))
        return layers.Reshape(*m.unflattened_size)

    def upsample(m: Any, where: str) -> Layer:
        require(
            where, mode=(m.mode, "nearest"), scale_factor=(float(m.scale_factor), float(int(m.scale_factor)))
        )
        return layers.Upsample(int(m.scale_factor))

    def softplus(m: Any, where: str) -> Layer:
        require(where, beta=(m.beta, 1))
        return layers.Softplus()

    def layer_norm(m: Any, where: str) -> Layer:
        require(where, elementwise_affine=(m.elementwise_affine and m.bias is not None, True))
        return layers.LayerNorm(tuple(m.normalized_shape), eps=m.eps)

    return {
        nn.Linear: lambda m, w: layers.Linear(m.in_features, m.out_features, m.bias is not None),
        nn.Conv2d: lambda m, w: layers.Conv2d(**convolution(m, w)),
        nn.ConvTranspose2d: lambda m, w: layers.ConvTranspose2d(
            **convolution(m, w), output_padding=m.output_padding
        ),
        nn.BatchNorm1d: norm,
        nn.BatchNorm2d: norm,
        nn.LayerNorm: layer_norm,
        nn.Embedding: lambda m, w: layers.Embedding(m.num_embeddings, m.embedding_dim),
        nn.Dropout: lambda m, w: layers.Dropout(m.p),
        nn.MaxPool2d: lambda m, w: pool(layers.MaxPool2d, m, w),
        nn.AvgPool2d: lambda m, w: pool(layers.AvgPool2d, m, w),
        nn.Upsample: upsample,
        nn.Flatten: flatten,
        nn.Unflatten: unflatten,
        nn.Identity: lambda m, w: layers.Sequential(),
        nn.ReLU: lambda m, w: layers.ReLU(),
        nn.LeakyReLU: lambda m, w: layers.LeakyReLU(m.negative_slope),
        nn.ELU: lambda m, w: layers.ELU(m.alpha),
        nn.GELU: lambda m, w: layers.GELU(m.approximate),
        nn.SiLU: lambda m, w: layers.SiLU(),
        nn.Tanh: lambda m, w: layers.Tanh(),
        nn.Sigmoid: lambda m, w: layers.Sigmoid(),
        nn.Softplus: softplus,
    }


def _builders(nn: Any) -> dict[str, Callable[[Any], Any]]:
    """How each kind of layer is made a module."""

    def convolution(layer: Any, kind: Any, **more: Any) -> Any:
        a, b, size = layer.weight.value.shape[:3]
        channels = (b, a) if kind is nn.Conv2d else (a, b)
        return kind(*channels, size, layer.stride, layer.padding, bias=layer.bias is not None, **more)

    def normalizing(layer: Any) -> Any:
        m = nn.BatchNorm2d(len(layer.weight.value), eps=layer.eps, momentum=layer.momentum)
        m._check_input_dim = lambda x: None  # of any number of axes, as here
        return m

    return {
        "Linear": lambda l: nn.Linear(*l.weight.value.shape, bias=l.bias is not None),
        "Conv2d": lambda l: convolution(l, nn.Conv2d),
        "ConvTranspose2d": lambda l: convolution(l, nn.ConvTranspose2d, output_padding=l.output_padding),
        "BatchNorm": normalizing,
        "LayerNorm": lambda l: nn.LayerNorm(l.weight.value.shape, eps=l.eps),
        "Embedding": lambda l: nn.Embedding(*l.weight.value.shape),
        "Dropout": lambda l: nn.Dropout(l.p),
        "MaxPool2d": lambda l: nn.MaxPool2d(l.kernel_size, l.stride),
        "AvgPool2d": lambda l: nn.AvgPool2d(l.kernel_size, l.stride),
        "Upsample": lambda l: nn.Upsample(scale_factor=l.scale_factor),
        "Flatten": lambda l: nn.Flatten(),
        "Reshape": lambda l: nn.Unflatten(1, l.event_shape),
        "ReLU": lambda l: nn.ReLU(),
        "LeakyReLU": lambda l: nn.LeakyReLU(l.constants["slope"]),
        "ELU": lambda l: nn.ELU(l.constants["alpha"]),
        "GELU": lambda l: nn.GELU("tanh" if l.op.__name__ == "gelu_tanh" else "none"),
        "SiLU": lambda l: nn.SiLU(),
        "Tanh": lambda l: nn.Tanh(),
        "Sigmoid": lambda l: nn.Sigmoid(),
        "Softplus": lambda l: nn.Softplus(),
    }


def _take_over(layer: Layer, module: Any, share: bool) -> None:
    """The module's tensors as the layer's arrays."""
    for name, ours in vars(layer).items():
        if isinstance(ours, Parameter | Buffer):
            tensor = getattr(module, name).detach().cpu()
            array = (tensor.float() if tensor.itemsize == 2 else tensor).numpy()  # NumPy has no bfloat16
            array = array.T if isinstance(layer, layers.Linear) and name == "weight" else array
            ours.value = array if share else array.copy()


def _hand_over(layer: Layer, module: Any) -> None:
    """The layer's arrays as the module's tensors."""
    import torch

    for name, ours in vars(layer).items():
        if isinstance(ours, Parameter | Buffer):
            array = ours.value.T if isinstance(layer, layers.Linear) and name == "weight" else ours.value
            tensor = torch.from_numpy(np.array(array))
            setattr(module, name, torch.nn.Parameter(tensor) if isinstance(ours, Parameter) else tensor)
