"""Fill in what is missing in data, by a run's model: expectations, or draws, as a .npy file or a table."""

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np

from scratchvae.arrays import InputError, require_at_least
from scratchvae.data import KINDS
from scratchvae.evaluation import impute
from scratchvae.files import write_whole
from scratchvae.models import HelmholtzMachine
from scratchvae.posteriors import Point
from scratchvae.runs import TABLES, Run, load_other, schema_for, write_imputed

FEW = 10  # draws: of fewer a mean says little


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, the data, how many draws, where to."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--data", help="data with missing entries (NaN): a name or a path (default: the run's held-out ones)")
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets lie")
    parser.add_argument("--kind", help=f"what the numbers of --data are: {', '.join(KINDS)} (default: as the run's)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .npy file, or of a table a .csv or .tsv file")
    parser.add_argument("--samples", type=int, default=1000, metavar="K", help="weighted draws an example (default 1000)")
    parser.add_argument("--draws", type=int, metavar="M", help="write M imputations, each drawn, in place of the expectation")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")


def run(arguments: argparse.Namespace) -> int:
    """Impute, write, and say how much the weights are worth."""
    for name, low in (("samples", 1), ("draws", 1), ("seed", 0)):
        if getattr(arguments, name) is not None:
            require_at_least("impute", f"--{name}", getattr(arguments, name), low)
    if arguments.out.suffix not in (".npy", *TABLES):
        raise InputError(f"impute: --out should be a .npy file, or of a table a .csv or .tsv file; found {arguments.out}")
    one = Run.open(arguments.run)
    if arguments.out.suffix in TABLES:
        schema_for(one, arguments.out)
    data = load_other(one, arguments.data, arguments.data_dir, kind=arguments.kind)
    if data.event_shape != one.model.event_shape:
        expected = f"examples of shape {one.model.event_shape}"
        raise InputError(f"impute: --data should hold {expected}, found {data.event_shape} in {data.name}")
    if data.observed is None:
        raise InputError(f"impute: there should be something to fill in; found every entry of {data.name} observed")
    rng, draws = np.random.default_rng(arguments.seed), arguments.draws or 0
    found = impute(one.model, data, samples=arguments.samples, draws=draws, rng=rng)
    filled = found.draws if draws else found.x
    if arguments.out.suffix in TABLES:
        write_imputed(one, arguments.out, filled, arguments.data)
    else:
        buffer = BytesIO()
        np.save(buffer, filled.reshape(*filled.shape[:-1], *data.event_shape))
        write_whole(arguments.out, buffer.getvalue())
    least, median = found.effective.min(), np.median(found.effective)
    print(f"{arguments.out}: {len(data):,} examples, {data.share_missing:.1%} of their entries filled in")
    if not isinstance(one.model, HelmholtzMachine) and isinstance(one.model.posterior, Point):
        print("an autoencoder has one code for each example: no draws were weighed")
        return 0
    words = f"of {arguments.samples:,} weighted draws of each example, as many count as {median:,.0f} equally likely ones would"
    print(f"{words} (the effective sample size, in the median example; {least:,.1f} in the worst)")
    if least < FEW:
        few = np.count_nonzero(found.effective < FEW)
        who = f"{few:,} of {len(data):,} examples have" if len(data) > 1 else "the example has"
        print(f"{who} fewer than {FEW}, and imputations that few draws decide: more --samples help, and so does longer training")
    return 0
