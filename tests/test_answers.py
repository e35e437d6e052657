"""An answer that is no number is refused by every verb, with the example and its largest entry named."""

import numpy as np
import pytest

from scratchvae import mlp
from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.evaluation import codes, log_likelihood, require_answers
from scratchvae.layers import named_parameters

X = np.arange(12, dtype=np.float32).reshape(3, 4) / 12
DATA = Dataset("d", X)


def broken(part, model="vae"):
    """A model one of whose networks gives NaN, whatever the processor: its weights are NaN."""
    made = mlp(4, latent_dim=2, hidden=3, likelihood="gaussian", model=model, seed=0)
    for parameter in named_parameters(getattr(made, part)).values():
        parameter.value = np.full_like(parameter.value, np.nan)
    return made


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_wrong_answer_and_its_largest_entry_are_named(value):
    answers = np.zeros((3, 2, 2), np.float32)
    answers[1, 0, 1] = answers[2, 0, 0] = value
    with pytest.raises(
        InputError,
        match=r"verb: .* in float32; found none for example 1, whose largest .* 0\.583333, column 3 of",
    ):
        require_answers("verb", DATA, answers)


def test_minus_infinity_is_the_log_probability_of_what_cannot_be_and_nothing_else_is():
    require_answers("log p", DATA, np.array([0, -np.inf, -3.0]), impossible=True)
    for value in (np.nan, np.inf):
        with pytest.raises(InputError, match="found none for example 2"):
            require_answers("log p", DATA, np.array([0, -np.inf, value]), impossible=True)


@pytest.mark.parametrize(
    ("said", "verb"),
    [
        ("codes", lambda: codes(broken("encoder"), DATA)),
        ("codes", lambda: broken("encoder").transform(X)),
        ("VAE.reconstruct", lambda: broken("decoder").reconstruct(X)),
        (
            r"log p\(x\)",
            lambda: log_likelihood(broken("decoder"), DATA, samples=2, rng=np.random.default_rng(0)),
        ),
        (r"log p\(x\)", lambda: broken("decoder").score_samples(X)),
        (r"log p\(x\|z\)", lambda: broken("decoder", "autoencoder").score_samples(X)),
        ("Autoencoder.reconstruct", lambda: broken("decoder", "autoencoder").reconstruct(X)),
    ],
)
def test_every_verb_refuses_what_is_no_number(said, verb):
    with pytest.raises(
        InputError, match=f"{said}: every example should come out as finite numbers .* example 0"
    ):
        verb()


def test_what_cannot_be_filled_in_is_refused():
    with pytest.raises(InputError, match="found none of 2 for example 0"):
        broken("decoder").impute(np.where(X > 0.5, np.nan, X), samples=2)
