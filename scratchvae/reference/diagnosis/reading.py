"""How a step is read: anybody's arrays in float64 by canonical name, and the precision that they had."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_at_least, require_choice, require_flag
from scratchvae.data import arrival, has_masks
from scratchvae.reference.diagnosis.quantities import ALIASES, LIKELIHOODS, SCALES, Given, canonical
from scratchvae.reference.diagnosis.shapes import require_agreement

MOST_ENTRIES = 1 << 28  # of one array
FEW = 16  # different numbers may well have few digits by chance
# unless it is said otherwise
AS_MEANT: dict[str, Any] = {
    "variance": 1.0,
    "beta": 1.0,
    "reduction": "mean",
    "free_bits": 0.0,
    "capacity": None,
}


def read(theirs: Mapping[str, Any], *, names: Mapping[str, str], **settings: Any) -> Given:
    """The mapping as a Given; InputError for names, shapes or values that can't be what they say."""
    require_choice("diagnose", "likelihood", settings["likelihood"], LIKELIHOODS)
    settings = AS_MEANT | settings
    for name in ("beta", "free_bits", "variance", "capacity"):
        if name == "capacity" and settings[name] is None:
            continue
        try:
            settings[name] = float(settings[name])
        except (TypeError, ValueError):
            raise InputError(f"diagnose: {name} should be a number, found {settings[name]!r}") from None
    for name in ("constants", "evaluation"):
        require_flag("diagnose", name, settings.get(name, False))
    require_choice("diagnose", "reduction", settings["reduction"], ("mean", "sum"))
    require_at_least("diagnose", "beta", settings["beta"], 0)
    require_at_least("diagnose", "free_bits", settings["free_bits"], 0)
    if settings["capacity"] is not None:
        require_at_least("diagnose", "capacity", settings["capacity"], 0)
        if settings["free_bits"]:
            raise InputError(
                "diagnose: free_bits and capacity both set how much KL is free; declare one of them"
            )
    if not (settings["variance"] > 0 and np.isfinite(settings["variance"])):
        raise InputError(f"diagnose: variance should be positive, found {settings['variance']}")
    if not isinstance(theirs, Mapping):
        raise InputError(
            "diagnose: what to diagnose should be a mapping of names to arrays, found a "
            f"{type(theirs).__name__}"
        )
    _check_names(names)
    arrays: dict[str, Array] = {}
    spelled: dict[str, str] = {}
    roundoffs = []
    for name, value in theirs.items():
        quantity = canonical(str(name), names)
        if quantity is None:
            known = ", ".join([*ALIASES, "and d_… for gradients"])
            raise InputError(
                f"diagnose: {name!r} is no quantity known by that name; give names={{{name!r}: …}}, one "
                f"of {known}"
            )
        if quantity in arrays:
            raise InputError(
                f"diagnose: {name!r} and {spelled[quantity]!r} both stand for {quantity}; give one of them"
            )
        value, observed = _unmasked(name, value, quantity, theirs, names)
        if observed is not None:
            arrays["mask"], spelled["mask"] = observed, f"the mask of {name}"
        array, roundoff = as_float64("diagnose", name, value)
        arrays[quantity], spelled[quantity] = array, name
        # which are exact as a rule
        roundoffs += [roundoff] if roundoff and quantity not in {"x", "mask"} else []
    given = Given(arrays, _coarsest(arrays, roundoffs), spelled=spelled, **settings)
    if len([name for name in SCALES if name in arrays]) > 1:
        raise InputError(
            f"diagnose: of {', '.join(n for n in SCALES if n in arrays)} give one, which is what the "
            "encoder puts out"
        )
    require_agreement(given)
    _require_values(given)
    return given


def _require_values(given: Given) -> None:
    """What a σ or a probability can't be is a wrong name, not a mistake of the step."""
    for name in ("std", "var", "x_std"):
        array = given.arrays.get(name)
        if array is not None and (array < 0).any():
            said = f"{given.spelled[name]}, taken for {name}, should not be negative, found {array.min():.4g}"
            raise InputError(f"diagnose: {said}; is it another of {', '.join(SCALES)}?")
    p, beyond = given.x_mean, 64 * given.eps
    if given.likelihood == "bernoulli" and p is not None and (p.min() < -beyond or p.max() > 1 + beyond):
        raise InputError(
            f"diagnose: {given.spelled['x_mean']} of a Bernoulli should lie in [0, 1], found "
            f"{p.min():.4g} to {p.max():.4g}: "
            "pass logits as logits, or say which likelihood is meant"
        )


def _unmasked(
    name: str, value: Any, quantity: str, theirs: Mapping[str, Any], names: Mapping[str, str]
) -> tuple[Any, Array | None]:
    """What a masked x shows, 0 for what it hides, and the mask of what was observed.

    InputError where anything else hides entries, or where a mask is given besides.
    """
    if not isinstance(value, np.ndarray) and has_masks(value):
        came = arrival("diagnose", value, called=name)
        value = np.ma.MaskedArray(came.values, np.ma.nomask if came.hidden is None else came.hidden)
    if not isinstance(value, np.ma.MaskedArray):
        return value, None
    hidden = np.ma.getmaskarray(value)
    if not hidden.any():
        return value.data, None
    if quantity != "x" or any(canonical(str(other), names) == "mask" for other in theirs):
        helps = (
            f"{name}.filled(…) says what stands in their place, and mask says which entries of x were "
            "observed"
        )
        raise InputError(
            f"diagnose: {name} should be a plain array, found one that hides {int(hidden.sum())} entries: "
            f"{helps}"
        )
    return value.filled(0), (~hidden).astype(np.float64)


def as_float64(where: str, name: str, value: Any) -> tuple[Array, float | None]:
    """float64; and the unit roundoff of its dtype, None for Python's own numbers and for whole numbers."""
    roundoff = None
    try:
        if hasattr(value, "detach"):  # a torch tensor
            if str(value.layout) != "torch.strided":
                raise TypeError(f"it is sparse: {name}.to_dense() stores every entry")
            value = value.detach().cpu()
            roundoff = {"torch.bfloat16": 2.0**-8, "torch.float16": 2.0**-11}.get(str(value.dtype))
            array = np.asarray(value.float() if roundoff else value)
        else:
            # sparse, which is refused, or a DataFrame
            tabular = hasattr(value, "nnz") or hasattr(value, "columns")
            array = arrival(where, value, called=name).values if tabular else np.asarray(value)
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        # ragged lists, sparse tensors, lists of tensors with gradients
        raise InputError(
            f"{where}: {name} should be an array of real numbers ({str(error).splitlines()[0]})"
        ) from None
    if array.dtype.name == "bfloat16":
        array, roundoff = array.astype(np.float32), 2.0**-8
    if value is None:
        raise InputError(f"{where}: {name} is None: leave out what there is not")
    if array.dtype.kind not in "fiub":
        raise InputError(f"{where}: {name} should be an array of real numbers, found {array.dtype}")
    if array.size > MOST_ENTRIES:
        raise InputError(
            f"{where}: {name} should have at most {MOST_ENTRIES:,} entries, found {array.size:,}"
        )
    if array.dtype.kind == "f" and not isinstance(value, float | int) and roundoff is None:
        roundoff = max(float(np.finfo(array.dtype).eps), float(np.finfo(np.float64).eps)) / 2
    if not array.size:
        raise InputError(f"{where}: {name} should have entries, found shape {array.shape}")
    wide = array.astype(np.float64)
    return wide, max(roundoff, _of_values(array)) if roundoff else roundoff


def _of_values(array: Array) -> float:
    """The roundoff of the half precision that holds a float32 array's numbers, as under autocast; else 0."""
    if array.dtype != np.float32:
        return 0.0
    values = array[np.isfinite(array) & (array != 0)]
    if len(np.unique(np.abs(values))) < FEW:
        return 0.0
    bits = values.view(np.uint32)
    for kept, roundoff in ((7, 2.0**-8), (10, 2.0**-11)):
        low = bits & np.uint32((1 << (23 - kept)) - 1)
        last = (bits >> np.uint32(23 - kept)) & np.uint32(1)
        if not low.any() and last.any():
            return roundoff
    return 0.0


def _coarsest(arrays: Mapping[str, Array], roundoffs: list[float]) -> float:
    """Of the arrays' dtypes; where all are Python's numbers, float32's if float32 holds every one of them."""
    if roundoffs:
        return max(roundoffs)
    with np.errstate(over="ignore"):
        single = all(np.array_equal(a, a.astype(np.float32)) for a in arrays.values())
    return float(np.finfo(np.float32 if single else np.float64).eps) / 2


def _check_names(names: Mapping[str, str]) -> None:
    """InputError where `names` leads to no quantity."""
    if not isinstance(names, Mapping):
        raise InputError(
            f"diagnose: names should be a mapping of your names to ours, found a {type(names).__name__}"
        )
    for theirs, ours in names.items():
        if canonical(str(ours), {}) is None:
            raise InputError(
                f"diagnose: {theirs!r} is said to be {ours!r}, which is no quantity; there are "
                f"{', '.join(ALIASES)}, d_…"
            )
