"""The short table that `train` ends with and `evaluate` prints."""

import numpy as np

from scratchvae.data import Dataset
from scratchvae.evaluation import active_units, bits_per_dimension, bound, codes, log_likelihood
from scratchvae.likelihoods import Categorical
from scratchvae.models import VAE
from scratchvae.objectives import Objective
from scratchvae.runs import Run

WORDS = {
    "loss": "loss",
    "bound": "bound",
    "bound_of_those": "bound, the first of them only",
    "log_px": "reconstruction log p(x|z)",
    "kl": "KL(q(z|x) || p(z))",
    "log_likelihood": "importance-weighted bound",
    "bits_per_dimension": "bits per dimension",
    "active_units": "active latents",
}


def summarize(run: Run, data: Dataset, objective: Objective, *, samples: int, likelihood_of: int, seed: int) -> dict[str, float]:
    """The terms of the bound over `data`, log p(x) over its first `likelihood_of` examples, and the active latents."""
    rng = np.random.default_rng(seed)
    summary = bound(run.model, data, objective, rng=rng, binarized=run.config.binarized)
    if isinstance(run.model, VAE) and samples:
        some = data.subset(slice(0, likelihood_of))
        same = bound(run.model, some, objective, rng=rng, binarized=run.config.binarized)
        if len(some) < len(data):
            summary["bound_of_those"] = same["bound"]
        estimates = log_likelihood(run.model, some, samples=samples, rng=rng, binarized=run.config.binarized)
        summary["log_likelihood"] = float(estimates.mean())
        if isinstance(run.model.likelihood, Categorical) or run.config.binarized:  # a probability, not a density
            D = int(np.prod(run.model.event_shape))
            summary["bits_per_dimension"] = bits_per_dimension(summary["log_likelihood"], D)
    summary["active_units"] = int(active_units(codes(run.model, data)).sum())
    return summary


def as_table(summary: dict[str, float], *, latent_dim: int, samples: int, likelihood_of: int) -> str:
    """A line for each number, with its unit."""
    units = dict.fromkeys(("loss", "bound", "log_px", "kl"), "nats per example")
    units["log_likelihood"] = f"nats per example ({samples} draws each of {likelihood_of} examples)"
    units["bound_of_those"] = f"nats per example ({likelihood_of} examples)"
    units["active_units"] = f"of {latent_dim}"
    lines = []
    for name, value in summary.items():
        number = f"{value:12d}" if isinstance(value, int) else f"{value:12.3f}"
        lines.append(f"  {WORDS.get(name, name):32}{number}  {units.get(name, '')}".rstrip())
    return "\n".join(lines)
