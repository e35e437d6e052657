"""Compare one training step of any VAE code, in a file of arrays, with the reference, and name the mistake.

The file is .npz or .safetensors, and its arrays are named as in `scratchvae.reference.diagnose`. A folder of
such files holds one step in each: one line says how each step fared, and each kind of departure is shown
once. The exit status is 0 where everything that could be checked agrees, and 1 where something departs. It is
2 where nothing could be checked, or where what differs may still be right. For a folder it is the worst of
its files.

With --term the file holds one term of a loss instead, such as an MMD, as `scratchvae.reference.diagnose_term`
takes it.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scratchvae.arrays import Array, InputError
from scratchvae.choices import Choice, parse_value
from scratchvae.data import read_named_arrays
from scratchvae.files import write_whole
from scratchvae.reference import TERMS, Report, diagnose, diagnose_term
from scratchvae.reference.diagnosis import LIKELIHOODS, mistakes
from scratchvae.strict_json import dump_finite

SUFFIXES = (".npz", ".safetensors")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file, and what its code was meant to compute."""
    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="one step: x, mean, log_var, noise, z, …; or a folder of steps",
    )
    parser.add_argument("--likelihood", choices=LIKELIHOODS, default="bernoulli", help="default bernoulli")
    parser.add_argument("--variance", type=float, default=1.0, help="of a Gaussian or Laplace (default 1)")
    parser.add_argument("--beta", type=float, default=1.0, help="the weight of the KL (default 1)")
    parser.add_argument(
        "--reduction",
        choices=("mean", "sum"),
        default="mean",
        help="of the loss over the batch (default mean)",
    )
    parser.add_argument(
        "--free-bits", type=float, default=0.0, help="nats of each latent's KL that are free (default 0)"
    )
    parser.add_argument("--capacity", type=float, help="nats that the KL is held at, by beta |KL - capacity|")
    parser.add_argument(
        "--no-constants", action="store_true", help="a Gaussian or Laplace is meant without its constant"
    )
    parser.add_argument("--evaluation", action="store_true", help="z is meant to be the mean")
    parser.add_argument(
        "--name", action="append", default=[], metavar="THEIRS=OURS", help="an array's name; may be repeated"
    )
    parser.add_argument(
        "--mistakes", action="store_true", help="list the mistakes that can be named, and stop"
    )
    parser.add_argument(
        "--term", choices=sorted(TERMS), metavar="TERM", help=f"one term only: {', '.join(sorted(TERMS))}"
    )
    parser.add_argument(
        "--setting", action="append", default=[], metavar="NAME=VALUE", help="of the term; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdict there too")


def run(arguments: argparse.Namespace) -> int:
    """Diagnose the step or steps and print the tables."""
    if arguments.mistakes:
        for name, fix in mistakes().items():
            print(f"{name}\n    {fix}")
        for name, term in TERMS.items():
            print(f"\n--term {name}: {term.says}")
            for fault in term.faults:
                print(f"{fault.name}\n    {fault.fix}")
        return 0
    if arguments.file is None:
        raise InputError("a FILE to diagnose should be given, or --mistakes")
    names = _pairs("--name", "THEIRS=OURS", arguments.name)
    if arguments.term:
        return _of_term(arguments, names)
    if arguments.setting:
        raise InputError("--setting should come with a --term, whose setting it is")
    meant = ("likelihood", "variance", "beta", "reduction", "free_bits", "capacity", "evaluation")
    settings = {name: getattr(arguments, name) for name in meant}
    settings |= {"constants": not arguments.no_constants, "names": names}
    folder = arguments.file.is_dir()
    reports = {path.name: _diagnosed(read_named_arrays(path), **settings) for path in _steps(arguments.file)}
    if arguments.json:
        verdicts = {name: _verdict(report) for name, report in reports.items()}
        written = verdicts if folder else next(iter(verdicts.values()))
        write_whole(arguments.json, dump_finite(str(arguments.json), written, indent=1).encode())
    if folder:
        _print_folder(reports)
    else:
        print(next(iter(reports.values())))
    return max((_status(report) for report in reports.values()), key=(0, 2, 1).index)


def _pairs(option: str, form: str, given: list[str]) -> dict[str, str]:
    pairs = {}
    for pair in given:
        left, equals, right = pair.partition("=")
        if not (left and equals and right):
            raise InputError(f"{option} should be like {form}, found {pair!r}")
        pairs[left] = right
    return pairs


def _of_term(arguments: argparse.Namespace, names: Mapping[str, str]) -> int:
    """Diagnose one term of a loss, and print what was found."""
    if arguments.file.is_dir():
        raise InputError(f"--term takes one file, found the folder {arguments.file}")
    arrays = {names.get(name, name): array for name, array in read_named_arrays(arguments.file).items()}
    told = _pairs("--setting", "NAME=VALUE", arguments.setting)
    values = {name: parse_value(value, f"--setting {name}") for name, value in told.items()}
    settings = {name: str(value) if isinstance(value, Choice) else value for name, value in values.items()}
    try:
        report = diagnose_term(arguments.term, arrays, reduction=arguments.reduction, **settings)
    except InputError as error:
        raise InputError(str(error).removeprefix("diagnose_term: ")) from None
    if arguments.json:
        verdict = {"term": report.term, "matches": report.matches, "mistake": report.mistake}
        written = dump_finite(str(arguments.json), verdict | {"said": list(report.sentences)}, indent=1)
        write_whole(arguments.json, written.encode())
    print(report)
    return 0 if report.matches else 1


def _steps(path: Path) -> list[Path]:
    """Return the file itself, or the files of a folder that hold named arrays, sorted by name."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    if not found:
        raise InputError(
            f"{path} should hold files of {' or '.join(SUFFIXES)}, one for each step, found none"
        )
    return found


def _status(report: Report) -> int:
    return 0 if report.matches else 1 if report.findings else 2


def _print_folder(reports: Mapping[str, Report]) -> None:
    """Print a line for each step, and then the first report of each kind of departure."""
    kinds: dict[tuple[str | None, tuple[str, ...]], str] = {}
    for name, report in reports.items():
        kind = (report.first, report.causes)
        first = kinds.setdefault(kind, name) if _status(report) else name
        said = ("agrees", "DEPARTS", "not settled")[_status(report)]
        shown = (
            ""
            if _status(report) == 0
            else f": {report.first or 'nothing'} as in {first}"
            if first != name
            else ", see below"
        )
        print(f"{name}  {said}{shown}")
    for name in kinds.values():
        print(f"\n{name}\n{reports[name]}")


def _verdict(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "matches": report.matches,
        "unchecked": report.unchecked,
        "first": report.first,
        "causes": report.causes,
        "explanation": report.explanation,
        "quantities": {line.quantity: line.verdict for line in report.lines},
    }


def _diagnosed(arrays: Mapping[str, Array], **settings: Any) -> Report:
    """Diagnose one step, and let an InputError speak of the command's options."""
    try:
        return diagnose(arrays, **settings)
    except InputError as error:
        said = re.sub(r"names=\{'(.*?)': …\}", r"--name \1=…", str(error).removeprefix("diagnose: "))
        raise InputError(said) from None
