"""Sound files and folders of them: WAV by SciPy, FLAC and OGG by the soundfile package where it is installed."""

from __future__ import annotations

from os import PathLike

import numpy as np

from scratchvae.arrays import Array, InputError, require_finite
from scratchvae.data.dataset import Dataset
from scratchvae.data.folders import examples
from scratchvae.data.limits import require_room
from scratchvae.data.spectrogram import Spectrogram
from scratchvae.data.wav import read_wav
from scratchvae.files import open_regular, path_from

SOUNDS = (".wav", ".flac", ".ogg")
OF_A_SAMPLE = 4  # bytes, as float32


def read_sound(path: str | PathLike[str]) -> tuple[Array, int]:
    """The samples (T,) float32 of a sound file and how many there are to a second, several channels averaged
    to one.

    A .wav file is read by read_wav, and a .flac or .ogg file by soundfile, which
    `pip install 'scratchvae[sound]'` installs. InputError for a file that cannot be read, takes more bytes
    than reading may, or holds no samples.
    """
    path = path_from("read_sound", path)
    if path.suffix.lower() == ".wav":
        return read_wav(path)
    try:
        import soundfile
    except (ImportError, OSError):
        helps = "pip install 'scratchvae[sound]' installs it"
        raise InputError(
            f"{path}: FLAC and OGG files are read by the package soundfile, which is not here: {helps}"
        ) from None
    with open_regular(path) as file:
        try:
            with soundfile.SoundFile(file) as sound:
                rate, needed = int(sound.samplerate), len(sound) * sound.channels * OF_A_SAMPLE
                require_room(str(path), needed, f"{len(sound):,} samples in {sound.channels} channels")
                samples = sound.read(dtype="float32", always_2d=True)
        except InputError:
            raise
        except (RuntimeError, ValueError, TypeError, OSError) as error:  # LibsndfileError is a RuntimeError
            raise InputError(f"{path}: can't be read as a FLAC or OGG file ({error!s:.200})") from None
    if not samples.size or rate < 1:
        raise InputError(f"{path}: expected at least one sample, found {samples.size} at {rate} a second")
    mean: Array = samples.mean(axis=1, dtype=np.float64).astype(np.float32)
    require_finite(str(path), "samples", mean)
    return mean, rate


def read_sounds(folder: str | PathLike[str]) -> Dataset:
    """The frames of all sound files of a folder, one after the other, as levels of a spectrogram  ->  (N, F).

    The factors are the number of the file and the time in it, in seconds. A folder of sub-folders holds one
    class in each: labels count them in the order of their names. InputError for files whose samples come at
    different rates.
    """
    folder = path_from("read_sounds", folder)
    files, labels, names = examples(folder, SOUNDS, "sound")
    frames: list[Dataset] = []
    first, taken = 0, 0
    for file in files:
        samples, rate = read_sound(file)
        first = first or rate
        if rate != first:
            found = f"found {rate}: resample it"
            raise InputError(f"{file}: expected {first} samples a second, like {files[0].name}; {found}")
        frames.append(Spectrogram.of_rate(rate).dataset(samples, file.name))
        taken += frames[-1].images.nbytes
        require_room(str(folder), taken, f"the frames of the first {len(frames):,} files")
    lengths = [len(part) for part in frames]
    factors = {
        "file": np.repeat(np.arange(len(files)), lengths),
        "time": np.concatenate([part.factors["time"] for part in frames]),
    }
    levels = np.concatenate([part.images for part in frames])
    of_each = None if labels is None else np.repeat(labels, lengths)
    return Dataset(folder.name, levels, of_each, names, factors, rate=first)


def sound_of(levels: Array, rate: int, *, seconds: float = 0.25, iterations: int = 60) -> Array:
    """Frames (n, F) of a spectrogram of that rate as one sound (T,), each held for so long, within ±1.

    A frame has no phase: it begins as noise of a fixed seed, and `iterations` of Griffin and Lim make the
    frames agree. Levels below 0 are silence. The sound is divided by its largest sample where that is above
    1.
    """
    spectrogram = Spectrogram.of_rate(rate)
    if levels.ndim != 2 or levels.shape[1] != len(spectrogram.frequencies):
        expected = f"levels should have shape (n, {len(spectrogram.frequencies)}), as frames at {rate} samples a second do"
        raise InputError(f"sound_of: {expected}; found {levels.shape}")
    held = np.repeat(levels, max(1, round(seconds * rate / spectrogram.hop)), axis=0)
    n = max(1, len(held)) * spectrogram.hop
    while spectrogram.n_frames(n) > len(held):
        n -= spectrogram.hop
    held = held[: spectrogram.n_frames(n)]
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, held.shape)
    samples = spectrogram.sound(held.astype(np.float64), phase=phase, n=n, iterations=iterations)
    return samples / max(1.0, float(np.abs(samples).max()))
