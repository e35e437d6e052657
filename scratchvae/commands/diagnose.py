"""Hold one training step of any VAE code, its arrays in a file, against the reference: what departs first, and why.

The file is .npz or .safetensors; its arrays are named as in `scratchvae.reference.diagnose`. The exit status is 0 where what
could be checked agrees, 1 where something departs, 2 where nothing could be checked or what differs might yet be right.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scratchvae.arrays import Array, InputError
from scratchvae.data import read_named_arrays
from scratchvae.files import write_whole
from scratchvae.reference import Report, diagnose
from scratchvae.reference.diagnosis import LIKELIHOODS, mistakes
from scratchvae.strict_json import dump_finite


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and what was meant."""
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="one step: x, mean, log_var, noise, z, logits, kl, loss, d_mean, …"
    )
    parser.add_argument("--likelihood", choices=LIKELIHOODS, default="bernoulli", help="default bernoulli")
    parser.add_argument("--variance", type=float, default=1.0, help="of a Gaussian or Laplace (default 1)")
    parser.add_argument("--beta", type=float, default=1.0, help="the weight of the KL (default 1)")
    parser.add_argument("--reduction", choices=("mean", "sum"), default="mean", help="of the loss over the batch (default mean)")
    parser.add_argument("--free-bits", type=float, default=0.0, help="nats of each latent's KL that are free (default 0)")
    parser.add_argument("--no-constants", action="store_true", help="a Gaussian or Laplace is meant without its constant")
    parser.add_argument("--evaluation", action="store_true", help="z is meant to be the mean")
    parser.add_argument("--name", action="append", default=[], metavar="THEIRS=OURS", help="an array's name; may be repeated")
    parser.add_argument("--mistakes", action="store_true", help="list the mistakes that can be named, and stop")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdict there too")


def run(arguments: argparse.Namespace) -> int:
    """Diagnose and print the table."""
    if arguments.mistakes:
        for name, fix in mistakes().items():
            print(f"{name}\n    {fix}")
        return 0
    if arguments.file is None:
        raise InputError("a FILE to diagnose should be given, or --mistakes")
    names = {}
    for pair in arguments.name:
        theirs, equals, ours = pair.partition("=")
        if not (theirs and equals and ours):
            raise InputError(f"--name should be like THEIRS=OURS, found {pair!r}")
        names[theirs] = ours
    report = _diagnosed(
        read_named_arrays(arguments.file),
        likelihood=arguments.likelihood,
        variance=arguments.variance,
        beta=arguments.beta,
        reduction=arguments.reduction,
        free_bits=arguments.free_bits,
        constants=not arguments.no_constants,
        evaluation=arguments.evaluation,
        names=names,
    )
    if arguments.json:
        verdict = {
            "ok": report.ok,
            "matches": report.matches,
            "unchecked": report.unchecked,
            "first": report.first,
            "causes": report.causes,
            "explanation": report.explanation,
            "quantities": {line.quantity: line.verdict for line in report.lines},
        }
        write_whole(arguments.json, dump_finite(str(arguments.json), verdict, indent=1).encode())
    print(report)
    return 0 if report.matches else 1 if report.findings else 2


def _diagnosed(arrays: Mapping[str, Array], **settings: Any) -> Report:
    """InputError without the name that the command has already, and with names given as the command takes them."""
    try:
        return diagnose(arrays, **settings)
    except InputError as error:
        said = re.sub(r"names=\{'(.*?)': …\}", r"--name \1=…", str(error).removeprefix("diagnose: "))
        raise InputError(said) from None
