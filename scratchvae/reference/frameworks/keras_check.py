"""One training step of a Keras 3 model: PyTorch is watched, or JAX's jaxpr is read.

keras, torch and jax are imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.reference.diagnosis import Report
from scratchvae.reference.frameworks.parts import require_settings
from scratchvae.reference.frameworks.perturbation import SIZE, seen_enough


def check_keras(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    scale: str | None = None,
    likelihood: str | None = None,
    **settings: Any,
) -> Report:
    """Run `model.train_step` up to where it takes gradients, and judge it without the names of its layers.

    The model may have a `train_step` of its own, or the one of Keras with the losses of `compile`,
    `compute_loss` and `add_loss`; `y` is what is compared with its output there. On torch the step is watched
    as by `capture`, on jax its jaxpr is read as by `check_jax`, and what these say of settings and verdicts
    holds here too. x may be a list or a dict of arrays, of which the first is taken for what is
    reconstructed. Weights and optimizer are left as they were. Where the KL is too small to be seen, as at
    initialization, the step is checked once more at perturbed weights.

    InputError on another backend, and where train_step takes no gradient.
    """
    import keras

    require_settings("check_keras", settings)
    settings |= {
        name: value for name, value in (("scale", scale), ("likelihood", likelihood)) if value is not None
    }
    backend = keras.backend.backend()
    if backend not in {"torch", "jax"}:
        raise InputError(
            f"check_keras: the backend should be torch or jax, found {backend}: the same model runs on "
            "them with "
            "KERAS_BACKEND=torch or jax in the environment"
        )
    if not model.built:
        model(x)
    check = {"torch": _on_torch, "jax": _on_jax}[backend]
    data = keras.utils.pack_x_y_sample_weight(_as_tensors(x), None if y is None else _as_tensors(y))

    def perturbed() -> Report:
        with _moved(model):
            return check(model, data, settings)

    return seen_enough(check(model, data, settings), perturbed)


def _as_tensors(arrays: Any) -> Any:
    """An array as a tensor of the backend; of a list or a dict of arrays each of them."""
    import keras

    several = isinstance(arrays, dict) or (isinstance(arrays, list | tuple) and hasattr(arrays[0], "shape"))
    convert = keras.ops.convert_to_tensor
    return keras.tree.map_structure(convert, arrays) if several else convert(arrays)


class _Reached(BaseException):
    """The step is about to make its backward pass, from this loss."""


def _on_torch(model: Any, data: Any, settings: dict[str, Any]) -> Report:
    import keras

    from scratchvae.reference.frameworks.torch_capture import capture
    from scratchvae.reference.frameworks.torch_step import kept_as_it_is

    def stop(loss: Any) -> None:
        raise _Reached(loss)

    with kept_as_it_is(model), capture(model) as seen:
        seen.know(keras.tree.flatten(data)[0])
        seen.watch.ended = stop
        try:
            model.train_step(data)
        except _Reached as reached:
            return seen.report(reached.args[0], **settings)
    raise InputError(
        "check_keras: train_step made no backward pass: was the model compiled with an optimizer?"
    )


def _on_jax(model: Any, data: Any, settings: dict[str, Any]) -> Report:
    from scratchvae.reference.frameworks.jax_traced import trace
    from scratchvae.reference.frameworks.jax_watched import JaxWatched

    if model.optimizer is None:
        raise InputError(
            "check_keras: the model should be compiled with an optimizer: train_step takes no gradient "
            "without"
        )
    groups = (model.non_trainable_variables, model.optimizer.variables, model.metrics_variables)
    others = [[variable.value for variable in variables] for variables in groups]
    parameters = {variable.path: variable.value for variable in model.trainable_variables}

    def step(parameters: dict[str, Any], others: Any, data: Any) -> Any:
        ordered = [parameters[variable.path] for variable in model.trainable_variables]
        returned = model.train_step((ordered, *others), data)
        return returned[0] if isinstance(returned, tuple) else returned

    return JaxWatched(trace(step, parameters, others, data, owner=model)).report(**settings)


@contextmanager
def _moved(model: Any) -> Iterator[None]:
    """Inside, normal numbers are added to each weight."""
    rng, variables = np.random.default_rng(0), model.trainable_variables
    held = [variable.value for variable in variables]
    kept = [np.asarray(value.detach().cpu() if hasattr(value, "detach") else value).copy() for value in held]
    try:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value + (SIZE * rng.normal(size=value.shape)).astype(value.dtype))
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
