"""List the runs in a folder and below it: name, state, differences, best bound on held-out data, time."""

import argparse
import sys
from pathlib import Path

from scratchvae.runs import formats, listed, read_runs, run_names
from scratchvae.runs.comparison import WORDS

HERE = Path("runs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder, and the format of the table."""
    parser.add_argument("folder", type=Path, nargs="?", default=HERE, metavar="FOLDER", help="default: runs")
    parser.add_argument("--format", choices=formats.FORMATS, default="text", help="default: text")


def run(arguments: argparse.Namespace) -> int:
    """Read each run's folder and print a row for it."""
    folder, people = arguments.folder, arguments.format in ("text", "markdown")
    runs = [] if folder == HERE and not folder.exists() else read_runs(folder)
    names = run_names(runs, folder)
    if runs or not people:
        print(formats.FORMATS[arguments.format](listed(runs, names, damage=not people), WORDS), end="")
    else:
        print(f"no runs in {folder}: `scratchvae train` starts one", file=sys.stderr)
    if people:
        for name, one in zip(names, runs, strict=True):
            if one.damage:
                print("\n" + formats.printable(f"{name} is damaged: {one.damage}"))
    return 0
