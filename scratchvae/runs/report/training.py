"""The sections on training: what the model reaches on held-out data, and what each latent tells of data."""

from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.evaluation import active_units, kl_by_latent
from scratchvae.runs import figures
from scratchvae.runs.report.embedding import drawing
from scratchvae.runs.report.page import Section, figure, paragraph, row, table
from scratchvae.runs.report.subject import Subject

TERMS = ("bound", "log_px", "kl")


def numbers(subject: Subject) -> Section:
    """Show every metric that `evaluate` knows of the run."""
    known, counts = subject.judgement.known(), subject.judgement.counts()
    rows = []
    for name, value in subject.metrics.items():
        shown = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".replace("-", "−")
        rows.append((known[name].words, shown, known[name].unit.format(**counts)))
    said = f"The model as it is now, on the {len(subject.run.judged):,} {subject.judged_on} examples."
    html = paragraph(said) + table(("what", "value", "unit"), rows)
    return Section(
        "numbers", "Numbers", html if rows else paragraph("This model can't be judged on these data.")
    )


def curves(subject: Subject) -> Section | None:
    """Show a drawing for each term that the run has recorded."""
    from scratchvae import plots

    records = figures.by_term(subject.reading.history)
    held = {term for record in records for part in figures.HELD & record.keys() for term in record[part]}
    shown = [term for term in TERMS if term in held] or [term for term in ("loss",) if term in held]
    if not shown:
        return None
    drawn = []
    for term in shown:
        last: dict[str, Any] = {
            part: record[part].get(term) for record in records for part in figures.HELD & record.keys()
        }
        ends = ", ".join(
            f"{part.replace('_', ' ')} {value:.2f}"
            for part, value in sorted(last.items())
            if value is not None
        )
        words = f"{plots.TERM_TITLES.get(term, term)} over {len(records)} epochs; at the end: {ends}."
        drawn.append(figure(drawing(plots.curves(records, (term,)), f"curve-{term}", words)))
    said = "Nats per example after each epoch. Where the first epochs are far from the others, "
    said += "a panel leaves them out, so that the later ones can be read."
    return Section("curves", "Learning curves", paragraph(said) + row(drawn))


def latents(subject: Subject) -> Section | None:
    """Show the KL of each latent, or the variance of its codes where the KL has no closed form.

    The number of active latents is told too.
    """
    from scratchvae import plots

    if not subject.has_latents:
        return None
    active = active_units(subject.codes)
    Z, used = len(active), int(active.sum())
    try:
        kl = kl_by_latent(
            subject.latent_model, subject.shown, rng=np.random.default_rng(subject.run.config.seed)
        )
    except InputError:
        kl = np.empty(0)
    if len(kl) == Z:
        drawn, measure = (
            plots.latent_divergences(kl, active),
            f"KL(q(z|x) ‖ p(z)) of each latent, {kl.sum():.2f} nats in all",
        )
    else:
        spread = subject.codes.var(axis=0)
        drawn = plots.latent_divergences(spread, active, measure="variance of the codes")
        measure = "The variance of each latent's codes; this model's KL has no closed form by latent"
    alt = f"Bars: {measure}. {used} of {Z} latents are active."
    words = f"{measure}. A latent is active where the variance of its codes is above 0.01 "
    words += f"(Burda et al. 2016): {used} of {Z} are."
    if used < Z:
        words += (
            " A latent that is not active has collapsed: its codes are nearly the same for every example."
        )
    return Section("latents", "Latents", figure(drawing(drawn, "latents", alt), words))
