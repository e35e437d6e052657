"""The metrics by which a run's model is judged: each has words, a unit, needs and a function."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from scratchvae.evaluation import active_units, bits_per_dimension, code_usage, coherence, perplexity
from scratchvae.layers import Topics
from scratchvae.models import LatentVariableModel
from scratchvae.posteriors import Choices
from scratchvae.runs.measurement import Measurement

LIKELIEST = 10  # words of each topic

AT_ONCE = 500  # examples


@dataclass(frozen=True)
class Metric:
    """A metric: its name for people and its unit, what it `needs` in words and in fact, and its function."""

    words: str
    unit: str  # may name {draws}, {of}, {latents}, {categories} and {given}, as the words may
    needs: str
    has: Callable[[Measurement], bool]
    compute: Callable[[Measurement], float]


def bits(m: Measurement) -> float:
    """Compute −log₂ p(x) / D, the bits of an example for each of its entries.

    Where entries are missing, the bits of all examples are divided by the number of all observed entries.
    """
    observed = m.first.observed
    entries = (
        len(m.first) * prod(m.run.model.event_shape)
        if observed is None
        else max(1, int(np.count_nonzero(observed)))
    )
    return bits_per_dimension(float(m.log_px.sum()), entries)


def mean_perplexity(m: Measurement) -> float:
    """Compute how many codes the examples use, as if all were used alike.

    It is the mean over the groups of latents.
    """
    model: Any = m.run.model
    return float(perplexity(code_usage(model.model_, m.data)).mean())


def accuracy(m: Measurement) -> float:
    """Compute how often the classifier's most probable class is the label."""
    model: Any = m.run.model
    return float((model.predict(m.data) == m.data.labels).mean())


def has_topics(m: Measurement) -> bool:
    """Say whether the decoder is one of topics, over as many words as are looked at."""
    decoder = getattr(m.run.model, "decoder", None)
    return isinstance(decoder, Topics) and decoder.laws().shape[1] >= LIKELIEST


def mean_coherence(m: Measurement) -> float:
    """Compute how well the likeliest words of topics go together: the mean over the topics."""
    model: Any = m.run.model
    return float(coherence(model.decoder.laws(), m.data, shown=LIKELIEST).mean())


def is_probability(m: Measurement) -> bool:
    """Whether p(x) is a probability of the data, and neither a density nor given something of x."""
    law = m.run.model.likelihood
    return m.run.config.binarized or all(
        law.is_probability(batch.x) for batch in m.first.batches(AT_ONCE, np.float64)
    )


def term(name: str, words: str = "") -> Metric:
    """Return the metric that is a term of the objective, under its own name."""
    needs = f"an objective with the term {name}"
    unit = "nats per example{given}" if name in ("bound", "log_px") else "nats per example"
    return Metric(words or name, unit, needs, lambda m: name in m.terms, lambda m: m.terms[name])


DENSITY = "a posterior with a density, and samples"
METRICS: dict[str, Metric] = {
    "loss": term("loss"),
    "bound": term("bound"),
    "log_px": term("log_px", "reconstruction log p(x|z)"),
    "kl": term("kl", "KL(q(z|x) || p(z))"),
    "bound_of_those": Metric(
        "bound, same {of}",
        "nats per example{given} ({of})",
        f"{DENSITY}, and fewer examples for log p(x) than for the bound",
        lambda m: m.weighable and m.likelihood_of < len(m.data) and "bound" in m.terms,
        lambda m: m.terms_of_first["bound"],
    ),
    "log_likelihood": Metric(
        "importance-weighted bound",
        "nats per example{given} ({draws} each of {of})",
        DENSITY,
        lambda m: m.weighable,
        lambda m: float(m.log_px.mean()),
    ),
    "bits_per_dimension": Metric(
        "bits per dimension",
        "",
        f"{DENSITY}, and a probability of x: "
        "a law of bits, levels, categories or counts that is given nothing of x",
        lambda m: m.weighable and is_probability(m),
        bits,
    ),
    "active_units": Metric(
        "active latents",
        "of {latents}",
        "a vector of latents",
        lambda m: isinstance(m.run.model, LatentVariableModel),
        lambda m: int(active_units(m.run.model.transform(m.data)).sum()),
    ),
    "accuracy": Metric(
        "share of classes that are right",
        "",
        "a model with a classifier, and labels",
        lambda m: getattr(m.run.model, "classifier", None) is not None and m.data.labels is not None,
        accuracy,
    ),
    "coherence": Metric(
        "coherence of the topics",
        "from -1 to 1, of the 10 likeliest words of each",
        "a decoder of topics, over 10 words at least",
        has_topics,
        mean_coherence,
    ),
    "perplexity": Metric(
        "perplexity of the codes",
        "of {categories}, the mean over groups",
        "a posterior of choices (vq, gumbel_softmax, concrete)",
        lambda m: isinstance(getattr(m.run.model, "posterior", None), Choices),
        mean_perplexity,
    ),
}
