"""The sections on texts as bags of words: the words of each latent, of documents, and of samples."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.runs.report.page import Section, paragraph, table
from scratchvae.runs.report.subject import Subject

LATENTS, WORDS, DOCUMENTS = 12, 8, 10


def words(subject: Subject) -> Section | None:
    """Show, for each of the most active latents, the words that become likelier below and above."""
    if subject.kind != "text" or not subject.has_latents:
        return None
    from scratchvae.plots import latent_name

    z, names = subject.codes, subject.run.data.entry_names
    busiest = np.argsort(-z.var(axis=0), kind="stable")[:LATENTS]
    rows = []
    for j in busiest:
        ends = np.tile(z.mean(axis=0), (2, 1))
        ends[:, j] += np.array([-2, 2]) * max(float(z[:, j].std()), 1e-6)
        low, high = _shares(subject, ends)
        gain = np.log(high) - np.log(low)
        order = np.argsort(gain, kind="stable")
        rows.append((latent_name(int(j)), _listed(order, names), _listed(order[::-1], names)))
    said = "The words whose probability changes most while one latent goes "
    said += "from two deviations below its mean to two above."
    return Section(
        "words",
        "Words of the latents",
        paragraph(said) + table(("latent", "likelier below", "likelier above"), rows),
    )


def documents(subject: Subject) -> Section | None:
    """Show the most frequent words of documents, of their reconstructions, and of samples."""
    if subject.kind != "text":
        return None
    some, names = subject.shown.subset(slice(0, DOCUMENTS)), subject.run.data.entry_names
    x, usual = some.batch(slice(None)).x, _usual(subject)
    again = subject.run.model.reconstruct(some).reshape(len(x), -1)
    rows = [
        (_listed(_telling(one, usual), names), _listed(_telling(other, usual), names))
        for one, other in zip(x, again, strict=True)
    ]
    sampled = subject.drawn(DOCUMENTS).reshape(DOCUMENTS, -1)
    said = "The words that a document has more often than others do, and those that the model expects of it."
    html = paragraph(said) + table((f"{subject.judged_on} document", "its reconstruction"), rows)
    html += paragraph("The same of samples, E[x|z] at draws z from the prior.")
    html += table(
        ("sample", "its words"),
        [(k + 1, _listed(_telling(one, usual), names)) for k, one in enumerate(sampled)],
    )
    return Section("documents", "Documents and samples", html)


def _usual(subject: Subject) -> Array:
    """Return the share of each word in all documents (V,)."""
    total = sum(batch.x.sum(axis=0) for batch in subject.run.data.batches(1000, np.float64)) + 0.5
    return np.asarray(total / total.sum())


def _shares(subject: Subject, z: Array) -> Array:
    """Return the probability of each word at codes (N, Z) as (N, V), which sum to 1."""
    told = {name: np.resize(y, (len(z), *y.shape[1:])) for name, y in subject.told(1).items()}
    expected = np.asarray(
        subject.latent_model.decode(z.astype(subject.codes.dtype), **told), np.float64
    ).reshape(len(z), -1)
    expected = np.maximum(expected, 1e-30)
    return expected / expected.sum(axis=1, keepdims=True)


def _telling(x: Array, usual: Array) -> Array:
    """Sort the words by how much more often they occur than usual: p log (p / usual), the largest first."""
    p = np.maximum(x, 0).astype(np.float64) / max(float(np.sum(x)), 1e-30)
    return np.argsort(-np.where(p > 0, p * np.log(np.maximum(p, 1e-30) / usual), 0), kind="stable")


def _listed(order: Array, names: tuple[str, ...]) -> str:
    return ", ".join(names[i] for i in order[:WORDS])
