"""A copy of a model and its optimizer that is trained for a few batches, and watched.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scratchvae.reference.frameworks.torch_step import copied


@dataclass
class Run:
    """A copy of model and optimizer, and what was seen when the optimizer stepped last."""

    train_step: Callable[[Any, Any, Any], Any]
    model: Any
    optimizer: Any
    steps: int = 0
    at_step: dict[str, Any] | None = None
    rng: Any = None

    @property
    def members(self) -> set[int]:
        """The identities of the parameters that the optimizer has."""
        return {id(p) for group in self.optimizer.param_groups for p in group["params"]}

    def go(self, batches: Sequence[Any], *, rng: Any = None) -> None:
        """Train on the batches, from the same random numbers as before where `rng` is given."""
        import torch

        def watch(*_: Any) -> None:
            self.steps += 1
            self.at_step = self.gradients()

        handle = self.optimizer.register_step_pre_hook(watch)
        try:
            torch.manual_seed(0) if rng is None else torch.set_rng_state(rng)
            for batch in batches:
                self.train_step(self.model, self.optimizer, batch)
        finally:
            handle.remove()
        self.rng = torch.get_rng_state()

    def copied(self, *, gradients: bool = True) -> Run:
        """Another run from here, with or without the gradients that are left."""
        model, optimizer = copied((self.model, self.optimizer))
        for mine, other in zip(self.model.parameters(), model.parameters(), strict=True):
            other.grad = mine.grad.detach().clone() if gradients and mine.grad is not None else None
        return Run(self.train_step, model, optimizer, rng=self.rng)

    def gradients(self) -> dict[str, Any]:
        """Of the parameters that have one."""
        return {n: p.grad.detach().clone() for n, p in self.model.named_parameters() if p.grad is not None}

    def weights(self) -> dict[str, Any]:
        """All parameters and buffers."""
        named = (*self.model.named_parameters(), *self.model.named_buffers())
        return {name: tensor.detach().clone() for name, tensor in named}


@contextmanager
def modes(model: Any) -> Iterator[dict[str, bool]]:
    """By name, whether each layer whose mode matters was called in training mode."""
    import torch

    matters = (torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._BatchNorm)
    seen: dict[str, bool] = {}

    def note(name: str) -> Callable[[Any, Any], None]:
        return lambda module, inputs: seen.__setitem__(name, module.training)

    named = [(n, m) for n, m in model.named_modules() if isinstance(m, matters) or not n]
    hooks = [m.register_forward_pre_hook(note(n or "the model")) for n, m in named]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
