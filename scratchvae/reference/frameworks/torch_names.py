"""What PyTorch calls its functions, and what they are called here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NORMAL, UNIFORM = {"randn", "randn_like", "normal", "normal_"}, {"rand", "rand_like", "uniform_"}


# whose frames are not the user's own
FOREIGN = ("torch", "scratchvae", "keras", "lightning", "contextlib.py")


SPELLED = {  # what torch calls it: what it is called here; in-place calls end in "_", operators stand in "__"
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "truediv": "div",
    "negative": "neg",
    "radd": "add",
    "iadd": "add",
    "rmul": "mul",
    "imul": "mul",
    "isub": "sub",
    "itruediv": "div",
    "idiv": "div",
    "clip": "clamp",
    "clamp_min": "clamp",
    "clamp_max": "clamp",
    "max": "maximum",
    "min": "minimum",
    "log_sigmoid": "logsigmoid",
    **dict.fromkeys(
        ("view_as", "reshape", "reshape_as", "flatten", "unflatten", "unsqueeze", "squeeze", "ravel"), "view"
    ),
    **dict.fromkeys(
        ("transpose", "permute", "movedim", "swapaxes", "t", "mT", "T", "as_strided", "atleast_2d"), "view"
    ),
    **dict.fromkeys(("to", "float", "double", "half", "bfloat16", "type", "type_as", "cpu", "cuda"), "cast"),
    **dict.fromkeys(
        ("contiguous", "clone", "alias", "requires_grad", "as_tensor", "as_subclass", "positive"), "copy"
    ),
    **dict.fromkeys(("expand_as", "broadcast_to", "broadcast_tensors"), "expand"),
    **dict.fromkeys(("repeat_interleave", "tile"), "repeat"),
    **dict.fromkeys(("getitem", "select", "narrow", "index_select", "unbind"), "pick"),
    **dict.fromkeys(("split", "tensor_split", "split_with_sizes"), "chunk"),
}


REVERSED = {"rsub": "sub", "rdiv": "div", "rtruediv": "div", "rpow": "pow"}


INTO = {"__iadd__", "__isub__", "__imul__", "__itruediv__", "__idiv__", "__setitem__"}


PURE = {
    *(
        "exp",
        "log",
        "sqrt",
        "pow",
        "square",
        "mul",
        "div",
        "add",
        "sub",
        "neg",
        "softplus",
        "sigmoid",
        "tanh",
        "clamp",
    ),
    *("view", "pick", "chunk", "cast", "expand"),
}


def moments(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """The mean and the standard deviation that a call of a normal draw asks for."""
    given = {"normal": args, "normal_": args[1:]}.get(name, ())
    positional = dict(zip(("mean", "std"), given, strict=False))
    asked = {"mean": 0, "std": 1} | positional | {w: kwargs[w] for w in ("mean", "std") if w in kwargs}
    return asked["mean"], asked["std"]
