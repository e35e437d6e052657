"""How the parts of a model are named in every framework: activations, heads, the encoder's σ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.layers import ACTIVATIONS, Layer
from scratchvae.reference.diagnosis import AS_MEANT, SCALES, canonical

OTHER_NAMES = {"swish": "silu", "lrelu": "leaky_relu"}


def activation(part: Any) -> Layer | None:
    """The layer of an activation by its name, or of a function that has it; None for anything else."""
    name = part if isinstance(part, str) else getattr(part, "__name__", "")
    plain = {known.replace("_", ""): known for known in ACTIVATIONS} | OTHER_NAMES
    found = plain.get(name.lower().replace("_", ""))
    return ACTIVATIONS[found]() if found else None


def known_activations() -> str:
    """For messages."""
    return ", ".join(ACTIVATIONS)


def as_parts(where: str, name: str, parts: Any) -> Sequence[Any]:
    """A sequence of parts; one name alone is one part."""
    if isinstance(parts, str):
        return (parts,)
    if not isinstance(parts, Sequence):
        raise InputError(
            f"{where}: {name} should be a sequence of parts such as ('fc1', 'relu'), found {parts!r}"
        )
    if name == "decoder" and all(activation(part) for part in parts):
        raise InputError(f"{where}: the decoder should name a layer at least, found {parts!r}")
    return parts


def as_heads(where: str, heads: Any) -> tuple[str, ...]:
    """Two names, or one of a layer whose output is halved: the mean first."""
    found = (heads,) if isinstance(heads, str) else tuple(heads) if isinstance(heads, Sequence) else ()
    if (len(found) != 2 and not isinstance(heads, str)) or not all(isinstance(head, str) for head in found):
        raise InputError(
            f"{where}: heads should be two names, of the mean and of the spread, or the one name of a "
            "layer that gives both, "
            f"found {heads!r}"
        )
    return found


def as_scale(where: str, scale: Any) -> str:
    """One of SCALES, in any spelling."""
    found = canonical(scale, {}) if isinstance(scale, str) else None
    if found not in SCALES:
        raise InputError(
            f"{where}: scale should be one of {', '.join(SCALES)} (raw_std: σ = softplus), found {scale!r}"
        )
    return found


def require_settings(where: str, settings: Mapping[str, Any]) -> None:
    """InputError for a setting that diagnose has not."""
    known = [*AS_MEANT, "constants", "evaluation", "names"]
    for name in settings:
        if name not in known:
            raise InputError(f"{where}: there is no setting {name!r}; there are {', '.join(known)}")
