"""The config.json of scratchvae 0.1.0 had an entry for each weight; here it is translated."""

from collections.abc import Mapping
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.choices import parse_value
from scratchvae.runs.spellings import SHORT, spelled_out

DEFAULTS = {
    "beta": 1.0,
    "beta_warm_up": 0,
    "free_bits": 0.0,
    "capacity": None,
    "capacity_steps": 0,
    "samples": None,
    "noise_std": 0.0,
    "mask_rate": 0.0,
    "l1": 0.0,
    "sparsity": 0.0,
    "sparsity_target": 0.05,
    "contraction": 0.0,
    "warm_up": 0,
    "objective": None,
    "schedule": "constant",
}
NAMES = {"gaussian_learned": "gaussian(learned=True)", "laplace_learned": "laplace(learned=True)"}


def translated(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the entries, `settings` among them, into those of today.

    InputError where an entry has another type than it had then.
    """
    settings = entries["settings"]
    if not isinstance(settings, Mapping):
        raise InputError(f"config: settings should be a JSON object, found {type(settings).__name__}")
    given = {name: value for name, value in entries.items() if value != DEFAULTS.get(name, ...)}
    if given.get("schedule") != "step":
        given.pop("decay_every", None)
    for name in ("recipe", "objective", "optimizer", "schedule"):
        if not isinstance(given.get(name, ""), str):
            raise InputError(f"config: {name} should be a name, found {given[name]!r}")
    for name, value in settings.items():
        if name not in SHORT or SHORT[name].of != "recipe":
            raise InputError(f"config: settings should be those of a recipe, found {name!r}")
        given[name] = parse_value(NAMES.get(value, value), name) if isinstance(value, str) else value
    today = {name: value for name, value in given.items() if name not in {*SHORT, "schedule", "settings"}}
    return today | spelled_out(given)
