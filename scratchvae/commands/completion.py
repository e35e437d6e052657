"""Print a script with which a shell completes commands, options and their values.

For bash, run `eval "$(scratchvae completion bash)"`. For zsh, put the same line with zsh in the place of bash
into .zshrc, behind compinit. For tcsh, use `completion tcsh`.
"""

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from scratchvae import __version__
from scratchvae.arrays import InputError
from scratchvae.commands import COMMANDS
from scratchvae.commands.parser import Parser
from scratchvae.commands.train import CHOICES
from scratchvae.recipes import LIKELIHOODS, MODELS, POSTERIORS, PRIORS

FOLDERS = ("DIR", "RUN")  # the metavars of options whose value is a folder
SHELLS = ("bash", "zsh", "tcsh")
NAMES = {  # options whose value begins with a name from a table
    **{name: tuple(table) for name, (table, _) in CHOICES.items()},
    "model": tuple(MODELS),
    "likelihood": tuple(LIKELIHOODS),
    "posterior": tuple(POSTERIORS),
    "prior": tuple(PRIORS),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the shell."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError:
        raise InputError("completion needs the package shtab: pip install shtab") from None
    print(shtab.complete(_whole_parser(shtab), arguments.shell))
    return 0


def _whole_parser(shtab: Any) -> argparse.ArgumentParser:
    """Build one parser of all commands, whose options say what completes their values."""
    top = Parser(prog="scratchvae")
    top.add_argument("--version", action="version", version=__version__)
    parsers = top.add_subparsers()
    for name, purpose in COMMANDS.items():
        command = import_module(f"scratchvae.commands.{name}")
        parser = parsers.add_parser(name, description=command.__doc__, help=purpose)
        command.add_arguments(parser)
        for action in parser._actions:
            if action.type is Path or action.dest == "data":
                kind = shtab.DIRECTORY if action.metavar in FOLDERS else shtab.FILE
                action.complete = kind  # type: ignore[attr-defined]
            elif action.dest in NAMES and action.choices is None:
                action.choices = NAMES[action.dest]
    return top
