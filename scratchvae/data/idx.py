"""IDX, the format of MNIST: two zero bytes, an element type, the number of axes, their lengths, values."""

import math
import struct
from os import PathLike

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.streams import MOST_AXES, opened, read_promised
from scratchvae.files import path_from

ELEMENT_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | PathLike[str], *, limit: int | None = None) -> Array:
    """Read the array of an IDX file, plain or gzipped, in this machine's byte order.

    The first bytes say whether the file is gzipped, whatever its name. With a `limit`, only the first so many
    entries along the first axis are read. InputError when the file is no IDX file, when it breaks off, or
    when it holds fewer or more values than its header promises. Source: Y. LeCun, C. Cortes and C. J. C.
    Burges, "The MNIST database of handwritten digits", section on file formats.
    """
    path = path_from("read_idx", path)
    with opened(path) as stream:
        magic = stream.read(4)
        if not magic:
            raise InputError(f"{path}: expected an IDX file, found an empty one")
        if (
            len(magic) < 4
            or magic[:2] != b"\0\0"
            or magic[2] not in ELEMENT_TYPES
            or not 0 < magic[3] <= MOST_AXES
        ):
            raise InputError(
                f"{path}: not an IDX file: expected 00 00, a type of "
                f"{', '.join(f'{t:02x}' for t in ELEMENT_TYPES)} and 1 to {MOST_AXES} axes "
                f"as its first four bytes, found {magic.hex(' ')}"
            )
        axes = magic[3]
        lengths = stream.read(4 * axes)
        if len(lengths) < 4 * axes:
            raise InputError(
                f"{path}: truncated IDX header: {axes} axes need {4 * axes} bytes of lengths, "
                f"found {len(lengths)}"
            )
        shape = struct.unpack(f">{axes}I", lengths)
        if 0 in shape:
            raise InputError(f"{path}: the IDX header gives the shape {shape}, which holds no values")
        element = np.dtype(ELEMENT_TYPES[magic[2]])
        one, n = math.prod(shape[1:]) * element.itemsize, min(shape[0], shape[0] if limit is None else limit)
        values = read_promised(stream, shape[0] * one, str(path), first=n * one)
    return np.frombuffer(values, element).reshape(n, *shape[1:]).astype(element.newbyteorder("="), copy=False)
