"""A report shows a run in one HTML file, which loads no script, no font and no picture from elsewhere.

page        the skeleton, its style for light and dark, and the few kinds of blocks that sections consist of
embedding   figures, arrays of images and sounds as text within the page
subject     the run that a report is about: what several sections need, computed once
settings    the run's state, settings, model and environment
training    numbers on held-out data, learning curves, what each latent tells of the data
images      reconstructions, samples beside their nearest training examples, codes over the decoded plane
columns     histograms of each column of a table, real and sampled
sounds      spectrograms, and how they sound
texts       words of each latent, of documents and of samples
"""

from pathlib import Path

from scratchvae.files import write_whole
from scratchvae.runs.folder import Run
from scratchvae.runs.report import columns, images, settings, sounds, texts, training
from scratchvae.runs.report.page import Section, document
from scratchvae.runs.report.subject import Subject

SECTIONS = (  # each function makes a Section of a subject, or None where the run has nothing of its kind
    settings.summary,
    training.numbers,
    training.curves,
    training.latents,
    images.reconstructions,
    images.samples,
    images.plane,
    texts.words,
    texts.documents,
    sounds.spectrograms,
    columns.histograms,
    settings.settings,
    settings.environment,
)


def report(run: Run) -> str:
    """Return the run's report as HTML."""
    subject = Subject(run)
    sections = [made for make in SECTIONS if (made := make(subject)) is not None]
    return document(subject.name, sections)


def write_report(run: Run, path: str | Path) -> None:
    """Write the run's report, whole or not at all."""
    write_whole(Path(path), report(run).encode())


__all__ = ["SECTIONS", "Section", "report", "write_report"]
