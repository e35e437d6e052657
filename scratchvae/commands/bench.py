"""Time the workloads beside their own matrix products and beside other frameworks, or cost against size."""

import argparse
import json
from pathlib import Path
from typing import Any

from scratchvae import cpu
from scratchvae.arrays import InputError, require_at_least, require_choice
from scratchvae.bench import IMPLEMENTATIONS, SWEEPS, compare, exponent, grow
from scratchvae.files import write_whole

NAMES = ("mlp", "conv", "iwae", "evaluate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which workloads, against what, for how long."""
    parser.add_argument("workload", nargs="*", help=f"any of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--against", default="", metavar="LIST", help=f"of {', '.join(IMPLEMENTATIONS[1:])}, separated by commas")
    parser.add_argument("--grow", choices=sorted(SWEEPS), help="cost against this size instead, with the fitted exponent")
    parser.add_argument("--rounds", type=int, default=5, help="new processes of each implementation (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of turns of each in a round (default 2)")
    parser.add_argument("--threads", type=int, default=cpu.cores(), help="of each; JAX takes one or all (default: the cores)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="with --grow: a .png file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    for option, low in (("rounds", 1), ("threads", 1), ("seconds", 0.01)):
        require_at_least("bench", f"--{option}", getattr(arguments, option), low)
    if arguments.threads > cpu.cores():
        raise InputError(f"--threads should be at most {cpu.cores()}, the cores; found {arguments.threads}")
    for path in (arguments.json, arguments.plot):
        if path is not None and not path.absolute().parent.is_dir():
            raise InputError(f"{path} can't be written: there is no folder {path.absolute().parent}")
    settings = {"rounds": arguments.rounds, "seconds": arguments.seconds, "threads": arguments.threads}
    processes = "one process" if arguments.rounds == 1 else f"{arguments.rounds} processes"
    taken = f"turns for {arguments.seconds:g} s in {processes} each, medians"
    results = _grown(arguments, settings, taken) if arguments.grow else _compared(arguments, settings, taken)
    if arguments.json:
        write_whole(arguments.json, (json.dumps(results, indent=1) + "\n").encode())
    return 0


def _compared(arguments: argparse.Namespace, settings: dict[str, Any], taken: str) -> dict[str, Any]:
    peers = list(dict.fromkeys(name.strip() for name in arguments.against.split(",") if name.strip()))
    for name in peers:
        require_choice("bench", "--against", name, IMPLEMENTATIONS[1:])
    for name in arguments.workload:
        require_choice("bench", "workload", name, NAMES)
    if arguments.plot:
        raise InputError("--plot goes with --grow")
    print(f"{cpu.processor()}; threads: {arguments.threads}; {taken}")
    heads = f"{'ms/step':>9} {'images/s':>10} {'of ours':>8} {'products ms':>12} {'of products':>12} {'turns':>6}"
    print(f"\n{'workload':10} {'implementation':15} {heads}")
    results = {}
    for workload in dict.fromkeys(arguments.workload or NAMES):
        results[workload] = compare(workload, peers, **settings)
        for name, one in results[workload].items():
            ours = f"{one['of_ours']:7.2f}x" if "of_ours" in one else ""
            floor = f"{1e3 * one['products']:12.2f} {one['of_products']:11.2f}x" if "products" in one else ""
            step = f"{1e3 * one['step']:9.2f} {one['images'] / one['step']:10,.0f}"
            print(f"{workload:10} {name:15} {step} {ours:8} {floor:25} {one['turns']:6}", flush=True)
    return results


def _grown(arguments: argparse.Namespace, settings: dict[str, Any], taken: str) -> dict[str, Any]:
    if arguments.workload or arguments.against:
        raise InputError("--grow goes without workloads and without --against: each size has its workload")
    if arguments.plot and arguments.plot.suffix.lower() != ".png":
        raise InputError(f"--plot should end in .png, found {str(arguments.plot)!r}")
    workload, sizes = SWEEPS[arguments.grow]
    print(f"{cpu.processor()}; threads: {arguments.threads}; {taken}\n\n{workload} against {arguments.grow}", flush=True)
    seconds = grow(workload, arguments.grow, sizes, **settings)
    for size, taken_by_one in zip(sizes, seconds, strict=True):
        print(f"{size:8} {1e3 * taken_by_one:10.2f} ms")
    slope = exponent(sizes, seconds)
    print(f"time grows as {arguments.grow}^{slope:.2f} over the last three sizes")
    if arguments.plot:
        from scratchvae import plots

        plots.save(plots.growth(arguments.grow, sizes, seconds, slope), arguments.plot)
    return {"workload": workload, "size": arguments.grow, "sizes": list(sizes), "seconds": seconds, "exponent": slope}
