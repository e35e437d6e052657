"""Write one HTML file with everything about a run: numbers, settings, curves, pictures, sounds.

The file needs no other file.
"""

import argparse
from pathlib import Path

from scratchvae.runs import Run, write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run and the file."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: report.html in the run's folder")


def run(arguments: argparse.Namespace) -> int:
    """Open the run, write the file, and print its path."""
    path = arguments.out or arguments.run / "report.html"
    write_report(Run.open(arguments.run), path)
    print(path)
    return 0
