"""Which of several readings of a step is reported where it was not said what was meant, and how carefully."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from scratchvae.reference.diagnosis import Finding, Outcome, Report, Verdict

LEFT_OUT = {"constant_dropped", "constant_and_log_sigma_missing"}
# a floor that was not declared may be meant as it is: the paper sets it under groups of any size
FLOORS = {"free_bits_over_total", "free_bits_by_example", "free_bits_over_example"}

# what is said of one part's reduction beside that of the other, which is not known where the law is not
BATCHES = {f"{part}_{how}_over_batch" for part in ("kl", "reconstruction") for how in ("mean", "summed")} | {
    "kl_mean_over_batch_and_latents"
}


def rank(report: Report) -> tuple[bool, bool, int]:
    """Right before named before described before unknown.

    A constant that the likelihood lacks, where none was declared, is no mistake that is worth a name.
    """
    first = report.findings[0] if report.findings else None
    nameless = first is not None and set(first.causes) <= LEFT_OUT
    return first is not None and not first.said, nameless, len(report.findings)


def unaccusing(report: Report, unknown: Sequence[str], declared: Collection[str]) -> Report:
    """What departs for no known reason may be right in another model: nothing undeclared is accused.

    `declared` are the settings that the user gave.
    """
    causes = set(report.findings[0].causes) if report.findings else set()
    lawless = any(what.startswith("the likelihood: ") for what in unknown)
    open_ = (FLOORS if "free_bits" not in declared else set()) | (BATCHES if lawless else set())
    named = bool(causes) and not causes <= open_
    known = [f for f in report.findings if f.causes] if named else []
    said = {f.quantity: f.explanation for f in report.findings if f.said or set(f.causes) & open_}
    lines = []
    for line in report.lines:
        if line.found.outcome is Outcome.DEPARTS and line.quantity not in {f.quantity for f in known}:
            fix = Finding(line.quantity, (), "").fixes[0]
            unknown_why = f"no mistake that is known explains it: in a plain VAE {fix}"
            why = said.get(line.quantity, unknown_why)
            other = "; a model of another kind may be right in this"
            line = replace(line, found=Verdict(Outcome.UNPROVEN, why=f": {why}{other}"))
        lines.append(line)
    blind = (*report.blind, *(f"not found: {what}" for what in unknown))
    unseen = tuple(what.partition(": pass ")[0] for what in report.unseen)  # who is watched passes no array
    return replace(report, lines=tuple(lines), findings=tuple(known), blind=blind, unseen=unseen)
