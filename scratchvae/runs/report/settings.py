"""The sections on the run itself: its state, its settings, and what it was trained with."""

from typing import Any

from scratchvae.choices import parse
from scratchvae.layers import named_parameters
from scratchvae.runs.differences import plain, settings_by_default
from scratchvae.runs.environment import environment as machine
from scratchvae.runs.environment import read_environments
from scratchvae.runs.formats import counted, duration
from scratchvae.runs.report.page import Section, details, headline, paragraph, table, values
from scratchvae.runs.report.subject import Subject


def summary(subject: Subject) -> Section:
    """Show state, data, model, and the numbers that one looks for first."""
    run, reading = subject.run, subject.reading
    count = sum(parameter.value.size for parameter in named_parameters(run.model).values())
    held_out = f", and {len(run.held_out):,} held out" if run.held_out is not None else ""
    missing = (
        f" {run.data.share_missing:.1%} of their entries are missing."
        if run.data.observed is not None
        else ""
    )
    shape = run.model.event_shape
    each = f"{shape[0]:,} {'columns' if subject.kind == 'columns' else 'entries'}"
    each = each if len(shape) == 1 else f"shape {' × '.join(map(str, shape))}"
    kind = f"{type(run.model).__name__} ({parse(run.config.recipe).name})"
    said = (
        f"A {kind} with {counted(run.latents, 'latent')} and {count:,} parameters, "
        f"trained on {counted(len(run.data), 'example')} of {run.data.name}{held_out}, "
        f"each of {each}.{missing}"
    )
    if run.kept_prior is not None:
        said += f" Numbers and samples are those beside the prior {run.kept_prior}."
    numbers = {"state": reading.state}
    found = subject.metrics
    for name, words in (
        ("bound", "bound, nats"),
        ("log_likelihood", "log p(x) at least, nats"),
        ("kl", "KL, nats"),
    ):
        if name in found:
            numbers[words] = f"{found[name]:.2f}".replace("-", "−")
    if "active_units" in found:
        numbers["active latents"] = f"{found['active_units']} of {run.latents}"
    numbers["training"] = duration(reading.seconds)
    return Section("summary", "Summary", headline(numbers) + paragraph(said))


def settings(subject: Subject) -> Section:
    """Show config.json's settings one by one, and the arrays of weights."""
    known = settings_by_default(subject.run.config)
    chosen = {name: _shown(value) for name, (value, usual) in known.items() if not usual}
    left = {name: _shown(value) for name, (value, usual) in known.items() if usual}
    weights = [
        (name, " × ".join(map(str, parameter.value.shape)), f"{parameter.value.size:,}")
        for name, parameter in named_parameters(subject.run.model).items()
    ]
    html = values(chosen) if chosen else paragraph("Every setting is at its default.")
    html += details(f"{len(left)} settings at their defaults", values(left))
    html += details("Weights", table(("name", "shape", "numbers"), weights))
    return Section("settings", "Settings", html)


def environment(subject: Subject) -> Section:
    """Show what the run was trained with, from which step on, and what wrote the report if that differs."""
    here, used = machine(), read_environments(subject.run.folder)
    html = ""
    for step, facts in used:
        words = (
            "What the run was trained with."
            if len(used) == 1
            else f"What the run was trained with from step {step:,} on."
        )
        html += paragraph(words) + values(facts)
    if not used:
        html += paragraph(
            "The run does not say what it was trained with: a version before 0.3 has trained it."
        )
    if not used or dict(used[-1][1]) != here:
        html += paragraph("What this report was written with.") + values(here)
    kept = {
        "folder": subject.run.folder.resolve(),
        "data": subject.run.config.data,
        "digest of the data": subject.reading.digest or "not known",
    }
    return Section(
        "environment", "Environment", html + paragraph("Where the run and its data are.") + values(kept)
    )


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return "none" if value in ((), []) else plain(value)
