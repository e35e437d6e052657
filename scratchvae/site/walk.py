"""A walk through one training step of a small VAE, op by op, shows every array on its way.

Each line calls the function that a training step calls. The walk adds nothing but names and the possibility
to move an entry: its loss and its gradients are those of `Elbo`, as a test checks.

    down    x → a → h → q = [μ | s] → z → c → g → l → log p(x|z), and KL;  loss = −⟨log p(x|z)⟩ + ⟨KL⟩
    up      the same arrays in reverse, each with ∂loss/∂(array)
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scratchvae import data, ops
from scratchvae.arrays import Array
from scratchvae.data import Batch
from scratchvae.distributions import bernoulli, gaussian
from scratchvae.layers import Linear, Sequential, Tanh, cast, named_parameters
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import VAE
from scratchvae.objectives import Elbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.training import Adam, Phase, train_step

SIDE, B, H, Z = 10, 4, 8, 2
D = SIDE * SIDE
STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 400)
APART = 1e-5  # the distance h of the central differences
WEIGHTS = {"W1": "encoder.0", "W2": "encoder.2", "W3": "decoder.0", "W4": "decoder.2"}


@dataclass(frozen=True)
class Walk:
    """Every array of a step by its name, and the gradient of the loss by each."""

    values: Mapping[str, Array]
    gradients: Mapping[str, Array]
    loss: float


def small_model() -> VAE:
    """Return a VAE of 100 pixels, 8 hidden units each way, and 2 latents, in float64."""
    model = VAE(
        event_shape=(1, SIDE, SIDE),
        encoder=Sequential(Linear(D, H, rng=1), Tanh(), Linear(H, 2 * Z, rng=2)),
        posterior=DiagonalGaussian(Z),
        prior=StandardGaussian(Z),
        decoder=Sequential(Linear(Z, H, rng=3), Tanh(), Linear(H, D, rng=4)),
        likelihood=Bernoulli(),
    )
    cast(model, np.float64)
    return model


def small_batch() -> tuple[Batch, Array]:
    """Return four digits, x (B, D), and the noise (B, Z) of the walks."""
    fixed = {
        "x": (0.0, 0.0),
        "y": (0.0, 0.0),
        "rotation": (0.0, 0.0),
        "shear": (0.0, 0.0),
        "font": (0.0, 1.0),
        "weight": (0.5, 0.6),
    }
    drawn = data.glyphs(60, characters="0123", ranges=fixed, size=SIDE)
    rows = [int(np.flatnonzero(np.asarray(drawn.labels) == label)[0]) for label in range(B)]
    return drawn.batch(np.array(rows), np.float64), np.random.default_rng(0).normal(size=(B, Z))


def walk(
    model: VAE, batch: Batch, noise: Array, *, move: tuple[str, tuple[int, ...], float] | None = None
) -> Walk:
    """Walk down and up through the step.

    `move` adds a number to one entry of the array of that name before the following arrays are computed.
    """
    values: dict[str, Array] = {}

    def seen(name: str, array: Array) -> Array:
        if move is not None and move[0] == name:
            array = array.copy()
            array[move[1]] += move[2]
        values[name] = array
        return array

    parameters = {name: p.value for name, p in named_parameters(model).items()}
    W = {name: seen(name, parameters[f"{place}.weight"]) for name, place in WEIGHTS.items()}
    b = {name: parameters[f"{place}.bias"] for name, place in WEIGHTS.items()}

    x = seen("x", batch.x)
    a, a_pullback = ops.linear(x, W["W1"], b["W1"])
    h, h_pullback = ops.tanh(seen("a", a))
    q, q_pullback = ops.linear(seen("h", h), W["W2"], b["W2"])
    (mean, log_var), split_pullback = ops.split(seen("q", q), sizes=(Z, Z))
    mean, log_var = seen("mean", mean), seen("log_var", log_var)
    z, z_pullback = gaussian.reparameterize(mean, log_var, noise=seen("noise", noise))
    kl, kl_pullback = gaussian.kl_to_standard_by_dimension(mean, log_var)
    c, c_pullback = ops.linear(seen("z", z), W["W3"], b["W3"])
    g, g_pullback = ops.tanh(seen("c", c))
    logits, logits_pullback = ops.linear(seen("g", g), W["W4"], b["W4"])
    log_px, log_px_pullback = bernoulli.log_prob(seen("logits", logits), x=x)
    log_px, kl = seen("log_px", log_px), seen("kl", kl)
    loss = float(-log_px.mean() + kl.sum(axis=1).mean())

    d = {"log_px": np.full(log_px.shape, -1 / B), "kl": np.full(kl.shape, 1 / B)}
    d["logits"] = log_px_pullback(d["log_px"])
    d["g"], d["W4"], _ = logits_pullback(d["logits"])
    d["c"] = g_pullback(d["g"])
    d["z"], d["W3"], _ = c_pullback(d["c"])
    by_z, by_kl = z_pullback(d["z"]), kl_pullback(d["kl"])
    d["mean"], d["log_var"] = by_z[0] + by_kl[0], by_z[1] + by_kl[1]
    d["q"] = split_pullback(d["mean"], d["log_var"])
    d["h"], d["W2"], _ = q_pullback(d["q"])
    d["a"] = h_pullback(d["h"])
    _, d["W1"], _ = a_pullback(d["a"])
    return Walk(values, d, loss)


def difference(model: VAE, batch: Batch, noise: Array, name: str, index: tuple[int, ...]) -> float:
    """Return (loss(x + h) − loss(x − h)) / 2h for one entry x of the array of that name."""
    ends = [walk(model, batch, noise, move=(name, index, sign * APART)).loss for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * APART)


def largest_entries(gradient: Array, n: int = 3) -> list[tuple[int, ...]]:
    """Return the places of the n largest entries."""
    order = np.argsort(-np.abs(gradient), axis=None, kind="stable")[:n]
    return [tuple(int(i) for i in np.unravel_index(at, gradient.shape)) for at in order]


def walks() -> list[tuple[int, Walk, dict[str, list[tuple[tuple[int, ...], float, float]]]]]:
    """Return the walk at some steps of a short training, with finite differences of its largest gradients.

    The training sees the same four digits in every step, with fresh noise: it is the smallest one in which
    gradients shrink.
    """
    model, (batch, noise) = small_model(), small_batch()
    phase, parameters, rng = Phase(Elbo(), Adam(1e-2)), named_parameters(model), np.random.default_rng(1)
    found = []
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            one = walk(model, batch, noise)
            differences = {
                name: [
                    (at, float(d[at]), difference(model, batch, noise, name, at)) for at in largest_entries(d)
                ]
                for name, d in one.gradients.items()
            }
            found.append((step, one, differences))
        train_step(model, parameters, phase, batch, rng, step=step)
    return found
