"""The parser reads a command line strictly, and each error names the option and the nearest known name."""

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from scratchvae.arrays import InputError, nearest

SEED, COUNT = 2**63, 2**31  # whole numbers are below: seeds, and what arrays are counted by
SEEDS = ("seed", "held_out_seed")
SHOWN = 60  # characters of a value that a message repeats


class Parser(argparse.ArgumentParser):
    """argparse's parser whose errors are InputErrors of one sentence, and whose values are checked.

    No value may be empty, infinite or too large to count by. Options must be spelt out: the meaning of an
    abbreviation would change as soon as another option began with it. A command whose default for `rest` is a
    tuple gets the words behind ` -- ` there, and `behind` lists the options that belong there.
    """

    behind: frozenset[str] = frozenset()

    def __init__(self, **given: Any) -> None:
        super().__init__(allow_abbrev=False, **given)
        for kind, read in ((None, text), (int, whole), (float, number), (Path, path)):
            self.register("type", kind, read)

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments of a command line; InputError for anything else."""
        split = argv.index("--") if self.get_default("rest") is not None and "--" in argv else len(argv)
        given, rest = list(argv[:split]), list(argv[split + 1 :])
        self._require_known(given)
        arguments, left = self.parse_known_intermixed_args(given)
        if left:
            found = (
                f"unknown option {left[0]}"
                if left[0].startswith("-")
                else f"{_shown(left[0])} is one argument too many"
            )
            self.error(found)
        for name, value in vars(arguments).items():
            if type(value) is int:
                self._require_countable(name, value)
        if split < len(argv):
            arguments.rest = rest
        return arguments

    def error(self, message: str) -> NoReturn:
        """Raise argparse's message as an InputError, with the option as the subject of the sentence."""
        words = re.sub(r"^argument (\S+): should ", r"\1 should ", message).removeprefix("argument ")
        # argparse also lists arguments that may be left out
        if words.startswith("the following arguments are required"):
            needed = [
                action for action in self._actions if action.required and action.nargs not in ("*", "?")
            ]
            called = [(*action.option_strings, action.metavar or action.dest)[0] for action in needed]
            words = f"{' and '.join(map(str, called))} should be given, found none"
        elif "(did you mean" in words or not words.startswith("unknown"):
            raise InputError(words)
        raise InputError(f"{words}; `{self.prog} --help` lists all options")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            found = f"found {_shown(value)}{nearest(value, map(str, action.choices))}"
            raise argparse.ArgumentError(
                action, f"should be one of {', '.join(map(str, action.choices))}; {found}"
            )

    def _require_known(self, argv: Sequence[str]) -> None:
        """InputError for the first long option that is unknown.

        argparse would complain of the value behind it instead.
        """
        known = [option for option in self._option_string_actions if option.startswith("--")]
        for word in argv[: argv.index("--") if "--" in argv else None]:
            option = word.partition("=")[0]
            if option.startswith("--") and option not in known:
                if option in self.behind:
                    self.error(
                        f"unknown option {option}: options of train come last, behind a --, "
                        f"as in: -- {option} …"
                    )
                near = nearest(option[2:], (name[2:] for name in known)).replace("mean ", "mean --")
                self.error(f"unknown option {option[:SHOWN]}{near}")

    def _require_countable(self, name: str, value: int) -> None:
        option = f"-{name}" if len(name) == 1 else f"--{name.replace('_', '-')}"
        below, power = (SEED, 63) if name in SEEDS else (COUNT, 31)
        if abs(value) >= below:
            raise InputError(f"{option} should be below 2^{power}, found {value!s:.{SHOWN}}")
        if name in SEEDS and value < 0:
            raise InputError(f"{option} should be at least 0, found {value}")


def text(given: str) -> str:
    """Return a text unless it is empty."""
    if not given.strip():
        raise argparse.ArgumentTypeError(f"should not be empty, found {given!r:.20}")
    return given


def whole(given: str) -> int:
    """Return the whole number that the digits spell."""
    if not re.fullmatch(r"[-+]?[0-9]{1,1000}", given.strip()):
        raise argparse.ArgumentTypeError(f"should be a whole number, found {_shown(given)}")
    return int(given)


def number(given: str) -> float:
    """Return the finite number that the text spells."""
    try:
        found = float(text(given))
    except ValueError:
        raise argparse.ArgumentTypeError(f"should be a number, found {_shown(given)}") from None
    if not math.isfinite(found):
        raise argparse.ArgumentTypeError(f"should be a finite number, found {_shown(given)}")
    return found


def path(given: str) -> Path:
    """Return the path of a file or folder."""
    return Path(text(given))


def names(given: str) -> tuple[str, ...]:
    """Return the names between commas, each once."""
    found = tuple(name.strip() for name in given.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"should be names with commas between them, found {_shown(given)}")
    return tuple(dict.fromkeys(found))


def _shown(value: Any) -> str:
    return repr(value) if len(repr(value)) <= SHOWN else f"{repr(value)[:SHOWN]}…"
