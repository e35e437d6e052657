"""Short spellings: `beta=4` and `latent_dim=2` for what is otherwise written in the choice of an objective or a recipe."""

from collections.abc import Callable, Mapping
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

DEFAULT = "default"  # in the place of an objective's name: the model's own


class Short(NamedTuple):
    """A parameter with a spelling of its own: of which choice, its name there, and what it means."""

    of: str  # "recipe", "objective", "optimizer" or "schedule"; the name of a penalty; or "ramp", whose steps it is
    parameter: str
    words: str


SHORT = {
    "model": Short("recipe", "model", f"{', '.join(MODELS)}, or a recipe that is a model of its own (default vae)"),
    "latent_dim": Short("recipe", "latent_dim", "number of latents (default 20; convolutional 16)"),
    "hidden": Short("recipe", "hidden", "widths of the hidden layers (default 400; convolutional 256)"),
    "channels": Short("recipe", "channels", "channels of the convolutions (default 32 64)"),
    "activation": Short("recipe", "activation", "between layers (default relu)"),
    "code_activation": Short("recipe", "code_activation", "behind an autoencoder's codes (default: none)"),
    "standardize": Short("recipe", "standardize", "see columns of mean 0 and deviation 1"),
    "likelihood": Short("recipe", "likelihood", f"{', '.join(LIKELIHOODS)} (default bernoulli)"),
    "posterior": Short("recipe", "posterior", f"{', '.join(POSTERIORS)} (default diagonal_gaussian)"),
    "log_var_bounds": Short("recipe", "log_var_bounds", "low and high, of log σ² of q(z|x) (default: none)"),
    "prior": Short("recipe", "prior", f"{', '.join(PRIORS)} (default standard_gaussian)"),
    "classes": Short("recipe", "classes", "of a conditional_vae that is told labels: how many"),
    "condition_dim": Short("recipe", "condition_dim", "of a conditional_vae that is told real numbers (conditions): how many"),
    "fill": Short("recipe", "fill", "what the encoder sees where an entry is missing: zero (default), learned, zero_and_mask"),
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
    "sparsity_target": Short("sparsity", "target", "share of examples that a latent is to be on for (default 0.05)"),
    "contraction": Short("contraction", "weight", "of the penalty contraction, |dz/dx|^2"),
    "learning_rate": Short("optimizer", "learning_rate", "default: the optimizer's"),
    "warm_up": Short("schedule", "warm_up", "steps while the learning rate rises (default 0)"),
    "decay_every": Short("schedule", "every", "steps, for the schedule step (default 1000)"),
}


def spelled_out(given: Mapping[str, Any], spelling: Callable[[str], str] = str) -> dict[str, str]:
    """The recipe, objective and optimizer of what is given by name, each as a text.

    `given` may hold "recipe", "objective", "optimizer" and "schedule", texts of choices, "penalty", a list of such, and the
    value of any SHORT. InputError, which calls a name by its `spelling`, where two of them set one parameter.
    """
    short: dict[str, dict[str, Any]] = {}
    for name, (of, parameter, _) in SHORT.items():
        if name in given:
            short.setdefault(of, {})[parameter] = given[name]
    recipe, values = parse(given.get("recipe", "mlp"), "recipe"), short.get("recipe", {})
    if isinstance(model := values.get("model"), Choice) and model.name in RECIPES and "recipe" not in given:
        recipe = values.pop("model")
    objective = parse(given.get("objective", DEFAULT), "objective")
    return {
        "recipe": str(_joined(RECIPES, recipe, values, spelling)),
        "objective": str(_joined(OBJECTIVES, objective, _weights(given, short, spelling), spelling)),
        "optimizer": str(_optimizer(given, short, spelling)),
    }


def _joined(table: Table, choice: Choice, values: Mapping[str, Any], spelling: Callable[[str], str]) -> Choice:
    return joined(table, choice if choice.name == DEFAULT else table.settle(choice), values, spelling)


def _weights(given: Mapping[str, Any], short: Mapping[str, dict[str, Any]], spelling: Callable[[str], str]) -> dict[str, Any]:
    """The values of the objective's parameters that the short spellings set."""
    values: dict[str, Any] = {"beta": 1.0} if "beta" in short.get("ramp", {}) else {}
    values |= short.get("objective", {})
    for weight, steps in short.get("ramp", {}).items():
        if weight not in values:
            raise InputError(f"objective: {spelling(f'{weight}_steps')} should come with a {weight} to grow to, found none")
        values[weight] = Choice("ramp", {"start": 0, "end": values[weight], "steps": steps})
    penalties = [PENALTIES.settle(text) for text in given.get("penalty", ())]
    penalties += [Choice(name, short[name]) for name in PENALTIES if name in short]
    return values | ({"penalties": tuple(penalties)} if penalties else {})


def _optimizer(given: Mapping[str, Any], short: Mapping[str, dict[str, Any]], spelling: Callable[[str], str]) -> Choice:
    """The optimizer, its learning rate a schedule where one is given or a short spelling sets a part of it."""
    optimizer, rate = OPTIMIZERS.settle(given.get("optimizer", "adam")), short.get("optimizer", {})
    if "schedule" in given or "schedule" in short:
        schedule = SCHEDULES.settle(given.get("schedule", "constant"))
        values = dict(short.get("schedule", {}))
        if rate:
            values["rate"] = rate["learning_rate"]
        elif "rate" in SCHEDULES.parameters(schedule.name) and "rate" not in schedule.keywords:
            values["rate"] = OPTIMIZERS.parameters(optimizer.name)["learning_rate"].default
        rate = {"learning_rate": joined(SCHEDULES, schedule, values, spelling)}
    return joined(OPTIMIZERS, optimizer, rate, spelling)
