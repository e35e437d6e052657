"""Everything that a run is described by, as plain numbers and names: what config.json holds."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from scratchvae.arrays import InputError, require_choice
from scratchvae.data import Dataset, load
from scratchvae.models import LatentVariableModel
from scratchvae.objectives import Elbo, Iwae, Linear, Objective, Reconstruction, SampledElbo, Schedule
from scratchvae.recipes import build
from scratchvae.training import OPTIMIZERS, Constant, Cosine, Optimizer, StepDecay

OBJECTIVES = ("elbo", "iwae", "reconstruction", "sampled_elbo")
SCHEDULES = ("constant", "cosine", "step")


@dataclass(frozen=True)
class Config:
    """A run from data to the last step. Steps count batches; None leaves a choice to the recipe, the model or the data."""

    data: str = "glyphs"  # a name or a path, as data.load takes it
    data_dir: str | None = None
    limit: int | None = None  # use the first so many examples only
    held_out: int | None = None  # the last so many of them are judged on; None: a tenth
    binarized: bool = False  # draw x ~ Bernoulli(pixels) anew in every batch
    recipe: str = "mlp"
    settings: Mapping[str, Any] = field(default_factory=dict)  # what the recipe is built with
    objective: str | None = None  # one of OBJECTIVES; None: the model's default
    beta: float = 1.0
    beta_warm_up: int = 0  # steps from 0 to beta
    free_bits: float = 0.0  # nats for each latent
    capacity: float | None = None  # nats
    capacity_steps: int = 0  # steps from 0 to capacity
    samples: int | None = None  # draws an example, for iwae (None: 50) and sampled_elbo (None: 1)
    noise_std: float = 0.0  # corruption, for reconstruction
    mask_rate: float = 0.0
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warm_up: int = 0  # steps
    decay_every: int = 1000  # steps, for the schedule "step"
    max_norm: float | None = None
    epochs: int = 20
    batch_size: int = 128
    patience: int | None = None  # epochs without a gain on held-out data before the run ends early
    seed: int = 0

    def to_json(self) -> str:
        """As text, a line for each entry."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Config":
        """From the text of the file `where`; InputError for anything but a config of this version."""
        try:
            entries = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{where} should be JSON, found an error in it: {error}") from error
        if not isinstance(entries, dict):
            raise InputError(f"{where} should hold one JSON object, found {type(entries).__name__}")
        known = {entry.name: entry for entry in fields(cls)}
        for name, value in entries.items():
            require_choice(where, "entry", name, known)
            default = known[name].default
            if isinstance(default, bool | int | float | str) and not isinstance(value, (type(default), int)):
                raise InputError(f"{where}: {name} should be {type(default).__name__}, found {value!r}")
        return cls(**entries)


def load_data(config: Config) -> tuple[Dataset, Dataset | None]:
    """The examples to train on, and those held out."""
    data = load(config.data, data_dir=config.data_dir, seed=config.seed)
    if config.limit is not None:
        if not 1 <= config.limit <= len(data):
            raise InputError(f"limit should be between 1 and {len(data)}, the examples in {data.name}; found {config.limit}")
        data = data.subset(slice(0, config.limit))
    held_out = len(data) // 10 if config.held_out is None else config.held_out
    return data.split(held_out) if held_out else (data, None)


def build_model(config: Config, event_shape: tuple[int, ...]) -> LatentVariableModel:
    """The recipe's model, with weights drawn from the run's seed."""
    return build(config.recipe, event_shape, {"seed": config.seed, **config.settings})


def build_objective(config: Config, model: LatentVariableModel) -> Objective:
    """The objective by its name, with its weights and schedules."""
    default = {Elbo: "elbo", SampledElbo: "sampled_elbo", Reconstruction: "reconstruction"}[type(model.default_objective())]
    name = config.objective or default
    require_choice("config", "objective", name, OBJECTIVES)
    beta: float | Schedule = Linear(0.0, config.beta, config.beta_warm_up) if config.beta_warm_up else config.beta
    if name == "iwae":
        return Iwae(samples=50 if config.samples is None else config.samples)
    if name == "sampled_elbo":
        return SampledElbo(beta=beta, samples=1 if config.samples is None else config.samples)
    if name == "reconstruction":
        return Reconstruction(noise_std=config.noise_std, mask_rate=config.mask_rate)
    grows = config.capacity is not None and config.capacity_steps
    capacity = Linear(0.0, config.capacity or 0.0, config.capacity_steps) if grows else config.capacity
    return Elbo(beta=beta, free_bits=config.free_bits, capacity=capacity)


def build_optimizer(config: Config, steps: int) -> Optimizer:
    """The optimizer by its name, with a learning rate scheduled over `steps`."""
    require_choice("config", "optimizer", config.optimizer, OPTIMIZERS)
    require_choice("config", "schedule", config.schedule, SCHEDULES)
    if not config.learning_rate > 0:
        raise InputError(f"config: learning_rate should be positive, found {config.learning_rate}")
    if config.schedule == "cosine":
        return OPTIMIZERS[config.optimizer](Cosine(config.learning_rate, steps, warm_up=config.warm_up))
    if config.schedule == "step":
        return OPTIMIZERS[config.optimizer](StepDecay(config.learning_rate, config.decay_every, warm_up=config.warm_up))
    return OPTIMIZERS[config.optimizer](Constant(config.learning_rate, config.warm_up))


def read_config(path: Path) -> Config:
    """The config in a file."""
    try:
        return Config.from_json(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise InputError(f"{path.parent} should be a run's folder, found no {path.name} in it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read: {error}") from error
