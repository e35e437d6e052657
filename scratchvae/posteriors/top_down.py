"""Latents in layers, and the steps from each layer to the one below, which a Ladder and its prior share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_shapes, sizes_of
from scratchvae.layers import Layer, Mode, Owner


class TopDown(Owner):
    """p(z_l|z_{l+1}) = N(mean, diag σ²) with [mean | log σ²] = step_l(z_{l+1}), for l < L.

    z = [z_1 | … | z_L], and z_1 is nearest to the data. `sizes` are the widths of z_1 to z_L, and `steps` are
    the L − 1 layers from step_1 up. InputError where the numbers of steps and sizes do not fit.
    """

    transparent = "steps"

    def __init__(self, *steps: Layer, sizes: Sequence[int]) -> None:
        self.sizes, self.steps = sizes_of("TopDown", "sizes", sizes, least=1), steps
        self.latent_dim = sum(self.sizes)
        if len(steps) != len(self.sizes) - 1:
            expected = f"there should be {len(self.sizes) - 1} steps between {len(self.sizes)} layers"
            raise InputError(f"TopDown: {expected}; found {len(steps)}")

    def by_layer(self, z: Array) -> list[Array]:
        """The columns of each layer, from z_1 up, as contiguous arrays.     z (B, Z)  ->  (B, Z_l) each."""
        require_shapes("TopDown", z=(z, f"B {self.latent_dim}"))
        return [np.ascontiguousarray(part) for part in np.split(z, list(accumulate(self.sizes))[:-1], axis=1)]

    def below(self, place: int, above: Array, *, mode: Mode) -> tuple[tuple[Array, Array], Pullback]:
        """mean and log σ² (B, Z_l) of p(z_l|z_{l+1}) for the layer at a `place`, given the one `above`.

        Places are counted from 0. pullback(dmean, dlog_var) gives the step's Parameters their gradients, and
        returns dabove.
        """
        size = self.sizes[place]
        params, step_pullback = self.steps[place](above, mode=mode)
        require_shapes(f"TopDown: what step {place + 1} puts out", params=(params, f"B {2 * size}"))
        (mean, log_var), halves_pullback = ops.split(params, sizes=(size, size))

        def pullback(dmean: Array, dlog_var: Array) -> Array:
            dabove: Array = step_pullback(halves_pullback(dmean, dlog_var))
            return dabove

        return (mean, log_var), pullback
