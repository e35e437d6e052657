"""Draw data above their reconstructions by a run's model."""

import argparse
from pathlib import Path

from scratchvae.arrays import require_at_least
from scratchvae.data import KINDS
from scratchvae.runs import Run, figures, load_other


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, the data, where to."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--data", help="reconstruct other data than the run's held-out ones: a name or a path")
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets lie")
    parser.add_argument("--kind", help=f"what the numbers of --data are: {', '.join(KINDS)} (default: as the run's)")
    parser.add_argument("-n", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a .png file (default RUN/figures/reconstructions.png)")


def run(arguments: argparse.Namespace) -> int:
    """Reconstruct and draw."""
    require_at_least("reconstruct", "-n", arguments.n, 1)
    one = Run.open(arguments.run)
    figures.require_images(one)
    asked = {"data_dir": arguments.data_dir, "kind": arguments.kind}
    data = load_other(one.config, arguments.data, **asked) if arguments.data else one.judged
    path = arguments.out or one.folder / "figures" / "reconstructions.png"
    some = data.subset(slice(0, arguments.n))
    reconstructed = one.model.reconstruct(some)
    from scratchvae import plots

    originals = some.batch(slice(0, len(some))).x_or_nan.reshape(-1, *some.event_shape)
    plots.save(plots.reconstructions(originals, reconstructed), path)
    print(path)
    return 0
