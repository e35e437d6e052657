"""`with capture(model) as seen`: a PyTorch step diagnosed by watching it, without the names of its layers.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis import Report
from scratchvae.reference.frameworks.torch_flow import Watch
from scratchvae.reference.frameworks.torch_watched import TorchWatched


@contextmanager
def capture(model: Any = None) -> Iterator[Captured]:
    """Watch the PyTorch code of one training step; afterwards `seen.report()` says what was found.

    ```
    with capture(model) as seen:
        loss = step(model, x)
    print(seen.report(loss))
    ```
    The code runs as it would without. It may call `loss.backward()` and its optimizer's step. What it
    computed is kept until `seen` is forgotten. Mean, spread, noise, z, the decoder's output and the parts of
    the loss are found from what was done with each array; `seen.arrays` holds them by diagnose's names, and
    `seen.unknown` says in words what was not found.
    """
    seen = Captured(model)
    with seen.watch.mode():
        yield seen


class Captured:
    """A step that was watched: its arrays by the names of diagnose, what was not found, and the report."""

    def __init__(self, model: Any = None) -> None:
        self.watch = Watch(model)
        self.watch.ended = self._before_backward
        self._looked: TorchWatched | None = None

    @property
    def arrays(self) -> dict[str, Array]:
        """What was found of the step whose report was asked for last, or whose backward pass was seen."""
        return {} if self._looked is None else self._looked.step({}).arrays

    @property
    def unknown(self) -> tuple[str, ...]:
        """What was not found, in plain words."""
        return () if self._looked is None else tuple(self._looked.step({}).unknown)

    def meant(self, loss: Any = None) -> tuple[dict[str, Any], dict[str, Array]]:
        """The settings of diagnose that the step plainly has, {} if unknown; and its arrays."""
        if self._looked is None:
            self._looked = TorchWatched(self.watch, loss_of(loss))
        step = self._looked.step({})
        return (step.settings[0] if step.settings else {}), step.arrays

    def know(self, x: Any) -> None:
        """What is to be reconstructed, where it should not be guessed."""
        import torch

        self.watch.x = self.watch.node(x) if torch.is_tensor(x) else None

    def report(self, loss: Any = None, **settings: Any) -> Report:
        """The diagnosis; `loss` is what the step gave, if it made no backward pass itself.

        `settings` are those of diagnose, and `scale`, how the encoder's spread is read: each is taken from
        the step where it is not said. InputError where there is no loss.
        """
        if self._looked is None or loss is not None:
            tensor = loss_of(loss)
            if self._looked is None or tensor is not self._looked.tensor:
                self._looked = TorchWatched(self.watch, tensor)
        return self._looked.report(**settings)

    def _before_backward(self, loss: Any) -> None:
        self._looked = TorchWatched(self.watch, loss)
        self._looked.report()  # which keeps the gradients


def loss_of(returned: Any) -> Any:
    """The loss among what a step returned: itself, or the first of a tuple, or "loss" of a mapping."""
    import torch

    found = returned
    if isinstance(returned, Mapping):
        found = next(
            (returned[k] for k in ("loss", "total_loss", "objective", "nelbo", "neg_elbo") if k in returned),
            None,
        )
    elif isinstance(returned, list | tuple):
        found = next((r for r in returned if torch.is_tensor(r) and r.numel() == 1 and r.requires_grad), None)
    elif hasattr(returned, "loss"):
        found = returned.loss
    if not torch.is_tensor(found) or found.numel() != 1 or not found.requires_grad:
        kind = f"shape {tuple(found.shape)}" if torch.is_tensor(found) else f"a {type(returned).__name__}"
        raise InputError(
            "capture: the step should give its loss, one number that gradients flow from, by itself, "
            "first in a tuple or as "
            f"'loss' of a dict, found {kind}"
        )
    return found
