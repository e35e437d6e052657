"""Write golden vectors: inputs, values and gradients of every case, to compare any code with.

Code in any language can read them.
"""

import argparse
import json
import sys
from pathlib import Path

from scratchvae.files import make_folder, write_whole
from scratchvae.reference import golden


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder and the format."""
    words = "default npz, which NumPy alone reads; json is a file for each case, which any language reads"
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a folder, made if it isn't there"
    )
    parser.add_argument("--format", choices=tuple(golden.PACKINGS), default="npz", help=words)


def run(arguments: argparse.Namespace) -> int:
    """Compute the vectors and their tolerances, write them, and name the cases that are new there."""
    make_folder(arguments.out)
    stored = arguments.out / "manifest.json"
    new = golden.new_cases(json.loads(stored.read_text(encoding="utf-8"))) if stored.is_file() else []
    if sys.stderr.isatty():
        print(
            "computing every case, some inputs of it several times for their tolerances: a minute or more",
            file=sys.stderr,
        )
    vectors = {dtype: golden.vectors(dtype) for dtype in golden.DTYPES}
    packed = golden.PACKINGS[arguments.format](vectors)
    manifest = golden.manifest(vectors, packed)
    written = {**packed, "manifest.json": golden.as_json(manifest), **golden.companions(arguments.format)}
    for name, content in written.items():
        make_folder((arguments.out / name).parent)
        write_whole(arguments.out / name, content)
    size = sum(map(len, written.values()))
    print(f"{arguments.out}: {len(written)} {arguments.format} and JSON files, {size:,} bytes")
    if new:
        print(f"new since what was stored there: {', '.join(new)}")
    print(f"{len(manifest['cases'])} cases, {sum(map(len, vectors.values()))} arrays")
    return 0
