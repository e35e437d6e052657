"""The section on tables: how each column is distributed, in the data and among samples."""

import numpy as np

from scratchvae.runs.report.embedding import drawing
from scratchvae.runs.report.page import Section, details, figure, paragraph, row, table
from scratchvae.runs.report.subject import Subject

MOST = 24  # the largest number of columns that are drawn
DRAWN = 2000  # the number of samples


def histograms(subject: Subject) -> Section | None:
    """Draw a histogram of each of the first columns, data and samples together, and list moments of all.

    The moments are means and standard deviations.
    """
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
        if not len(seen):
            continue
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
        rows.append((name, *(_in_digits(number) for number in numbers)))
    said = (
        f"Each panel shows a column among the training examples (filled) and among {DRAWN:,} samples (line), "
    )
    said += "x ~ p(x|z) at z ~ p(z)."
    said += f" The first {MOST} of {len(names)} columns are drawn." if len(names) > MOST else ""
    head = ("column", "mean", "mean of samples", "deviation", "deviation of samples")
    html = paragraph(said) + row(drawn) + details("Means and deviations", table(head, rows))
    return Section("columns", "Columns in the data and in samples", html)


def _in_digits(number: float) -> str:
    """Write a number with four digits, zeros included, so that the numbers of a column can be compared."""
    return f"{number:#.4g}".rstrip(".").replace("-", "−")
