"""Train every named model alike, and say whether each learns what its paper says it should.

Without names all are trained: topic models on texts, all others on the data. The options behind -- are those
of train. The folder holds a run for each name and seed, and one table of all runs. The same command line,
given again, continues where it stopped.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from scratchvae import cpu
from scratchvae.commands.sweep import executor_of, settings_in, terminating
from scratchvae.files import write_whole
from scratchvae.recipes import NAMED_MODELS
from scratchvae.runs import (
    Trial,
    configured,
    flattened,
    folder_name,
    label,
    readable,
    results,
    shortened_name,
    sweep_tables,
)
from scratchvae.strict_json import dump_finite

SMALL = {"hidden": 200, "latent_dim": 10}  # the networks of all models, unless an option asks for others


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the models, the data, the number of seeds, and the workers."""
    parser.usage = "scratchvae results [NAME …] [options] -- [options of train]"
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help="names of `train --list` (default: all), such as beta-tc"
    )
    parser.add_argument(
        "--data",
        help="what train takes (default numerals; topic models keep their texts if no NAME is given)",
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="where named data sets lie (also: $SCRATCHVAE_DATA)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="use the first N examples")
    parser.add_argument("--epochs", type=int, help="default 20")
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="runs of each, with seeds from 0 (default 3)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder (default: one in runs, called after the data)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help=f"runs at once (default {cpu.cores()}, the cores)"
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing until the table")
    parser.set_defaults(rest=(), dask=None)


def run(arguments: argparse.Namespace) -> int:
    """Train what is not finished, measure all runs, and write and print the table."""
    given, base = settings_in(list(arguments.rest), "behind --")
    direct = {name: getattr(arguments, name) for name in ("data", "data_dir", "limit", "epochs")}
    config = configured(
        {**SMALL, **given, **{name: value for name, value in direct.items() if value is not None}}, base
    )
    folder = arguments.out or Path("runs") / shortened_name(
        f"results-{folder_name(config)}", config.to_json()
    )
    runs, done = arguments.seeds * (len(arguments.name) or len(NAMED_MODELS)), 0

    def tell(row: dict[str, Any], trial: Trial) -> None:
        nonlocal done
        done += 1
        if not arguments.quiet:
            print(
                f"{done}: {label(trial.settings)}: {row['failed'] or 'trained'}", file=sys.stderr, flush=True
            )

    try:
        with terminating(), executor_of(arguments, runs) as executor:
            rows = results(
                arguments.name,
                seeds=arguments.seeds,
                folder=folder,
                common=config,
                executor=executor,
                on_row=tell,
            )
    except (KeyboardInterrupt, SystemExit) as stopped:
        print(f"\nscratchvae results: stopped; the same command line goes on in {folder}", file=sys.stderr)
        return 130 if isinstance(stopped, KeyboardInterrupt) else 143
    table = sweep_tables.as_markdown(readable(rows))
    contents = {
        "md": table,
        "csv": sweep_tables.as_csv(flattened(rows)),
        "json": dump_finite("results", rows, indent=2) + "\n",
    }
    for ending, content in contents.items():
        write_whole(folder / f"results.{ending}", content.encode())
    print(table, end="")
    print("\n" + "\n".join(str(folder / f"results.{ending}") for ending in contents), file=sys.stderr)
    return 1 if any(row["failed"] for row in rows) else 0
