"""A step as it is read: its quantities by the names of diagnose, where mean, z and output were found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scratchvae.reference.frameworks.draws import draws_before, draws_of
from scratchvae.reference.frameworks.flow import Node, lineage
from scratchvae.reference.frameworks.quantities import Quantities
from scratchvae.reference.frameworks.role_sampling import other_layer
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.seen import Step
from scratchvae.reference.frameworks.spread import Gradients, put_right, reads_as_kl, scale_of


def as_step(
    roles: Roles,
    loss: Node,
    gradients: Gradients,
    *,
    scale: str | None,
    training: bool,
    settings: Mapping[str, Any],
) -> Step:
    """The arrays of the roles, with gradients, and what was meant where nothing declared says it."""
    step = Step(unknown=list(roles.unknown), declared=frozenset(settings))
    if roles.z is None or roles.mean is None or roles.output is None or roles.target is None:
        return step
    put_right(roles, gradients)
    mean, z = roles.mean, roles.z
    joined = z.value() if roles.joined is None else roles.joined.value()
    draws = draws_before(mean.value(), len(roles.target.value())) if z.size == mean.size else None
    draws = draws or draws_of(z.value(), mean.value(), joined)
    if draws is None:
        step.unknown.append(f"how the draws in z {z.shape} belong to the examples of the mean {mean.shape}")
        return step
    kind, said = (scale, "") if scale is not None else scale_of(roles, draws, gradients)
    step.notes += [said] if said else []
    formula = "" if roles.noise is None else _other_noise(roles.noise)
    if formula:
        step.unknown.append(formula)
    elif kind is None:
        step.unknown.append(
            "how the encoder holds σ: neither the sampling nor the KL tells; say scale='log_var', 'std', …"
        )
    if roles.noise is None and z.kind != "draw":
        if not reads_as_kl(roles, gradients):
            step.unknown.append("noise, and a KL to the standard normal: is this a variational autoencoder?")
            return step
        drawn = [n for n in lineage([roles.output]) - lineage([mean]) if n.op == "draw normal"]
        if drawn:
            said = (
                f"how z is made with the noise: a draw was seen ({drawn[0].place}), but no mean and "
                "spread that it joins"
            )
            step.unknown.append(said)
            return step
        if not training and z is mean:
            settings = {"evaluation": True, **settings}
            step.notes.append("the model is in evaluation mode and z is the mean, as it should be there")
        elif z is not mean:
            step.unknown.append(
                "the noise: no draw was seen that z was made with; if there is one, draw it by "
                "torch.randn_like"
            )
    other = other_layer(roles, sorted(lineage([loss]), key=lambda n: n.index))
    if other is not None:
        step.other_layer = other.place
        step.unknown.append(
            f"a reference for the second layer of latents ({other.place}): z is that of {z.place}, and what "
            "was compared is its sampling, its KL and what the loss makes of the output"
        )
    Quantities(step, roles, loss, draws, gradients, dict(settings)).take(
        mean, z, roles.output, roles.target, kind
    )
    return step


def _other_noise(noise: Node) -> str:
    """Words for noise that a formula makes of uniform draws; "" of any other."""
    if noise.op == "draw uniform" or not any(n.op == "draw uniform" for n in lineage([noise])):
        return ""
    return (
        f"the law of the noise: it is made of a uniform draw by a formula ({noise.place}), so that z is no "
        "Gaussian draw: the sampling and the KL were not checked"
    )
