"""Write golden vectors: inputs, values and gradients of every case, for code in any language to be held against."""

import argparse
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scratchvae.arrays import Array
from scratchvae.files import make_folder, write_whole
from scratchvae.reference import golden

EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every member of a zip: the same vectors give the same bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and in which format."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder, made if it isn't there")
    parser.add_argument("--format", choices=("npz", "safetensors"), default="npz", help="default npz, which NumPy alone reads")


def run(arguments: argparse.Namespace) -> int:
    """Compute the vectors and their tolerances, write three files, and name the cases that were not stored there before."""
    make_folder(arguments.out)
    stored = arguments.out / "manifest.json"
    new = golden.new_cases(json.loads(stored.read_text(encoding="utf-8"))) if stored.is_file() else []
    vectors = {dtype: golden.vectors(dtype) for dtype in golden.DTYPES}
    packed = _npz if arguments.format == "npz" else _safetensors
    files = {f"golden-{dtype}.{arguments.format}": packed(arrays) for dtype, arrays in vectors.items()}
    manifest = golden.manifest(vectors, files)
    for name, content in (*files.items(), ("manifest.json", golden.as_json(manifest))):
        write_whole(arguments.out / name, content)
        print(f"{arguments.out / name}: {len(content):,} bytes")
    if new:
        print(f"new since what was stored there: {', '.join(new)}")
    print(f"{len(manifest['cases'])} cases, {sum(map(len, vectors.values()))} arrays")
    return 0


def _npz(arrays: Mapping[str, Array]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())
    return packed.getvalue()


def _safetensors(arrays: Mapping[str, Array]) -> bytes:
    from safetensors.numpy import save

    return save(dict(arrays))
