"""Every named model is trained alike and measured: whether each learns what its paper says it should."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae.arrays import InputError, require_choice, require_count
from scratchvae.data import Dataset
from scratchvae.evaluation import impute
from scratchvae.layers import EVALUATION, Mode, dtype_of
from scratchvae.objectives import (
    L1,
    L2,
    CodeCovariance,
    Contraction,
    DecoderGradient,
    Mmd,
    Penalty,
    Reconstruction,
    TotalCorrelation,
)
from scratchvae.recipes import NAMED_MODELS
from scratchvae.runs.config import Config
from scratchvae.runs.folder import Run
from scratchvae.runs.sweeps import Row, plan, sweep
from scratchvae.runs.trial import Trial

MEASURED_ON = 500  # the number of judged examples, all of which are compared with each other
MEASURES: dict[str, Penalty] = {  # these are measured beside the metrics of a run, where its model has them
    "total_correlation": TotalCorrelation(1.0),  # it is exact for the measured examples
    "covariance": CodeCovariance(1.0),
    "covariance_of_draws": CodeCovariance(1.0, of="draws"),
    "mmd": Mmd(1.0, "gaussian", "closed_form"),
    "norm": L2(1.0),
    "sparsity": L1(1.0),
    "contraction": Contraction(1.0),
    "decoder_gradient": DecoderGradient(1.0),
}
COMPLETED_BY = 100  # weighted draws of each example
DENOISED = Reconstruction(mask_rate=0.25)  # log p(x|z) of the code of x with holes: the measure "denoised"
SHOWN = (
    "loss",
    "bound",
    "log_likelihood",
    "log_px",
    "kl",
    "active_units",
    "total_correlation",
    "mmd",
    "seconds",
)
RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
Values = Mapping[str, Sequence[float]]  # the value of each measure for each seed


def results(
    names: Sequence[str] = (),
    *,
    seeds: int = 3,
    folder: Path,
    common: Config,
    executor: Executor | None = None,
    on_row: Callable[[Row, Trial], None] = lambda row, trial: None,
) -> list[Row]:
    """Train each named model with each seed, as `sweep` does, and measure it; return a row for each name.

    No names stand for all; those that have data of their own, as topic models have texts, are then trained on
    these. The models that a name is compared with are trained too. A row has the name, its paper, the values
    of each measure by seed, its claims with what became of each, and the verdict. The verdict is "yes" where
    every claim holds for every run against every run of the other model, "no" where none holds even for the
    means, and "partial" otherwise. A model of which a run failed has the failure's sentence in its row.
    """
    require_count("results", "seeds", seeds)
    wanted = _with_compared([name.replace("-", "_") for name in names] or list(NAMED_MODELS))
    commands = [
        {"model": name, "seed": seed} | ({} if names else _own_data(name))
        for name in wanted
        for seed in range(seeds)
    ]
    trained = sweep(commands, folder=folder, common=common, executor=executor, on_row=on_row)
    found: dict[str, dict[str, list[float]]] = {name: {} for name in wanted}
    failed: dict[str, str] = {}
    for trial, row in zip(plan(commands, folder, common), trained, strict=True):
        name = trial.settings["model"]
        if row["failed"] is not None:
            failed[name] = row["failed"]
            continue
        for measure, value in _measured(trial).items():
            found[name].setdefault(measure, []).append(value)
    return [_row(name, found, failed.get(name)) for name in wanted]


def _with_compared(names: Sequence[str]) -> list[str]:
    """Return the names, and those that their claims compare them with, each once."""
    wanted = list(dict.fromkeys(names))
    for name in wanted:  # the list grows meanwhile
        require_choice("results", "a name", name, NAMED_MODELS)
        others = dict.fromkeys(claim.split()[2] for claim in NAMED_MODELS[name].claims)
        wanted += [other for other in others if other in NAMED_MODELS and other not in wanted]
    return wanted


def _own_data(name: str) -> dict[str, Any]:
    return {setting: value for setting, value in NAMED_MODELS[name].settings.items() if setting == "data"}


def _measured(trial: Trial) -> dict[str, float]:
    """Return the metrics of a finished run, the seconds of its fastest epoch, and its model's measures.

    The fastest epoch is the one that other programs of the machine disturbed least.
    """
    finished = trial.finished()
    assert finished is not None
    run = Run.open(trial.folder)
    seconds = min(float(record["seconds"]) for record in run.history())
    return {
        **finished["metrics"],
        "seconds": seconds,
        **dict(measured(run.model, run.judged.subset(slice(0, MEASURED_ON)))),
    }


def measured(model: Any, data: Dataset) -> Iterator[tuple[str, float]]:
    """Yield each of MEASURES that the model has, with one draw of each example, "denoised", "completion"."""
    batch = data.batch(slice(None), dtype_of(model))
    one, _ = model.run(batch, model.draw_noise(len(data), np.random.default_rng(0)))
    for name, penalty in MEASURES.items():
        try:
            value, _ = penalty(model, batch, one, None, mode=EVALUATION)
        except InputError:  # the codes of an autoencoder, for instance, have no densities
            continue
        yield name, float(value.mean(dtype=np.float64))
    rng = np.random.default_rng(0)
    report, _ = DENOISED(model, batch, DENOISED.draw_noise(model, len(data), rng), mode=Mode(rng))
    yield "denoised", report.means()["log_px"]
    with suppress(InputError):  # as where no draw gives the first half a probability
        yield "completion", completion(model, data)


def completion(model: Any, data: Dataset) -> float:
    """Return the mean squared error of the second half of the entries, imputed from the first half."""
    whole = data.batch(slice(None), np.float64)
    D = whole.x.shape[1]
    seen = np.ones(whole.x.shape, np.bool_) if whole.observed is None else whole.observed.astype(np.bool_)
    shown = seen & (np.arange(D) < D // 2)
    halves = replace(data, observed=shown.reshape(data.images.shape))
    found = impute(model, halves, samples=COMPLETED_BY, rng=np.random.default_rng(0))
    return float(((found.x - whole.x) ** 2)[seen & ~shown].mean())


def _row(name: str, found: Mapping[str, Values], failed: str | None) -> Row:
    row: Row = {"model": name, "paper": NAMED_MODELS[name].paper, "values": found[name], "failed": failed}
    row["claims"] = {claim: judged(claim, name, found) for claim in NAMED_MODELS[name].claims}
    said = set(row["claims"].values())
    row["verdict"] = "no" if failed or said == {"no"} else "yes" if said == {"yes"} else "partial"
    return row


def judged(claim: str, name: str, found: Mapping[str, Values]) -> str:
    """Return "yes" where the claim holds for every run against every other.

    The answer is "partial" where it holds for the means only, and "no" otherwise.
    """
    measure, relation, other = claim.split()
    mine = found[name].get(measure, ())
    theirs = found[other].get(measure, ()) if other in NAMED_MODELS else (float(other),)
    if not mine or not theirs:
        return "no"
    holds = RELATIONS[relation]
    if all(holds(a, b) for a in mine for b in theirs):
        return "yes"
    return "partial" if holds(np.mean(mine), np.mean(theirs)) else "no"


def flattened(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the mean of each measure over seeds, and its standard deviation, as cells."""
    table = []
    for row in rows:
        cells: Row = {"model": row["model"], "paper": row["paper"]}
        for measure in SHOWN:
            values = row["values"].get(measure)
            cells[measure] = float(np.mean(values)) if values else None
            cells[f"{measure}_spread"] = float(np.std(values)) if values else None
        claims = ", ".join(f"{claim}: {said}" for claim, said in row["claims"].items())
        table.append({**cells, "claims": claims, "verdict": row["verdict"], "failed": row["failed"]})
    return table


def readable(rows: Sequence[Row]) -> list[Row]:
    """Return the rows for people: a mean and its spread in one cell."""
    table = []
    for cells in flattened(rows):
        joined = {measure: _cell(cells[measure], cells[f"{measure}_spread"]) for measure in SHOWN}
        table.append({name: joined.get(name, cells[name]) for name in cells if not name.endswith("_spread")})
    return table


def _cell(mean: float | None, spread: float | None) -> str | None:
    return None if mean is None else f"{mean:.4g} ± {spread:.2g}"
