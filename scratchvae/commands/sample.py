"""Draw images from a run's model: a picture, or with a path that ends in .npy the array itself."""

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np

from scratchvae.arrays import require_at_least
from scratchvae.files import write_whole
from scratchvae.runs import Run, figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, how many, where to."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("-n", type=int, default=64, help="how many (default 64)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a .png or .npy file (default RUN/figures/samples.png)")
    parser.add_argument("--draw", action="store_true", help="draw x ~ p(x|z) instead of taking its mean")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> int:
    """Sample and write."""
    require_at_least("sample", "-n", arguments.n, 1)
    require_at_least("sample", "--seed", arguments.seed, 0)
    one = Run.open(arguments.run)
    path = arguments.out or one.folder / "figures" / "samples.png"
    if path.suffix != ".npy":
        figures.require_images(one)
    images = one.model.sample(arguments.n, arguments.seed, mean=not arguments.draw)
    if path.suffix == ".npy":
        buffer = BytesIO()
        np.save(buffer, images)
        write_whole(path, buffer.getvalue())
    else:
        from scratchvae import plots

        plots.save(plots.samples(images), path)
    print(path)
    return 0
