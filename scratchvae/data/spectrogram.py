"""A spectrogram turns sound into frames, the levels of its frequencies at each moment, and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.data.dataset import Dataset
from scratchvae.data.limits import require_room


@dataclass(frozen=True)
class Spectrogram:
    """The way in which sound is cut into frames: a Hann window of `size` samples every `hop` samples.

    A second has `rate` samples. A frame has F = size/2 + 1 frequencies, which are rate/size Hz apart. A level
    is logarithmic power from 0 to 1 (and a little beyond):

        level = max(0, 1 + 20 log₁₀(|S| / |S| of a full-scale sine) / range_db)

    S is the complex number of a frame at one frequency. A sine of amplitude 1 has the level 1. A sine that is
    `range_db` decibels weaker has the level 0, and so has everything that is weaker still, silence too.
    """

    rate: int = 8000
    size: int = 256
    hop: int = 64
    range_db: float = 80.0

    def __post_init__(self) -> None:
        if self.rate < 1 or self.size < 4 or self.size % 2 or not 0 < self.hop <= self.size // 2:
            expected = "rate should be positive, size even and at least 4, and hop from 1 to size/2"
            raise InputError(f"Spectrogram: {expected}; found {self.rate}, {self.size} and {self.hop}")
        if not (np.isfinite(self.range_db) and self.range_db > 0):
            raise InputError(f"Spectrogram: range_db should be positive, found {self.range_db}")

    @classmethod
    def of_rate(cls, rate: int) -> "Spectrogram":
        """Return a Spectrogram whose window is the power of two nearest to 32 ms, moved by a quarter of it.

        At 8 kHz these are 256 samples.
        """
        if rate < 1:
            raise InputError(f"Spectrogram: rate should be positive, found {rate}")
        size = max(4, 2 ** round(np.log2(0.032 * rate)))
        return cls(rate, size, size // 4)

    @property
    def frequencies(self) -> Array:
        """The frequencies of the entries of a frame, in Hz: (F,)."""
        return np.arange(self.size // 2 + 1) * (self.rate / self.size)

    def transform(self, samples: Array) -> Array:
        """Return the complex frames S (T, F) of samples (N,).

        The frames are scaled so that a sine of amplitude A at one of the frequencies has |S| = A there, and
        2A at the first and the last frequency. The first and the last frame reach over the ends of the sound.
        T = ⌈N / hop⌉ plus a few.
        """
        require_shapes("Spectrogram", samples=(samples, "N"))
        require_finite("Spectrogram", "samples", samples)
        if len(samples) < self.size // 2:
            raise InputError(
                f"Spectrogram: samples should be at least {self.size // 2}, half a window; "
                f"found {len(samples)}"
            )
        need = 16 * (len(samples) // self.hop + self.size // self.hop + 1) * (self.size // 2 + 1)
        require_room("Spectrogram", need, f"the frames of {len(samples):,} samples")
        frames: Array = self._windows().stft(samples.astype(np.float64)).T
        return frames

    def inverse(self, frames: Array, n: int) -> Array:
        """Return the n samples whose frames are nearest to `frames` (T, F) in mean square.

        Every frequency but the first and the last counts twice in that mean, once for its mirror image.
        Source: Griffin & Lim 1984, equation 6.
        """
        require_shapes("Spectrogram", frames=(frames, f"T {self.size // 2 + 1}"))
        if len(frames) != self.n_frames(n):
            raise InputError(f"Spectrogram: {n} samples have {self.n_frames(n)} frames, found {len(frames)}")
        samples: Array = self._windows().istft(frames.T, k1=n)
        return samples

    def n_frames(self, n: int) -> int:
        """Return T, the number of frames of n samples."""
        frames: int = self._windows().p_num(n)
        return frames

    def levels(self, samples: Array) -> Array:
        """Return the levels (T, F) float32 of samples (N,)."""
        return self.level_of(np.abs(self.transform(samples)))

    def frame_levels(self, windows: Array) -> Array:
        """Return the levels (N, F) float32 of N single frames, given as the samples under each window.

        The samples have the shape (N, size).
        """
        require_shapes("Spectrogram", windows=(windows, f"N {self.size}"))
        return self.level_of(np.abs(np.fft.rfft(windows * self._windows().win)))

    def level_of(self, amplitude: Array) -> Array:
        """Return the levels, float32, of amplitudes |S|."""
        floor = 10 ** (-self.range_db / 20)
        return (1 + 20 * np.log10(np.maximum(amplitude, floor)) / self.range_db).clip(0).astype(np.float32)

    def amplitude_of(self, levels: Array) -> Array:
        """Return the amplitudes |S| of levels: 10^(r (l − 1)/20) for a level l above 0, with r for range_db.

        A level of 0 or less has the amplitude 0.
        """
        levels = np.asarray(levels, np.float64)
        return np.where(levels > 0, 10 ** (self.range_db / 20 * (levels - 1)), 0.0)

    def sound(self, levels: Array, *, phase: Array, n: int, iterations: int = 0) -> Array:
        """Return n samples that sound like levels (T, F), beginning from a `phase` (T, F) in radians.

        Each of the `iterations` makes a sound of the amplitudes and the phase so far, cuts it into frames
        again, and takes over the phase of these frames. The distance between their amplitudes and those of
        the levels never grows. With 0 iterations the phase stays as it is given. Source: Griffin & Lim 1984,
        section III.
        """
        require_shapes("Spectrogram", levels=(levels, "T F"), phase=(phase, "T F"))
        require_finite("Spectrogram", "levels", levels)
        amplitude = self.amplitude_of(levels)
        samples = self.inverse(amplitude * np.exp(1j * phase), n)
        for _ in range(iterations):
            samples = self.inverse(amplitude * np.exp(1j * np.angle(self.transform(samples))), n)
        return samples

    def dataset(self, samples: Array, name: str = "sound") -> Dataset:
        """Return the frames of samples (N,) as a Dataset of levels (T, F).

        Its factor `time` is the middle of each frame, in seconds.
        """
        levels = self.levels(samples)
        time = (np.arange(len(levels)) + self._windows().p_min) * (self.hop / self.rate)
        return Dataset(
            name,
            levels,
            factors={"time": time},
            rate=self.rate if self == Spectrogram.of_rate(self.rate) else None,
        )

    def _windows(self) -> Any:
        from scipy.signal import ShortTimeFFT  # imported here: it takes half a second
        from scipy.signal.windows import hann

        window = hann(self.size, sym=False)
        return ShortTimeFFT(window * (2 / window.sum()), self.hop, self.rate, fft_mode="onesided")
