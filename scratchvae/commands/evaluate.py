"""Judge a run's model: the bound and its parts, the log-likelihood, bits per dimension, active latents."""

import argparse
from pathlib import Path

from scratchvae.arrays import InputError, require_at_least
from scratchvae.commands.parser import names
from scratchvae.data import KINDS, Dataset
from scratchvae.files import write_whole
from scratchvae.runs import METRICS, Judgement, Run, formats, labelled, load_like, objective_of
from scratchvae.strict_json import dump_finite


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the data, and the number of draws."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--split", choices=("held-out", "train", "test"), default="held-out", help="default held-out"
    )
    where = "judge on other data than the run's, or say where the run's own lie now: a name or a path"
    parser.add_argument("--data", help=where)
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets lie")
    parser.add_argument(
        "--kind", help=f"what the numbers of --data are: {', '.join(KINDS)} (default: as the run's)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="judge on the first N examples")
    parser.add_argument(
        "--metrics",
        metavar="LIST",
        type=names,
        default=(),
        help=f"some of {', '.join(METRICS)}, and the penalties' terms, separated by commas "
        "(default: all that the run has)",
    )
    parser.add_argument(
        "--samples", type=int, default=100, metavar="K", help="draws for log p(x) (default 100; 0: none)"
    )
    parser.add_argument(
        "--likelihood-of", type=int, metavar="N", help="take log p(x) of the first N examples (default: all)"
    )
    parser.add_argument("--seed", type=int, default=0, help="the seed of the draws")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")


def run(arguments: argparse.Namespace) -> int:
    """Open the run, judge it, and print a table."""
    one = Run.open(arguments.run)
    data = _data(one, arguments)
    for name, low in (("samples", 0), ("likelihood_of", 1), ("limit", 1), ("seed", 0)):
        if getattr(arguments, name) is not None:
            require_at_least("evaluate", f"--{name.replace('_', '-')}", getattr(arguments, name), low)
    of = min(arguments.likelihood_of or len(data), len(data))
    judgement = Judgement(one, data, objective_of(one), arguments.samples, of, arguments.seed)
    found = judgement.metrics(arguments.metrics)
    beside = "" if one.kept_prior is None else f", beside the prior {one.kept_prior}"
    print(f"{one.folder} on {formats.counted(len(data), 'example')} of {data.name}{beside}:")
    print(judgement.table(found))
    if arguments.json:
        write_whole(arguments.json, dump_finite(str(arguments.json), found, indent=2).encode())
    if one.kept_prior is not None:
        print("evaluation.json is unchanged: its numbers are those of the trained prior")
    elif not arguments.data and data is one.judged and arguments.samples and not arguments.metrics:
        judgement.keep(found)
    return 0


def _data(one: Run, arguments: argparse.Namespace) -> Dataset:
    asked = {"data_dir": arguments.data_dir, "kind": arguments.kind}
    if arguments.data:
        split = "test" if arguments.split == "test" else "train"
        data = load_like(one.config, arguments.data, split=split, **asked)
        if arguments.kind is None and one.is_trained_on(
            data
        ):  # these are the run's own data, moved elsewhere
            moved = {"data": arguments.data, "data_dir": arguments.data_dir}
            one = Run.open(one.folder, **moved, trained_prior=True)  # for the data alone
            data = one.data if arguments.split == "train" else one.judged
    elif arguments.split == "test":
        data = load_like(one.config, one.config.data, split="test", seed=one.config.data_seed, **asked)
    else:
        data = one.data if arguments.split == "train" else one.judged
    if data.event_shape != one.model.event_shape:
        raise InputError(
            f"--data should hold examples of shape {one.model.event_shape}, "
            f"found {data.event_shape} in {data.name}"
        )
    if arguments.limit is not None:
        data = data.subset(slice(0, arguments.limit))
    return labelled(one.model, data)
