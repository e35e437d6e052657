"""A chain of steps, one after the other, which is a step again."""

from collections.abc import Callable, Sequence
from typing import Any

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_flag, require_shapes
from scratchvae.flows.interface import Step


class Chain(Step):
    """y = f_K(… f_2(f_1(z))),  log |det J| = Σ_k log |det J_k|.

    Each step reads columns of its own, which stand side by side in `params`. With `shared` all steps read the
    same columns, which are then a context, as in Kingma et al. 2016, figure 2. The steps should then have the
    same n_params.
    """

    transparent = "steps"

    def __init__(self, steps: Sequence[Step], *, shared: bool = False) -> None:
        require_flag("Chain", "shared", shared)
        self.steps, self.shared = list(steps), shared
        if not self.steps or not all(isinstance(step, Step) for step in self.steps):
            found = [type(step).__name__ for step in self.steps]
            raise InputError(f"Chain: steps should be one flow step or more, found {found}")
        _require_one("latent_dim", [step.latent_dim for step in self.steps])
        widths = [step.n_params for step in self.steps]
        if shared:
            _require_one("n_params", widths)
        self.latent_dim, self.n_params = self.steps[0].latent_dim, widths[0] if shared else sum(widths)

    def forward(self, z: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """Run the steps from the first to the last."""
        return self._run([step.forward for step in self.steps], z, params)

    def inverse(self, y: Array, params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """Run the inverses of the steps from the last to the first."""
        return self._run([step.inverse for step in self.steps], y, params, backwards=True)

    def steepness(self, z: Array, params: Array, slope: Array) -> tuple[Array, Array]:
        """Pass the slope from each step to the next."""
        for step, columns in zip(self.steps, self._split(params)[0], strict=True):
            z, slope = step.steepness(z, columns, slope)
        return z, slope

    def _run(
        self, maps: list[Callable[..., Any]], z: Array, params: Array, *, backwards: bool = False
    ) -> tuple[tuple[Array, Array], Pullback]:
        parts, join_pullback = self._split(params)
        pairs = list(zip(maps, parts, strict=True))
        pullbacks, log_dets = [], []
        for one, columns in reversed(pairs) if backwards else pairs:
            (z, log_det), one_pullback = one(z, columns)
            log_dets.append(log_det)
            pullbacks.append(one_pullback)

        def pullback(dy: Array, dlog_det: Array) -> tuple[Array, Array]:
            dparts = []
            for one_pullback in reversed(pullbacks):
                dy, dcolumns = one_pullback(dy, dlog_det)  # every log |det J_k| has the gradient of their sum
                dparts.append(dcolumns)
            return dy, join_pullback(dparts if backwards else dparts[::-1])

        return (z, sum(log_dets[1:], log_dets[0])), pullback

    def _split(self, params: Array) -> tuple[Sequence[Array], Pullback]:
        """The columns of each step. The pullback takes a list of their gradients."""
        require_shapes("Chain", params=(params, f"B {self.n_params}"))
        if self.shared:
            return [params] * len(self.steps), lambda dparts: sum(dparts[1:], dparts[0])
        parts, split_pullback = ops.split(params, sizes=[step.n_params for step in self.steps])
        return parts, lambda dparts: split_pullback(*dparts)


def _require_one(name: str, sizes: Sequence[int]) -> None:
    if len(set(sizes)) > 1:
        raise InputError(f"Chain: the steps should have one {name}, found {sizes}")
