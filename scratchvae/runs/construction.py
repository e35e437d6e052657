"""From a config to the data, the model and the phases that it describes."""

from collections.abc import Sequence
from dataclasses import replace

from scratchvae.arrays import InputError
from scratchvae.choices import parse
from scratchvae.data import Dataset, load
from scratchvae.models import ALGORITHMS, Estimator, HelmholtzMachine, LatentVariableModel
from scratchvae.objectives import Objective
from scratchvae.recipes import OBJECTIVES, OPTIMIZERS, RECIPES, SolvedVAE
from scratchvae.runs.config import Config
from scratchvae.runs.spellings import DEFAULT
from scratchvae.training import Optimizer, Phase


def load_data(config: Config) -> Dataset:
    """All examples of the run's data set, as many and of the shape that config.json has written down."""
    data = load(config.data, data_dir=config.data_dir, seed=config.seed)
    if config.examples is not None and (len(data), list(data.event_shape)) != (config.examples, list(config.event_shape or ())):
        expected = f"{config.examples} examples of shape {tuple(config.event_shape or ())}, as when the run started"
        raise InputError(f"{config.data} should hold {expected}; found {len(data)} of {data.event_shape}")
    return data


def divide(config: Config, data: Dataset) -> tuple[Dataset, Dataset | None]:
    """The examples to train on, and those held out."""
    if config.limit is not None:
        if config.limit > len(data):
            raise InputError(f"limit should be between 1 and {len(data)}, the examples in {data.name}; found {config.limit}")
        data = data.subset(slice(0, config.limit))
    held_out = len(data) // 10 if config.held_out is None else config.held_out
    return data.split(held_out) if held_out else (data, None)


OF_BITS = (*ALGORITHMS, "vimco")  # objectives of models whose latents are bits


def build_model(config: Config, event_shape: tuple[int, ...]) -> LatentVariableModel | HelmholtzMachine:
    """The recipe's model, with weights drawn from the run's seed."""
    return RECIPES.build(config.recipe, event_shape=event_shape, seed=config.seed)


def build_phases(config: Config, model: Estimator, steps: int) -> list[Phase]:
    """What a training step of the run does: the chosen objective, or the model's own phases, over `steps` in all."""
    optimizer: Optimizer = OPTIMIZERS.build(config.optimizer, run_steps=steps)
    choice = parse(config.objective, "objective")
    if choice.name == DEFAULT and not choice.keywords:
        return [replace(phase, max_norm=config.max_norm) for phase in model.phases(optimizer)]
    if isinstance(model, SolvedVAE):
        raise InputError(f"{choice} can't be the objective of {parse(config.recipe).name}, which is fitted without gradients")
    if choice.name == DEFAULT:
        choice = replace(choice, name=_own_objective(model))
    chosen: Objective | Sequence[tuple[Objective, tuple[str, ...]]] = OBJECTIVES.build(choice, run_steps=steps)
    bits = isinstance(model, HelmholtzMachine)
    if (choice.name not in OF_BITS) if bits else (choice.name in ALGORITHMS):
        expected = f"a belief_net is trained by {', '.join(OF_BITS)}, and no other model by {' or '.join(ALGORITHMS)}"
        raise InputError(f"{expected}; found {choice} for a {type(model).__name__}")
    pairs = [(chosen, ("",))] if isinstance(chosen, Objective) else chosen
    return [Phase(objective, optimizer, config.max_norm, over) for objective, over in pairs]


def _own_objective(model: Estimator) -> str:
    """The name in OBJECTIVES of what the model's own phases minimize."""
    if isinstance(model, HelmholtzMachine):
        return model.algorithm
    kind = type(model.phases(OPTIMIZERS.build("adam"))[0].objective)
    return next(name for name, builder in OBJECTIVES.items() if builder is kind)
