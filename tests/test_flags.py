"""Options that are True or False: a text such as "no", which Python would take for true, is refused by its
name.
"""

import inspect
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

from scratchvae import (
    data,
    evaluation,
    layers,
    likelihoods,
    models,
    objectives,
    posteriors,
    priors,
    recipes,
    training,
)
from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.layers import Linear
from scratchvae.objectives import Elbo
from scratchvae.recipes import belief_net, mlp
from scratchvae.reference import diagnose

ROOMS = (data, evaluation, layers, likelihoods, models, objectives, posteriors, priors, recipes, training)
STEP = {"needs_dx", "score", "moved"}  # what one step's code says to another, thousands of times an epoch
VERBS = (
    "fit",
    "fit_transform",
    "transform",
    "score",
    "score_samples",
    "sample",
    "impute",
    "encode",
    "decode",
    "reconstruct",
)
X = np.random.default_rng(0).uniform(0, 1, (8, 4)).astype(np.float32)
LABELS = np.arange(8) % 2
MODEL = mlp((4,), latent_dim=2, hidden=(3,))
PARTS = {
    "event_shape": (4,),
    "encoder": Linear(4, 2),
    "decoder": Linear(2, 4),
    "likelihood": likelihoods.Bernoulli(),
}
ROLES = {"posterior": posteriors.DiagonalGaussian(1), "prior": priors.StandardGaussian(1)}


def judged(judge, **given):
    return judge(MODEL, Dataset("x", X), rng=np.random.default_rng(0), **given)


OPTIONS = {  # a function or a class, and an option of it: a call with that option
    ("Conv2d", "bias"): lambda flag: layers.Conv2d(1, 1, 3, bias=flag),
    ("ConvTranspose2d", "bias"): lambda flag: layers.ConvTranspose2d(1, 1, 3, bias=flag),
    ("Linear", "bias"): lambda flag: layers.Linear(1, 1, flag),
    ("Gaussian", "learned"): lambda flag: likelihoods.Gaussian(learned=flag),
    ("Laplace", "learned"): lambda flag: likelihoods.Laplace(learned=flag),
    ("VectorQuantized", "shared"): lambda flag: posteriors.VectorQuantized(2, shared=flag),
    ("GumbelSoftmax", "straight_through"): lambda flag: posteriors.GumbelSoftmax(straight_through=flag),
    ("OneHot", "learned"): lambda flag: priors.OneHot(learned=flag),
    ("ConcretePrior", "learned"): lambda flag: priors.ConcretePrior(learned=flag),
    ("Codes", "learned"): lambda flag: priors.Codes(posteriors.VectorQuantized(2), learned=flag),
    ("ScoreFunctionElbo", "leave_one_out"): lambda flag: objectives.ScoreFunctionElbo(leave_one_out=flag),
    ("StratifiedElbo", "weighted"): lambda flag: objectives.StratifiedElbo(weighted=flag),
    ("Autoencoder", "shows_mask"): lambda flag: models.Autoencoder(**PARTS, latent_dim=2, shows_mask=flag),
    ("VAE", "shows_mask"): lambda flag: models.VAE(**PARTS, **ROLES, shows_mask=flag),
    ("ConditionalVAE", "shows_mask"): lambda flag: models.ConditionalVAE(
        **PARTS, **ROLES, condition=models.Classes(2), shows_mask=flag
    ),
    ("mlp", "standardize"): lambda flag: mlp((4,), likelihood="gaussian", standardize=flag),
    ("convolutional", "standardize"): lambda flag: recipes.convolutional(
        (1, 8, 8), likelihood="gaussian", standardize=flag
    ),
    ("Training", "binarized"): lambda flag: training.Training(
        MODEL, MODEL.phases(training.SGD(0)), Dataset("x", X), epochs=1, binarized=flag
    ),
    ("Training", "drop_last"): lambda flag: training.Training(
        MODEL, MODEL.phases(training.SGD(0)), Dataset("x", X), epochs=1, batch_size=4, drop_last=flag
    ),
    ("steps_of_an_epoch", "drop_last"): lambda flag: training.steps_of_an_epoch(5, 2, drop_last=flag),
    ("fit", "binarized"): lambda flag: MODEL.fit(X, epochs=1, binarized=flag),
    ("fit", "drop_last"): lambda flag: MODEL.fit(X, epochs=1, batch_size=4, drop_last=flag),
    ("fit", "warm_start"): lambda flag: MODEL.fit(X, epochs=1, warm_start=flag),
    ("fit", "progress"): lambda flag: MODEL.fit(X, epochs=1, progress=flag),
    ("sample", "mean"): lambda flag: (
        MODEL.sample(2, 0, mean=flag),
        belief_net((4,), layers=(2,)).sample(2, 0, mean=flag),
    ),
    ("bound", "binarized"): lambda flag: judged(evaluation.bound, objective=Elbo(), binarized=flag),
    ("log_likelihood", "binarized"): lambda flag: judged(
        evaluation.log_likelihood, samples=1, binarized=flag
    ),
    ("regularity", "draws"): lambda flag: judged(
        evaluation.regularity, pairs=2, steps=2, k=1, permutations=9, draws=flag
    ),
    ("require_answers", "impossible"): lambda flag: evaluation.require_answers(
        "x", Dataset("x", X), X, impossible=flag
    ),
    ("mmd2", "unbiased"): lambda flag: evaluation.mmd2(X, X, bandwidth=1.0, unbiased=flag),
    ("patches", "grey"): lambda flag: data.patches(n=2, grey=flag),
    ("restore_model", "best"): lambda flag: training.restore_model(
        training.Checkpoint(Path("x"), config={}, position={}, arrays={}), MODEL, best=flag
    ),
    ("diagnose", "constants"): lambda flag: diagnose(
        {"kl": np.zeros(2), "mean": np.zeros((2, 1))}, constants=flag
    ),
    ("diagnose", "evaluation"): lambda flag: diagnose(
        {"kl": np.zeros(2), "mean": np.zeros((2, 1))}, evaluation=flag
    ),
}
for kind in ("Autoencoder", "VAE", "ConditionalVAE"):
    for flag in ("binarized", "drop_last"):
        OPTIONS[kind, flag] = lambda given, kind=kind, flag=flag: getattr(models, kind)(
            latent_dim=2, hidden=3, epochs=1, batch_size=4, **{flag: given}
        ).fit(X, LABELS)
for kind, flag, make in (
    ("NegativeBinomial", "zero_inflated", lambda **option: likelihoods.NegativeBinomial((4,), **option)),
    ("NegativeBinomial", "log_inputs", lambda **option: likelihoods.NegativeBinomial((4,), **option)),
    ("Poisson", "log_inputs", likelihoods.Poisson),
):
    OPTIONS[kind, flag] = lambda given, make=make, flag=flag: make(**{flag: given})
OPTIONS["Encoded", "counts"] = lambda given: likelihoods.Encoded(likelihoods.Poisson(), 2, counts=given)
OPTIONS["load", "in_order"] = lambda given: data.load("patches", limit=2, in_order=given)
OPTIONS["load_checkpoint", "arrays"] = lambda given: training.load_checkpoint(Path("no such"), arrays=given)
OPTIONS["read_cells", "index"] = lambda given: data.read_cells(Path("no such"), index=given)
TRIED_ELSEWHERE = {("restore_model", "best"), ("load_checkpoint", "arrays"), ("read_cells", "index")}
MAY_BE_NONE = {
    ("mlp", "standardize"),
    ("convolutional", "standardize"),
    ("fit", "binarized"),
    ("fit", "drop_last"),
}  # "as usual"


def options(function, name):
    hints = get_type_hints(function)
    return (
        {(name, option) for option in inspect.signature(function).parameters if hints.get(option) is bool}
        if hints
        else set()
    )


def test_every_option_of_a_public_name_is_tried_here():
    found = set()
    for room in ROOMS:
        for name in room.__all__:
            of = getattr(room, name)
            if inspect.isclass(of) and not inspect.isabstract(of):
                found |= options(of.__init__, name)
                for verb in VERBS:
                    found |= options(getattr(of, verb), verb) if hasattr(of, verb) else set()
            elif inspect.isfunction(of):
                found |= options(of, name)
    results = {("Minimum", "converged"), ("Pass", "relaxed")}
    found = {(name, option) for name, option in found if option not in STEP} - results
    assert found <= OPTIONS.keys()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("option", OPTIONS, ids="-".join)
def test_an_option_is_true_or_false(option):
    for given in ("no", 1, *(() if option in MAY_BE_NONE else (None,)), np.array([True, False])):
        with pytest.raises(InputError, match=f"{option[1]} should be True or False, found "):
            OPTIONS[option](given)
    if option not in TRIED_ELSEWHERE:
        for given in (True, np.bool_(False)):
            OPTIONS[option](given)
