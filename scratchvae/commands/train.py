"""Train a model and show what it learned. Without options: an MLP VAE on glyphs, characters drawn from fonts."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.commands.summary import as_table, summarize
from scratchvae.data import NAMES
from scratchvae.layers import ACTIVATIONS, INITIALIZERS, named_parameters
from scratchvae.recipes import CATALOGUE, LIKELIHOODS, POSTERIORS, PRIORS
from scratchvae.runs import OBJECTIVES, SCHEDULES, Config, Run, figures
from scratchvae.training import OPTIMIZERS, Callback, ProgressBar, Training

UNITS = ("standardize", "log_var_bounds")
ROLES = ("posterior", "likelihood", "prior")
SETTINGS = ("model", "latent_dim", "hidden", "channels", "activation", "code_activation", *ROLES, "init", *UNITS)
SAMPLES, LIKELIHOOD_OF = 100, 500  # draws, and examples, for log p(x) in the table at the end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options, grouped as in Config."""
    default = Config()
    run = parser.add_argument_group("the run")
    run.add_argument("--out", type=Path, metavar="DIR", help="the run's folder (default: runs/DATA-RECIPE, numbered if taken)")
    run.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in DIR; --epochs may give it more epochs")
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

    model = parser.add_argument_group("model")
    model.add_argument("--recipe", choices=sorted(CATALOGUE), help=f"default {default.recipe}")
    model.add_argument("--model", choices=("autoencoder", "vae"), help="default vae")
    model.add_argument("--latent-dim", type=int, metavar="Z", help="default: 20 (mlp), 16 (convolutional)")
    model.add_argument("--hidden", type=int, nargs="+", metavar="H", help="hidden widths (default 400; convolutional 256)")
    model.add_argument("--channels", type=int, nargs="+", metavar="C", help="of the convolutions (default: 32 64)")
    model.add_argument("--activation", choices=sorted(ACTIVATIONS), help="default relu")
    model.add_argument("--code-activation", choices=sorted(ACTIVATIONS), help="behind an autoencoder's codes (default: none)")
    model.add_argument(
        "--likelihood",
        choices=sorted(LIKELIHOODS),
        help="default bernoulli; gaussian has variance 1, gaussian_diagonal learns one for each entry, whatever z, above 1e-6",
    )
    model.add_argument("--standardize", action="store_true", default=None, help="see columns of mean 0 and deviation 1")
    model.add_argument("--posterior", choices=sorted(POSTERIORS), help="default diagonal_gaussian")
    model.add_argument("--log-var-bounds", type=float, nargs=2, metavar=("LOW", "HIGH"), help="of log σ² of q(z|x)")
    model.add_argument("--prior", choices=sorted(PRIORS), help="default standard_gaussian")
    model.add_argument("--init", choices=sorted(INITIALIZERS), help="of the weights (default pytorch)")

    objective = parser.add_argument_group("objective")
    objective.add_argument("--objective", choices=OBJECTIVES, help="default: what suits model and prior")
    objective.add_argument("--beta", type=float, help="weight of the KL term (default 1)")
    objective.add_argument("--beta-warm-up", type=int, metavar="STEPS", help="from 0 to beta over the first STEPS")
    objective.add_argument("--free-bits", type=float, metavar="NATS", help="KL that costs nothing, for each latent")
    objective.add_argument("--capacity", type=float, metavar="NATS", help="penalize |KL - capacity| instead of KL")
    objective.add_argument("--capacity-steps", type=int, metavar="STEPS", help="from 0 to capacity over the first STEPS")
    objective.add_argument("--samples", type=int, metavar="K", help="draws an example, for iwae (50) and sampled_elbo (1)")
    objective.add_argument("--noise-std", type=float, metavar="S", help="Gaussian corruption, for reconstruction")
    objective.add_argument("--mask-rate", type=float, metavar="P", help="share of entries masked, for reconstruction")
    objective.add_argument("--l1", type=float, metavar="W", help="weight of the codes' L1 norm, for reconstruction")
    objective.add_argument("--sparsity", type=float, metavar="W", help="weight of KL to a target activation, for reconstruction")
    objective.add_argument("--sparsity-target", type=float, metavar="P", help="that activation (default 0.05)")
    objective.add_argument("--contraction", type=float, metavar="W", help="weight of |dz/dx|^2, for reconstruction and mlp")

    training = parser.add_argument_group("training")
    training.add_argument("--optimizer", choices=sorted(OPTIMIZERS), help="default adam")
    training.add_argument("--learning-rate", type=float, help=f"default {default.learning_rate}")
    training.add_argument("--schedule", choices=SCHEDULES, help="of the learning rate (default constant)")
    training.add_argument("--warm-up", type=int, metavar="STEPS", help="while the learning rate rises (default 0)")
    training.add_argument("--decay-every", type=int, metavar="STEPS", help="for the schedule step (default 1000)")
    training.add_argument("--max-norm", type=float, help="clip gradients to this norm")
    training.add_argument("--epochs", type=int, help=f"default {default.epochs}")
    training.add_argument("--batch-size", type=int, help=f"default {default.batch_size}")
    training.add_argument("--drop-last", action="store_true", default=None, help="leave out an epoch's last, smaller batch")
    training.add_argument("--patience", type=int, metavar="EPOCHS", help="stop when held-out data stop gaining")
    training.add_argument("--seed", type=int, help="of weights, order, noise (default 0)")


def run(arguments: argparse.Namespace) -> int:
    """Start or resume a run, train it to the end, summarize it, draw its figures."""
    callbacks: list[Callback] = [] if arguments.quiet else [ProgressBar(sys.stderr)]
    if arguments.resume:
        _refuse_other_options(arguments)
        one = Run.open(arguments.resume, epochs=arguments.epochs)
        training = one.resumed(callbacks=(*callbacks, one.keep(arguments.checkpoint_every)))
        print(f"{_description(one)}, resumed after {training.step} steps", flush=True)
    else:
        config = _config(arguments)
        one = Run.start(arguments.out or _free_folder(config), config)
        training = one.training(callbacks=(*callbacks, one.keep(arguments.checkpoint_every)))
        print(_description(one), flush=True)
    first = training.step
    with _interruptible(training), np.errstate(over="ignore", invalid="ignore"):  # a run that diverges is stopped, and says so
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


def _config(arguments: argparse.Namespace) -> Config:
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    settings = {name: given[name] for name in SETTINGS if name in given}
    recipe = given.get("recipe", Config.recipe)
    if recipe == "convolutional" and "hidden" in settings:
        if len(settings["hidden"]) != 1:
            raise InputError(f"--hidden: the recipe convolutional takes one width, found {len(settings['hidden'])}")
        settings["hidden"] = settings["hidden"][0]
    entries: dict[str, Any] = {name: given[name] for name in Config.__dataclass_fields__ if name in given}
    if "data_dir" in entries:
        entries["data_dir"] = str(Path(entries["data_dir"]).absolute())
    if entries.get("data", "glyphs") not in NAMES:  # a path, which must lead there from any folder
        entries["data"] = str(Path(entries["data"]).absolute())
    return Config(**entries, settings=settings)


def _refuse_other_options(arguments: argparse.Namespace) -> None:
    """What a run is trained by is in its config.json, not on the command line that resumes it."""
    free = {"resume", "epochs", "checkpoint_every", "no_figures", "quiet"}
    given = [name for name, value in vars(arguments).items() if name not in free and value is not None]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise InputError(f"{option} can't be changed by --resume: the run in {arguments.resume} has its own")


def _free_folder(config: Config) -> Path:
    name = f"{Path(config.data).name.split('.')[0]}-{config.recipe}"
    folder, k = Path("runs") / name, 2
    while folder.exists():
        folder, k = Path("runs") / f"{name}-{k}", k + 1
    return folder


def _description(one: Run) -> str:
    count = sum(parameter.value.size for parameter in named_parameters(one.model).values())
    held_out = f", {len(one.held_out):,} held out" if one.held_out is not None else ""
    model = f"{type(one.model).__name__} {one.config.recipe} with {one.model.posterior.latent_dim} latents"
    return f"{one.folder}: {one.data.name}, {len(one.data):,} examples{held_out}; {model}, {count:,} parameters"


def _report(one: Run, training: Training, first: int) -> None:
    objective = training.phases[0].objective
    likelihood_of = min(LIKELIHOOD_OF, len(one.judged))
    summary = summarize(one, one.judged, objective, samples=SAMPLES, likelihood_of=likelihood_of, seed=one.config.seed)
    where = "training" if one.held_out is None else "held-out"
    early = ""
    if training.best:
        losses = [record["held_out"]["loss"] for record in training.history]
        ended = "stopped early, " if training.stopping else ""
        early = f" ({ended}with the weights of the best epoch, {losses.index(min(losses)) + 1})"
    print(f"\nafter {training.epoch} epochs{early}, {training.step:,} steps, on the {len(one.judged):,} {where} examples:")
    print(as_table(summary, latent_dim=one.model.posterior.latent_dim, samples=SAMPLES, likelihood_of=likelihood_of))
    if training.step > first:
        seconds = sum(record["seconds"] for record in training.history)
        print(f"  {'speed':32}{training.examples_an_epoch * len(training.history) / seconds:12,.0f}  examples/s")
    print(f"\nin {one.folder}:\n  {one.checkpoint}\n  {one.folder / 'metrics.jsonl'}")
