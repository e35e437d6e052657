"""The command line: `scratchvae <command> …`, or `python -m scratchvae <command> …`."""

import argparse
import sys
from importlib import import_module

from scratchvae import __version__
from scratchvae.arrays import InputError

COMMANDS = {
    "train": "train a model on images, or resume a run",
    "evaluate": "the bound, log-likelihood and active units of a run",
    "sample": "draw images from a run's model",
    "reconstruct": "data above their reconstructions by a run's model",
    "plot": "draw the pictures of a run",
    "check": "hold every gradient against finite differences",
    "bench": "time training beside its own matrix products, and beside other frameworks",
    "info": "what this machine gives, or what a run is",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 where a check failed, 2 where the input was unusable."""
    argv = sys.argv[1:] if argv is None else argv
    listing = "\n".join(f"  {name:12} {purpose}" for name, purpose in COMMANDS.items())
    top = argparse.ArgumentParser(
        prog="scratchvae",
        description="Variational autoencoders from scratch in NumPy, every gradient written by hand.",
        usage="scratchvae <command> [options]",
        epilog=f"commands:\n{listing}\n\n`scratchvae <command> --help` lists a command's options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"scratchvae {__version__}")
    if not argv or argv[0] not in COMMANDS:
        if argv and not argv[0].startswith("-"):
            top.error(f"unknown command {argv[0]!r}; there are {', '.join(COMMANDS)}")
        top.parse_args(argv)
        top.print_help()
        return 0
    name = argv[0]
    command = import_module(f"scratchvae.commands.{name}")
    parser = argparse.ArgumentParser(prog=f"scratchvae {name}", description=command.__doc__)
    command.add_arguments(parser)
    arguments = parser.parse_args(argv[1:])
    try:
        return int(command.run(arguments))
    except (InputError, ArithmeticError) as error:
        print(f"scratchvae {name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"scratchvae {name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
