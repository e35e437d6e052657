"""Fill in what is missing in data by a run's model and write it, or hide some entries and judge it."""

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np

from scratchvae.arrays import Array, InputError, require_at_least
from scratchvae.data import KINDS, Dataset
from scratchvae.evaluation import impute, impute_hidden
from scratchvae.files import write_whole
from scratchvae.models import HelmholtzMachine
from scratchvae.runs import TABLES, Run, errors_table, formats, load_other, schema_for, write_imputed

FEW = 10  # the mean of fewer draws says little


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the data, the number of draws, and the file."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--data", help="data with missing entries (NaN): a name or a path (default: the run's held-out ones)"
    )
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets lie")
    parser.add_argument(
        "--kind", help=f"what the numbers of --data are: {', '.join(KINDS)} (default: as the run's)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="a .npy file, or of a table a .csv or .tsv file"
    )
    hide = "in place of --out: hide this share of the observed entries, such as 0.1, and print the errors of"
    parser.add_argument("--hide", type=float, metavar="SHARE", help=f"{hide} what is filled in")
    parser.add_argument(
        "--format", choices=formats.FORMATS, default="text", help="of the table of --hide (default: text)"
    )
    parser.add_argument(
        "--samples", type=int, default=1000, metavar="K", help="weighted draws an example (default 1000)"
    )
    parser.add_argument(
        "--draws", type=int, metavar="M", help="write M imputations, each drawn, in place of the expectation"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the seed of the draws, and of which entries are hidden"
    )


def run(arguments: argparse.Namespace) -> int:
    """Impute and write, or hide and compare, and say how many draws the weighted ones are worth."""
    for name, low in (("samples", 1), ("draws", 1), ("seed", 0)):
        if getattr(arguments, name) is not None:
            require_at_least("impute", f"--{name}", getattr(arguments, name), low)
    if (arguments.out is None) == (arguments.hide is None):
        found = "neither" if arguments.out is None else "both"
        raise InputError(
            f"impute: there should be --out FILE to write to, or --hide SHARE to judge by; found {found}"
        )
    if arguments.hide is not None and not 0 < arguments.hide < 1:
        raise InputError(f"impute: --hide should lie between 0 and 1, found {arguments.hide:g}")
    if arguments.hide is not None and arguments.draws:
        raise InputError(
            "impute: --draws writes imputations, and --hide writes nothing: leave one of them out"
        )
    if arguments.out is not None and arguments.out.suffix not in (".npy", *TABLES):
        raise InputError(
            f"impute: --out should be a .npy file, or of a table a .csv or .tsv file; found {arguments.out}"
        )
    one = Run.open(arguments.run)
    if arguments.out is not None and arguments.out.suffix in TABLES:
        schema_for(one, arguments.out)
    data = load_other(one, arguments.data, arguments.data_dir, kind=arguments.kind)
    if data.event_shape != one.model.event_shape:
        expected = f"examples of shape {one.model.event_shape}"
        raise InputError(f"impute: --data should hold {expected}, found {data.event_shape} in {data.name}")
    return _write(one, data, arguments) if arguments.hide is None else _judge(one, data, arguments)


def _write(one: Run, data: Dataset, arguments: argparse.Namespace) -> int:
    """Impute what is missing, and write it."""
    if data.observed is None:
        whole = (
            f"found every entry of {data.name} observed: --hide 0.1 hides some, and judges what is filled in"
        )
        raise InputError(f"impute: there should be something to fill in; {whole}")
    rng, draws = np.random.default_rng(arguments.seed), arguments.draws or 0
    found = impute(one.model, data, samples=arguments.samples, draws=draws, rng=rng)
    filled = found.draws if draws else found.x
    if arguments.out.suffix in TABLES:
        write_imputed(one, arguments.out, filled, arguments.data)
    else:
        buffer = BytesIO()
        np.save(buffer, filled.reshape(*filled.shape[:-1], *data.event_shape))
        write_whole(arguments.out, buffer.getvalue())
    print(
        f"{arguments.out}: {formats.counted(len(data), 'example')}, "
        f"{data.share_missing:.1%} of their entries filled in"
    )
    _say_worth(one, found.effective, arguments.samples)
    return 0


def _judge(one: Run, data: Dataset, arguments: argparse.Namespace) -> int:
    """Hide entries, impute them, and print the errors beside those of the column means."""
    rng = np.random.default_rng(arguments.seed)
    found = impute_hidden(one.model, data, share=arguments.hide, samples=arguments.samples, rng=rng)
    rows = errors_table(one, found)
    if arguments.format in ("json", "csv"):
        print(formats.FORMATS[arguments.format](rows, {}), end="")
        return 0
    words = {name: (name, "{:.3f}".format) for name in ("imputed", "mean or commonest")}
    print(
        f"{one.folder} on {formats.counted(len(data), 'example')} of {data.name}, "
        f"of which {found.hidden.sum():,} observed entries were hidden:"
    )
    print(formats.FORMATS[arguments.format](rows, words))
    if one.is_trained_on(data) or data is one.data:
        print("the run was trained on these examples: the errors of new ones are larger")
    _say_worth(one, found.effective, arguments.samples)
    return 0


def _say_worth(one: Run, effective: Array, samples: int) -> None:
    """Print how many equally likely draws the weighted ones are worth."""
    if not isinstance(one.model, HelmholtzMachine) and one.model.posterior.one_code:
        print("the model has one code for each example: no draws were weighed")
        return
    least, median = effective.min(), np.median(effective)
    words = f"the {samples:,} weighted draws of an example are worth {median:,.0f} equally likely ones"
    print(f"{words} (the effective sample size, in the median example; {least:,.1f} in the worst)")
    if least < FEW:
        few = np.count_nonzero(effective < FEW)
        who = f"{few:,} of {len(effective):,} examples have" if len(effective) > 1 else "the example has"
        print(
            f"{who} fewer than {FEW}, and few draws decide the imputations: "
            "more --samples help, and so does longer training"
        )
