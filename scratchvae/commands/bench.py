"""Time the workloads beside their own matrix products and beside other frameworks, or cost against size."""

import argparse
import json
from pathlib import Path
from typing import Any

from scratchvae import cpu
from scratchvae.arrays import require_at_least, require_choice
from scratchvae.bench import IMPLEMENTATIONS, SWEEPS, exponent, measure
from scratchvae.files import write_whole

NAMES = ("mlp", "conv", "iwae", "evaluate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which workloads, against what, for how long."""
    parser.add_argument("workload", nargs="*", help=f"any of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--against", default="", metavar="LIST", help=f"of {', '.join(IMPLEMENTATIONS[1:])}, separated by commas")
    parser.add_argument("--grow", choices=sorted(SWEEPS), help="cost against this size instead, with the fitted exponent")
    parser.add_argument("--rounds", type=int, default=5, help="new processes of each implementation (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of turns in each process (default 2)")
    parser.add_argument("--threads", type=int, default=cpu.cores(), help="for every implementation (default: the cores)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="with --grow: a .png file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    for option, low in (("rounds", 1), ("threads", 1), ("seconds", 0.01)):
        require_at_least("bench", f"--{option}", getattr(arguments, option), low)
    settings = {"rounds": arguments.rounds, "seconds": arguments.seconds, "threads": arguments.threads}
    turns = f"medians over {arguments.seconds:g} s of turns in each of {arguments.rounds} processes"
    print(f"{cpu.processor()}; threads: {arguments.threads}, {turns}")
    results = _grown(arguments, settings) if arguments.grow else _compared(arguments, settings)
    if arguments.json:
        write_whole(arguments.json, (json.dumps(results, indent=1) + "\n").encode())
    return 0


def _compared(arguments: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    peers = [name for name in arguments.against.split(",") if name]
    for name in peers:
        require_choice("bench", "--against", name, IMPLEMENTATIONS[1:])
    for name in arguments.workload:
        require_choice("bench", "workload", name, NAMES)
    heads = f"{'ms/step':>9} {'images/s':>10} {'products ms':>12} {'of products':>12} {'ours is':>9}"
    print(f"\n{'workload':10} {'implementation':15} {heads}")
    results = {}
    for workload in arguments.workload or NAMES:
        results[workload] = measured = measure(workload, peers, **settings)
        for name, one in measured.items():
            line = f"{workload:10} {name:15} {1e3 * one['step']:9.2f} {one['images'] / one['step']:10,.0f}"
            if "products" in one:
                line += f" {1e3 * one['products']:12.2f} {one['of_products']:11.2f}x"
            else:
                line += f" {'':25} {one['of_ours']:7.2f}x faster"
            print(line, flush=True)
    return results


def _grown(arguments: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    workload, sizes = SWEEPS[arguments.grow]
    print(f"\n{workload} against {arguments.grow}")
    seconds = []
    for size in sizes:
        seconds.append(measure(workload, [], sizes={arguments.grow: size}, **settings)["scratchvae"]["step"])
        print(f"{size:8} {1e3 * seconds[-1]:10.2f} ms", flush=True)
    slope = exponent(sizes, seconds)
    print(f"time grows as {arguments.grow}^{slope:.2f} over the last three sizes")
    if arguments.plot:
        from scratchvae import plots

        plots.save(plots.growth(arguments.grow, sizes, seconds, slope), arguments.plot)
    return {"workload": workload, "size": arguments.grow, "sizes": list(sizes), "seconds": seconds, "exponent": slope}
