"""The name of a run's folder tells its data, its recipe, and what differs from the defaults."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import fields
from hashlib import sha256
from inspect import Parameter
from pathlib import Path
from typing import Any

from scratchvae.choices import Choice, Table, parse
from scratchvae.recipes import OBJECTIVES, OPTIMIZERS, RECIPES
from scratchvae.runs.config import Config
from scratchvae.runs.spellings import BEGINNING, DEFAULT

LONGEST = 72  # characters; every file system accepts a few times as many
UNSAID = {
    "data",
    "data_dir",
    "examples",
    "event_shape",
    "schema",
    "columns",
    "kind",
    *BEGINNING,
}  # these entries add no words of their own
ALONE = {
    "model",
    "likelihood",
    "posterior",
    "prior",
    "penalties",
    "penalty",
    "recipe",
    "objective",
    "optimizer",
    "schedule",
}


def folder_name(config: Config) -> str:
    """Return a short name of lower-case ASCII, such as fashion-mnist-mlp-beta4-seed1.

    Every file system accepts it.
    """
    recipe, objective, optimizer = parse(config.recipe), parse(config.objective), parse(config.optimizer)
    words = [
        _plain(Path(config.data).name.split(".")[0]) or "data",
        _plain(recipe.name),
        *_differences(RECIPES, recipe),
    ]
    words += [_plain(objective.name)] if objective.name != DEFAULT else []
    words += _differences(OBJECTIVES, objective)
    words += [_plain(optimizer.name)] if optimizer.name != BEGINNING["optimizer"] else []
    words += _differences(OPTIMIZERS, optimizer)
    for entry in fields(config):
        value = getattr(config, entry.name)
        if entry.name not in UNSAID and value != entry.default:
            words.append(word(entry.name, value))
    return shortened_name("-".join(words), config.to_json())


def word(name: str, value: Any) -> str:
    """Write a setting as a part of a name.

    >>> word("beta", 4.0), word("latent_dim", 2), word("binarized", True)
    ('beta4', 'latent-dim2', 'binarized')
    >>> word("prior", "vamp(components=50)")
    'vamp-components50'
    """
    if isinstance(value, bool):
        return _plain(name if value else f"no {name}")
    said = _said(name, value)
    return said if name in ALONE else f"{_plain(name)}{'' if said[:1].isdigit() else '-'}{said}"


def shortened_name(name: str, content: str) -> str:
    """Return the name, or where it is too long its beginning and a few letters that stand for `content`."""
    return (
        name
        if len(name) <= LONGEST
        else f"{name[: LONGEST - 9].rstrip('-.')}-{sha256(content.encode()).hexdigest()[:8]}"
    )


def _said(name: str, value: Any) -> str:
    if isinstance(value, str) and name in ALONE and "(" in value:
        value = parse(value, name)
    if isinstance(value, Choice):
        return "-".join(
            [_plain(value.name), *(word(inner, one) for inner, one in _settled(name, value).items())]
        )
    if isinstance(value, tuple | list):
        return "-".join(_said(name, one) for one in value) or "none"
    if isinstance(value, int | float) and value < 0:
        return f"minus{_said(name, -value)}"
    if isinstance(value, float):
        return _plain(repr(int(value)) if value.is_integer() and abs(value) < 1e6 else repr(value))
    return _plain(str(value)) or "empty"


def _settled(name: str, choice: Choice) -> Mapping[str, Any]:
    return {**{str(k + 1): value for k, value in enumerate(choice.positions)}, **choice.keywords}


def _differences(table: Table, choice: Choice) -> Iterator[str]:
    """Yield the parameters of a choice that are not the defaults of its row.

    The defaults of the model's own objective are those of Elbo.
    """
    row = choice.name if choice.name in table else "elbo"
    defaults = {name: parameter.default for name, parameter in table.parameters(row).items()}
    for name, value in choice.keywords.items():
        default = defaults.get(name, Parameter.empty)
        if default is Parameter.empty or word(name, value) != word(name, default):
            yield word(name, value)


def _plain(text: str) -> str:
    """Keep letters, digits, points and hyphens of a text.

    No point or hyphen stays at an end, because some file systems drop them there.
    """
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]*[^a-z0-9.][^a-z0-9]*|\.\.+", "-", ascii_only).strip("-.")
