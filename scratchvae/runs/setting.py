"""Settings by name, such as {"data": "notes", "beta": 4, "seed": 1}, become the config of a run."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

from scratchvae.arrays import InputError, nearest
from scratchvae.choices import Choice, parse_value, shortened
from scratchvae.data import NAMES
from scratchvae.runs.config import Config
from scratchvae.runs.named_choices import unnamed
from scratchvae.runs.spellings import BEGINNING, SHORT, spelled_out

MEASURED = {"examples", "event_shape", "schema"}  # entries of a config that the data fill in
CHOSEN = {*BEGINNING, "schedule"}  # settings whose values are choices
SETTINGS = ({entry.name for entry in fields(Config)} - MEASURED) | SHORT.keys() | {"penalty", "schedule"}


def configured(
    given: Mapping[str, Any], base: Config | None = None, *, spelling: Callable[[str], str] = str
) -> Config:
    """Return the config with these settings of SETTINGS; other entries are those of `base` or the defaults.

    A choice may be a Choice or its text, "elbo(beta=4)". InputError, which calls a setting by its `spelling`,
    for an unknown setting, for two settings of one parameter, and for a value that does not fit.
    """
    for name in given:
        if name not in SETTINGS:
            known = nearest(name, SETTINGS) or f"; there are {', '.join(sorted(SETTINGS))}"
            raise InputError(f"{spelling(name)} is no setting of a run{known}")
    given = {name: _text(name, value) for name, value in unnamed(given, spelling).items()}
    entries: dict[str, Any] = {} if base is None else asdict(base)
    if {"data", "data_dir"} & given.keys():
        entries |= dict.fromkeys(MEASURED)
    entries |= {entry.name: given[entry.name] for entry in fields(Config) if entry.name in given}
    beginning = BEGINNING if base is None else {name: getattr(base, name) for name in BEGINNING}
    entries |= spelled_out(given, spelling, beginning)
    return absolute(Config(**entries))


def absolute(config: Config) -> Config:
    """Return the config with paths that lead to the same data from any folder."""
    data, data_dir = config.data, config.data_dir
    return replace(
        config,
        data=data if data in NAMES else str(Path(data).absolute()),
        data_dir=None if data_dir is None else str(Path(data_dir).absolute()),
    )


def moved(config: Config, data: str | None, data_dir: str | None) -> Config:
    """Return the config with the place where its data lie now; None means that they have not moved."""
    if data is None and data_dir is None:
        return config
    lying = {
        "data": config.data if data is None else data,
        "data_dir": config.data_dir if data_dir is None else data_dir,
    }
    return absolute(replace(config, **lying))  # type: ignore[arg-type]


def _text(name: str, value: Any) -> Any:
    """Return the value as a config or a short spelling takes it.

    A choice becomes a text, and penalties always become a list.
    """
    if name == "penalty":
        several = value if isinstance(value, tuple | list) else (value,)
        return [_choice_in_text(name, one) for one in several]
    if name in CHOSEN:
        return _choice_in_text(name, value)
    if name in SHORT:
        return parse_value(value, name) if isinstance(value, str) else value
    return str(value) if isinstance(value, Choice | PathLike) else value


def _choice_in_text(name: str, value: Any) -> str:
    if not isinstance(value, str | Choice):
        raise InputError(
            f"{name} should be a choice, such as name(parameter=value); found {shortened(value)}"
        )
    return str(value)
