"""One training step of a PyTorch VAE compared with this library.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae import layers
from scratchvae.arrays import Array, InputError
from scratchvae.layers import Mode
from scratchvae.reference.diagnosis import NOISE_MISSING, Pieces, Report, examine, read
from scratchvae.reference.frameworks.comparison import Observed, compared
from scratchvae.reference.frameworks.parts import (
    as_heads,
    as_parts,
    as_scale,
    require_settings,
)
from scratchvae.reference.frameworks.perturbation import SIZE, seen_enough
from scratchvae.reference.frameworks.torch_capture import capture
from scratchvae.reference.frameworks.torch_flow import as_array
from scratchvae.reference.frameworks.torch_parts import Part, chain_of, leaves_of
from scratchvae.reference.frameworks.torch_step import copied, kept_as_it_is, observe
from scratchvae.reference.frameworks.twin_step import TwinStep


def check_torch(
    module: Any,
    x: Any,
    step: Callable[[Any, Any], Any],
    *,
    encoder: Sequence[Part] | str | None = None,
    heads: tuple[str, str] | str | None = None,
    decoder: Sequence[Part] | str | None = None,
    scale: str | None = None,
    likelihood: str | None = None,
    noise: Any = None,
    **settings: Any,
) -> Report:
    """Run `step(module, x) -> loss` and its backward pass, and compare them with this library's.

    With no further word the step is watched: `capture` says how mean, spread, noise, z, output and the parts
    of the loss are found, and any setting that is not given is taken from the step's own arithmetic. The
    layers between them may be of any kind. Such a report names a mistake only where what was found proves it;
    what departs otherwise is "unproven". The step may return its loss by itself, first in a tuple, or as
    "loss" of a dict.

    With names, the layers are computed here too, in float64. `encoder` and `decoder` name what happens in
    order: children of the module by their dotted names, activations that are functions in its code ("relu",
    "tanh", …, or torch's functions and modules themselves), "flatten", or a shape for a view. `heads` are the
    children that give the mean and, by default as log σ² (`scale`: as in diagnose), the spread; or the one
    child that gives both, the mean in the first half. A Bernoulli's sigmoid at the decoder's end is the
    loss's, named or not. `settings` are those of diagnose: beta, reduction, variance, evaluation, …

    Where the KL is too small to be seen, as at initialization, the step is checked once more at perturbed
    weights.

    The noise is what the step draws by torch.randn, randn_like, normal or rand before it calls the decoder;
    draws from elsewhere are handed over as `noise`. The module, its gradients and buffers, and torch's
    generator on the CPU are left as they were.

    One draw of z for each example, which alone enters the decoder: conditional decoders and several draws
    can't be checked, and like anything that can't be told from the arrays end in an InputError, as names and
    layers do that aren't known.
    """
    import torch

    names = {"encoder": encoder, "heads": heads, "decoder": decoder}
    missing = [name for name, value in names.items() if value is None]
    if missing and len(missing) < len(names):
        raise InputError(
            "check_torch: encoder, heads and decoder should be named all three or not at all, "
            f"{missing[0]} is not"
        )
    if not missing:
        settings |= {
            **names,
            "scale": scale or "log_var",
            "likelihood": likelihood or "bernoulli",
            "noise": noise,
        }
    elif noise is not None:
        raise InputError(
            "check_torch: noise can be passed where encoder, heads and decoder are named; it is watched else"
        )
    else:
        settings |= {n: v for n, v in (("scale", scale), ("likelihood", likelihood)) if v is not None}
    check = _watched if missing else _checked

    def perturbed() -> Report:
        other = copied(module)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for p in other.parameters():
                p += SIZE * torch.randn(p.shape, generator=generator).to(p)
        return check(other, x, step, **settings)

    return seen_enough(check(module, x, step, **settings), perturbed)


def _watched(module: Any, x: Any, step: Callable[[Any, Any], Any], **settings: Any) -> Report:
    """The step watched, at the weights that the module has."""
    with kept_as_it_is(module), capture(module) as seen:
        seen.know(x)
        loss = step(module, x)
        return seen.report(loss, **settings)


def _checked(
    module: Any,
    x: Any,
    step: Callable[[Any, Any], Any],
    *,
    encoder: Any,
    heads: Any,
    decoder: Any,
    scale: Any,
    likelihood: str,
    noise: Any,
    **settings: Any,
) -> Report:
    """The step compared with its twin, at the weights that the module has."""
    import torch

    if any(isinstance(m, torch.nn.Dropout) and m.p > 0 and m.training for m in module.modules()):
        raise InputError("check_torch: dropout draws masks of its own: set its p to 0, or call module.eval()")
    if not torch.is_tensor(x):
        raise InputError(f"check_torch: x should be a torch tensor, found a {type(x).__name__}")
    scale, encoded = as_scale("check_torch", scale), as_heads("check_torch", heads)
    require_settings("check_torch", settings)
    encoder, decoder = (
        as_parts("check_torch", "encoder", encoder),
        as_parts("check_torch", "decoder", decoder),
    )
    # as they are before the step
    chains = [chain_of(module, parts) for parts in (encoder, *([head] for head in encoded))]
    leaves = [leaf for part in decoder for leaf in leaves_of(module, part)]
    while likelihood == "bernoulli" and isinstance(leaves[-1][1], layers.Sigmoid):
        leaves.pop()
    named = [i for i, leaf in enumerate(leaves) if leaf[0]]
    if not named:
        raise InputError(
            f"check_torch: the decoder should name a child of the module at least, found {decoder!r}"
        )
    body = layers.Sequential(*(layer for _, layer, _ in leaves))
    output = "logits" if likelihood == "bernoulli" else "x_mean"
    after = layers.Sequential(*(layer for _, layer, _ in leaves[named[-1] + 1 :]))
    ends = (leaves[named[0]][0], leaves[named[-1]][0])
    entrance = next((leaf[0] for part in encoder for leaf in leaves_of(module, part) if leaf[0]), None)
    how = {"scale": scale, "output": output, "noise": noise, "entrance": entrance}
    made = observe(module, x, step, encoded, ends, **how)
    tensors, gradients = made.tensors, made.gradients
    if after.layers:  # what is done to the last child's output by functions
        done = after(as_array(tensors[output]).astype(np.float64))[0]
        tensors[output] = torch.from_numpy(done).to(tensors[output].dtype)
        tensors.pop(f"d_{output}", None)
    training = module.training  # which the step may have set
    examination = examine(read(tensors, names={}, likelihood=likelihood, **settings))
    theirs = {name: as_array(tensor) for name, tensor in tensors.items()}
    report = examination.report
    if not all(np.isfinite(array).all() for array in theirs.values()):
        return report
    if "noise" not in theirs and not settings.get("evaluation") and NOISE_MISSING.name not in report.causes:
        raise InputError(
            f"check_torch: no noise of shape (B, Z) = {theirs['mean'].shape} was seen; hand it over as noise="
        )
    twin = TwinStep(
        chains[0][0], tuple(chain for chain, _ in chains[1:]), body, scale, likelihood, made.interleaved
    )
    seen = theirs["x"] if made.entrance is None else as_array(made.entrance)
    if seen.size == theirs["x"].size and not np.array_equal(seen.reshape(theirs["x"].shape), theirs["x"]):
        note = (
            "the encoder sees something else than x (scaled, binarized or noised), "
            "which is taken as what you meant"
        )
        report = replace(report, notes=(*report.notes, note))
    pairs = {name: pair for _, found in chains for name, pair in found.items()}
    for _, _, found in leaves:
        pairs |= found

    def rehearse(pieces: Pieces) -> tuple[dict[str, Array], dict[str, Array]] | None:
        mode = Mode(np.random.default_rng(0)) if training else Mode()
        values = twin.run(seen, theirs.get("noise"), settings, mode, pieces, target=examination.target)
        received = {
            name: ours.grad.T if turned else ours.grad
            for name, (ours, tensor, turned) in pairs.items()
            if ours.grad is not None and tensor.requires_grad
        }
        return None if values is None else (values, received)

    values = {name: theirs[name] for name in ("mean", scale, "z", output, "d_z") if name in theirs}
    dtype = str(next(module.parameters()).dtype).removeprefix("torch.")

    def in_double() -> Observed | None:
        """The same step in float64, in which no unit falls on the other side of its kink for rounding."""
        try:
            double = copied(module).double()
            again = observe(
                double, x.double(), step, encoded, ends, **how, replay=[d.double() for d in made.drawn]
            )
        except (RuntimeError, InputError):
            return None
        arrays = {name: as_array(tensor) for name, tensor in again.tensors.items()}
        found = {name: arrays[name] for name in values if name in arrays}
        return Observed(found, again.gradients, arrays["loss"], "float64")

    observed = Observed(values, gradients, theirs["loss"], dtype, in_double if dtype == "float32" else None)
    return compared(examination, report, observed, rehearse)
