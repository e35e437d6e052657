"""Compare every gradient of every case with finite differences, and every sampler with its density.

Each gradient is checked with both kernel twins. The exit status is 1 if anything fails.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import InputError
from scratchvae.checks import GradientError, check_draws, check_pullback
from scratchvae.files import write_whole
from scratchvae.reference import Case, SamplingCase, all_cases, certificate, sampling_cases
from scratchvae.strict_json import dump_finite

DRAWS = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which cases are checked, how strictly, and where the table goes."""
    parser.add_argument(
        "--case", metavar="TEXT", help="only cases whose name holds this text, in any capitals"
    )
    parser.add_argument("--tolerance", type=float, default=1e-6, help="on the relative error (default 1e-6)")
    parser.add_argument(
        "--certify",
        action="store_true",
        help="compare values and gradients with mpmath's instead, extremes too",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there too")


def run(arguments: argparse.Namespace) -> int:
    """Check the cases, print a line for each argument and moment, and the count at the end."""
    rows: list[dict[str, Any]] = []
    if arguments.certify:
        return _finished(_certified(arguments.case), arguments)
    print(f"{'case':50} {'argument':24} {'shape':16} {'compiled':>9} {'textbook':>9}  verdict")
    for case in all_cases():
        if _holds(case.name, arguments.case):
            rows += _checked_gradients(case, arguments.tolerance)
    print(f"\n{'sampler':50} {'moment of the draws':40} {'standard errors':>19}  verdict")
    for sampler in sampling_cases():
        if _holds(sampler.name, arguments.case):
            rows += _checked_moments(sampler)
    return _finished(rows, arguments)


def _finished(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> int:
    if not rows:
        raise InputError(
            f"--case should be part of a case's name, found no case with {arguments.case!r} in it"
        )
    failed = sum(row["verdict"] != "ok" for row in rows)
    worst = max((row["error"] for row in rows if "moment" not in row), default=0.0)
    cases = len({row["case"] for row in rows})
    print(f"\n{cases} cases, {len(rows)} checks, {failed} failed; worst relative error {worst:.2g}")
    if arguments.json:
        write_whole(
            arguments.json,
            dump_finite(str(arguments.json), [_with_null(row) for row in rows], indent=1).encode(),
        )
    return 1 if failed else 0


def _with_null(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with null for an error that is no number; its verdict says what happened."""
    return {
        name: None if isinstance(entry, float) and not np.isfinite(entry) else entry
        for name, entry in row.items()
    }


def _holds(name: str, text: str | None) -> bool:
    """Whether a case's name holds the text, whatever their capitals and underscores.

    Every name does where there is no text.
    """
    plain, sought = (part.lower().replace("_", "") for part in (name, text or ""))
    return sought in plain


def _checked_gradients(case: Case, tolerance: float) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for twin in sorted(kernels.TWINS):
        with kernels.using(twin):
            try:
                comparisons = check_pullback(case.op, case.arrays, case.constants, tolerance=tolerance)
            except GradientError as error:
                print(f"{case.name:50} {twin}: {error}")
                return [{"case": case.name, "argument": "", "error": float("inf"), "verdict": str(error)}]
        for c in comparisons:
            row = found.setdefault(
                c.argument, {"case": case.name, "argument": c.argument, "shape": c.shape, "verdict": "ok"}
            )
            row[twin] = c.error
            row["error"] = max(row.get("error", 0.0), c.error)
            if not c.ok:
                row["verdict"] = f"FAILS with {twin} kernels: {c}"
    for row in found.values():
        shape = " x ".join(map(str, row["shape"]))
        errors = " ".join(f"{row[twin]:9.1e}" for twin in sorted(kernels.TWINS))
        print(f"{case.name:50} {row['argument']:24} {shape:16} {errors}  {row['verdict']}")
    return list(found.values())


def _checked_moments(sampler: SamplingCase) -> list[dict[str, Any]]:
    rows = []
    draws = sampler.draw(DRAWS, np.random.default_rng(0))
    for moment in check_draws(draws, sampler.log_prob, sampler.points):
        verdict = "ok" if moment.ok else f"FAILS: {moment}"
        print(f"{sampler.name:50} {moment.name:40} {moment.standard_errors:19.2f}  {verdict}")
        rows.append(
            {"case": sampler.name, "moment": moment.name, "error": moment.standard_errors, "verdict": verdict}
        )
    return rows


def _certified(text: str | None) -> list[dict[str, Any]]:
    """Certify every trial whose name holds the text, in each dtype, with the kernels in use."""
    rows: list[dict[str, Any]] = []
    chosen = [trial for trial in certificate.all_trials() if _holds(trial.name, text)]
    if not chosen:
        return rows
    certificate.mathematics()  # raises InputError without mpmath, before the table begins
    heads = f"{'relative error of value':>24} {'of gradient':>12} {'in ulps':>9} {'':>9}"
    print(f"{'case':55} {'dtype':8} {heads}  verdict")
    for trial in chosen:
        for dtype, limit in certificate.LIMITS.items():
            c = certificate.certify(trial, dtype)
            verdict = "ok" if c.ok else f"FAILS: beyond {limit:g}"
            floor = f"  (floor {trial.floor:g}: {trial.why})" if trial.floor else ""
            ulps = f"{c.value_ulps:9.1f} {c.gradient_ulps:9.1f}"
            print(f"{trial.name:55} {dtype:8} {c.value:24.1e} {c.gradient:12.1e} {ulps}  {verdict}{floor}")
            error = max(c.value, c.gradient)
            row = {"case": trial.name, "dtype": dtype, "value": c.value, "gradient": c.gradient}
            rows.append(row | {"error": error, "verdict": verdict})
    return rows
