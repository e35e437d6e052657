"""The step of a VAE by layers that stand for somebody's own: its values and the gradient of every Parameter, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Linear, Mode, Sequential
from scratchvae.reference.diagnosis import Finding, Report
from scratchvae.reference.diagnosis.predictions import RIGHT, predict
from scratchvae.reference.diagnosis.reading import read
from scratchvae.reference.diagnosis.report import Line

CLOSE = {"float32": 1e-5, "float64": 1e-10}  # of the largest entry


@dataclass(frozen=True)
class TwinStep:
    """x -> trunk -> (mean_head, scale_head) -> z -> body -> logits or x_mean; σ by the scale head as `scale` says."""

    trunk: Sequential
    mean_head: Sequential
    scale_head: Sequential
    body: Sequential
    scale: str
    likelihood: str

    @property
    def output(self) -> str:
        """What the decoder gives."""
        return "logits" if self.likelihood == "bernoulli" else "x_mean"

    def run(self, x: Array, noise: Array | None, settings: Mapping[str, Any], mode: Mode) -> dict[str, Array]:
        """Forward and backward, each Parameter receiving its gradient; returns mean, σ as held, z and the decoder's output."""
        meant: dict[str, Any] = {name: value for name, value in settings.items() if name != "names"}
        x = np.asarray(x, np.float64)
        flat = bool(self.trunk.layers) and isinstance(self.trunk.layers[0], Linear)
        h, trunk_pullback = self.trunk(x.reshape(len(x), -1) if flat else x, mode=mode)
        mean, mean_pullback = self.mean_head(h, mode=mode)
        held, scale_pullback = self.scale_head(h, mode=mode)
        known: dict[str, Any] = {"x": x, "mean": mean, self.scale: held, "z": mean}

        def predicted(quantity: str, **found: Array) -> Array:
            known.update(found)
            return predict(quantity, read(known, names={}, likelihood=self.likelihood, **meant), RIGHT)[0].value

        if noise is not None:
            known["noise"] = np.asarray(noise, np.float64)
        z = mean if noise is None else predicted("z")
        out, body_pullback = self.body(z, mode=mode)
        dout = predicted(f"d_{self.output}", z=z, **{self.output: out})
        dz = body_pullback(dout.reshape(out.shape))
        dmean, dheld = predicted("d_mean", d_z=dz), predicted(f"d_{self.scale}")
        trunk_pullback(mean_pullback(dmean) + scale_pullback(dheld))
        return {"mean": mean, self.scale: held, "z": z, self.output: out.reshape(len(out), -1)}


def extended(
    report: Report,
    theirs: Mapping[str, Array],
    values: Mapping[str, Array],
    gradients: Mapping[str, Array],
    expected: Mapping[str, Array],
    close: float,
) -> Report:
    """The diagnosis, with a line for each value and each parameter's gradient by the twins."""
    lines, departing = [], []
    flat = {name: theirs[name].reshape(value.shape) for name, value in values.items() if name in theirs}
    values = {name: value for name, value in values.items() if name in theirs}
    one_sample = any("one-sample" in note for note in report.notes)  # another gradient, whose mean is the same
    expected = {} if one_sample else expected
    for kind, found, wanted in (("by the layers", flat, values), ("gradient", gradients, expected)):
        for name in wanted:
            label = f"{name} {kind}" if kind != "gradient" else f"d_{name}"
            apart = _apart(found.get(name), name, wanted)
            agrees = apart <= close
            lines.append(
                Line(label, "agrees" if agrees else f"DEPARTS by {apart:.2g}", found.get(name, np.zeros(0)), wanted[name])
            )
            if not agrees:
                departing.append(label)
    unknown = sorted(set(gradients) - set(expected))
    left = "with a one-sample KL these are not compared" if one_sample else "not named, so not compared"
    notes = (*report.notes, *([f"{left}: {', '.join(unknown)}"] if unknown else []))
    findings = report.findings
    if departing and not findings:
        where = "encoder, heads and decoder should name all that happens in order; if they do, the cause is unknown"
        findings = (Finding(departing[0], (), where),)
    return Report((*report.lines, *lines), findings, notes)


def _apart(found: Array | None, name: str, wanted: Mapping[str, Array]) -> float:
    """The largest difference, over the largest entry of the child's tensors: a bias before a batch norm has gradient 0 alone."""
    if found is None or found.shape != wanted[name].shape:
        return float("inf")
    child = name.rpartition(".")[0]
    largest = max(np.abs(array).max(initial=0) for other, array in wanted.items() if other.rpartition(".")[0] == child)
    return float(np.abs(found - wanted[name]).max(initial=0) / (largest or 1))
