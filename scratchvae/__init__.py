"""scratchvae: variational autoencoders from scratch in NumPy, every gradient derived and written by hand.

Eight words:

    op          a differentiable plain function     value, pullback = op(*arrays, **constants)
    layer       an object that owns Parameters      y, pullback = layer(x)
    role        posterior q(z|x), likelihood p(x|z), prior p(z): which distribution a network's output feeds
    batch       the examples x that are looked at together, with all else that is known of them
    pass        one trip of a batch through a model one, pullback = model.run(batch, noise)
    objective   a rule that weighs passes into a loss  report, pullback = objective(model, batch, noise)
    twin        one kernel written twice under one name: textbook (NumPy) and compiled (Numba)
    case        a row of the table that drives every check: an op, its arrays, its constants

The floors, each importing only from those below it:

    commands                        train, sweep, evaluate, sample, plot, diagnose, golden, check, bench …
    site                            the study site: pages made of the package itself
    runs, reference, bench          runs in folders, sweeps; cases, diagnosis, golden vectors; how fast
    recipes                         builders from plain numbers: mlp, convolutional, belief_net
    models                          VAE, ConditionalVAE, Autoencoder, FactorAnalysis, HelmholtzMachine …
    networks                        encoders, decoders and roles from plain numbers and names
    training                        one step, the loop, optimizers, schedules, checkpoints, full-batch L-BFGS
    evaluation                      log-likelihood, bound, active units, regularity, rate and distortion
    objectives                      Elbo, SampledElbo, Iwae, Reconstruction and its penalties, Wake, Sleep …
    priors                          p(z), of its own or made of an encoder and a posterior
    posteriors, likelihoods         the other roles
    flows                           invertible maps of latents: planar, coupling, autoregressive …
    layers                          Linear, Conv2d, BatchNorm, Sequential, …
    distributions                   log_prob, reparameterize, kl, entropy; the algebra of Gaussians
    ops                             linear, conv2d, softplus, batch_norm, …
    kernels                         arithmetic that NumPy does slowly or clumsily, both twins
    arrays, arguments, files, …
    the ground: words for errors, what an op may be given, files, JSON by a schema, the processor
    choices                         choices in words, such as elbo(beta=4): their grammar and tables

Side rooms, usable alone: checks (gradients, draws), data (images from files, or drawn), plots
(arrays in, Figures out). A room is imported when it is first named: `scratchvae.ops.linear`, or
`from scratchvae import ops`. The package itself has the most used names too:
`from scratchvae import VAE, mlp, load`.
Importing the package changes nothing in the process; `prepare()`, which the command line calls, asks OpenBLAS
and the allocator for more speed.
"""

from importlib import import_module
from typing import Any

from scratchvae.cpu import prepare

__all__ = ["prepare"]
__version__ = "0.3.0"

ROOMS = (
    "arguments",
    "arrays",
    "bench",
    "checks",
    "choices",
    "cpu",
    "data",
    "distributions",
    "evaluation",
    "files",
    "flows",
    "kernels",
    "layers",
    "likelihoods",
    "models",
    "networks",
    "objectives",
    "ops",
    "plots",
    "posteriors",
    "priors",
    "pytest_plugin",
    "recipes",
    "reference",
    "runs",
    "schema",
    "site",
    "strict_json",
    "training",
)

NAMES = {  # the most used names, and the room of each
    "VAE": "models",
    "Autoencoder": "models",
    "ConditionalVAE": "models",
    "FactorAnalysis": "models",
    "ProbabilisticPCA": "models",
    "Batch": "data",
    "load": "data",
    "convolutional": "recipes",
    "mlp": "recipes",
}


def __getattr__(name: str) -> Any:
    if name in ROOMS:
        return import_module(f"scratchvae.{name}")
    if name in NAMES:
        return getattr(import_module(f"scratchvae.{NAMES[name]}"), name)
    known = f"its rooms are {', '.join(ROOMS)}; {', '.join(NAMES)} can be taken from it directly"
    raise AttributeError(f"scratchvae has no room {name!r}: {known}")


def __dir__() -> list[str]:
    return [*globals(), *ROOMS, *NAMES]
