"""What is measured of models that choose, classify, or have topics."""

from typing import Any

from scratchvae.data import Dataset
from scratchvae.evaluation import code_usage, coherence, perplexity
from scratchvae.layers import Topics

WORDS = 10  # of each topic, the likeliest


def mean_perplexity(model: Any, data: Dataset) -> float:
    """How many codes the examples use, as if all were used alike: the mean over the groups of latents."""
    return float(perplexity(code_usage(model.model_, data)).mean())


def accuracy(model: Any, data: Dataset) -> float:
    """How often the most probable class by the model's classifier is the label."""
    return float((model.predict(data) == data.labels).mean())


def has_topics(model: Any) -> bool:
    """Whether the decoder is one of topics, over as many words as are looked at."""
    decoder = getattr(model, "decoder", None)
    return isinstance(decoder, Topics) and decoder.laws().shape[1] >= WORDS


def mean_coherence(model: Any, data: Dataset) -> float:
    """How well the likeliest words of topics go together in documents: the mean over the topics."""
    return float(coherence(model.decoder.laws(), data, shown=WORDS).mean())
