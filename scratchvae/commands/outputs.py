"""No command overwrites its own input: one test looks at all options that name a file to be written."""

import argparse
from contextlib import suppress
from pathlib import Path

from scratchvae.arrays import InputError

OUTPUTS = ("out", "json", "plot")  # options whose value is a path that a command writes to
FOLDERS = ("train", "sweep", "golden")  # commands whose --out is a folder, which they check themselves


def require_harmless_outputs(command: str, arguments: argparse.Namespace) -> None:
    """InputError where an option would overwrite the command's input, a run's data, or a file of a run."""
    asked = [
        (name, getattr(arguments, name, None)) for name in OUTPUTS if name != "out" or command not in FOLDERS
    ]
    wanted = [(f"--{name}", path) for name, path in asked if path is not None]
    if not wanted:
        return
    from scratchvae import runs  # imported here, because the import takes a while

    inputs = _inputs(arguments)
    for option, path in wanted:
        runs.require_harmless(option, path, inputs)
        if command == "compare":  # it draws a picture beside its table
            runs.require_harmless(option, path.with_suffix(".png"), inputs)


def _inputs(arguments: argparse.Namespace) -> list[Path]:
    """Return what a command reads: the files of the command line, and the data of the runs it names."""
    from scratchvae import runs

    given = vars(arguments)
    found = [path for name in ("file", "config", "commands") if (path := given.get(name)) is not None]
    if given.get("data") is not None:
        found += runs.places_of(given["data"], given.get("data_dir"))
    for folder in [given.get("run"), *(given.get("runs") or ())]:
        if folder is not None:
            with suppress(InputError, OSError):  # the command itself will report these
                found += [
                    place
                    for one in runs.read_runs(folder)
                    if one.config
                    for place in runs.data_of(one.config)
                ]
    return found
