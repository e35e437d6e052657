"""Time the workloads beside their matrix products and other frameworks, or measure cost against size."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratchvae import cpu
from scratchvae.arrays import InputError, require_at_least, require_choice
from scratchvae.bench import IMPLEMENTATIONS, SWEEPS, compare, exponent, grow
from scratchvae.commands.parser import names
from scratchvae.files import write_whole
from scratchvae.strict_json import dump_finite

NAMES = ("mlp", "conv", "iwae", "evaluate", "vq", "flow", "beta-tc", "ladder")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which workloads are timed, beside what, and for how long."""
    parser.add_argument("workload", nargs="*", help=f"any of {', '.join(NAMES)} (default: all)")
    others = f"of {', '.join(IMPLEMENTATIONS[1:])}, separated by commas"
    parser.add_argument("--against", type=names, default=(), metavar="LIST", help=others)
    parser.add_argument(
        "--grow", choices=sorted(SWEEPS), help="measure cost against this size instead, and fit its exponent"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="new processes of each implementation (default 5)"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="time of each in a round (default 2)")
    parser.add_argument(
        "--threads",
        type=int,
        default=cpu.cores(),
        help="threads of each; JAX takes one or all (default: all)",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="with --grow: a .png file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")


def run(arguments: argparse.Namespace) -> int:
    """Measure the workloads and print the times."""
    peers = arguments.against
    _require_usable(arguments, peers)
    processes = "one process" if arguments.rounds == 1 else f"{arguments.rounds} processes"
    turns = f"turns for {arguments.seconds:g} s in {processes} each, medians"
    print(f"{cpu.processor()}; threads: {arguments.threads}; {turns}\n", flush=True)
    settings = {"rounds": arguments.rounds, "seconds": arguments.seconds, "threads": arguments.threads}
    if arguments.grow:
        results = _grown(arguments.grow, arguments.plot, settings)
    else:
        results = _compared(arguments.workload or NAMES, peers, settings)
    if arguments.json:
        write_whole(arguments.json, dump_finite(str(arguments.json), results, indent=1).encode())
    return 0


def _require_usable(arguments: argparse.Namespace, peers: Sequence[str]) -> None:
    """InputError for options that do not fit, before anything is measured."""
    for option, low in (("rounds", 1), ("threads", 1), ("seconds", 0.01)):
        require_at_least("bench", f"--{option}", getattr(arguments, option), low)
    if arguments.threads > cpu.cores():
        raise InputError(f"--threads should be at most {cpu.cores()}, the cores; found {arguments.threads}")
    for name in peers:
        require_choice("bench", "--against", name, IMPLEMENTATIONS[1:])
    for name in arguments.workload:
        require_choice("bench", "workload", name, NAMES)
    if arguments.grow and (arguments.workload or peers):
        raise InputError("--grow goes without workloads and without --against: each size has its workload")
    if arguments.plot and not arguments.grow:
        raise InputError("--plot goes with --grow")
    if arguments.plot and arguments.plot.suffix.lower() != ".png":
        raise InputError(f"--plot should end in .png, found {str(arguments.plot)!r}")
    for path in (arguments.json, arguments.plot):
        if path is not None and not path.absolute().parent.is_dir():
            raise InputError(f"{path} can't be written: there is no folder {path.absolute().parent}")


def _compared(workloads: Sequence[str], peers: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    heads = (
        f"{'ms/step':>9} {'images/s':>10} {'of ours':>8} {'products ms':>12} {'of products':>12} {'turns':>6}"
    )
    print(f"{'workload':10} {'implementation':15} {heads}")
    results = {}
    for workload in dict.fromkeys(workloads):
        results[workload] = compare(workload, peers, **settings)
        for name, one in results[workload].items():
            ours = f"{one['of_ours']:7.2f}x" if "of_ours" in one else ""
            floor = f"{1e3 * one['products']:12.2f} {one['of_products']:11.2f}x" if "products" in one else ""
            step = f"{1e3 * one['step']:9.2f} {one['images'] / one['step']:10,.0f}"
            print(f"{workload:10} {name:15} {step} {ours:8} {floor:25} {one['turns']:6}", flush=True)
    return results


def _grown(size: str, plot: Path | None, settings: dict[str, Any]) -> dict[str, Any]:
    workload, values = SWEEPS[size]
    print(f"{workload} against {size}", flush=True)
    seconds = grow(workload, size, values, **settings)
    for value, taken in zip(values, seconds, strict=True):
        print(f"{value:8} {1e3 * taken:10.2f} ms")
    slope = exponent(values, seconds)
    print(f"time grows as {size}^{slope:.2f} over the last three sizes")
    if plot:
        from scratchvae import plots

        plots.save(plots.growth(size, values, seconds, slope), plot)
    return {"workload": workload, "size": size, "sizes": list(values), "seconds": seconds, "exponent": slope}
