"""Train a model and show what it learned. Without options: an MLP VAE on glyphs, characters drawn from fonts."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.choices import parse, parse_value
from scratchvae.data import NAMES
from scratchvae.layers import named_parameters
from scratchvae.recipes import OBJECTIVES, OPTIMIZERS, PENALTIES, RECIPES, SCHEDULES, TABLES
from scratchvae.runs import SHORT, Config, Judgement, Run, figures, spelled_out
from scratchvae.training import Callback, ProgressBar, Training

SAMPLES, LIKELIHOOD_OF = 100, 500  # draws, and examples, for log p(x) in the table at the end
CHOICES = {  # options whose value is a choice in words, and the table that it is made from
    "recipe": (RECIPES, "default mlp"),
    "objective": (OBJECTIVES, "default: the model's own"),
    "penalty": (PENALTIES, "a further term of the loss; may be repeated"),
    "optimizer": (OPTIMIZERS, "default adam"),
    "schedule": (SCHEDULES, "of the learning rate, default constant"),
}
GROUPS = {"recipe": "recipe", "schedule": "optimizer", "optimizer": "optimizer"}  # of what is no part of the objective
GRAMMAR = """
An npz file holds the examples as images, x or data; their labels, whole numbers (N,), as labels or y; and what else a
conditional_vae is told of each, real numbers (N, C), as conditions, or as a y of floating numbers.

A choice is a name, or a name with values for its parameters: --objective "elbo(beta=4, free_bits=0.1)", --prior
"gaussian_mixture(components=20)", --likelihood "gaussian(learned=True)", --penalty "l1(weight=10)", --optimizer
"adam(betas=(0.9, 0.99))". A value may be a choice too: "elbo(beta=ramp(start=0, end=4, steps=1000))". --beta 4 is
short for such a parameter of the objective, --latent-dim 2 for one of the recipe. --list shows every name with
its parameters. config.json keeps recipe, objective and optimizer as such texts.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, the data, the choices, and the short options of each."""
    parser.usage, parser.epilog = "scratchvae train [options]", GRAMMAR
    default = Config()
    run = parser.add_argument_group("the run")
    run.add_argument("--list", action="store_true", help="list what can be chosen, with all parameters, and stop")
    run.add_argument("--out", type=Path, metavar="DIR", help="the run's folder (default: runs/DATA-RECIPE, numbered if taken)")
    run.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in DIR; --epochs may give it more epochs")
    run.add_argument("--force", action="store_true", help="with --resume: though the data or config.json have been changed")
    run.add_argument("--checkpoint-every", type=int, default=0, metavar="STEPS", help="write it between epochs too")
    run.add_argument("--no-figures", action="store_true", help="draw no pictures at the end")
    run.add_argument("--quiet", action="store_true", help="no progress bar")

    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        help=f"{', '.join(NAMES)}, or the path of an IDX, npy, npz, wav, gif, webp or txt file, or a folder of PNG or txt files",
    )
    data.add_argument("--data-dir", metavar="DIR", help="where named data sets lie (also: $SCRATCHVAE_DATA)")
    data.add_argument("--limit", type=int, metavar="N", help="use the first N examples")
    data.add_argument("--held-out", type=int, metavar="N", help="judge on the last N of them (default: a tenth)")
    data.add_argument("--binarized", action="store_true", default=None, help="draw x ~ Bernoulli(pixels) anew in every batch")

    groups = {name: parser.add_argument_group(name) for name in ("recipe", "objective", "optimizer")}
    for name, (table, words) in CHOICES.items():
        action = "append" if name == "penalty" else "store"
        group = groups[GROUPS.get(name, "objective")]
        group.add_argument(_flag(name), metavar="CHOICE", action=action, help=f"{', '.join(table)} ({words})")
    for name, short in SHORT.items():
        group = groups[GROUPS.get(short.of, "objective")]
        group.add_argument(_flag(name), metavar="VALUE", nargs="*", help=short.words)

    training = parser.add_argument_group("training")
    training.add_argument("--max-norm", type=float, help="clip gradients to this norm")
    training.add_argument("--epochs", type=int, help=f"default {default.epochs}")
    training.add_argument("--batch-size", type=int, help=f"default {default.batch_size}")
    training.add_argument("--drop-last", action="store_true", default=None, help="leave out an epoch's last, smaller batch")
    training.add_argument("--patience", type=int, metavar="EPOCHS", help="stop when held-out data stop gaining")
    training.add_argument("--seed", type=int, help="of weights, order, noise (default 0)")


def run(arguments: argparse.Namespace) -> int:
    """Start or resume a run, train it to the end, judge it, draw its figures."""
    if arguments.list:
        print("\n\n".join(f"{table.kind}\n{table.listing()}" for table in TABLES))
        return 0
    callbacks: list[Callback] = [] if arguments.quiet else [ProgressBar(sys.stderr)]
    if arguments.resume:
        _refuse_other_options(arguments)
        one = Run.resume(arguments.resume, epochs=arguments.epochs, force=arguments.force)
        training = one.resumed(callbacks=(*callbacks, one.keep(arguments.checkpoint_every)))
        print(f"{_description(one)}, resumed after {training.step} steps", flush=True)
    else:
        config = _config(arguments)
        one = Run.start(arguments.out or _free_folder(config), config)
        training = one.training(callbacks=(*callbacks, one.keep(arguments.checkpoint_every)))
        print(_description(one), flush=True)
    first = training.step
    with one, _interruptible(training):
        training.run()
    if training.interrupted:
        print(f"\nstopped after step {training.step}; `scratchvae train --resume {one.folder}` goes on", file=sys.stderr)
        return 130
    _report(one, training, first)
    if not arguments.no_figures:
        for path in figures.draw(one, figures.available(one)):
            print(f"  {path}")
    return 0


@contextmanager
def _interruptible(training: Training) -> Iterator[None]:
    """Ctrl-C ends the run after the step it is in, a second one at once."""

    def interrupt(*_: object) -> None:
        training.interrupted = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _config(arguments: argparse.Namespace) -> Config:
    given: dict[str, Any] = {name: value for name, value in vars(arguments).items() if value is not None}
    entries = {name: given[name] for name in Config.__dataclass_fields__ if name in given}
    for name in SHORT.keys() & given.keys():
        values = tuple(parse_value(text, _flag(name)) for text in given[name]) or (True,)
        given[name] = values if len(values) > 1 else values[0]
    entries |= spelled_out(given, _flag)
    if "data_dir" in entries:
        entries["data_dir"] = str(Path(entries["data_dir"]).absolute())
    if entries.get("data", "glyphs") not in NAMES:  # a path, which must lead there from any folder
        entries["data"] = str(Path(entries["data"]).absolute())
    return Config(**entries)


def _refuse_other_options(arguments: argparse.Namespace) -> None:
    """What a run is trained by is in its config.json, not on the command line that resumes it."""
    free = {"list", "resume", "epochs", "checkpoint_every", "no_figures", "quiet", "force"}
    given = [name for name, value in vars(arguments).items() if name not in free and value is not None]
    if given:
        raise InputError(f"{_flag(given[0])} can't be changed by --resume: the run in {arguments.resume} has its own")


def _free_folder(config: Config) -> Path:
    name = f"{Path(config.data).name.split('.')[0]}-{parse(config.recipe).name}"
    folder, k = Path("runs") / name, 2
    while folder.exists():
        folder, k = Path("runs") / f"{name}-{k}", k + 1
    return folder


def _description(one: Run) -> str:
    count = sum(parameter.value.size for parameter in named_parameters(one.model).values())
    held_out = f", {len(one.held_out):,} held out" if one.held_out is not None else ""
    model = f"{type(one.model).__name__} {parse(one.config.recipe).name} with {one.latents} latents"
    missing = f", {one.data.share_missing:.1%} of their entries missing" if one.data.observed is not None else ""
    return f"{one.folder}: {one.data.name}, {len(one.data):,} examples{held_out}{missing}; {model}, {count:,} parameters"


def _report(one: Run, training: Training, first: int) -> None:
    likelihood_of = min(LIKELIHOOD_OF, len(one.judged))
    objective = training.phases[0].objective
    judgement = Judgement(one, one.judged, objective, SAMPLES, likelihood_of, one.config.seed)
    where = "training" if one.held_out is None else "held-out"
    early = ""
    if training.best:
        loss = "loss" if len(training.phases) == 1 else "0.loss"
        losses = [record["held_out"][loss] for record in training.history]
        ended = "stopped early, " if training.stopping else ""
        early = f" ({ended}with the weights of the best epoch, {losses.index(min(losses)) + 1})"
    print(f"\nafter {training.epoch} epochs{early}, {training.step:,} steps, on the {len(one.judged):,} {where} examples:")
    print(judgement.table(judgement.metrics()))
    if training.step > first:
        seconds = sum(record["seconds"] for record in training.history)
        print(f"  {'speed':32}{training.examples_an_epoch * len(training.history) / seconds:12,.0f}  examples/s")
    print(f"\nin {one.folder}:\n  {one.checkpoint}\n  {one.folder / 'metrics.jsonl'}")
