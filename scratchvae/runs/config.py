"""Everything that a run is described by, as plain numbers and names: what config.json holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from scratchvae.arrays import InputError, require_at_least, require_choice
from scratchvae.data import Dataset, load
from scratchvae.files import strict_json
from scratchvae.models import LatentVariableModel
from scratchvae.objectives import (
    L1,
    ActivationKl,
    Contraction,
    Elbo,
    Iwae,
    Objective,
    Ramp,
    Reconstruction,
    SampledElbo,
    Schedule,
)
from scratchvae.recipes import build
from scratchvae.training import OPTIMIZERS, Constant, Cosine, Optimizer, StepDecay

OBJECTIVES = ("elbo", "iwae", "reconstruction", "sampled_elbo")
SCHEDULES = ("constant", "cosine", "step")


LOWEST = {  # what numbers may be, where they are given
    "limit": 1,
    "held_out": 0,
    "beta": 0,
    "beta_warm_up": 0,
    "free_bits": 0,
    "capacity": 0,
    "capacity_steps": 0,
    "samples": 1,
    "noise_std": 0,
    "mask_rate": 0,
    "l1": 0,
    "sparsity": 0,
    "contraction": 0,
    "learning_rate": 0,
    "warm_up": 0,
    "decay_every": 1,
    "epochs": 1,
    "batch_size": 1,
    "patience": 1,
    "seed": 0,
}
TAKEN_BY = {  # which objectives an entry means something to
    "beta": ("elbo", "sampled_elbo"),
    "beta_warm_up": ("elbo", "sampled_elbo"),
    "free_bits": ("elbo",),
    "capacity": ("elbo",),
    "capacity_steps": ("elbo",),
    "samples": ("iwae", "sampled_elbo"),
    "noise_std": ("reconstruction",),
    "mask_rate": ("reconstruction",),
    "l1": ("reconstruction",),
    "sparsity": ("reconstruction",),
    "sparsity_target": ("reconstruction",),
    "contraction": ("reconstruction",),
}


@dataclass(frozen=True)
class Config:
    """A run from data to the last step. Steps count batches; None leaves a choice to the recipe, the model or the data."""

    data: str = "glyphs"  # a name or a path, as data.load takes it
    data_dir: str | None = None
    examples: int | None = None  # how many there are, and
    event_shape: Sequence[int] | None = None  # their shape: written down when the run starts
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
    l1: float = 0.0  # weights of penalties, for reconstruction
    sparsity: float = 0.0  # of the KL to the target, for codes in (0, 1)
    sparsity_target: float = 0.05
    contraction: float = 0.0
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warm_up: int = 0  # steps
    decay_every: int = 1000  # steps, for the schedule "step"
    max_norm: float | None = None
    epochs: int = 20
    batch_size: int = 128
    drop_last: bool = False  # leave out the last batch of an epoch where it would be smaller than the others
    patience: int | None = None  # epochs without a gain on held-out data before the run ends early
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in LOWEST.items():
            if getattr(self, name) is not None:
                require_at_least("config", name, getattr(self, name), low)
        require_choice("config", "optimizer", self.optimizer, OPTIMIZERS)
        require_choice("config", "schedule", self.schedule, SCHEDULES)
        if self.learning_rate <= 0:
            raise InputError(f"config: learning_rate should be positive, found {self.learning_rate}")

    def to_json(self) -> str:
        """As text, a line for each entry."""
        return strict_json("config", asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str, where: str) -> "Config":
        """From the text of the file `where`; InputError for anything but a config of this version."""
        try:
            entries = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{where} should be JSON, found an error in it: {error}") from error
        if not isinstance(entries, dict):
            raise InputError(f"{where} should hold one JSON object, found {type(entries).__name__}")
        kinds = get_type_hints(cls) | {"settings": dict, "event_shape": list | None}
        for name, value in entries.items():
            require_choice(where, "entry", name, kinds)
            kind = kinds[name] | int if kinds[name] in (float, float | None) else kinds[name]
            if not isinstance(value, kind):
                raise InputError(f"{where}: {name} should be {getattr(kinds[name], '__name__', kinds[name])}, found {value!r}")
        return cls(**entries)


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


def build_model(config: Config, event_shape: tuple[int, ...]) -> LatentVariableModel:
    """The recipe's model, with weights drawn from the run's seed."""
    return build(config.recipe, event_shape, {"seed": config.seed, **config.settings})


def build_objective(config: Config, model: LatentVariableModel) -> Objective:
    """The objective by its name, with its weights and schedules."""
    default = {Elbo: "elbo", SampledElbo: "sampled_elbo", Reconstruction: "reconstruction"}[type(model.default_objective())]
    name = config.objective or default
    require_choice("config", "objective", name, OBJECTIVES)
    for entry, objectives in TAKEN_BY.items():
        if name not in objectives and getattr(config, entry) != getattr(Config, entry):
            raise InputError(f"config: {entry} is for the objective {' or '.join(objectives)}, and means nothing to {name}")
    if config.capacity_steps and config.capacity is None:
        raise InputError("config: capacity_steps should come with a capacity to grow to; found none")
    beta: float | Schedule = Ramp(0.0, config.beta, config.beta_warm_up) if config.beta_warm_up else config.beta
    if name == "iwae":
        return Iwae(samples=50 if config.samples is None else config.samples)
    if name == "sampled_elbo":
        return SampledElbo(beta=beta, samples=1 if config.samples is None else config.samples)
    if name == "reconstruction":
        kl = ActivationKl(config.sparsity, config.sparsity_target)
        penalties = tuple(penalty for penalty in (L1(config.l1), kl, Contraction(config.contraction)) if penalty.weight)
        return Reconstruction(noise_std=config.noise_std, mask_rate=config.mask_rate, penalties=penalties)
    grows = config.capacity is not None and config.capacity_steps
    capacity = Ramp(0.0, config.capacity or 0.0, config.capacity_steps) if grows else config.capacity
    return Elbo(beta=beta, free_bits=config.free_bits, capacity=capacity)


def build_optimizer(config: Config, steps: int) -> Optimizer:
    """The optimizer by its name, with a learning rate scheduled over `steps`."""
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
