"""Options that are numbers: what is none is refused in one sentence by the class that takes it, which names
the option.
"""

import inspect
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from scratchvae import layers, likelihoods, objectives, posteriors, priors, training
from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.models import VAE, Classes, Reals

ROOMS = (layers, likelihoods, objectives, posteriors, priors, training)
MADE = {  # a class whose constructor needs something: what it is given besides the option that is tried
    "ActivationKl": {"weight": 1.0},
    "AvgPool2d": {"kernel_size": 2},
    "BatchNorm": {"num_features": 3},
    "Categorical": {"levels": 3},
    "Categories": {"levels": 3},
    "CodeCovariance": {"weight": 1.0, "diagonal": 1.0},
    "ConditionalGaussian": {"latent_dim": 2, "condition_dim": 2},
    "Constant": {"rate": 0.1},
    "Contraction": {"weight": 1.0},
    "Conv2d": {"in_channels": 1, "out_channels": 1, "kernel_size": 3},
    "ConvTranspose2d": {"in_channels": 1, "out_channels": 1, "kernel_size": 3},
    "Cosine": {"rate": 0.1, "steps": 5},
    "Critic": {"weight": 1.0},
    "Cycles": {"steps": 10},
    "DecoderGradient": {"weight": 1.0},
    "DecoderNorm": {"weight": 1.0},
    "DiagonalGaussian": {"latent_dim": 2},
    "DiscretizedLogistic": {"levels": 4},
    "Dropout": {"p": 0.1},
    "Embedding": {"num_embeddings": 3, "embedding_dim": 2},
    "FullGaussian": {"latent_dim": 2},
    "GaussianDiagonal": {"variance": np.ones(2)},
    "GaussianMixture": {"latent_dim": 2, "components": 2},
    "L1": {"weight": 1.0},
    "L2": {"weight": 1.0},
    "LayerNorm": {"normalized_shape": 3},
    "LearnedFill": {"entries": 3},
    "Linear": {"in_features": 2, "out_features": 2},
    "LogNormal": {"entries": 2},
    "MaxPool2d": {"kernel_size": 2},
    "Mmd": {"weight": 1.0},
    "Multinomial": {"total": 3},
    "NegativeBinomial": {"event_shape": (3,)},
    "Ordered": {"event_shape": (3,), "levels": 3},
    "Point": {"latent_dim": 2},
    "Ramp": {"start": 0.0, "end": 1.0, "steps": 3},
    "SlicedWasserstein": {"weight": 1.0},
    "StandardGaussian": {"latent_dim": 2},
    "StepDecay": {"rate": 0.1, "every": 2},
    "TotalCorrelation": {"weight": 1.0},
    "Upsample": {"scale_factor": 2},
}
# results, what a training step makes by itself, and classes of parts, which have tests of their own
LEFT_OUT = {
    *(
        "Minimum",
        "Mode",
        "OutsideSupport",
        "Report",
        "Reshape",
        "Standardized",
        "Encoded",
        "BoundedLogVar",
        "Bypass",
    ),
    *("Phase", "Training", "VampPrior"),
}
MAY_BE_INFINITE = {"df", "dispersion"}  # where the law then is another one's
NO_NUMBERS: list[Any] = [
    "a",
    [],
    [1.0],
    True,
    np.bool_(True),
    np.array([1.0]),
    float("nan"),
    10**400,
    None,
    float("inf"),
    1j,
]


def options() -> dict[str, tuple[type, Any]]:
    """Every option of a public class that is one number, or a schedule of numbers, by "Class.option"."""
    found = {}
    for room in ROOMS:
        for name in room.__all__:
            of = getattr(room, name)
            if not inspect.isclass(of) or inspect.isabstract(of) or name in LEFT_OUT:
                continue
            parameters = list(inspect.signature(of.__init__).parameters.values())[1:]
            needed = {
                p.name
                for p in parameters
                if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
            }
            if not needed <= MADE.get(name, {}).keys():
                continue  # a part of parts
            for option, hint in get_type_hints(of.__init__).items():
                if option not in ("return", "rng") and {int, float} & {hint, *get_args(hint)}:
                    found[f"{name}.{option}"] = (of, hint)
    return found


OPTIONS = options()


def test_many_options_are_found():
    assert len(OPTIONS) > 80
    assert {"Elbo.beta", "Renyi.alpha", "Linear.in_features", "Adam.learning_rate"} <= OPTIONS.keys()


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_is_a_number(option):
    (kind, hint), (name, parameter) = OPTIONS[option], option.split(".")
    made = MADE.get(name, {})
    kind(**made)
    for given in NO_NUMBERS:
        if (given is None and type(None) in get_args(hint)) or (
            parameter in MAY_BE_INFINITE and given == np.inf
        ):
            continue
        with pytest.raises(InputError) as refusal:
            kind(**(made | {parameter: given}))
        said = str(refusal.value)
        assert parameter in said
        assert "\n" not in said
        assert len(said) < 250


@pytest.mark.parametrize("kind", [Classes, Reals])
def test_the_width_of_a_condition_is_a_number(kind):
    for given in NO_NUMBERS:
        with pytest.raises(InputError):
            kind(given)


X = np.random.default_rng(0).normal(size=(20, 4))
SETTINGS = {"latent_dim": 2, "hidden": 3, "epochs": 1, "batch_size": 10, "seed": 0}


@pytest.mark.parametrize(
    "option", ["latent_dim", "epochs", "batch_size", "learning_rate", "max_norm", "beta", "seed", "hidden"]
)
@pytest.mark.parametrize("given", ["a", True, np.array([1.0]), float("nan"), 10**400, Decimal("1.5"), -1])
def test_a_model_refuses_it_when_it_is_fitted(option, given):
    with pytest.raises(InputError) as refusal:
        VAE(**(SETTINGS | {option: given})).fit(X)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Dataset("x", X).split(0.5), "held_out should be a whole number"),
        (lambda: Dataset("x", X).split(True), "held_out should be a whole number"),
        (lambda: Dataset("x", X, factors=[1, 2]), "factors should be a mapping"),
        (lambda: Dataset("x", X, factors={"a": ["b"] * 20}), "factor 'a' should be 20 numbers"),
        (lambda: VAE(**SETTINGS).fit(X, callbacks=[3]), "callbacks should be a list of Callbacks"),
        (lambda: VAE(**SETTINGS).fit(X, callbacks=3), "callbacks should be a list of Callbacks"),
        (lambda: VAE(**SETTINGS).fit(X, callbacks=print), "callbacks should be a list of Callbacks"),
        (lambda: VAE(**(SETTINGS | {"latent_dim": 10**20})).fit(X), "latent_dim should be"),
        (lambda: VAE(**(SETTINGS | {"latent_dim": 10**15})).fit(X), "it should fit into memory"),
        (
            lambda: VAE(**SETTINGS).fit(X).sample(10**15, 0),
            r"VAE.sample\(n=1000000000000000\): it should fit into memory",
        ),
        (lambda: VAE(**SETTINGS).fit(X).sample(10**18, 0), "it should fit into memory"),
    ],
)
def test_what_cannot_be_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as refusal:
        call()
    assert "\n" not in str(refusal.value)
