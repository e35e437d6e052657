"""Golden vectors as files: archives for NumPy, safetensors, and a JSON file for each case.

Any language reads JSON.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np

from scratchvae.arrays import Array

EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every member of a zip: the same vectors give the same bytes
NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # JSON has no numbers for these


def as_npz(vectors: Mapping[str, Mapping[str, Array]]) -> dict[str, bytes]:
    """Return an archive for each dtype, which NumPy alone reads."""
    return {f"golden-{dtype}.npz": _npz(arrays) for dtype, arrays in vectors.items()}


def as_safetensors(vectors: Mapping[str, Mapping[str, Array]]) -> dict[str, bytes]:
    """Return a safetensors file for each dtype."""
    from safetensors.numpy import save

    return {f"golden-{dtype}.safetensors": save(dict(arrays)) for dtype, arrays in vectors.items()}


def as_cases(vectors: Mapping[str, Mapping[str, Array]]) -> dict[str, bytes]:
    """Return a JSON file for each case, with its arrays in each dtype as a shape and a flat list.

    The decimals in it are exact.
    """
    rows: dict[str, dict[str, Any]] = {}
    for dtype, arrays in vectors.items():
        for key, array in arrays.items():
            case, _, name = key.partition("/")
            rows.setdefault(case, {"name": case, "arrays": {}})["arrays"].setdefault(dtype, {})[name] = (
                _entries(array)
            )
    return {
        f"cases/{_file_name(case)}.json": (json.dumps(row, ensure_ascii=False) + "\n").encode()
        for case, row in rows.items()
    }


PACKINGS = {"npz": as_npz, "safetensors": as_safetensors, "json": as_cases}


def companions(packing: str) -> dict[str, bytes]:
    """Return what goes beside the vectors: the schema of the JSON files, and a program that reads the form.

    The program has a few lines.
    """
    names = {"npz": ["runner.py"], "json": ["runner.mjs"], "safetensors": []}[packing]
    folder = files("scratchvae.reference.golden") / "runners"
    return {name: (folder / name).read_bytes() for name in ["schema.json", *names]}


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


def _entries(array: Array) -> dict[str, Any]:
    """Return dtype, shape, and the entries in row-major order.

    A float32 is written as the decimals that read back as the same float32.
    """
    flat = (
        [float(str(number)) for number in array.ravel()]
        if array.dtype == np.float32
        else array.ravel().tolist()
    )
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": [_number(entry) for entry in flat]}


def _number(entry: Any) -> Any:
    return entry if not isinstance(entry, float) or np.isfinite(entry) else NOT_FINITE[str(entry)]


def _file_name(case: str) -> str:
    """Return a name of letters, digits, dots and hyphens, which every file system accepts.

    A few digits of a hash tell names apart that differ only in capitals.
    """
    letters = re.sub(r"[^a-z0-9.]+", "-", case.lower()).strip("-")
    return f"{letters}-{hashlib.sha256(case.encode()).hexdigest()[:6]}"
