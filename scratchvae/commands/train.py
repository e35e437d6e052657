"""Train a model and show what it learned.

Without options it trains an MLP VAE on numerals, which are digits drawn from ten typefaces.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from scratchvae import strict_json
from scratchvae.arrays import InputError
from scratchvae.choices import parse_value
from scratchvae.commands.training_report import description, report
from scratchvae.data import KINDS, NAMES, READ, RESIZED
from scratchvae.recipes import OBJECTIVES, OPTIMIZERS, PENALTIES, RECIPES, SCHEDULES, TABLES, named_models
from scratchvae.runs import (
    SETTINGS,
    SHORT,
    Config,
    Interruption,
    Run,
    TensorBoard,
    by_data,
    configured,
    described,
    figures,
    formats,
    require_tensorboard,
)
from scratchvae.training import Callback, ProgressBar

OnOff = argparse.BooleanOptionalAction
CHOICES = {  # options whose value is a choice in words, and the table that it is made from
    "recipe": (RECIPES, "default mlp"),
    "objective": (OBJECTIVES, "default: the model's own"),
    "penalty": (PENALTIES, "a further term of the loss; may be repeated"),
    "optimizer": (OPTIMIZERS, "default adam"),
    "schedule": (SCHEDULES, "of the learning rate, default constant"),
}
# The group of each option that is no part of the objective.
GROUPS = {"recipe": "recipe", "schedule": "optimizer", "optimizer": "optimizer"}
GRAMMAR = """
An npz file holds the examples as images, x or data, and their labels, whole numbers (N,), as labels or y.
What else a conditional_vae is told of each example, real numbers (N, C), is in conditions, or in a y of
floating numbers.

A choice is a name, or a name with values for its parameters: --objective "elbo(beta=4, free_bits=0.1)",
--prior "gaussian_mixture(components=20)", --likelihood "gaussian(learned=True)", --penalty "l1(weight=10)",
--optimizer "adam(betas=(0.9, 0.99))". A value may be a choice too, as in
"elbo(beta=ramp(start=0, end=4, steps=1000))". --beta 4 is short for such a parameter of the objective, and
--latent-dim 2 for one of the recipe. --list shows every name with its parameters. A hyphen in a name counts
as an underscore. config.json keeps recipe, objective and optimizer as such texts.

--model may also be the name of a published model, which stands for such choices: --model beta-tc, factor-vae,
iwae, vamp, wae-mmd and others, which --list shows. Options beside it change these choices, and config.json
keeps the choices that result.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the data, the choices, and the short options of each."""
    parser.usage, parser.epilog = "scratchvae train [options]", GRAMMAR
    default = Config()
    run = parser.add_argument_group("the run")
    run.add_argument(
        "--list", action="store_true", help="list what can be chosen, with all parameters, and stop"
    )
    where = "the run's folder (default: a new one in runs, called after what differs from the defaults)"
    run.add_argument("--out", type=Path, metavar="DIR", help=where)
    on = "continue the run in DIR; --epochs may give it more epochs, and --data say where its data lie now"
    run.add_argument("--resume", type=Path, metavar="DIR", help=on)
    run.add_argument(
        "--config", type=Path, metavar="FILE", help="a config.json to begin with; other options override it"
    )
    run.add_argument(
        "--force", action="store_true", help="resume even if the data or config.json have been changed"
    )
    run.add_argument(
        "--checkpoint-every", type=int, default=0, metavar="STEPS", help="write one between epochs too"
    )
    run.add_argument(
        "--tensorboard", action="store_true", help="write curves for TensorBoard into the run's folder"
    )
    run.add_argument("--no-figures", action="store_true", help="draw no pictures at the end")
    run.add_argument("--quiet", action="store_true", help="no progress bar")

    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        help=f"{', '.join(NAMES)}, or the path of {READ}",
    )
    data.add_argument("--data-dir", metavar="DIR", help="where named data sets lie (also: $SCRATCHVAE_DATA)")
    kinds = f"what the numbers are: {', '.join(KINDS)} (default: what the format says; arrays are values)"
    data.add_argument("--kind", help=kinds)
    data.add_argument(
        "--size", metavar="HxW", help="bring the pictures of a folder to this size, such as 32x32"
    )
    data.add_argument(
        "--resize",
        choices=tuple(RESIZED),
        help="by cutting edges off, or by fitting black ones in (default crop)",
    )
    data.add_argument(
        "--columns",
        metavar="WHAT",
        help='what columns of a table are, as in "age=count, size=ordered(S, M, L)": '
        "real, positive, count, ordered, binary, categorical or ignored",
    )
    data.add_argument("--limit", type=int, metavar="N", help="use the first N examples, and read no others")
    data.add_argument(
        "--held-out", type=int, metavar="N", help="judge on N of them, drawn by the seed (default: a tenth)"
    )
    words = "draws the held-out examples, and those of a data set that is drawn (default: the run's --seed)"
    data.add_argument("--held-out-seed", type=int, metavar="N", help=words)
    data.add_argument("--held-out-last", action=OnOff, help="judge on the last ones, as a time series needs")
    words = "so many of the examples to train on keep their labels (default: all); see --model m2"
    data.add_argument("--labelled", type=int, metavar="N", help=words)
    data.add_argument("--binarized", action=OnOff, help="draw x ~ Bernoulli(pixels) anew in every batch")

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
    training.add_argument("--drop-last", action=OnOff, help="leave out an epoch's last, smaller batch")
    training.add_argument(
        "--patience", type=int, metavar="EPOCHS", help="stop when held-out data stop gaining"
    )
    training.add_argument("--seed", type=int, help="the seed of weights, order and noise (default 0)")


def run(arguments: argparse.Namespace) -> int:
    """Start or resume a run, train it to the end, judge it, and draw its figures."""
    if arguments.list:
        tables = [f"{table.kind}\n{table.listing()}" for table in TABLES]
        print(
            "\n\n".join(
                [f"models by name, and what each stands for (--model beta-tc)\n{named_models()}", *tables]
            )
        )
        return 0
    if arguments.tensorboard:
        require_tensorboard()
    interruption = Interruption()
    if arguments.resume:
        _refuse_other_options(arguments)
        given = {name: getattr(arguments, name) for name in ("epochs", "data", "data_dir", "force")}
        one = Run.resume(arguments.resume, **given)
        training = one.resumed(callbacks=_callbacks(one, arguments, interruption))
        print(f"{description(one)}, resumed after {formats.counted(training.step, 'step')}", flush=True)
    else:
        config = _config(arguments)
        one = Run.start(arguments.out, config)
        training = one.training(callbacks=_callbacks(one, arguments, interruption))
        print(description(one), flush=True)
        if chosen := by_data(config, one.config):
            print(described(chosen), flush=True)
        if one.schema is not None:
            print(
                'columns, each with the law of its kind (--columns "NAME=KIND" chooses another):\n'
                f"{one.schema}",
                flush=True,
            )
    first = training.step
    with one, interruption:
        training.run()
    if interruption.status:
        print(
            f"\nstopped after step {training.step}; `scratchvae train --resume {one.folder}` goes on",
            file=sys.stderr,
        )
        return interruption.status
    report(one, training, first)
    if not arguments.no_figures:
        for path in figures.draw(one, figures.available(one)):
            print(f"  {path.relative_to(one.folder)}")
    return 0


def _callbacks(one: Run, arguments: argparse.Namespace, interruption: Interruption) -> tuple[Callback, ...]:
    bar: list[Callback] = [] if arguments.quiet else [ProgressBar(sys.stderr)]
    board: list[Callback] = [TensorBoard(one.folder)] if arguments.tensorboard else []
    return (*bar, *board, one.keep(arguments.checkpoint_every), interruption)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _config(arguments: argparse.Namespace) -> Config:
    return configured(settings_given(arguments), config_given(arguments), spelling=_flag)


def config_given(arguments: argparse.Namespace) -> Config | None:
    """Read the config in the file that --config names, if it names one."""
    path = arguments.config
    return None if path is None else Config.from_entries(strict_json.read(path), str(path))


def settings_given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of a run that the options give, by name."""
    given: dict[str, Any] = {
        name: value for name, value in vars(arguments).items() if name in SETTINGS and value is not None
    }
    for name in SHORT.keys() & given.keys():
        values = tuple(parse_value(text, _flag(name)) for text in given[name]) or (True,)
        given[name] = values if len(values) > 1 else values[0]
    if isinstance(given.get("size"), str):
        given["size"] = _size(given["size"])
    return given


def _size(text: str) -> tuple[int, int]:
    """Read height and width from 32x48, or from the one number of a square."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and 0 < int(side) < 2**31 for side in sides):
        raise InputError(f"--size should be a height and a width, such as 32x32; found {text!r}")
    return int(sides[0]), int(sides[-1])


def _refuse_other_options(arguments: argparse.Namespace) -> None:
    """InputError for options that --resume cannot change, since the run's config.json has its settings."""
    free = {
        "list",
        "resume",
        "epochs",
        "data",
        "data_dir",
        "checkpoint_every",
        "no_figures",
        "quiet",
        "force",
        "tensorboard",
    }
    given = [name for name, value in vars(arguments).items() if name not in free and value is not None]
    if given:
        raise InputError(
            f"{_flag(given[0])} can't be changed by --resume: the run in {arguments.resume} has its own"
        )
