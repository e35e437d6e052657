"""The settings in which runs differ are found by taking their configs apart into single values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratchvae.choices import Choice, Table, parse
from scratchvae.recipes import OBJECTIVES, OPTIMIZERS, RECIPES
from scratchvae.runs.config import Config
from scratchvae.runs.spellings import DEFAULT

CHOICES: dict[str, Table] = {"recipe": RECIPES, "objective": OBJECTIVES, "optimizer": OPTIMIZERS}
OWN = ("elbo", "reconstruction")  # the objectives of models where none is chosen
# entries that follow from the data, or say where they lie
NOT_SET = {"data_dir", "examples", "event_shape", "schema"}


def settings(config: Config) -> dict[str, Any]:
    """Return every setting of a run by its name: entries of its config, and parameters of its choices.

    A parameter that the choice leaves out has its default value. Where two choices have a parameter of the
    same name, the second is called by the choice too, as in "optimizer momentum".

    >>> settings(Config(objective="elbo(beta=4)"))["beta"], settings(Config())["latent_dim"]
    (4, 20)
    """
    return {name: value for name, (value, _) in settings_by_default(config).items()}


def differing(configs: Sequence[Config]) -> list[dict[str, Any]]:
    """Return, for each config, the settings in which not all configs agree, as numbers and words.

    The settings come in one order. A setting that a run does not have is None. A setting that only some runs
    have, at its default value, is no difference of its own, since it comes with the recipe or the objective.
    Paths are named by their last part where that tells them apart.
    """
    every = [settings_by_default(config) for config in configs]
    names = dict.fromkeys(name for one in every for name in one)
    found: list[dict[str, Any]] = [{} for _ in every]
    for name in names:
        having = [one[name] for one in every if name in one]
        chosen = len(having) < len(every) and not all(usual for _, usual in having)
        values: list[Any] = [plain(one[name][0]) if name in one else None for one in every]
        if not chosen and len({plain(value) for value, _ in having}) == 1:
            continue
        if name == "data":
            last = [Path(str(value)).name for value in values]
            values = list(last) if len(set(last)) == len(set(values)) else values
        for one, value in zip(found, values, strict=True):
            one[name] = value
    return found


def settings_by_default(config: Config) -> dict[str, tuple[Any, bool]]:
    """Return every setting by its name: its value, and whether that is its default."""
    found: dict[str, tuple[Any, bool]] = {}
    for name, value in vars(config).items():
        if name in NOT_SET:
            continue
        if name not in CHOICES:
            found[name] = (value, value == getattr(Config, name))
            continue
        choice = parse(value, name)
        found[name] = (choice.name, choice.name == parse(getattr(Config, name)).name)
        usual = _defaults(CHOICES[name], choice.name)
        for parameter, held in {**usual, **choice.keywords}.items():
            free = parameter not in found
            found[parameter if free else f"{name} {parameter}"] = (
                held,
                plain(held) == plain(usual.get(parameter)),
            )
    return found


def _defaults(table: Table, row: str) -> dict[str, Any]:
    """Return the parameters of a row that have defaults, and those defaults.

    For a model's own objective these are the parameters whose default is the same in all rows of OWN.
    """
    if row != DEFAULT:
        return {name: p.default for name, p in table.parameters(row).items() if p.default is not p.empty}
    every = [(name, p.default) for other in OWN for name, p in table.parameters(other).items()]
    agreed = {name: {default for other, default in every if other == name} for name, _ in every}
    return {name: next(iter(found)) for name, found in agreed.items() if len(found) == 1}


def plain(value: Any) -> Any:
    """Turn a value into a number, a truth value, a text or None, which every format of a table can show."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return " ".join(str(plain(one)) for one in value)
    return str(value) if isinstance(value, Choice) else repr(value)
