"""Sound files and folders of them: SciPy reads WAV, and the package soundfile, where it is, FLAC and OGG."""

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
    """Read the samples (T,) float32 of a sound file, and their number in a second.

    Several channels are averaged to one. `read_wav` reads a .wav file, and soundfile reads a .flac or .ogg
    file; `pip install 'scratchvae[sound]'` installs soundfile. InputError for a file that cannot be read,
    takes more bytes than reading may, or holds no samples.
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
    """Read the frames of all sound files of a folder, one file after the other, as levels (N, F).

    The factors are the index of the file and the time in it, in seconds. In a folder of sub-folders each
    sub-folder holds one class, and labels count the classes in the order of their names. InputError for files
    whose samples come at different rates.
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
    """Turn frames (n, F) of a spectrogram of that rate into one sound (T,) within ±1.

    Each frame is held for so many `seconds`. A frame has no phase: the phases begin as noise of a fixed seed,
    and `iterations` of Griffin and Lim make the frames agree. Levels below 0 are silence. The sound is
    divided by its largest sample where that is above 1.
    """
    spectrogram = Spectrogram.of_rate(rate)
    if levels.ndim != 2 or levels.shape[1] != len(spectrogram.frequencies):
        shape = f"(n, {len(spectrogram.frequencies)})"
        expected = f"levels should have shape {shape}, as frames at {rate} samples a second do"
        raise InputError(f"sound_of: {expected}; found {levels.shape}")
    held = np.repeat(levels, max(1, round(seconds * rate / spectrogram.hop)), axis=0)
    n = max(1, len(held)) * spectrogram.hop
    while spectrogram.n_frames(n) > len(held):
        n -= spectrogram.hop
    held = held[: spectrogram.n_frames(n)]
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, held.shape)
    samples = spectrogram.sound(held.astype(np.float64), phase=phase, n=n, iterations=iterations)
    return samples / max(1.0, float(np.abs(samples).max()))
