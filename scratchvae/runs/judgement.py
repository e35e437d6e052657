"""The judgement of a run's model: its metrics by name, as numbers, as a table, and in the run's folder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scratchvae.arrays import InputError, require_choice
from scratchvae.files import write_whole
from scratchvae.objectives import Objective
from scratchvae.runs.construction import build_phases
from scratchvae.runs.folder import Run
from scratchvae.runs.formats import counted
from scratchvae.runs.measurement import Measurement
from scratchvae.runs.metrics import METRICS, Metric, term
from scratchvae.runs.reading import EVALUATION
from scratchvae.runs.spellings import DEFAULT
from scratchvae.strict_json import dump_finite
from scratchvae.training import Training, load_checkpoint

SAMPLES, LIKELIHOOD_OF = 100, 500  # the draws and the examples for log p(x) when a training has ended


@dataclass(frozen=True)
class Judgement(Measurement):
    """A measurement whose metrics are chosen by name, written as a table, and kept in the run's folder."""

    def metrics(self, names: Sequence[str] = ()) -> dict[str, float]:
        """Return the named metrics, or all that there are; InputError for one that this run does not have."""
        known = self.known()
        for name in names:
            require_choice(str(self.run.folder), "a metric", name, known)
            if not known[name].has(self):
                raise InputError(f"{self.run.folder} has no {name}, which needs {known[name].needs}")
        return {
            name: known[name].compute(self)
            for name in names or [n for n, metric in known.items() if metric.has(self)]
        }

    def known(self) -> dict[str, Metric]:
        """Return every metric by its name: those of METRICS, and the other terms of the objective."""
        return METRICS | {name: term(name) for name in self.terms if name not in METRICS}

    def counts(self) -> dict[str, int | str]:
        """Return the numbers and words that the units of metrics name."""
        law, posterior = self.run.model.likelihood, getattr(self.run.model, "posterior", None)
        given = f", given {law.given}" if law.given else ""
        found = {"draws": counted(self.samples, "draw"), "of": counted(self.likelihood_of, "example")}
        return {
            **found,
            "latents": self.run.latents,
            "categories": getattr(posterior, "categories", 0),
            "given": given,
        }

    def table(self, found: dict[str, float]) -> str:
        """Write a line for each metric, with its unit."""
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
        """Write the metrics into the run's folder, with the step of the weights that they describe."""
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


def objective_of(run: Run) -> Objective:
    """Return the objective that an opened run is judged by, which is that of its training.

    Beside a kept prior, to which that objective may have no KL, it is the model's own.
    """
    config = run.config if run.kept_prior is None else replace(run.config, objective=DEFAULT)
    return build_phases(config, run.model, steps=1)[0].objective


def judge(run: Run, training: Training) -> Judgement:
    """Return the judgement of a run whose training has ended, on its held-out examples."""
    likelihood_of = min(LIKELIHOOD_OF, len(run.judged))
    return Judgement(run, run.judged, training.phases[0].objective, SAMPLES, likelihood_of, run.config.seed)
