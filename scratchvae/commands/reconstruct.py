"""Draw data above their reconstructions by a run's model, or write reconstructed rows as a table."""

import argparse
from pathlib import Path

from scratchvae.arrays import InputError, require_at_least
from scratchvae.data import KINDS
from scratchvae.runs import TABLES, Run, figures, load_other, write_rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the data, and the file."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--data", help="reconstruct other data than the run's held-out ones: a name or a path"
    )
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets lie")
    parser.add_argument(
        "--kind", help=f"what the numbers of --data are: {', '.join(KINDS)} (default: as the run's)"
    )
    parser.add_argument("-n", type=int, help="how many (default 20, and of a table all rows)")
    words = "a .png file (default RUN/figures/reconstructions.png); for a table, a .csv or .tsv file"
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"{words} (RUN/reconstructions.csv)")


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct the examples, and draw or write them."""
    if arguments.n is not None:
        require_at_least("reconstruct", "-n", arguments.n, 1)
    one = Run.open(arguments.run)
    if one.schema is not None or (arguments.out is not None and arguments.out.suffix in TABLES):
        return _reconstruct_table(one, arguments)
    figures.require_images(one)
    data = load_other(one, arguments.data, arguments.data_dir, kind=arguments.kind)
    path = arguments.out or one.folder / "figures" / "reconstructions.png"
    some = data.subset(slice(0, arguments.n or 20))
    reconstructed = one.model.reconstruct(some)
    from scratchvae import plots

    originals = some.batch(slice(0, len(some))).x_or_nan.reshape(-1, *some.event_shape)
    plots.save(plots.reconstructions(originals, reconstructed), path)
    print(path)
    return 0


def _reconstruct_table(one: Run, arguments: argparse.Namespace) -> int:
    path = arguments.out or one.folder / "reconstructions.csv"
    if path.suffix not in TABLES:
        raise InputError(
            f"reconstruct: --out should be a .csv or .tsv file, as the run's data are a table; found {path}"
        )
    data = load_other(one, arguments.data, arguments.data_dir, kind=arguments.kind)
    write_rows(one, path, one.model.reconstruct(data.subset(slice(0, arguments.n))))
    print(path)
    return 0
