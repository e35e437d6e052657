"""Compare runs in a table of their differences and their bounds on held-out data, and draw their curves."""

import argparse
import sys
from pathlib import Path

from scratchvae.arrays import InputError
from scratchvae.files import write_whole
from scratchvae.runs import Reading, chosen_runs, common_folder, compared, formats, groups, remarks, run_names
from scratchvae.runs.comparison import WORDS, compared_over_seeds, repeated
from scratchvae.runs.seeds import HEADING, in_words
from scratchvae.strict_json import dump


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs, the file, and the format of the table."""
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="a run's folder, or one with several runs below it"
    )
    tables = ", ".join(formats.SUFFIXES)
    words = f"the picture, a .png file, or the table, one of {tables}, with the picture beside it"
    where = "default: comparison.png in the folder that holds the runs"
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"{words} ({where})")
    parser.add_argument(
        "--format", choices=formats.FORMATS, help="of the table (default: what --out ends in, else text)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the runs, print the table with its remarks, and draw the picture."""
    runs = chosen_runs(arguments.runs)
    folder = common_folder(runs)
    names, out = run_names(runs, folder), arguments.out or folder / "comparison.png"
    suffix = out.suffix.lower()
    if suffix not in {".png", *formats.SUFFIXES}:
        raise InputError(
            f"compare: --out should end in .png, {', '.join(formats.SUFFIXES)}; found {str(out)!r}"
        )
    kind = arguments.format or formats.SUFFIXES.get(suffix, "text")
    rows, said = compared(runs, names), [formats.printable(sentence) for sentence in remarks(runs, names)]
    seeds = compared_over_seeds(runs, names)
    table = formats.FORMATS[kind](rows, WORDS)
    if kind == "json":
        table = dump({"remarks": said, "runs": rows, "over_seeds": seeds}, indent=2) + "\n"
    if kind in ("text", "markdown"):
        table += f"\n{HEADING}\n\n{formats.FORMATS[kind](in_words(seeds), {})}" if seeds else ""
        table += "".join(f"\n{sentence}\n" for sentence in said)
    print(table, end="")
    if kind == "csv":  # a table that programs read has no place for sentences
        print("\n".join(said), file=sys.stderr)
    if suffix != ".png":
        write_whole(out, table.encode())
    _draw(runs, names, out.with_suffix(".png"))
    return 0


def _draw(runs: list[Reading], names: list[str], path: Path) -> None:
    """Draw the bounds of the runs that have some, and say where the picture is."""
    shown = {
        label: {names[k]: runs[k].series("bound") for k in places if runs[k].best}
        for label, places in groups(runs).items()
    }
    shown = {label: curves for label, curves in shown.items() if curves}
    if not shown:
        print("compare: no run has a bound of held-out data to draw", file=sys.stderr)
        return
    from scratchvae import plots

    plots.save(plots.bounds(shown, alike=dict(zip(names, repeated(runs), strict=True))), path)
    print(path, file=sys.stderr)
