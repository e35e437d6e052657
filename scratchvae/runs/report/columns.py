"""Tables: how each column is distributed, in the data and among samples."""

import numpy as np

from scratchvae.runs.report.embedding import drawing
from scratchvae.runs.report.page import Section, details, figure, paragraph, row, table
from scratchvae.runs.report.subject import Subject

MOST = 24  # columns that are drawn
DRAWN = 2000  # samples


def histograms(subject: Subject) -> Section | None:
    """A histogram for each of the first columns, data and samples together; means and deviations of all."""
    from scratchvae import plots

    if subject.kind != "columns":
        return None
    run = subject.run
    real = run.data.subset(slice(0, 10 * DRAWN)).batch(slice(None), np.float64).x_or_nan
    sampled = subject.drawn(DRAWN, mean=False).reshape(DRAWN, -1).astype(np.float64)
    levels = {
        column.name: column.levels for column in getattr(getattr(run.data, "schema", None), "columns", ())
    }
    names = run.data.entry_names or tuple(f"column {k + 1}" for k in range(real.shape[1]))
    drawn, rows = [], []
    for k, name in enumerate(names):
        seen, kinds = real[~np.isnan(real[:, k]), k], levels.get(name, ())
        if k < MOST:
            alt = f"{name}: mean {seen.mean():.4g} in the data, {sampled[:, k].mean():.4g} among samples"
            alt = (
                f"{name}: how often each of {len(kinds)} levels occurs, in the data and among samples"
                if kinds
                else alt
            )
            drawn.append(
                figure(drawing(plots.histogram(seen, sampled[:, k], name, levels=kinds), f"column-{k}", alt))
            )
        if kinds:
            continue
        numbers = (seen.mean(), sampled[:, k].mean(), seen.std(), sampled[:, k].std())
        rows.append((name, *(f"{number:.4g}".replace("-", "−") for number in numbers)))
    said = f"Each column among the training examples (filled) and among {DRAWN:,} samples x ~ p(x|z), z ~ p(z) (line)."
    said += f" The first {MOST} of {len(names)} columns are drawn." if len(names) > MOST else ""
    head = ("column", "mean", "mean of samples", "deviation", "deviation of samples")
    html = paragraph(said) + row(drawn) + details("Means and deviations", table(head, rows))
    return Section("columns", "Columns, real and sampled", html)
