"""Say what this machine gives to the library or, with RUN, what that run is."""

import argparse
import os
from pathlib import Path

from scratchvae import cpu
from scratchvae.layers import named_parameters
from scratchvae.runs import Run, environment, formats
from scratchvae.training import load_checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, which may be left out."""
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="a run's folder")


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each fact."""
    if arguments.run is None:
        for name, fact in environment().items():
            print(f"{name:12}{fact}")
        if "SCRATCHVAE_KERNELS" in os.environ:
            print(" " * 12 + "chosen by SCRATCHVAE_KERNELS")
        if advice := cpu.advice(cpu.loaded_blas()):
            print(f"{'faster':12}{advice}")
        return 0
    one = Run.open(arguments.run)
    position = load_checkpoint(one.checkpoint).position
    epochs, steps = formats.counted(one.config.epochs, "epoch"), formats.counted(position["step"], "step")
    print(f"{one.folder}: {position['epoch']} of {epochs}, {steps}")
    if one.kept_prior is not None:
        print(f"the prior is {one.kept_prior}; without that file it is the trained one")
    print(one.config.to_json(), end="")
    for name, parameter in named_parameters(one.model).items():
        print(f"  {name:32} {' x '.join(map(str, parameter.value.shape)):>16} {parameter.value.size:>12,}")
    return 0
