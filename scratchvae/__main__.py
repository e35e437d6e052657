"""The command line: `scratchvae <command> …`, or `python -m scratchvae <command> …`."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from scratchvae import __version__
from scratchvae.commands import COMMANDS
from scratchvae.cpu import prepare


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status.

    The status is 0 after success, 1 where a check failed, 2 for unusable input, and 130 after Ctrl-C. SIGTERM
    ends the process with 143.
    """
    with _leaving_at_once():
        import argparse  # imports take the first half second, and Ctrl-C may come in it as well
        import logging
        from difflib import get_close_matches
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
    if not argv:
        top.print_help()
        return 0
    if argv[0] not in COMMANDS:
        if argv[0] in ("--help", "-h", "--version"):
            top.parse_args(argv[:1])
        near = get_close_matches(argv[0], (*COMMANDS, "--help", "--version"), n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        print(
            f"scratchvae: unknown command {argv[0]!r:.80}{meant}; there are {', '.join(COMMANDS)}",
            file=sys.stderr,
        )
        return 2
    prepare()  # before NumPy is imported
    with _leaving_at_once():
        from scratchvae.arrays import InputError
        from scratchvae.commands.outputs import require_harmless_outputs
        from scratchvae.commands.parser import Parser

    name = argv[0]
    logging.basicConfig(format="%(message)s")  # on standard error
    logging.getLogger("scratchvae").setLevel(logging.INFO)
    try:
        with _leaving_at_once():
            command = import_module(f"scratchvae.commands.{name}")
        parser = Parser(prog=f"scratchvae {name}", description=command.__doc__)
        command.add_arguments(parser)
        arguments = parser.read(argv[1:])
        require_harmless_outputs(name, arguments)
        status = int(command.run(arguments))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of our output has gone
        # Python flushes this stream when it ends
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        return 0
    except (InputError, FloatingPointError, OSError) as error:
        print(f"scratchvae {name}: {str(error).removeprefix(f'{name}: ')}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"scratchvae {name}: this takes more memory than there is: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"scratchvae {name}: interrupted", file=sys.stderr)
        return 130


@contextmanager
def _leaving_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process with status 130 and one word while modules are imported.

    At that time there is nothing to clean up yet. KeyboardInterrupt cannot do this, because extension modules
    raise other errors when their import is interrupted.
    """

    def leave(*_: object) -> None:
        os.write(2, b"interrupted\n")
        os._exit(130)

    # somebody else handles the signal, or this is not the main thread
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    try:
        signal.signal(signal.SIGINT, leave)
    except ValueError:  # this is not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    raise SystemExit(main())
