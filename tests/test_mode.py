"""Every layer, model and objective that runs another hands its mode on: dropout that is silently off gives no
wrong gradient.
"""

import inspect

import numpy as np
import pytest

from scratchvae import layers, objectives
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import bound, codes, log_likelihood
from scratchvae.layers import EVALUATION, Bypass, Heads, Linear, Mode, Residual, Sequential, Tanh, WeightNorm
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import VAE, Autoencoder, Classes, ConditionalVAE, HelmholtzMachine
from scratchvae.objectives import (
    Ciwae,
    Contraction,
    Critic,
    DecoderGradient,
    Discrimination,
    Elbo,
    Iwae,
    PriorLikelihood,
    Reconstruction,
    Renyi,
    ReweightedRecognition,
    ReweightedWake,
    SampledElbo,
    ScoreFunctionElbo,
    SemiSupervised,
    Sleep,
    StratifiedElbo,
    SubsampledElbo,
    Thermodynamic,
    Vimco,
    Wake,
)
from scratchvae.posteriors import DiagonalGaussian, MixturePosterior
from scratchvae.priors import StandardGaussian

B, D, Z = 3, 4, 2
X = np.random.default_rng(0).integers(0, 2, (B, D)).astype(np.float32)
TRAINING = Mode(np.random.default_rng(0))


class Recorder(Linear):
    """A Linear layer that keeps the mode of each run."""

    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out, rng=0)
        self.modes = []

    def __call__(self, x, *, mode=EVALUATION, needs_dx=True):
        self.modes.append(mode)
        return super().__call__(x, mode=mode, needs_dx=needs_dx)


class RecordingBernoulli(Bernoulli):
    """A Bernoulli likelihood that keeps the mode of each log_prob."""

    def __init__(self):
        self.modes = []

    def log_prob(self, x_params, *, mode=EVALUATION, **given):
        self.modes.append(mode)
        return super().log_prob(x_params, mode=mode, **given)


COMPOSITES = {
    "Bypass": lambda inner: Sequential(Linear(D, D + 1, rng=0), Bypass(inner, 1)),
    "Heads": lambda inner: Heads(Linear(D, 1, rng=0), inner),
    "MixtureOfExperts": lambda inner: Sequential(
        Linear(D, 2 * D, rng=0), layers.MixtureOfExperts(inner, sizes=D)
    ),
    "ProductOfExperts": lambda inner: Sequential(
        Linear(D, 2 * D, rng=0), layers.ProductOfExperts(inner, sizes=D)
    ),
    "Residual": Residual,
    "Sequential": lambda inner: Sequential(Tanh(), inner, Tanh()),
    "WeightNorm": WeightNorm,
}


def hands_on(room, interface):
    """The classes of a room whose source hands a mode on, and which are no bare interfaces."""
    classes = {name: getattr(room, name) for name in room.__all__ if inspect.isclass(getattr(room, name))}
    concrete = {
        name: c for name, c in classes.items() if issubclass(c, interface) and not inspect.isabstract(c)
    }
    return {name for name, c in concrete.items() if "mode=mode" in inspect.getsource(c)}


@pytest.mark.parametrize("mode", [TRAINING, EVALUATION], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", COMPOSITES)
def test_a_layer_made_of_layers_hands_its_mode_on(name, mode):
    inner = Recorder(D, D)
    COMPOSITES[name](inner)(X, mode=mode)
    assert inner.modes == [mode]


def test_every_layer_made_of_layers_is_here():
    made_of_layers = {
        name
        for name in layers.__all__
        if inspect.isclass(c := getattr(layers, name))
        and not inspect.isabstract(c)
        and any(
            "Layer" in str(p.annotation) or "Linear" in str(p.annotation)
            for p in inspect.signature(c).parameters.values()
        )
    }
    assert COMPOSITES.keys() == made_of_layers
    assert hands_on(layers, layers.Layer) == made_of_layers


def vae():
    return VAE(
        event_shape=(D,),
        encoder=Recorder(D, 2 * Z),
        posterior=DiagonalGaussian(Z),
        prior=StandardGaussian(Z),
        decoder=Recorder(Z, D),
        likelihood=RecordingBernoulli(),
    )


def mixed():
    posterior = MixturePosterior(Z, 2)
    model = vae()
    model.encoder, model.posterior = Recorder(D, posterior.n_params), posterior
    return model


def multimodal():
    model = vae()
    model.encoder, model.shows_mask = layers.ProductOfExperts(Recorder(D, 2 * Z), sizes=D), True
    return model


def autoencoder():
    encoder = Sequential(Recorder(D, Z), layers.Sigmoid())
    return Autoencoder(
        event_shape=(D,),
        latent_dim=Z,
        encoder=encoder,
        decoder=Recorder(Z, D),
        likelihood=RecordingBernoulli(),
    )


def judged():
    model = autoencoder()
    model.critic = Recorder(Z, 1)
    return model


def classified():
    roles = {
        "posterior": DiagonalGaussian(Z),
        "prior": StandardGaussian(Z),
        "likelihood": RecordingBernoulli(),
    }
    networks = {
        "encoder": Recorder(D + 2, 2 * Z),
        "decoder": Recorder(Z + 2, D),
        "classifier": Recorder(D, 2),
    }
    return ConditionalVAE(event_shape=(D,), condition=Classes(2), **roles, **networks)


def machine():
    return HelmholtzMachine(
        event_shape=(D,), hidden=(Z,), generation=[Recorder(Z, D)], recognition=[Recorder(D, Z)]
    )


PARTS = {  # what each objective runs in the mode it was given, and how often
    "Elbo": (Elbo(), vae, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "SampledElbo": (SampledElbo(samples=2), vae, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "Iwae": (Iwae(2), vae, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "StratifiedElbo": (StratifiedElbo(), mixed, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "SubsampledElbo": (SubsampledElbo(), multimodal, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "SemiSupervised": (
        SemiSupervised(),
        classified,
        {"encoder": 1, "decoder": 1, "likelihood": 1, "classifier": 1},
    ),
    "ScoreFunctionElbo": (ScoreFunctionElbo(2), vae, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "Reconstruction": (Reconstruction(), autoencoder, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "Contraction": (
        Reconstruction(penalties=(Contraction(1.0),)),
        autoencoder,
        {"encoder": 2, "decoder": 1, "likelihood": 1},
    ),
    "DecoderGradient": (
        Reconstruction(penalties=(DecoderGradient(1.0),)),
        autoencoder,
        {"encoder": 1, "decoder": 2, "likelihood": 1},
    ),
    "Critic": (
        Reconstruction(penalties=(Critic(1.0),)),
        judged,
        {"encoder": 1, "decoder": 1, "likelihood": 1, "critic": 1},
    ),
    "Discrimination": (Discrimination(), judged, {"encoder": 1, "decoder": 1, "likelihood": 1, "critic": 1}),
    "Ciwae": (Ciwae(2), vae, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "Renyi": (Renyi(2), vae, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "Thermodynamic": (Thermodynamic(2), vae, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    "Vimco": (Vimco(2), vae, {"encoder": 1, "decoder": 1, "likelihood": 1}),
    # of a model that is trained already
    "PriorLikelihood": (PriorLikelihood(), vae, {"encoder": 0, "decoder": 0, "likelihood": 0}),
    "Wake": (Wake(), machine, {"generation": 1, "recognition": 1}),
    "Sleep": (Sleep(), machine, {"generation": 0, "recognition": 1}),
    "ReweightedWake": (ReweightedWake(2), machine, {"generation": 1, "recognition": 1}),
    "ReweightedRecognition": (ReweightedRecognition(2), machine, {"generation": 1, "recognition": 1}),
}
NO_RUNS = {
    "L1",
    "L2",
    "ActivationKl",
    "CodeCovariance",
    "DecoderNorm",
    "Mmd",
    "Quantization",
    "SlicedWasserstein",
    "TotalCorrelation",
}  # of codes alone, or of Parameters


def modes_seen(model):
    """The modes that each part of a model was run in."""
    found = {}
    for part in ("encoder", "decoder", "critic", "classifier", "likelihood", "generation", "recognition"):
        owner = getattr(model, part, None)
        owner = (
            owner[0]
            if isinstance(owner, tuple)
            else owner.layers[0]
            if isinstance(owner, Sequential)
            else owner.encoders[0]
            if isinstance(owner, layers.Experts)
            else owner
        )
        if hasattr(owner, "modes"):
            found[part] = owner.modes
    return found


@pytest.mark.parametrize("name", PARTS)
def test_an_objective_runs_what_it_trains_in_its_mode(name):
    objective, build, expected = PARTS[name]
    model = build()
    noise = objective.draw_noise(model, B, np.random.default_rng(0))
    for modes in modes_seen(model).values():
        modes.clear()  # a machine tries its layers when it is made
    objective(model, Batch(X), noise, mode=TRAINING)
    seen = modes_seen(model)
    assert {part: modes.count(TRAINING) for part, modes in seen.items()} == expected
    # dreams pass no gradient on, nor do the codes that a prior is fitted to: both are made in evaluation mode
    if name not in ("PriorLikelihood", "Sleep"):
        assert all(mode is TRAINING for modes in seen.values() for mode in modes)


def test_every_objective_and_penalty_is_here():
    classes = [c for name in objectives.__all__ if inspect.isclass(c := getattr(objectives, name))]
    judged = [c for c in classes if issubclass(c, (objectives.Objective, objectives.Penalty))]
    concrete = {c.__name__ for c in judged if not inspect.isabstract(c)}
    assert PARTS.keys() == concrete - NO_RUNS


@pytest.mark.parametrize(
    "judge",
    [
        lambda model, data, rng: bound(model, data, Elbo(), rng=rng),
        lambda model, data, rng: bound(model, data, Iwae(2), rng=rng),
        lambda model, data, rng: log_likelihood(model, data, samples=2, rng=rng),
        lambda model, data, rng: codes(model, data),
        lambda model, data, rng: model.reconstruct(data),
        lambda model, data, rng: model.sample(2, 0),
    ],
    ids=["bound", "bound: Iwae", "log_likelihood", "codes", "reconstruct", "sample"],
)
def test_models_are_judged_in_evaluation_mode(judge):
    model = vae()
    judge(model, Dataset("x", X), np.random.default_rng(0))
    seen = [mode for modes in modes_seen(model).values() for mode in modes]
    assert seen
    assert set(seen) == {EVALUATION}
