"""A config becomes the data, the model and the phases that it describes."""

from collections.abc import Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.choices import parse
from scratchvae.data import Dataset, TableSchema, few_labels, load
from scratchvae.models import ALGORITHMS, Estimator, HelmholtzMachine, LatentVariableModel
from scratchvae.objectives import Elbo, Objective, Penalty, SampledElbo
from scratchvae.recipes import OBJECTIVES, OPTIMIZERS, RECIPES, SolvedVAE, require_numbers
from scratchvae.runs.config import Config
from scratchvae.runs.spellings import DEFAULT
from scratchvae.runs.version_0_2 import BY_DTYPE, read_as_then
from scratchvae.training import (
    Callback,
    EarlyStopping,
    Optimizer,
    Phase,
    Training,
    phases_of,
    steps_of_an_epoch,
)


def load_data(config: Config) -> Dataset:
    """Load the examples that the run uses; their number and shape must be those in config.json.

    For the run of an older version these are all examples, before `limit` leaves some of them out.
    """
    columns = read_schema(config) or config.columns
    asked: dict[str, Any] = {
        "data_dir": config.data_dir,
        "seed": config.data_seed,
        "size": config.size,
        "resize": config.resize,
    }
    if config.kind == BY_DTYPE:
        data = read_as_then(load(config.data, **asked))
    else:
        data = load(
            config.data,
            kind=config.kind,
            limit=config.limit,
            in_order=config.held_out_last,
            columns=columns,
            **asked,
        )
    if config.examples is not None and (len(data), list(data.event_shape)) != (
        config.examples,
        list(config.event_shape or ()),
    ):
        expected = (
            f"{config.examples} examples of shape {tuple(config.event_shape or ())}, as when the run started"
        )
        raise InputError(f"{config.data} should hold {expected}; found {len(data)} of {data.event_shape}")
    return data


def load_like(
    config: Config,
    source: str,
    *,
    split: str = "train",
    data_dir: str | None = None,
    seed: int = 0,
    kind: str | None = None,
) -> Dataset:
    """Load data that a run was not trained on, and read them as the run's own data were read.

    Where no `kind` is declared, they are pixels if the run's own data were.
    """
    asked: dict[str, Any] = {"split": split, "data_dir": data_dir or config.data_dir, "seed": seed}
    asked |= {"size": config.size, "resize": config.resize}
    if config.kind == BY_DTYPE and kind is None:
        return read_as_then(load(source, **asked))
    columns = read_schema(config)
    return load(
        source, kind=kind or ("pixels" if config.kind == "pixels" else None), columns=columns, **asked
    )


def divide(config: Config, data: Dataset) -> tuple[Dataset, Dataset | None]:
    """Return the examples to train on, of which only some may keep their labels, and the held-out ones."""
    if config.limit is not None and config.kind == BY_DTYPE:
        data = data.subset(slice(0, config.limit))
    held_out = len(data) // 10 if config.held_out is None else config.held_out
    train, judged = (
        data.split(held_out, seed=config.data_seed, last=config.held_out_last) if held_out else (data, None)
    )
    return (
        train if config.labelled is None else few_labels(train, config.labelled, seed=config.data_seed)
    ), judged


def labelled(model: Any, data: Dataset) -> Dataset:
    """Return the examples that a model can be judged on.

    These are all of them, or for a model with a classifier those whose class is known: log p(x|y), codes and
    the share of right classes need the class. InputError where none is known.
    """
    if getattr(model, "classifier", None) is None:
        return data
    known = np.zeros(0) if data.labels is None else np.flatnonzero(data.labels != -1)
    if not len(known):
        expected = "the class of some examples that the model is judged on should be known"
        helps = "--held-out-last with --held-out N holds out the last N examples"
        raise InputError(f"{expected}; found none among {len(data)} of {data.name}: {helps}")
    return data if len(known) == len(data) else data.subset(known)


OF_BITS = (*ALGORITHMS, "vimco")  # objectives of models whose latents are bits


def read_schema(config: Config) -> TableSchema | None:
    """Return the schema of the run's table that config.json has written down, or None where it has none."""
    return None if config.schema is None else TableSchema.from_entries(config.schema, "config")


def require_same_columns(where: str, trained: TableSchema | None, now: TableSchema | None) -> None:
    """InputError where a run was trained on columns other than those that its config.json has now."""
    if trained is not None and now is not None and trained.columns != now.columns:
        raise InputError(
            f"{where}: {trained.differs_from(now)} in the schema of config.json: "
            "put back what it was trained with"
        )


def build_model(
    config: Config, event_shape: tuple[int, ...], schema: TableSchema | None
) -> LatentVariableModel | HelmholtzMachine:
    """Build the recipe's model with weights drawn from the run's seed.

    The columns of a table decide its likelihood.
    """
    recipe = parse(config.recipe).name
    if schema is not None and event_shape != (len(schema),):
        expected = f"[{len(schema)}], an entry for each column of its schema"
        raise InputError(f"config.json: event_shape should be {expected}; found {list(event_shape)!s:.80}")
    if schema is not None and "schema" not in signature(RECIPES[recipe]).parameters:
        require_numbers(f"recipe {recipe}", schema)
    return RECIPES.build(config.recipe, event_shape=event_shape, schema=schema, seed=config.seed)


def build_phases(config: Config, model: Estimator, steps: int, examples: int | None = None) -> list[Phase]:
    """Build the phases of a training step: the chosen objective, or the model's own phases.

    The run takes so many `steps` in all. It trains on so many `examples`, which are those of its config.json
    unless they are given.
    """
    if examples is None and config.examples is not None:
        examples = config.examples - (config.examples // 10 if config.held_out is None else config.held_out)
    optimizer: Optimizer = OPTIMIZERS.build(config.optimizer, run_steps=steps)
    choice = parse(config.objective, "objective")
    if choice.name == DEFAULT and not choice.keywords:
        return [replace(phase, max_norm=config.max_norm) for phase in model.phases(optimizer)]
    if isinstance(model, SolvedVAE):
        raise InputError(
            f"{choice} can't be the objective of {parse(config.recipe).name}, "
            "which is fitted without gradients"
        )
    own: tuple[Penalty, ...] = ()
    if choice.name == DEFAULT:
        choice = replace(choice, name=_own_objective(model))
        own = getattr(model.phases(optimizer)[0].objective, "penalties", ())
    chosen: Objective | Sequence[tuple[Objective, tuple[str, ...]]]
    chosen = OBJECTIVES.build(choice, run_steps=steps, run_examples=examples)
    bits = isinstance(model, HelmholtzMachine)
    if (choice.name not in OF_BITS) if bits else (choice.name in ALGORITHMS):
        only = f"and no other model by {' or '.join(ALGORITHMS)}"
        expected = f"a belief_net is trained by {', '.join(OF_BITS)}, {only}"
        raise InputError(f"{expected}; found {choice} for a {type(model).__name__}")
    if own and isinstance(chosen, Elbo | SampledElbo):  # which keeps the model's penalties, unless given anew
        given = {penalty.term for penalty in chosen.penalties}
        kept = (penalty for penalty in own if penalty.term not in given)
        chosen = replace(chosen, penalties=(*kept, *chosen.penalties))
    if isinstance(chosen, Objective):
        return phases_of(model, chosen, optimizer, max_norm=config.max_norm)
    return [Phase(objective, optimizer, config.max_norm, over) for objective, over in chosen]


def build_training(
    config: Config,
    model: Estimator,
    *,
    data: Dataset,
    held_out: Dataset | None,
    callbacks: Sequence[Callback],
) -> Training:
    """Build the training of a run from its beginning."""
    stopping = () if config.patience is None else (EarlyStopping(config.patience),)
    if stopping and held_out is None:
        raise InputError("patience needs held-out data to stop by; found held_out 0")
    labelled(model, data if held_out is None else held_out)
    steps = config.epochs * steps_of_an_epoch(len(data), config.batch_size, drop_last=config.drop_last)
    return Training(
        model,
        build_phases(config, model, steps, len(data)),
        data,
        epochs=config.epochs,
        batch_size=config.batch_size,
        seed=config.seed,
        held_out=held_out,
        binarized=config.binarized,
        drop_last=config.drop_last,
        callbacks=[*stopping, *callbacks],
    )


def _own_objective(model: Estimator) -> str:
    """Return the name in OBJECTIVES of what the model's own phases minimize."""
    if isinstance(model, HelmholtzMachine):
        return model.algorithm
    kind = type(model.phases(OPTIMIZERS.build("adam"))[0].objective)
    return next(name for name, builder in OBJECTIVES.items() if builder is kind)
