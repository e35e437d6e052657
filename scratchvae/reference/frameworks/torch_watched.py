"""One PyTorch step that was watched, with its gradients by torch's own backward pass.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.exchanged import Exchange
from scratchvae.reference.frameworks.flow import Node
from scratchvae.reference.frameworks.seen import Step
from scratchvae.reference.frameworks.torch_flow import Watch, as_array
from scratchvae.reference.frameworks.watched import Watched


class TorchWatched(Watched):
    """The graph behind one loss, and gradients of it, which are computed when they are asked for first."""

    def __init__(self, watch: Watch, tensor: Any) -> None:
        self.watch, self.tensor = watch, tensor
        self._kept: dict[tuple[Node, Node], Array | None] = {}
        super().__init__(
            watch.node(tensor), watch.x, training=watch.module is None or bool(watch.module.training)
        )

    def gradients(self, of: Node, by: Sequence[Node]) -> list[Array | None]:
        """d(sum of a node) by others; None where none flows, and zeros where it could."""
        import torch

        asked = [node for node in dict.fromkeys(by) if (of, node) not in self._kept]
        handles = {
            node: [h for h in (node.handle, *node.twins) if h is not None and h.requires_grad]
            for node in asked
        }
        wanted = [h for found in handles.values() for h in found]
        got: list[Any] = []
        if wanted and of.handle.requires_grad:
            with torch.random.fork_rng(devices=[]):
                got = list(torch.autograd.grad(of.handle.sum(), wanted, retain_graph=True, allow_unused=True))
        for node in asked:
            parts = [got.pop(0) for _ in handles[node]] if got else []
            arrived = [as_array(p) for p in parts if p is not None]
            zero = np.zeros(node.shape, node.value().dtype) if handles[node] else None
            self._kept[of, node] = sum(arrived[1:], arrived[0]) if arrived else zero
        return [self._kept[of, node] for node in by]

    def exchanged(self, step: Step) -> Iterator[Step]:
        """By PyTorch's own backward pass."""
        return Exchange(step, self.roles, self.loss, self.gradients, self.pull).steps()

    def pull(self, seeds: Sequence[tuple[Node, Array]], by: Sequence[Node]) -> list[Array]:
        """Σ ⟨g, ∂n/∂b⟩ over the nodes n and their seeds g, for each b of `by`; 0 where no gradient flows."""
        import torch

        out = [(node.handle, torch.as_tensor(np.array(seed)).to(node.handle)) for node, seed in seeds]
        out = [(handle, seed.reshape(handle.shape)) for handle, seed in out if handle.requires_grad]
        found = []
        for node in by:
            handles = [h for h in (node.handle, *node.twins) if h is not None and h.requires_grad]
            got = _gradients([h for h, _ in out], handles, [s for _, s in out])
            found.append(
                sum((as_array(g).astype(np.float64) for g in got if g is not None), np.zeros(node.shape))
            )
        return found

    def _with_other_ways(
        self, through: list[Any], step: Step, parameters: list[Any], ends: list[Any]
    ) -> list[Any]:
        """Add what the prior's parameters get, and what terms give that were taken out."""
        import torch

        out = [
            (n.handle, torch.as_tensor(np.array(w)).to(n.handle).reshape(n.shape))
            for n, w in step.taken
            if n.handle.requires_grad
        ]
        nodes, seeds = [h for h, _ in out], [s for _, s in out]
        whole, at_ends = (_gradients(nodes, by, seeds) for by in (parameters, ends))
        arrived = [(h, g) for h, g in zip(ends, at_ends, strict=True) if g is not None]
        known = _gradients([h for h, _ in arrived], parameters, [g for _, g in arrived])
        parts = [[t, w, None if k is None else -k] for t, w, k in zip(through, whole, known, strict=True)]
        sums = [[g for g in three if g is not None] for three in parts]
        return [sum(some[1:], some[0]) if some else None for some in sums]

    def of_parameters(self, step: Step) -> tuple[dict[str, Array | None], dict[str, Array | None]]:
        """Gradients of the parameters: the step's own, and those made of the gradients at the ends."""
        held = {name: p for name, p in self.watch.learned.items() if p.requires_grad}
        tensors = {
            name: [h for h in (node.handle, *node.twins) if h.requires_grad]
            for name, node in step.ends.items()
        }
        out = [h for name in ("logits", "x_mean", "output", "second") for h in tensors.get(name, [])]
        if not held or not out:
            return {}, {}

        gradients = _gradients
        found = gradients([self.tensor], list(held.values()), None)
        ends = [h for name, handles in tensors.items() for h in handles if name != "z"]
        arrived = [
            (h, g) for h, g in zip(ends, gradients([self.tensor], ends, None), strict=True) if g is not None
        ]
        d_out = [(h, g) for h, g in arrived if any(h is o for o in out)]
        if not d_out:
            return {}, {}
        z = tensors.get("z", [])
        if z:  # what reaches z from the output is in the gradients of mean and spread already
            d_z = gradients([h for h, _ in d_out], z, [g for _, g in d_out])
            arrived += [(h, -g) for h, g in zip(z, d_z, strict=True) if g is not None]
        through = gradients([h for h, _ in arrived], list(held.values()), [g for _, g in arrived])
        if step.taken:
            through = self._with_other_ways(
                through, step, list(held.values()), [h for h in ends if not any(h is o for o in out)]
            )
        return _by_name(held, found), _by_name(held, through)


def _gradients(of: list[Any], by: list[Any], seeds: list[Any] | None) -> list[Any]:
    import torch

    if not of or not by:
        return [None] * len(by)
    return list(torch.autograd.grad(of, by, seeds, retain_graph=True, allow_unused=True))


def _by_name(names: Any, gradients: list[Any]) -> dict[str, Array | None]:
    return {name: None if g is None else as_array(g) for name, g in zip(names, gradients, strict=True)}
