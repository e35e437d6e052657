"""The section on sound: frames of a spectrogram and their reconstructions, seen and heard."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import TIMBRES, Dataset, Spectrogram, play_note
from scratchvae.runs.report.embedding import drawing, sound
from scratchvae.runs.report.page import Section, figure, paragraph
from scratchvae.runs.report.subject import FRAME, Subject

LONGEST = 4.0  # the length of the stretch in seconds, at most
ITERATIONS = 32  # the number of iterations of Griffin and Lim
DRAWS = 6  # the number of codes that the walk passes


def spectrograms(subject: Subject) -> Section | None:
    """Show a stretch of the data, its reconstruction, and a walk between draws from the prior.

    Each is a picture and a player.
    """
    if subject.kind != "sound":
        return None
    from scratchvae import plots

    levels, cut = _stretch(subject.run.examples)
    if cut is None:
        return None
    again = np.clip(subject.run.model.reconstruct(levels), 0, None)
    parts = {"Data": levels, "Reconstruction, frame by frame": again}
    if subject.has_latents:
        parts["A walk between draws from the prior"] = _walk(subject, len(levels))
    names = list(parts)
    picture = plots.spectrograms(
        [np.clip(one, 0, 1) for one in parts.values()], cut.frequencies, cut.hop / cut.rate, names=names
    )
    alt = f"Spectrograms of {len(levels) * cut.hop / cut.rate:.1f} seconds: {'; '.join(names)}."
    said = "Each frame is an example of its own. Phases are not in the data: "
    said += f"{ITERATIONS} steps of Griffin and Lim find some."
    html = paragraph(said) + figure(drawing(picture, "spectrograms", alt))
    html += "".join(figure(sound(_heard(cut, one), cut.rate, name), name) for name, one in parts.items())
    return Section("spectrograms", "Sound", html)


def _stretch(data: Dataset) -> tuple[Array, Spectrogram | None]:
    """Return the first seconds of frames that follow each other, (T, F), and how they were cut.

    For `notes` these are one note of each timbre.
    """
    x, time = data.batch(slice(0, 20_000)).x, data.factors[FRAME]
    if data.label_names == tuple(TIMBRES):
        cut = Spectrogram()
        return cut.levels(np.concatenate([play_note(timbre, 60, seconds=0.5) for timbre in TIMBRES])), cut
    step = float(time[1] - time[0]) if len(time) > 1 else 0.0
    size = 2 * (x.shape[1] - 1)
    hop = size // 4
    if step <= 0 or size < 4:
        return x, None
    follows = np.abs(np.diff(time[: len(x)]) - step) < 0.01 * step
    together = len(x) if follows.all() else int(np.argmin(follows)) + 1
    T = min(together, int(LONGEST / step))
    return (x[:T], Spectrogram(round(hop / step), size, hop)) if size // hop + 2 < T else (x, None)


def _walk(subject: Subject, T: int) -> Array:
    """Decode T codes on the straight lines between draws from the prior."""
    told = subject.told(1)
    z = subject.prior_draws(DRAWS)
    at = np.linspace(0, DRAWS - 1, T)
    k = np.minimum(at.astype(int), DRAWS - 2)
    codes = z[k] + (at - k)[:, None] * (z[k + 1] - z[k])
    y = {name: np.resize(value, (T, *value.shape[1:])) for name, value in told.items()}
    return np.clip(subject.latent_model.decode(codes.astype(z.dtype), **y), 0, None)


def _heard(cut: Spectrogram, levels: Array) -> Array:
    """Return the samples of levels (T, F), whose phases are found from random ones that never change."""
    n = len(levels) * cut.hop
    while cut.n_frames(n) > len(levels):
        n -= cut.hop
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, levels.shape)
    return cut.sound(levels, phase=phase, n=n, iterations=ITERATIONS)
