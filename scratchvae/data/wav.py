"""WAV files: sound is read as samples between −1 and 1, and written."""

import struct
import warnings
from io import BytesIO
from os import PathLike

import numpy as np

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.data.streams import read_all
from scratchvae.files import open_regular, path_from, write_whole

OF_A_BYTE = 4  # a byte of 8 bits becomes a float32
UNREADABLE = (  # the reader raises these for damaged headers: UnboundLocalError for one without data
    *(
        ValueError,
        EOFError,
        OSError,
        struct.error,
        IndexError,
        KeyError,
        ZeroDivisionError,
        OverflowError,
        MemoryError,
    ),
    *(TypeError, AttributeError, UnboundLocalError),
)


def read_wav(path: str | PathLike[str]) -> tuple[Array, int]:
    """Read the samples (T,) float32 of a WAV file, and their number in a second.

    Several channels are averaged to one. Integers of 8 (unsigned), 16, 24 and 32 bits are divided by 2⁷, 2¹⁵,
    2²³ and 2³¹, so that full scale is 1; floats stay as they are. InputError for a file that is not WAV, is
    compressed, breaks off, takes more bytes than reading may, holds no samples, or holds samples that are not
    finite in float32.
    """
    from scipy.io import wavfile

    path = path_from("read_wav", path)
    with open_regular(path) as file:
        content = read_all(file, str(path), each=OF_A_BYTE)
    try:
        with warnings.catch_warnings():
            # SciPy only warns of a file that ends too early
            warnings.simplefilter("error", wavfile.WavFileWarning)
            warnings.filterwarnings("ignore", "Chunk .non-data. not understood")
            # SciPy believes no header beyond the bytes that are there
            rate, stored = wavfile.read(BytesIO(content))
    except wavfile.WavFileWarning as error:
        raise InputError(f"{path}: the WAV file is damaged or truncated ({error!s:.200})") from None
    except UNREADABLE as error:
        raise InputError(f"{path}: can't be read as a WAV file ({error!s:.200})") from None
    if stored.size == 0 or rate < 1:
        raise InputError(f"{path}: expected at least one sample, found {stored.size} at {rate} a second")
    if stored.dtype == np.uint8:
        samples = (stored.astype(np.float32) - 128) / 128
    elif stored.dtype.kind == "i":
        samples = stored / -float(np.iinfo(stored.dtype).min)  # 24 bits come as the upper ones of 32
    else:
        samples = stored
    with np.errstate(over="ignore", invalid="ignore"):
        mean = samples.reshape(len(samples), -1).mean(axis=1, dtype=np.float64).astype(np.float32)
    require_finite(str(path), "samples in float32", mean)
    return mean, int(rate)


def write_wav(path: str | PathLike[str], samples: Array, rate: int) -> None:
    """Write samples (T,) from −1 to 1, `rate` to a second, as 16-bit WAV.

    Each sample is rounded to the nearest 1/32768. InputError for samples beyond ±1, which would be clipped:
    divide them by the largest first.
    """
    write_whole(path_from("write_wav", path), wav_bytes(samples, rate))


def wav_bytes(samples: Array, rate: int) -> bytes:
    """Return the bytes of the file that `write_wav` writes."""
    from scipy.io import wavfile

    require_shapes("write_wav", samples=(samples, "T"))
    require_finite("write_wav", "samples", samples)
    if samples.size == 0 or rate < 1:
        raise InputError(f"write_wav: samples and rate should be at least 1, found {samples.size} and {rate}")
    if np.abs(samples).max() > 1:
        raise InputError(f"write_wav: samples should lie in [-1, 1], found {np.abs(samples).max():g}")
    steps = np.minimum(np.rint(samples.astype(np.float64) * 32768), 32767).astype(np.int16)
    buffer = BytesIO()
    wavfile.write(buffer, rate, steps)
    return buffer.getvalue()
