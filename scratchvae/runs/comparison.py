"""Runs side by side: the settings in which they differ, and the numbers that can be compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.choices import Choice, parse
from scratchvae.recipes import LIKELIHOODS
from scratchvae.runs.config import Config
from scratchvae.runs.differences import differing, settings
from scratchvae.runs.formats import Row, duration, nats
from scratchvae.runs.reading import FILES, Reading, read_run, read_runs
from scratchvae.runs.seeds import over_seeds
from scratchvae.runs.spellings import DEFAULT

# the terms of held-out data: log p(x) ≥ bound = log_px − kl, whatever weights the loss gives them
TERMS = ("bound", "log_px", "kl")
ONE_DRAW = {
    DEFAULT,
    "elbo",
    "sampled_elbo",
    "score_function",
    "reconstruction",
    "wake_sleep",
    "reweighted_wake_sleep",
}
# The parameters that change which events p(x|z) is a probability of, or what it is given.
MEASURES = {
    "categorical": ("levels",),
    "discretized_logistic": ("levels",),
    "negative_binomial": ("offset",),
}
WORDS = {**{term: (term, nats) for term in (*TERMS, "log_likelihood")}, "seconds": ("time", duration)}


def chosen_runs(folders: Sequence[str | Path]) -> list[Reading]:
    """Return the run in each folder, or all runs below a folder that holds none itself.

    InputError for less than two runs.
    """
    found = []
    for folder in map(Path, folders):
        if not folder.exists():
            raise InputError(
                f"compare: {folder} should be a run's folder, or one with runs below it; found nothing there"
            )
        if folder.is_dir() and not any((folder / name).exists() for name in FILES):
            found += read_runs(folder)
        else:
            found.append(read_run(folder))
    once = list({one.folder.resolve(): one for one in found}.values())
    if len(once) < 2:
        raise InputError(
            f"compare needs two runs or more, found {len(once)} in {', '.join(map(str, folders))}"
        )
    return once


def common_folder(runs: Sequence[Reading]) -> Path:
    """Return the innermost folder that holds all of the runs."""
    folders = [one.folder.resolve() for one in runs]
    return next(above for above in folders[0].parents if all(above in one.parents for one in folders))


def run_names(runs: Sequence[Reading], folder: str | Path) -> list[str]:
    """Name each run by its path from a folder that holds it."""
    found, above = [one.folder.resolve() for one in runs], Path(folder).resolve()
    return [str(one.relative_to(above)) if one != above else one.name for one in found]


def listed(runs: Sequence[Reading], names: Sequence[str], *, damage: bool = True) -> list[Row]:
    """Return a row for each run: name, state, differences, best held-out bound, and seconds.

    With `damage` the last column says what cannot be read, where that is so for any run.
    """
    rows: list[dict[str, Any]] = []
    for name, one, unlike in zip(names, runs, _unlike(runs), strict=True):
        rows.append(
            {
                "run": name,
                "state": one.state,
                **unlike,
                "bound": one.best.get("bound"),
                "seconds": one.seconds,
            }
        )
        if damage and any(other.damage for other in runs):
            rows[-1]["damage"] = one.damage or None
    return list(rows)


def compared(runs: Sequence[Reading], names: Sequence[str]) -> list[Row]:
    """Return a row for each run: its differences, its held-out terms at its best epoch, and log p(x).

    The best epoch is that of the highest bound, and log p(x) is there where `evaluate` has estimated it.
    """
    rows: list[Row] = []
    for name, one, unlike in zip(names, runs, _unlike(runs), strict=True):
        best = one.best
        terms = {term: best.get(term) for term in TERMS}
        found = {
            "log_likelihood": one.evaluation.get("log_likelihood"),
            "epoch": best.get("epoch"),
            "seconds": one.seconds,
        }
        rows.append({"run": name, **unlike, "state": one.state, **terms, **found})
    return rows


def compared_over_seeds(runs: Sequence[Reading], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each setting that several seeds were tried with.

    It holds the mean and the deviation of each term and of log p(x).
    """
    settings = next((list(one) for one in _unlike(runs)), [])
    return over_seeds(compared(runs, names), settings, (*TERMS, "log_likelihood"))


def repeated(runs: Sequence[Reading]) -> list[str]:
    """Return, for each run, the settings but the seed in which it differs from others, as a text.

    Runs with equal texts repeat each other with other seeds.
    """
    return [str({name: value for name, value in one.items() if name != "seed"}) for one in _unlike(runs)]


def groups(runs: Sequence[Reading]) -> dict[str, list[int]]:
    """Group the runs that may be compared: the places in `runs` of those of the same data and likelihood.

    The keys say what data and likelihood these are. Likelihoods differ if they are probabilities of different
    events, such as different levels of grey. They also differ if only one of them is given the size of each
    example, because the other has to explain it.
    """
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, one in enumerate(runs):
        if one.config is not None and not one.damage:
            found.setdefault(_measured_by(one.config), []).append(place)
    return dict(zip(_labels(list(found)), found.values(), strict=True))


def remarks(runs: Sequence[Reading], names: Sequence[str]) -> list[str]:
    """Return sentences that say what the numbers of the table are, and which of them may not be compared."""
    found = ["bound, log_px and kl are in nats per held-out example, at the epoch with the highest bound."]
    comparable = groups(runs)
    if len(comparable) > 1:
        parts = "; ".join(
            f"{', '.join(names[k] for k in places)} ({label})" for label, places in comparable.items()
        )
        found.append(
            f"Bounds of different data or likelihoods can't be compared; those of one group can: {parts}."
        )
    for label, places in comparable.items():
        if len({_judged_on(runs[k]) for k in places if runs[k].digest is not None}) > 1:
            which = "The runs" if len(comparable) == 1 else f"The runs of {label}"
            found.append(
                f"{which} are not all judged on the same examples, which alone makes small differences."
            )
    tightness = {
        name: _tightness(one.config) for name, one in zip(names, runs, strict=True) if one.config is not None
    }
    if len(set(tightness.values())) > 1:
        found.append(
            "A bound that averages more draws of each example is tighter: "
            "compare these runs by log_likelihood."
        )
    without = [name for name, one in zip(names, runs, strict=True) if not one.damage and not one.best]
    if without:
        found.append(f"No bound of held-out data is recorded for {', '.join(without)}.")
    if not all("log_likelihood" in one.evaluation for one in runs):
        found.append(
            "log_likelihood, the importance-weighted bound on log p(x), "
            "is what `scratchvae evaluate` has found last."
        )
    return found + [
        f"{name} is damaged: {one.damage}" for name, one in zip(names, runs, strict=True) if one.damage
    ]


def _unlike(runs: Sequence[Reading]) -> list[dict[str, Any]]:
    """Return, for each run, the settings in which not all runs agree.

    A run whose config cannot be read has None for each of them.
    """
    known = iter(differing([one.config for one in runs if one.config is not None]))
    found = [next(known) if one.config is not None else None for one in runs]
    names = next((list(one) for one in found if one is not None), [])
    return [one if one is not None else dict.fromkeys(names) for one in found]


def _measured_by(config: Config) -> tuple[Any, ...]:
    """Return what two runs have to share so that their bounds can be compared."""
    shape = tuple(config.event_shape or ())
    law = _law(settings(config).get("likelihood"))
    return config.data, config.examples, shape, config.limit, config.held_out, config.binarized, law


def _law(likelihood: Any) -> str | None:
    """Return the likelihood's name with those parameters that change which event p(x|z) is a probability of.

    Parameters that change what p(x|z) is given are kept too.
    """
    if not likelihood:
        return None
    choice = likelihood if isinstance(likelihood, Choice) else parse(likelihood)
    try:
        settled = LIKELIHOODS.settle(choice)
    except InputError:  # an older version had other parameters
        return str(choice)
    usual = LIKELIHOODS.parameters(choice.name)
    told = {name: settled.keywords.get(name, usual[name].default) for name in MEASURES.get(choice.name, ())}
    return str(
        Choice(choice.name, {name: value for name, value in told.items() if value != usual[name].default})
    )


def _judged_on(one: Reading) -> tuple[Any, ...]:
    """Return what decides which examples are held out: the data, and the seed that draws them.

    There is no seed where the last examples are held out, or none.
    """
    assert one.config is not None
    drawn = one.config.held_out != 0 and not one.config.held_out_last
    return one.digest, one.config.data_seed if drawn else None


def _labels(keys: Sequence[tuple[Any, ...]]) -> list[str]:
    """Name each group of runs by its data and likelihood, and by more where that is not unique."""
    labels = [
        ", ".join(word for word in (Path(key[0]).name, "binarized" if key[5] else "", key[6] or "") if word)
        for key in keys
    ]
    for k, words in ((3, "first {}"), (4, "{} held out"), (1, "of {}"), (2, "shape {}"), (0, "in {}")):
        twice = [labels.count(label) > 1 for label in labels]
        labels = [
            f"{label}, {words.format(key[k])}" if again and key[k] is not None else label
            for label, key, again in zip(labels, keys, twice, strict=True)
        ]
    return labels


def _tightness(config: Config) -> tuple[str, int]:
    """Return what makes the bounds of two runs equally tight.

    That is an objective that draws once, or the same objective with as many draws.
    """
    name = parse(config.objective).name
    return ("", 1) if name in ONE_DRAW else (name, int(settings(config).get("samples") or 1))
