"""Draw the pictures of a run into its folder: the named ones, or all that make sense for it."""

import argparse
from pathlib import Path

from scratchvae.runs import Run, figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run and the figures."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--data", help="where the run's data lie now, if they were moved: a path")
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets lie now")
    parser.add_argument(
        "figure", nargs="*", help=f"any of {', '.join(figures.FIGURES)} (default: all that make sense)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Draw the figures and print their paths."""
    one = Run.open(arguments.run, data=arguments.data, data_dir=arguments.data_dir)
    for path in figures.draw(one, arguments.figure or figures.available(one)):
        print(path)
    return 0
