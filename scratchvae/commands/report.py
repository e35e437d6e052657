"""Write everything about a run into one HTML file that needs nothing else: numbers, settings, curves,
pictures, sounds.
"""

import argparse
from pathlib import Path

from scratchvae.runs import Run, write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, and where to."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: report.html in the run's folder")


def run(arguments: argparse.Namespace) -> int:
    """Open the run, write the file, print its path."""
    path = arguments.out or arguments.run / "report.html"
    write_report(Run.open(arguments.run), path)
    print(path)
    return 0
