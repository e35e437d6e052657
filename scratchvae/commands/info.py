"""What this machine gives to the library; with RUN, what that run is."""

import argparse
import os
import platform
from importlib.metadata import version
from pathlib import Path

from scratchvae import __version__, cpu, kernels
from scratchvae.layers import named_parameters
from scratchvae.runs import Run
from scratchvae.training import load_checkpoint

PACKAGES = ("numpy", "numba", "scipy", "matplotlib", "safetensors")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A run, if any."""
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="a run's folder")


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each fact."""
    if arguments.run is None:
        print(f"scratchvae {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
        print("packages   " + ", ".join(f"{name} {version(name)}" for name in PACKAGES))
        print(f"processor  {cpu.processor()}, {cpu.cores()} cores for this process")
        loaded = cpu.loaded_blas()
        for blas in loaded:
            print(f"BLAS       {blas.library} {blas.version}, {blas.kernels} kernels, {blas.threads} threads")
        if advice := cpu.advice(loaded):
            print(f"faster     {advice}")
        chosen = "chosen by SCRATCHVAE_KERNELS" if "SCRATCHVAE_KERNELS" in os.environ else "the default"
        print(f"kernels    {kernels.in_use()} ({chosen})")
        return 0
    one = Run.open(arguments.run)
    position = load_checkpoint(one.checkpoint).position
    print(f"{one.folder}: {position['epoch']} of {one.config.epochs} epochs, {position['step']:,} steps")
    print(one.config.to_json(), end="")
    for name, parameter in named_parameters(one.model).items():
        print(f"  {name:32} {' x '.join(map(str, parameter.value.shape)):>16} {parameter.value.size:>12,}")
    return 0
