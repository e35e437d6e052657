"""The name of a model stands for settings, beside which a user may give others.

An example is `--model beta-tc --latent-dim 5`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scratchvae.arrays import InputError, nearest
from scratchvae.choices import Choice, Table, parse, shortened
from scratchvae.recipes import MODELS, NAMED_MODELS, OBJECTIVES, PENALTIES, RECIPES
from scratchvae.runs.spellings import SHORT


def unnamed(given: Mapping[str, Any], spelling: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the settings, with those that the name of a model stands for in place of the name.

    Settings beside the name change what it stands for: a value replaces the name's value, and an objective or
    a penalty of the same row keeps the name's values that it does not set itself. Other penalties are added.
    InputError, which calls a setting by its `spelling`, for a choice of another row, such as
    `prior=standard_gaussian` beside `model=vamp`, and for an unknown name.
    """
    model = _choice("model", given.get("model", "vae"))
    if model.name in MODELS or model.name in RECIPES:
        return dict(given)
    if model.name not in NAMED_MODELS:
        expected = f"model should be one of {', '.join(MODELS)}, or another name that `train --list` has"
        others = nearest(model.name, (*MODELS, *RECIPES, *NAMED_MODELS))
        raise InputError(f"{expected}; found {shortened(model.name)}{others}")
    if model.keywords or model.positions:
        expected = f"model {model.name} takes no values: what it stands for does"
        raise InputError(f"{expected}; found {shortened(model)}")
    named = dict(NAMED_MODELS[model.name].settings)
    said = {name: value for name, value in given.items() if name != "model"}
    recipe, objective = (_keywords(name, said.get(name)) for name in ("recipe", "objective"))
    theirs = {**recipe, **objective, **said}  # all that the user says, at the top or inside a choice
    if "model" not in theirs:
        said["model"] = "vae"
    for name in ("model", "objective", "posterior", "prior"):
        if (
            name in named
            and name in theirs
            and _choice(name, theirs[name]).name != _choice(name, named[name]).name
        ):
            beside = f"{spelling('model')} {model.name} stands for {spelling(name)} {named[name]}"
            raise InputError(
                f"{beside}; found {spelling(name)} {shortened(_choice(name, theirs[name]))}: give one of them"
            )
    said |= {name: value for name, value in named.items() if name not in theirs and name != "penalty"}
    if "objective" in named:
        values = {SHORT[name].parameter for name in said if name in SHORT and SHORT[name].of == "objective"}
        chosen = _merged(OBJECTIVES, named["objective"], said["objective"])
        kept = {
            name: value for name, value in chosen.keywords.items() if name in objective or name not in values
        }
        said["objective"] = Choice(chosen.name, kept)
    if "penalty" in named:
        inside = _several(objective.get("penalties", ()))
        short = [SHORT[name].of for name in said if name in SHORT]
        penalties = _penalties(named["penalty"], [*inside, *_several(said.get("penalty", ()))], short)
        if inside:
            said["objective"] = Choice(
                _choice("objective", said["objective"]).name, {**objective, "penalties": tuple(penalties)}
            )
            said.pop("penalty", None)
        else:
            said["penalty"] = penalties
    return said


def _choice(name: str, value: Any) -> Choice:
    """Return a choice that was given as a text or as a Choice; InputError for anything else."""
    if not isinstance(value, str | Choice):
        raise InputError(
            f"{name} should be a choice, such as name(parameter=value); found {shortened(value)}"
        )
    return parse(value, name) if isinstance(value, str) else value


def _several(value: Any) -> Sequence[Any]:
    """Return a sequence of penalties; a single one becomes a sequence of one."""
    return value if isinstance(value, tuple | list) else (value,)


def _keywords(name: str, value: Any) -> dict[str, Any]:
    """Return the parameters that a recipe or an objective sets itself."""
    if value is None:
        return {}
    choice, table = _choice(name, value), {"recipe": RECIPES, "objective": OBJECTIVES}[name]
    return dict((table.settle(choice) if choice.name in table else choice).keywords)


def _merged(table: Table, named: str | Choice, theirs: str | Choice) -> Choice:
    """Merge two choices of one row; where both set a parameter, theirs is used."""
    mine, own = table.settle(named), table.settle(theirs)
    return Choice(mine.name, {**mine.keywords, **own.keywords})


def _penalties(named: Sequence[str], theirs: Sequence[Any], short: Sequence[str]) -> list[Choice]:
    """Return the name's penalties, each with the values that are given for its row, and the other given ones.

    The name's penalty of a row that a `short` spelling sets is left out.
    """
    given = {(choice := PENALTIES.settle(one)).name: choice for one in theirs}
    own = {PENALTIES.settle(one).name: one for one in named}
    merged = [_merged(PENALTIES, one, given.get(name, one)) for name, one in own.items() if name not in short]
    return [*merged, *(choice for name, choice in given.items() if name not in own)]
