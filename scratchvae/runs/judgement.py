"""What a run's model is judged by: a table of metrics, each a row with its words, its unit, its needs and its
function.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from scratchvae.arrays import Array, InputError, require_choice
from scratchvae.data import Dataset
from scratchvae.evaluation import (
    active_units,
    bits_per_dimension,
    bound,
    log_likelihood,
)
from scratchvae.files import write_whole
from scratchvae.models import LatentVariableModel
from scratchvae.objectives import Objective
from scratchvae.posteriors import Choices, Point
from scratchvae.runs.folder import Run
from scratchvae.runs.model_metrics import accuracy, has_topics, mean_coherence, mean_perplexity
from scratchvae.runs.reading import EVALUATION
from scratchvae.strict_json import dump_finite
from scratchvae.training import Training, load_checkpoint


@dataclass(frozen=True)
class Judgement:
    """A run's model before examples: what the metrics are computed from, each part once and when it is asked
    for.

    log p(x) is estimated for the first `likelihood_of` examples, with `samples` draws of each; 0 leaves it
    out.
    """

    run: Run
    data: Dataset
    objective: Objective
    samples: int
    likelihood_of: int
    seed: int

    @cached_property
    def terms(self) -> dict[str, float]:
        """The mean loss, and the mean of each term of the objective, over all passes, each with draws of its
        own.
        """
        return _means(self._drawn(self.data))

    @cached_property
    def terms_of_first(self) -> dict[str, float]:
        """The same of the examples whose log p(x) is estimated."""
        return _means(self._drawn(self.first))

    def error(self, name: str) -> tuple[float, str] | None:
        """The standard error of a metric, and what it is taken over: the draws, for these same examples, or
        the examples.

        That of a bound comes from the passes over the examples, each with draws of its own. That of log p(x)
        says how far the mean of other examples like these may be; its many draws of each example move it
        less. None for any other metric.
        """
        found, over = 0.0, "draws"
        if name in ("bound", "bound_of_those"):
            found = self._error_of_draws(self.data if name == "bound" else self.first)
        elif name == "log_likelihood" and len(self.log_px) > 1:
            found, over = float(self.log_px.std(ddof=1) / np.sqrt(len(self.log_px))), "examples"
        return (found, over) if found > 0 else None

    def _drawn(self, data: Dataset) -> list[dict[str, float]]:
        """The objective's terms on `data`, once for each pass."""
        binarized, rng = self.run.config.binarized, self.rng()
        if len(data) not in self._passes:
            rounds = range(passes(len(data)))
            self._passes[len(data)] = [
                bound(self.run.model, data, self.objective, rng=rng, binarized=binarized) for _ in rounds
            ]
        return self._passes[len(data)]

    @cached_property
    def _passes(self) -> dict[int, list[dict[str, float]]]:
        return {}

    def _error_of_draws(self, data: Dataset) -> float:
        bounds = [terms["bound"] for terms in self._drawn(data) if "bound" in terms]
        return float(np.std(bounds, ddof=1) / np.sqrt(len(bounds))) if len(bounds) > 1 else 0.0

    @cached_property
    def first(self) -> Dataset:
        """The examples whose log p(x) is estimated."""
        return self.data.subset(slice(0, self.likelihood_of))

    @cached_property
    def log_px(self) -> Array:
        """The estimates of log p(x) of those, (likelihood_of,) in nats."""
        binarized = self.run.config.binarized
        return log_likelihood(
            self.run.model, self.first, samples=self.samples, rng=self.rng(), binarized=binarized
        )

    @property
    def weighable(self) -> bool:
        """Whether log p(x) is asked for, and the model has a density to weigh draws by."""
        return self.samples > 0 and not isinstance(getattr(self.run.model, "posterior", None), Point)

    def metrics(self, names: Sequence[str] = ()) -> dict[str, float]:
        """The named metrics, or all that there are. InputError for one that this run does not have."""
        known = self.known()
        for name in names:
            require_choice(str(self.run.folder), "a metric", name, known)
            if not known[name].has(self):
                raise InputError(f"{self.run.folder} has no {name}, which needs {known[name].needs}")
        return {
            name: known[name].compute(self)
            for name in names or [n for n, metric in known.items() if metric.has(self)]
        }

    def known(self) -> dict[str, "Metric"]:
        """Every metric by its name: those of METRICS, and the other terms of the objective."""
        return METRICS | {term: _term(term) for term in self.terms if term not in METRICS}

    def counts(self) -> dict[str, int | str]:
        """What the units of metrics name."""
        law, posterior = self.run.model.likelihood, getattr(self.run.model, "posterior", None)
        given = f", given {law.given}" if law.given else ""
        found = {"samples": self.samples, "of": self.likelihood_of, "latents": self.run.latents}
        return {**found, "categories": getattr(posterior, "categories", 0), "given": given}

    def table(self, found: dict[str, float]) -> str:
        """A line for each metric, with its unit."""
        known, counts = self.known(), self.counts()
        lines = []
        for name, value in found.items():
            number = f"{value:12d}" if isinstance(value, int) else f"{value:12.3f}"
            unit = known[name].unit.format(**counts)
            if error := self.error(name):
                unit += f", ± {error[0]:.2g} over the {error[1]}"
            words = known[name].words.format(**counts)
            lines.append(f"  {words:32}{number}  {unit}".rstrip())
        return "\n".join(lines)

    def keep(self, found: dict[str, float]) -> None:
        """Write the metrics into the run's folder, beside the step of the weights that they are of."""
        step = load_checkpoint(self.run.checkpoint, arrays=False).position["step"]
        kept = {
            "step": step,
            "samples": self.samples,
            "of": self.likelihood_of,
            "seed": self.seed,
            "metrics": found,
        }
        errors = {name: error for name in found if (error := self.error(name))}
        kept["standard_errors"] = {
            name: {"error": error, "over": over} for name, (error, over) in errors.items()
        }
        write_whole(self.run.folder / EVALUATION, dump_finite(EVALUATION, kept, indent=2).encode())

    def rng(self) -> np.random.Generator:
        """A generator that every metric starts with, so that none depends on which others are asked for."""
        return np.random.default_rng(self.seed)


AT_ONCE = 500  # examples
SAMPLES, LIKELIHOOD_OF = 100, 500  # draws, and examples, for log p(x) when a training has ended


def judge(run: Run, training: Training) -> Judgement:
    """The judgement of a run whose training has ended, on its held-out examples."""
    likelihood_of = min(LIKELIHOOD_OF, len(run.judged))
    return Judgement(run, run.judged, training.phases[0].objective, SAMPLES, likelihood_of, run.config.seed)


@dataclass(frozen=True)
class Metric:
    """How `evaluate` calls a number and its unit, what it `needs` in words and in fact, and how it is
    computed.
    """

    words: str
    unit: str  # may name {samples}, {of}, {latents}, {categories} and {given}, as the words may
    needs: str
    has: Callable[[Judgement], bool]
    compute: Callable[[Judgement], float]


def passes(examples: int) -> int:
    """How often so many examples are passed through the model: until 2000 draws are made, 4 times at least,
    100 at most.
    """
    return min(max(4, -(-2000 // examples)), 100)


def _means(several: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([terms[name] for terms in several])) for name in several[0]}


def bits(j: Judgement) -> float:
    """−log₂ p(x) / D, or where entries are missing, the bits of all observed entries by their number."""
    observed = j.first.observed
    entries = (
        len(j.first) * prod(j.run.model.event_shape)
        if observed is None
        else max(1, int(np.count_nonzero(observed)))
    )
    return bits_per_dimension(float(j.log_px.sum()), entries)


def is_probability(j: Judgement) -> bool:
    """Whether p(x) is a probability of what the data are, and no density, nor given something that is read
    off x.
    """
    law = j.run.model.likelihood
    return j.run.config.binarized or all(
        law.is_probability(batch.x) for batch in j.first.batches(AT_ONCE, np.float64)
    )


def _term(name: str, words: str = "") -> Metric:
    """A term of the objective, under its own name."""
    needs = f"an objective with the term {name}"
    unit = "nats per example{given}" if name in ("bound", "log_px") else "nats per example"
    return Metric(words or name, unit, needs, lambda j: name in j.terms, lambda j: j.terms[name])


DENSITY = "a posterior with a density, and samples"
METRICS: dict[str, Metric] = {
    "loss": _term("loss"),
    "bound": _term("bound"),
    "log_px": _term("log_px", "reconstruction log p(x|z)"),
    "kl": _term("kl", "KL(q(z|x) || p(z))"),
    "bound_of_those": Metric(
        "bound, same {of} examples",
        "nats per example{given} ({of} examples)",
        f"{DENSITY}, and fewer examples for log p(x) than for the bound",
        lambda j: j.weighable and j.likelihood_of < len(j.data) and "bound" in j.terms,
        lambda j: j.terms_of_first["bound"],
    ),
    "log_likelihood": Metric(
        "importance-weighted bound",
        "nats per example{given} ({samples} draws each of {of} examples)",
        DENSITY,
        lambda j: j.weighable,
        lambda j: float(j.log_px.mean()),
    ),
    "bits_per_dimension": Metric(
        "bits per dimension",
        "",
        f"{DENSITY}, and a probability of x: a law of bits, levels, categories or counts that is given nothing of x",
        lambda j: j.weighable and is_probability(j),
        bits,
    ),
    "active_units": Metric(
        "active latents",
        "of {latents}",
        "a vector of latents",
        lambda j: isinstance(j.run.model, LatentVariableModel),
        lambda j: int(active_units(j.run.model.transform(j.data)).sum()),
    ),
    "accuracy": Metric(
        "share of classes that are right",
        "",
        "a model with a classifier, and labels",
        lambda j: getattr(j.run.model, "classifier", None) is not None and j.data.labels is not None,
        lambda j: accuracy(j.run.model, j.data),
    ),
    "coherence": Metric(
        "coherence of the topics",
        "from -1 to 1, of the 10 likeliest words of each",
        "a decoder of topics, of 10 words at least",
        lambda j: has_topics(j.run.model),
        lambda j: mean_coherence(j.run.model, j.data),
    ),
    "perplexity": Metric(
        "perplexity of the codes",
        "of {categories}, the mean over groups",
        "a posterior of choices (vq, gumbel_softmax, concrete)",
        lambda j: isinstance(getattr(j.run.model, "posterior", None), Choices),
        lambda j: mean_perplexity(j.run.model, j.data),
    ),
}
