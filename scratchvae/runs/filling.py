"""What a config leaves to the data is filled in when a run begins: a likelihood, a number of classes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.choices import Choice, parse, shortened
from scratchvae.data import Dataset, TableSchema, no_labels
from scratchvae.recipes import RECIPES
from scratchvae.runs.config import Config
from scratchvae.runs.version_0_2 import BY_DTYPE

# The law of counts is also that of a table's columns of counts.
OF_TEXTS, OF_COUNTS = "multinomial", "negative_binomial"
BY_DATA = ("likelihood", "classes", "condition_dim")  # parameters of a recipe that the data may choose


def filled(config: Config, data: Dataset) -> Config:
    """Return the config with what its recipe leaves open and the data decide.

    The text of the recipe then has it. Where no likelihood is chosen, counts of words are multinomial and
    other counts negative binomial. A conditional_vae is told the conditions of the examples or, where they
    have none, their labels. The number of classes is the number of label names or, without names, one more
    than the largest label. InputError where there are neither.
    """
    if config.kind == BY_DTYPE:  # an older version left nothing to the data
        return config
    recipe = parse(config.recipe)
    known, chosen = RECIPES.parameters(recipe.name), recipe.keywords
    found: dict[str, Any] = {}
    if "likelihood" in known and "likelihood" not in chosen and data.kind == "counts" and data.schema is None:
        found["likelihood"] = Choice(OF_TEXTS if data.entry_names else OF_COUNTS)
    told = chosen.get("model")
    if (
        told in ("conditional_vae", Choice("conditional_vae"))
        and not {"classes", "condition_dim"} & chosen.keys()
    ):
        if data.conditions is not None:
            found["condition_dim"] = data.conditions.shape[1]
        elif data.labels is not None and (classes := len(data.label_names) or int(data.labels.max()) + 1):
            found["classes"] = classes
        else:
            raise InputError(f"a conditional_vae should be told what is known of examples; {no_labels(data)}")
    return replace(config, recipe=str(replace(recipe, keywords={**chosen, **found}))) if found else config


def noted(config: Config, data: Dataset, schema: TableSchema | None) -> Config:
    """Return the config with what a run writes down of its data when it starts.

    That is the number of examples, their shape, their kind, and the schema of a table.
    """
    known: dict[str, Any] = {"examples": len(data), "event_shape": data.event_shape}
    known |= {"schema": schema and schema.to_entries(), "kind": config.kind or data.kind}
    return replace(config, **known)


def by_data(planned: Config, begun: Config) -> Mapping[str, Any]:
    """Return the parameters that `planned` leaves open and that the data have chosen in `begun`.

    `begun` is the config of the run of that plan. The result is empty where the two recipes differ in
    anything else.
    """
    before, after = parse(planned.recipe), parse(begun.recipe)
    found = {
        name: value
        for name, value in after.keywords.items()
        if name in BY_DATA and name not in before.keywords
    }
    if found.get("likelihood", Choice(OF_COUNTS)) not in (
        OF_TEXTS,
        OF_COUNTS,
        Choice(OF_TEXTS),
        Choice(OF_COUNTS),
    ):
        return {}
    same = (
        replace(after, keywords={name: value for name, value in after.keywords.items() if name not in found})
        == before
    )
    return found if same else {}


def described(chosen: Mapping[str, Any]) -> str:
    """Say what the data have chosen, in a sentence for whoever starts a run."""
    values = " and ".join(f"{name} {shortened(value)}" for name, value in chosen.items())
    options = ", ".join(f"--{name.replace('_', '-')}" for name in chosen)
    return f"the data say {values} ({options} chooses otherwise)"
