"""Short spellings set a parameter of an objective or a recipe: `beta=4`, `latent_dim=2`."""

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from scratchvae.arrays import InputError
from scratchvae.choices import Choice, Table, joined, parse
from scratchvae.recipes import (
    LIKELIHOODS,
    MODELS,
    OBJECTIVES,
    OPTIMIZERS,
    PENALTIES,
    POSTERIORS,
    PRIORS,
    RECIPES,
    SCHEDULES,
)

LAWS = "of texts multinomial, of counts negative_binomial, of tables by column, else bernoulli"
DEFAULT = "default"  # stands for the model's own objective, in the place of a name


class Short(NamedTuple):
    """A parameter with a spelling of its own: its choice, its name there, and what it means."""

    # "recipe", "objective", "optimizer" or "schedule"; the name of a penalty; or "ramp", for its steps
    of: str
    parameter: str
    words: str


SHORT = {
    "model": Short(
        "recipe",
        "model",
        f"{', '.join(MODELS)}, a recipe that is one by itself, or a name, as beta-tc (default vae)",
    ),
    "latent_dim": Short("recipe", "latent_dim", "number of latents (default 20; convolutional 16)"),
    "hidden": Short("recipe", "hidden", "widths of the hidden layers (default 400; convolutional 256)"),
    "channels": Short("recipe", "channels", "channels of the convolutions (default 32 64)"),
    "activation": Short("recipe", "activation", "between layers (default relu)"),
    "code_activation": Short("recipe", "code_activation", "behind an autoencoder's codes (default: none)"),
    "standardize": Short("recipe", "standardize", "see columns of mean 0 and deviation 1"),
    "likelihood": Short("recipe", "likelihood", f"{', '.join(LIKELIHOODS)} (default: {LAWS})"),
    "posterior": Short("recipe", "posterior", f"{', '.join(POSTERIORS)} (default diagonal_gaussian)"),
    "log_var_bounds": Short("recipe", "log_var_bounds", "low and high, of log σ² of q(z|x) (default: none)"),
    "prior": Short("recipe", "prior", f"{', '.join(PRIORS)} (default standard_gaussian)"),
    "classes": Short(
        "recipe", "classes", "of a conditional_vae that is told labels: how many (default: as the data say)"
    ),
    "condition_dim": Short(
        "recipe", "condition_dim", "of a conditional_vae told real numbers: how many (default: as they are)"
    ),
    "critic": Short(
        "recipe", "critic", "widths of a critic's hidden layers, for --penalty critic(…) (default: none)"
    ),
    "classifier": Short(
        "recipe",
        "classifier",
        "widths of its hidden layers, for a conditional_vae without some labels (default: none)",
    ),
    "fill": Short(
        "recipe",
        "fill",
        "what the encoder sees where an entry is missing: zero (default), learned, zero_and_mask",
    ),
    "init": Short("recipe", "init", "of the weights (default pytorch)"),
    "beta": Short("objective", "beta", "weight of the KL term (default 1)"),
    "free_bits": Short("objective", "free_bits", "nats of KL that cost nothing, for each latent"),
    "capacity": Short("objective", "capacity", "nats: |KL - capacity| is penalized instead of KL"),
    "samples": Short("objective", "samples", "draws an example"),
    "noise_std": Short("objective", "noise_std", "of Gaussian corruption"),
    "mask_rate": Short("objective", "mask_rate", "share of entries masked"),
    "beta_warm_up": Short("ramp", "beta", "steps over which beta grows from 0"),
    "capacity_steps": Short("ramp", "capacity", "steps over which capacity grows from 0"),
    "l1": Short("l1", "weight", "of the penalty l1"),
    "sparsity": Short("sparsity", "weight", "of the penalty sparsity, on how often a latent is on"),
    "sparsity_target": Short(
        "sparsity", "target", "share of examples that a latent is to be on for (default 0.05)"
    ),
    "contraction": Short("contraction", "weight", "of the penalty contraction, |dz/dx|^2"),
    "learning_rate": Short("optimizer", "learning_rate", "default: the optimizer's"),
    "warm_up": Short("schedule", "warm_up", "steps while the learning rate rises (default 0)"),
    "decay_every": Short("schedule", "every", "steps, for the schedule step (default 1000)"),
}


# These choices hold where no others are given.
BEGINNING = {"recipe": "mlp", "objective": DEFAULT, "optimizer": "adam"}


def spelled_out(
    given: Mapping[str, Any],
    spelling: Callable[[str], str] = str,
    beginning: Mapping[str, str] = BEGINNING,
) -> dict[str, str]:
    """Return the recipe, objective and optimizer of what is given by name, each as a text.

    `given` may hold the texts of choices "recipe", "objective", "optimizer" and "schedule", a list of such
    texts as "penalty", and the value of any SHORT. InputError, which calls a name by its `spelling`, where
    two of them set one parameter. Given values replace those in `beginning`.
    """
    short: dict[str, dict[str, Any]] = {}
    for name, (of, parameter, _) in SHORT.items():
        if name in given:
            short.setdefault(of, {})[parameter] = given[name]
    recipe, values = parse(given.get("recipe", beginning["recipe"]), "recipe"), short.get("recipe", {})
    if isinstance(model := values.get("model"), Choice) and model.name in RECIPES and "recipe" not in given:
        recipe = values.pop("model")
    objective = parse(given.get("objective", beginning["objective"]), "objective")
    weights = _weights(given, short, spelling, {} if "objective" in given else objective.keywords)
    return {
        "recipe": str(_joined(RECIPES, recipe, values, spelling, replacing="recipe" not in given)),
        "objective": str(
            _joined(OBJECTIVES, objective, weights, spelling, replacing="objective" not in given)
        ),
        "optimizer": str(_optimizer(given, short, spelling, beginning)),
    }


def _joined(
    table: Table,
    choice: Choice,
    values: Mapping[str, Any],
    spelling: Callable[[str], str],
    *,
    replacing: bool,
) -> Choice:
    """Return the choice with these values, which replace its own where `replacing`."""
    settled = choice if choice.name == DEFAULT else table.settle(choice)
    if replacing:
        return replace(settled, keywords={**settled.keywords, **values})
    return joined(table, settled, values, spelling)


def _without(choice: Choice, names: Container[str]) -> Choice:
    return replace(
        choice, keywords={name: value for name, value in choice.keywords.items() if name not in names}
    )


def _weights(
    given: Mapping[str, Any],
    short: Mapping[str, dict[str, Any]],
    spelling: Callable[[str], str],
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the values of the objective's parameters that the short spellings set.

    A ramp may end at the value that was there `before`.
    """
    values: dict[str, Any] = {"beta": 1.0} if "beta" in short.get("ramp", {}) else {}
    values |= {
        name: before[name] for name in short.get("ramp", {}) if isinstance(before.get(name), int | float)
    }
    values |= short.get("objective", {})
    for weight, steps in short.get("ramp", {}).items():
        if weight not in values:
            raise InputError(
                f"objective: {spelling(f'{weight}_steps')} should come with a {weight} to grow to, found none"
            )
        values[weight] = Choice("ramp", {"start": 0, "end": values[weight], "steps": steps})
    penalties = [PENALTIES.settle(text) for text in given.get("penalty", ())]
    penalties += [Choice(name, short[name]) for name in PENALTIES if name in short]
    return values | ({"penalties": tuple(penalties)} if penalties else {})


def _optimizer(
    given: Mapping[str, Any],
    short: Mapping[str, dict[str, Any]],
    spelling: Callable[[str], str],
    beginning: Mapping[str, str],
) -> Choice:
    """Return the optimizer with its learning rate.

    The rate is a schedule where a schedule is given, or where a short spelling sets a part of one.
    """
    optimizer, rate = (
        OPTIMIZERS.settle(given.get("optimizer", beginning["optimizer"])),
        short.get("optimizer", {}),
    )
    before = None if "optimizer" in given else optimizer.keywords.get("learning_rate")
    scheduled = "schedule" in given or "schedule" in short
    if before is not None and (scheduled or rate):
        optimizer = _without(optimizer, ("learning_rate",))
    if scheduled:
        values = dict(short.get("schedule", {}))
        schedule = SCHEDULES.settle(
            given.get("schedule", before if isinstance(before, Choice) else "constant")
        )
        if "schedule" not in given:
            schedule = _without(schedule, {*values, "rate"} if rate else values)
        if rate:
            values["rate"] = rate["learning_rate"]
        elif "rate" in SCHEDULES.parameters(schedule.name) and "rate" not in schedule.keywords:
            default = OPTIMIZERS.parameters(optimizer.name)["learning_rate"].default
            values["rate"] = before if isinstance(before, int | float) else default
        rate = {"learning_rate": joined(SCHEDULES, schedule, values, spelling)}
    return joined(OPTIMIZERS, optimizer, rate, spelling)
