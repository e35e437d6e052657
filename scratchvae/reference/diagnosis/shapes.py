"""Which shapes the quantities of a step have, which others have one meaning, and what is said of the rest."""

from collections import Counter

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis.quantities import DRAWN, GRADIENTS, SCALES, X_SCALES, Given


def require_agreement(given: Given) -> None:
    """Settle what can be settled in place; InputError where shapes contradict each other."""
    _flatten(given)
    _settle(given)
    outputs = ("logits", "x_mean", *X_SCALES)
    shapes: dict[str, tuple[str, ...]] = {
        **dict.fromkeys(("x", "mask", *outputs, *(f"d_{name}" for name in outputs)), ("B", "D")),
        **dict.fromkeys(
            ("noise", "mean", "z", "d_z", "d_mean", *SCALES, *(f"d_{s}" for s in SCALES)), ("B", "Z")
        ),
    }
    sizes = {"B": given.B, "K": given.K, "D": None, "Z": None}
    for letter in "DZ":  # the most common size is right
        found = [
            array.shape[-1]
            for name, array in given.arrays.items()
            if array.ndim > 1 and letter in shapes.get(name, ())
        ]
        sizes[letter] = Counter(found).most_common(1)[0][0] if found else None
    for name, letters in shapes.items():
        array = given.arrays.get(name)
        if array is not None and array.ndim == 3:
            letters = ("B", "K", letters[1])
        expected = tuple(sizes[letter] for letter in letters)
        if array is not None and array.shape != expected:
            words = (
                f"({', '.join(letters)}) = {expected}"
                if None not in expected
                else f"({', '.join(letters)}), examples first"
            )
            raise InputError(
                f"diagnose: {given.spelled[name]} should have shape {words}, found {array.shape}"
            )
    for name in ("kl", "reconstruction", "log_px", "log_pz", "log_q", "log_w", "loss", "bound"):
        array = given.arrays.get(name)
        if array is not None and array.ndim and len(array) != given.B:
            raise InputError(
                f"diagnose: {given.spelled[name]} should have {given.B} examples as the others, found "
                f"shape {array.shape}"
            )
    weights = {
        given.arrays[name].shape for name in ("log_pz", "log_q", "log_w", "d_log_w") if name in given.arrays
    }
    if given.log_pz is not None and given.log_px is not None:
        weights.add(given.log_px.shape)
    if len(weights) > 1:
        raise InputError(
            f"diagnose: log_px, log_pz, log_q and log_w should have one shape (B, K), found {sorted(weights)}"
        )


def _flatten(given: Given) -> None:
    """(B, D) of what an example has; (B, K, D) of what each of K draws has."""
    x, K = given.x, given.K
    for name, array in given.arrays.items():
        # an image of as many channels as draws
        one = x is not None and array[0].size == x[0].size if array.ndim > 2 else True
        if array.ndim > 2:
            drawn = GRADIENTS.get(name, name) in DRAWN and array.shape[1] == K and not one
            given.arrays[name] = (
                array.reshape(*array.shape[:2], -1) if drawn else array.reshape(len(array), -1)
            )


def _settle(given: Given) -> None:
    """Shapes that can only mean one thing:

    (B, 1) and (1,) of numbers by example, one row of noise, one draw for each example.
    """
    arrays = given.arrays
    for name in ("kl", "reconstruction", "log_px", "loss", "bound"):
        array = arrays.get(name)
        if (
            array is not None
            and array.ndim == 2
            and array.shape[1] == 1
            and not (name == "kl" and given.Z == 1)
        ):
            arrays[name] = array = array[:, 0]
        if array is not None and array.shape == (1,) and (given.B or 1) > 1:
            arrays[name] = array[0]
    for name in ("log_px", "log_pz", "log_q", "log_w", "d_log_w"):
        if name in arrays and (name != "log_px" or given.log_pz is not None):
            arrays[name] = (
                arrays[name].reshape(len(arrays[name]), -1)
                if arrays[name].ndim
                else arrays[name].reshape(1, 1)
            )
    noise = arrays.get("noise")
    if noise is not None and noise.ndim == 1:
        noise = noise[None]
    if noise is not None and noise.ndim == 2 and len(noise) == 1 and (given.B or 1) > 1:
        noise = np.broadcast_to(noise, (given.B or 1, noise.shape[1]))
    if noise is not None:
        arrays["noise"] = noise
    picture, x = arrays.get("reconstruction"), arrays.get("x")
    alone = "logits" not in arrays and "x_mean" not in arrays
    if (
        alone
        and picture is not None
        and x is not None
        and picture.shape == x.shape
        and x.ndim == 2
        and _is_picture(picture)
    ):
        arrays["x_mean"] = arrays.pop("reconstruction")  # what many call recon is the picture
        given.spelled["x_mean"] = given.spelled.pop("reconstruction")


def _is_picture(array: Array) -> bool:
    return array.shape[1] > 1 and array.min() >= 0 and array.max() <= 1
