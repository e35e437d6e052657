"""A VAE's step in float64, by layers of this library that are the twins of a user's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Linear, Mode, Sequential, cast
from scratchvae.reference.diagnosis import RIGHT, Given, Pieces, of_kl_through_z, predict, read


@dataclass(frozen=True)
class TwinStep:
    """x -> trunk -> heads -> z -> body -> logits or x_mean.

    Of two `heads` the first gives the mean, and the second gives σ in the form `scale`, such as "log_var".
    One head gives both, in halves or, if `interleaved`, in turns.
    """

    trunk: Sequential
    heads: tuple[Sequential, ...]
    body: Sequential
    scale: str
    likelihood: str
    interleaved: bool = False

    @property
    def output(self) -> str:
        """The name of the decoder's output."""
        return "logits" if self.likelihood == "bernoulli" else "x_mean"

    def run(
        self,
        x: Array,
        noise: Array | None,
        settings: Mapping[str, Any],
        mode: Mode,
        pieces: Pieces = RIGHT,
        target: Array | None = None,
    ) -> dict[str, Array] | None:
        """Run the step forward and backward with these pieces, or return None where they do not apply.

        Returns the mean, σ in the form `scale`, z, the decoder's output, d_z and the loss. Without noise, z
        is the mean. The encoder sees `x`. The output is compared with `target`, or with `x` if that is None.
        """
        for part in (self.trunk, *self.heads, self.body):
            cast(part, np.float64)  # this also forgets earlier gradients
        meant: dict[str, Any] = {name: value for name, value in settings.items() if name != "names"}
        x = np.asarray(x, np.float64)
        flat = bool(self.trunk.layers) and isinstance(self.trunk.layers[0], Linear)
        h, trunk_pullback = self.trunk(x.reshape(len(x), -1) if flat else x, mode=mode)
        mean, held, heads_pullback = self._heads(h, mode)
        known: dict[str, Any] = {
            "x": x if target is None else target,
            "mean": mean,
            self.scale: held,
            "z": mean,
        }
        if noise is not None:
            known["noise"] = np.asarray(noise, np.float64)

        def given() -> Given:
            return read(known, names={}, likelihood=self.likelihood, **meant)

        def predicted(quantity: str) -> Array | None:
            forms = predict(quantity, given(), pieces)
            return forms[0].value if forms else None

        known["z"] = mean if noise is None else predicted("z")
        if known["z"] is None or not np.isfinite(known["z"]).all():
            return None
        out, body_pullback = self.body(known["z"], mode=mode)
        known |= {self.output: out, "loss": np.zeros(())}
        dout = predicted(f"d_{self.output}")
        if dout is None:
            return None
        known["d_z"] = body_pullback(dout.reshape(out.shape)) + of_kl_through_z(given(), pieces)
        dmean, dheld, loss = predicted("d_mean"), predicted(f"d_{self.scale}"), predicted("loss")
        if dmean is None or dheld is None or loss is None:
            return None
        trunk_pullback(heads_pullback(dmean, dheld))
        flat_out = out.reshape(len(out), -1)
        return {
            "mean": mean,
            self.scale: held,
            "z": known["z"],
            self.output: flat_out,
            "d_z": known["d_z"],
            "loss": loss,
        }

    def _heads(self, h: Array, mode: Mode) -> tuple[Array, Array, Callable[[Array, Array], Array]]:
        """The mean, σ in the form `scale`, and the pullback of both."""
        if len(self.heads) == 1:
            both, pullback = self.heads[0](h, mode=mode)
            Z = both.shape[1] // 2
            if self.interleaved:

                def in_turns(dmean: Array, dheld: Array) -> Array:
                    joined: Array = pullback(np.stack([dmean, dheld], axis=2).reshape(both.shape))
                    return joined

                return both[:, ::2], both[:, 1::2], in_turns
            return (
                both[:, :Z],
                both[:, Z:],
                lambda dmean, dheld: pullback(np.concatenate([dmean, dheld], axis=1)),
            )
        mean, mean_pullback = self.heads[0](h, mode=mode)
        held, scale_pullback = self.heads[1](h, mode=mode)
        return mean, held, lambda dmean, dheld: mean_pullback(dmean) + scale_pullback(dheld)
