"""What an equation of a jaxpr is called here: some functions are several equations, or have other names.

jax is imported inside these functions only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.reference.frameworks.flow import Node

SPELLED = {  # what JAX calls a primitive: what it is called here
    "logistic": "sigmoid",
    "integer_pow": "pow",
    "add_any": "add",
    "select_n": "where",
    "reduce_sum": "sum",
    "stop_gradient": "detach",
    "split": "chunk",
    **dict.fromkeys(("reshape", "squeeze", "expand_dims"), "view"),
    **dict.fromkeys(("convert_element_type", "reduce_precision"), "cast"),
    **dict.fromkeys(("copy_p", "sharding_constraint", "optimization_barrier"), "copy"),
    **dict.fromkeys(("slice", "dynamic_slice", "gather"), "pick"),
}
WHOLE = {"log_sigmoid": "logsigmoid", "logsumexp": "logsumexp"}  # functions that are not looked into
INLINED = {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"}


def held_inside(equation: Any) -> Any:
    """The jaxpr of the function that the equation calls, where it does no more than call it; else None."""
    if equation.primitive.name not in INLINED or equation.params.get("name") in WHOLE:
        return None
    return equation.params.get("jaxpr") or equation.params.get("call_jaxpr")


def is_draw(equation: Any, operands: list[Any]) -> str:
    """The op "draw normal" of a call of jax.random.normal, and so of the others; "" of anything else."""
    import jax

    law = str(equation.params.get("name", "")).strip("_")
    if equation.primitive.name not in {"jit", "pjit"} or not hasattr(jax.random, law):
        return ""
    made = [o for o in operands if isinstance(o, Node)]
    keys = [n for n in made if jax.numpy.issubdtype(n.handle.dtype, jax.dtypes.prng_key)]
    floating = all(jax.numpy.issubdtype(v.aval.dtype, jax.numpy.floating) for v in equation.outvars)
    return f"draw {law}" if keys and floating and not any(n.learned or n.of_data for n in made) else ""


def called(equation: Any, operands: list[Any]) -> tuple[str, list[Any]]:
    """The name of the call, and the arrays and numbers that it was given, as `flow` has them."""
    name, shape = equation.primitive.name, tuple(equation.outvars[0].aval.shape)
    shown = [_as_number(o) for o in operands]
    nodes = [o for o in shown if isinstance(o, Node)]
    if name in {"jit", "pjit"}:
        return WHOLE[equation.params["name"]], shown
    if name.startswith("custom_"):
        return _custom(_name_of_custom(equation), shown)
    if name == "integer_pow":
        return "pow", [*shown, equation.params["y"]]
    if name in {"max", "min"}:  # of an array and a number: max is a clamp from below
        return ("clamp" if name == "max" and len(nodes) == 1 else f"{name}imum"), shown
    if name == "broadcast_in_dim":
        same = nodes and nodes[0].size == int(np.prod(shape))
        return ("view" if same else "expand"), shown[:1]
    if name == "transpose":
        plain = [axis for axis in equation.params["permutation"] if nodes[0].shape[axis] > 1]
        return ("view" if plain == sorted(plain) else "transpose"), shown
    if name == "neg" and nodes and nodes[0].op == "neg":
        return "copy", nodes[0].parents
    op = SPELLED.get(name, name)
    if op == "pick":
        return ("view" if nodes[0].size == int(np.prod(shape)) else op), shown[:1]
    if op == "div" and len(nodes) == 1 and isinstance(shown[1], float):
        return _division(nodes[0], shown[1], shown)
    if op == "add" and (weights := _log_sum_exp(nodes)) is not None:
        return "logsumexp", [weights]
    return op, shown


def _division(node: Any, number: float, shown: list[Any]) -> tuple[str, list[Any]]:
    """A sum divided by how many it was taken of is a mean; a whole number is one that counts."""
    if node.op == "sum" and number == node.parents[0].size / max(node.size, 1):
        return "mean", node.parents
    return "div", [shown[0], int(number) if number == round(number) else number]


def _log_sum_exp(nodes: list[Node]) -> Node | None:
    """What log Σ exp is taken of, where the sum adds the maximum that it was taken without."""
    for log in nodes:
        inner = log
        for op in ("log", "abs", "sum", "exp", "sub"):
            if inner.op == op and inner.parents:
                inner = inner.parents[0]
            elif op != "abs":
                break
        else:
            return inner
    return None


def _custom(name: str, shown: list[Any]) -> tuple[str, list[Any]]:
    """A function with derivatives of its own: log(1 + exp) is a softplus."""
    if name == "logaddexp" and 0.0 in [o for o in shown if not isinstance(o, Node)]:
        return "softplus", [o for o in shown if isinstance(o, Node)]
    return name, shown


def _name_of_custom(equation: Any) -> str:
    inner = equation.params.get("call_jaxpr") or equation.params.get("fun_jaxpr")
    said = getattr(getattr(inner, "jaxpr", None), "debug_info", None)
    return str(getattr(said, "func_src_info", "") or "custom").split(" ")[0]


def is_number(array: Any) -> bool:
    """Whether it is one number, and no key."""
    import jax

    return bool(array.size == 1 and not jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key))


def _as_number(operand: Any) -> Any:
    """A number, where the operand is one that no array enters."""
    if isinstance(operand, Node):
        computed = hasattr(operand.handle, "devices")  # not a mere shape
        single = operand.kind == "constant" and computed and is_number(operand.handle)
        return float(operand.value().reshape(())) if single else operand
    return float(np.asarray(operand).astype(np.float64).reshape(()))
