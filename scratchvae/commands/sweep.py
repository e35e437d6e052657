"""Train many runs, one for each combination of values or for each line of a file.

The options behind -- apply to all of them. A sweep is a folder with a run for each command, and their table.
The same command line, given again, continues where it stopped: it skips runs that are finished, and runs that
were stopped or killed continue from their last checkpoint, to the same bits.
"""

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

from scratchvae import cpu
from scratchvae.arrays import InputError, require_count
from scratchvae.commands import train
from scratchvae.commands.parser import Parser
from scratchvae.files import read_whole, write_whole
from scratchvae.runs import (
    JUDGEMENT,
    Config,
    Trial,
    configured,
    dask_executor,
    data_of,
    folder_name,
    grid,
    label,
    process_pool,
    read_axes,
    require_harmless,
    shortened_name,
    sweep,
    sweep_tables,
)

TABLES = {"table.csv": sweep_tables.as_csv, "table.md": sweep_tables.as_pages}
MOST_BYTES = 1 << 20  # the largest file of commands


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what varies, the folder, and the workers."""
    parser.usage = 'scratchvae sweep "beta=1,2,4" "seed=0..4" [options] -- [options of train]'
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    words = "a setting and its values: beta=1,2,4, seed=0..4, prior=standard_gaussian,vamp(components=50)"
    parser.add_argument("axis", nargs="*", metavar="NAME=VALUES", help=words)
    parser.add_argument(
        "--commands", type=Path, metavar="FILE", help="a file with options of train, a run for each line"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the sweep's folder (default: one in runs, called after what it varies)",
    )
    many = f"runs at once, each in a process of one thread (default: {cpu.cores()}, the cores)"
    parser.add_argument("--workers", type=int, metavar="N", help=many)
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="let the workers of this Dask scheduler train, such as tcp://host:8786",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing until the table")
    parser.set_defaults(rest=())
    if isinstance(parser, Parser):
        others = Parser(prog="scratchvae train")
        train.add_arguments(others)
        parser.behind = frozenset(others._option_string_actions)


def run(arguments: argparse.Namespace) -> int:
    """Plan the runs, train what is not finished, and write and print the table."""
    common, base = settings_in(list(arguments.rest), "behind --")
    config = configured(common, base)
    commands = _commands(arguments)
    folder = arguments.out or Path("runs") / _name(config, commands)
    for name in TABLES:
        require_harmless("--out", folder / name, [*data_of(config), *filter(None, [arguments.commands])])
    before = {path.absolute().parent for path in folder.glob(f"*/{JUDGEMENT}")}
    done = 0

    def tell(row: dict[str, Any], trial: Trial) -> None:
        nonlocal done
        done += 1
        if not arguments.quiet:
            said = row["failed"] or ", ".join(
                f"{name} {row[name]:.3f}" for name in ("bound", "log_likelihood") if row[name] is not None
            )
            known = " (already done)" if trial.folder in before else ""
            print(
                f"{done} of {len(commands)}{known}: {label(trial.settings)}: {said}",
                file=sys.stderr,
                flush=True,
            )

    try:
        with terminating(), executor_of(arguments, len(commands)) as executor:
            rows = sweep(commands, folder=folder, common=config, executor=executor, on_row=tell)
    except (KeyboardInterrupt, SystemExit) as stopped:
        print(f"\nscratchvae sweep: stopped; the same command line goes on in {folder}", file=sys.stderr)
        return 130 if isinstance(stopped, KeyboardInterrupt) else 143
    for name, written in TABLES.items():
        write_whole(folder / name, written(rows).encode())
    print(sweep_tables.as_pages(rows), end="")
    print(f"\n{folder / 'table.csv'}\n{folder / 'table.md'}", file=sys.stderr)
    return 1 if any(row["failed"] for row in rows) else 0


@contextmanager
def terminating() -> Iterator[None]:
    """Turn SIGTERM into an exception, which ends the sweep as Ctrl-C does.

    A run that is trained in this process ends after its current step.
    """

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def executor_of(arguments: argparse.Namespace, runs: int) -> AbstractContextManager[Executor | None]:
    """Return what trains so many runs: processes, a cluster, or None for this process."""
    if arguments.dask is not None:
        if arguments.workers is not None:
            raise InputError("--workers goes without --dask: the cluster has workers of its own")
        return dask_executor(arguments.dask)
    wanted = cpu.cores() if arguments.workers is None else arguments.workers
    require_count("sweep", "--workers", wanted, 1)
    return nullcontext() if min(wanted, runs) == 1 else process_pool(min(wanted, runs))


def _commands(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the settings of each run: each line of the file with each combination of the axes' values."""
    if not arguments.axis and arguments.commands is None:
        raise InputError(
            'sweep should be given what varies, as in "beta=1,2,4" "seed=0..4", or --commands FILE; '
            "found neither"
        )
    lines = [{}] if arguments.commands is None else _lines(arguments.commands)
    points = grid(read_axes(arguments.axis))
    for line in lines:
        for name in line.keys() & points[0].keys():
            raise InputError(
                f"sweep: {name} should vary by an axis or in {arguments.commands}, found it in both"
            )
    return [line | point for line in lines for point in points]


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return the settings of each line of a file; empty lines and those that begin with # have none."""
    found = []
    text = read_whole(path, most_bytes=MOST_BYTES).decode(errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}, line {number}"
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                words = shlex.split(line)
            except ValueError as error:
                raise InputError(
                    f"{where} should be options of train, found {line[:80]!r}: {error}"
                ) from None
            given, base = settings_in(words, where)
            if base is not None:
                raise InputError(f"{where}: --config is for all runs: give it behind --")
            found.append(given)
    if not found:
        raise InputError(f"{path} should have a line of options for each run, found none")
    return found


def settings_in(words: Sequence[str], where: str) -> tuple[dict[str, Any], Config | None]:
    """Return the settings in options of train, and the config that they begin with.

    InputError for an option of train that is no setting of a run.
    """
    parser = Parser(prog="scratchvae train")
    train.add_arguments(parser)
    try:
        arguments = parser.read(words)
        given = train.settings_given(arguments)
        for name, value in vars(arguments).items():
            if name not in given and name != "config" and value != parser.get_default(name):
                raise InputError(
                    f"--{name.replace('_', '-')} is no setting of a run, and a sweep has no use for it"
                )
        base = train.config_given(arguments)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return given, base


def _name(config: Config, commands: Sequence[dict[str, Any]]) -> str:
    """Return the name of the sweep's folder, which is the same for the same sweep."""
    varied = dict.fromkeys(name for command in commands for name in command)
    name = "-".join(["sweep", folder_name(config), *(name.replace("_", "-") for name in varied)])
    return shortened_name(name, config.to_json() + " ".join(varied))
