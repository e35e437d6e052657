"""The command line: `scratchvae <command> …`, or `python -m scratchvae <command> …`."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from scratchvae import __version__
from scratchvae.cpu import prepare

COMMANDS = {
    "train": "train a model on images, or resume a run",
    "evaluate": "the bound, log-likelihood and active units of a run",
    "sample": "draw images from a run's model",
    "reconstruct": "data above their reconstructions by a run's model",
    "impute": "fill in missing entries by a run's model",
    "plot": "draw the pictures of a run",
    "report": "everything about a run in one HTML file",
    "list": "the runs in a folder: state, what differs, best bound",
    "compare": "runs side by side: one table and one picture",
    "diagnose": "hold one step of any VAE code against the reference, and name its mistake",
    "golden": "write vectors of every case, for code in any language to be held against",
    "check": "hold every gradient against finite differences",
    "bench": "time training beside its own matrix products, and beside other frameworks",
    "info": "what this machine gives, or what a run is",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 where a check failed, 2 for unusable input, 130 for an interruption."""
    with _leaving_at_once():
        import argparse  # imports take the first half a second, in which Ctrl-C may come as well
        import logging
        from pathlib import Path

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
    prepare()  # before NumPy is imported
    with _leaving_at_once():
        from scratchvae.arrays import InputError

    name = argv[0]
    logging.basicConfig(format="%(message)s")  # on standard error
    logging.getLogger("scratchvae").setLevel(logging.INFO)
    try:
        with _leaving_at_once():
            command = import_module(f"scratchvae.commands.{name}")
        parser = argparse.ArgumentParser(prog=f"scratchvae {name}", description=command.__doc__)
        command.add_arguments(parser)
        arguments = parser.parse_args(argv[1:])
        _require_countable(vars(arguments))
        status = int(command.run(arguments))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of our output has gone
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (what Python flushes when it ends)
        return 0
    except (InputError, FloatingPointError, OSError) as error:
        print(f"scratchvae {name}: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"scratchvae {name}: this takes more memory than there is: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"scratchvae {name}: interrupted", file=sys.stderr)
        return 130


@contextmanager
def _leaving_at_once() -> Iterator[None]:
    """Ctrl-C while modules are imported ends the process with status 130 and one word: there is nothing yet to clean up.

    KeyboardInterrupt won't do here: extension modules that are interrupted in their import raise other errors.
    """

    def leave(*_: object) -> None:
        os.write(2, b"interrupted\n")
        os._exit(130)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # somebody else's word, or not the main thread
        yield
        return
    try:
        signal.signal(signal.SIGINT, leave)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _require_countable(options: dict[str, object]) -> None:
    """Raise InputError for a whole number that no array can count to, or a seed of more than 63 bits."""
    from scratchvae.arrays import InputError

    for name, value in options.items():
        bits = 63 if name == "seed" else 31
        if isinstance(value, int) and abs(value) >= 2**bits:
            option = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
            raise InputError(f"{option} should be below 2^{bits}, found {value}")


if __name__ == "__main__":
    raise SystemExit(main())
