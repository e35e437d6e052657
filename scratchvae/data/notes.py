"""notes: synthesized tones of several timbres and pitches as spectra; a sum of sines makes each of them."""

from collections.abc import Mapping

import numpy as np

from scratchvae.arrays import Array, InputError, require_count, require_finite
from scratchvae.data.dataset import Dataset
from scratchvae.data.limits import require_room_to_draw
from scratchvae.data.spectrogram import Spectrogram

PARTIALS = 16
_K = np.arange(1, PARTIALS + 1)
_BELL = np.array([0.5, 1, 1.19, 1.56, 2, 2.51, 2.66, 3.01, 4.1, 5.2, 6.3, 7.4, 8.6, 9.8, 11.1, 12.5])
# the partials' frequencies / f, amplitudes, and decays in 1/s
TIMBRES: dict[str, tuple[Array, Array, Array]] = {
    "sine": (_K * 1.0, np.where(_K == 1, 1.0, 0.0), np.full(PARTIALS, 0.5)),
    "clarinet": (_K * 1.0, np.where(_K % 2 == 1, 1.0, 0.06) / _K, np.full(PARTIALS, 0.5)),
    "organ": (_K * 1.0, np.isin(_K, (1, 2, 4, 8, 16)) / np.sqrt(_K), np.full(PARTIALS, 0.0)),
    "violin": (_K * 1.0, 1.0 / _K, np.full(PARTIALS, 0.5)),
    # plucked: stiff, high partials fade first
    "string": (_K * np.sqrt(1 + 4e-4 * _K**2), 1.0 / _K, 0.8 * _K),
    "bell": (_BELL, 0.85 ** (_K - 1.0), 0.6 + 0.25 * _BELL**1.3),
}
FACTORS = {  # name: values are uniform from the first number up to the second
    "timbre": (0, len(TIMBRES)),  # index into TIMBRES, the label
    "pitch": (48, 73),  # whole semitones, 60 is middle C (261.6 Hz) and 69 the A of 440 Hz
    "loudness": (-18.0, 0.0),  # decibels
    "time": (0.02, 0.6),  # seconds since the note began, of the middle of the frame
}
ATTACK = 0.01  # seconds until a note is up
DRAWN_AT_ONCE = 256  # frames whose partials fit the processor's cache together
OF_A_SAMPLE = 64  # bytes of the arrays that a sample is computed in


def play_note(
    timbre: str,
    pitch: float,
    *,
    seconds: float = 1.0,
    rate: int = 8000,
    loudness: float = 0.0,
    release: float = 0.05,
) -> Array:
    """Synthesize one note as samples (T,) float64 within ±1, which fades out over the last `release` seconds.

    The factors are those of `notes`. In the equation A_k have unit sum, and a = 10^(loudness/20):

      x(t) = a min(t/attack, 1) Σ_k A_k exp(−d_k t) sin(2π r_k f t), f = 440 · 2^((pitch − 69)/12) Hz

    Partials above half the rate are left out.
    """
    if timbre not in TIMBRES:
        raise InputError(f"play_note: timbre should be one of {', '.join(TIMBRES)}; found {timbre!r}")
    if not (np.isfinite(seconds) and rate >= 1 and seconds * rate >= 1):
        raise InputError(
            f"play_note: seconds and rate should give at least one sample, found {seconds} and {rate}"
        )
    require_room_to_draw("play_note", int(seconds * rate), OF_A_SAMPLE)
    t = np.arange(int(seconds * rate)) / rate
    one = {
        "timbre": np.array([list(TIMBRES).index(timbre)]),
        "pitch": np.array([pitch]),
        "loudness": np.array([loudness]),
    }
    for name in ("pitch", "loudness"):
        require_finite("play_note", name, one[name])
    return _waves(one, t[None], rate)[0] * np.clip((seconds - t) / max(release, 1 / rate), 0, 1)


def notes(
    n: int = 10_000,
    *,
    spectrogram: Spectrogram | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    seed: int | np.random.SeedSequence = 0,
) -> Dataset:
    """Synthesize n frames of notes of independent uniform FACTORS: levels (n, F), labelled by timbre.

    The levels are those of a Spectrogram. `ranges` replaces the range of any factor but the timbre. The same
    seed gives the same frames. Row i of the uniform draws (n, 4) makes frame i, so that the first m of n
    frames are those of notes(m).
    """
    require_count("notes", "n", n)
    if not isinstance(seed, np.random.SeedSequence) and seed < 0:
        raise InputError(f"notes: seed should not be negative, found {seed}")
    if unknown := (ranges or {}).keys() - (FACTORS.keys() - {"timbre"}):
        raise InputError(f"notes: ranges should be of {', '.join(list(FACTORS)[1:])}; found {min(unknown)!r}")
    spectrogram = spectrogram or Spectrogram()
    of_each = 4 * len(spectrogram.frequencies) + 8 * len(FACTORS)
    require_room_to_draw("notes", n, of_each, min(n, DRAWN_AT_ONCE) * spectrogram.size * OF_A_SAMPLE)
    uniform = np.random.default_rng(seed).random((n, len(FACTORS)))
    chosen = {**FACTORS, **(ranges or {})}
    factors = {
        name: low + (high - low) * uniform[:, k] for k, (name, (low, high)) in enumerate(chosen.items())
    }
    for name in ("timbre", "pitch"):
        factors[name] = np.floor(factors[name]).astype(np.intp)
    window = (np.arange(spectrogram.size) - spectrogram.size // 2) / spectrogram.rate
    levels = np.empty((n, len(spectrogram.frequencies)), np.float32)
    for start in range(0, n, DRAWN_AT_ONCE):
        rows = slice(start, start + DRAWN_AT_ONCE)
        some = {name: values[rows] for name, values in factors.items()}
        levels[rows] = spectrogram.frame_levels(
            _waves(some, some["time"][:, None] + window, spectrogram.rate)
        )
    rate = spectrogram.rate if spectrogram == Spectrogram.of_rate(spectrogram.rate) else None
    return Dataset("notes", levels, factors["timbre"], tuple(TIMBRES), factors, rate=rate)


def _waves(factors: Mapping[str, Array], t: Array, rate: int) -> Array:
    """Synthesize the notes of N rows of factors at times t (N, T) since they began.

    The equation is that of `play_note`; before its beginning a note is silent.
    """
    ratio, amplitude, decay = (
        np.stack([timbre[k] for timbre in TIMBRES.values()])[factors["timbre"]] for k in range(3)
    )
    frequency = ratio * (440 * 2 ** ((factors["pitch"][:, None] - 69) / 12))
    amplitude = np.where(frequency < rate / 2, amplitude / amplitude.sum(axis=1, keepdims=True), 0)
    amplitude = amplitude * 10 ** (factors["loudness"][:, None] / 20)
    sounding = np.maximum(t, 0)
    x = np.zeros(t.shape)
    for k in range(PARTIALS):
        heard = np.flatnonzero(amplitude[:, k])
        s = sounding[heard]
        sines = np.sin(2 * np.pi * frequency[heard, k, None] * s) * np.exp(-decay[heard, k, None] * s)
        x[heard] += amplitude[heard, k, None] * sines
    return x * np.clip(t / ATTACK, 0, 1)
