"""The peers that `scratchvae bench` times do the same work: their losses are ours, on the same weights."""

import numpy as np
import pytest

from scratchvae.bench import jax_family, torch_family, workloads
from scratchvae.data import Batch
from scratchvae.layers import cast, named_parameters

SIZES = {
    "vq": {"batch": 5, "hidden": 6, "latent": 16},
    "flow": {"batch": 5, "hidden": 6, "latent": 3},
    "beta-tc": {"batch": 5, "hidden": 6, "latent": 3},
    "ladder": {"batch": 5, "hidden": 6, "latent": 4},
}
FRAMEWORKS = {"torch": torch_family.LOSSES, "jax": jax_family.LOSSES}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_loss_of_a_peer_is_compared(framework):
    assert FRAMEWORKS[framework].keys() == SIZES.keys()


def ours(name, monkeypatch):
    """The model with weights of its own, the data, the noise, and the loss."""
    held = []
    monkeypatch.setattr(
        workloads, "_training", lambda model, objective, images: held.extend([model, objective])
    )
    workloads.WORKLOADS[name](**SIZES[name])
    model, objective = held
    cast(model, np.float64)
    rng = np.random.default_rng(1)
    for parameter in named_parameters(model).values():
        parameter.value = rng.standard_normal(parameter.value.shape) / np.sqrt(parameter.value.shape[0])
    x = (rng.random((SIZES[name]["batch"], 784)) < 0.3).astype(np.float64)
    noise = objective.draw_noise(model, len(x), rng)
    drawn = (noise[0] if isinstance(noise, tuple) else noise).astype(np.float64)
    noise = (drawn, *noise[1:]) if isinstance(noise, tuple) else drawn
    report, _ = objective(model, Batch(x), noise)
    return {n: p.value for n, p in named_parameters(model).items()}, x, drawn, report.loss


def pieces(name, drawn):
    """The noise in the order in which a peer asks for it: that of a ladder's upper layer comes first."""
    if name != "ladder":
        return [drawn]
    lower, _ = workloads.ladder_sizes(drawn.shape[1])
    return [drawn[:, lower:], drawn[:, :lower]]


@pytest.mark.parametrize("name", SIZES)
def test_pytorch_has_the_same_loss(name, monkeypatch):
    torch = pytest.importorskip("torch")
    weights, x, drawn, expected = ours(name, monkeypatch)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        asked = iter(pieces(name, drawn))
        monkeypatch.setattr(torch, "randn_like", lambda like: torch.tensor(next(asked)).view_as(like))

        def network(part):
            return lambda y: apply(
                y, [torch.tensor(array) for array in chain(part, name, weights)], torch.relu
            )

        networks = network("encoder"), network("decoder")
        loss, more = torch_family.LOSSES[name](*networks, *sizes_of(name))
        for theirs, value in zip(more, torch_order(name, weights), strict=True):
            theirs.data = torch.tensor(value)
        assert loss(torch.tensor(x)).item() == pytest.approx(expected, rel=1e-11)
    finally:
        torch.set_default_dtype(before)


def sizes_of(name):
    return SIZES[name]["latent"], SIZES[name]["hidden"]


def chain(part, name, weights):
    """W, b, … of a network; a ladder's encoder ends in its hidden units."""
    found = [value for key, value in weights.items() if key.startswith(f"{part}.")]
    return found[:2] if (part, name) == ("encoder", "ladder") else found


def apply(y, arrays, relu):
    """What layers make of y, with relu between them, and behind the one layer of a ladder's encoder."""
    for i in range(0, len(arrays), 2):
        y = y @ arrays[i] + arrays[i + 1]
        y = relu(y) if len(arrays) == 2 or i + 2 < len(arrays) else y
    return y


def own(name, weights):
    """What a model learns beside its networks, and in a ladder what its encoder ends in."""
    found = [value for key, value in weights.items() if not key.startswith(("encoder", "decoder"))]
    heads = [value for key, value in weights.items() if key.startswith("encoder.")][2:]
    return heads + found if name == "ladder" else found


def torch_order(name, weights):
    """Return the arrays as PyTorch's layers keep them.

    A weight is (out, in), and in a flow V stands behind the first layer.
    """
    held = [value.T if value.ndim == 2 else value for value in own(name, weights)]
    if name == "vq":
        return [value[0] for value in own(name, weights)]
    if name != "flow":
        return held
    return [
        a
        for i in range(0, len(held), 5)
        for a in (held[i + 1], held[i + 2], held[i], held[i + 3], held[i + 4])
    ]


@pytest.mark.parametrize("name", SIZES)
def test_jax_has_the_same_loss(name, monkeypatch):
    jax = pytest.importorskip("jax")
    weights, x, drawn, expected = ours(name, monkeypatch)
    asked = iter(pieces(name, drawn))
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        monkeypatch.setattr(
            jax.random, "normal", lambda key, shape: jax.numpy.asarray(next(asked)).reshape(shape)
        )

        def network(arrays, y):
            return apply(y, arrays, jax.nn.relu)

        def log_px(logits, x):
            return jax.numpy.sum(x * logits - jax.nn.softplus(logits), axis=-1)

        given = (network, network, log_px, *sizes_of(name), np.random.default_rng(0))
        loss, _ = jax_family.LOSSES[name](*given)
        networks = {part: chain(part, name, weights) for part in ("encoder", "decoder")}
        found = float(loss(networks | jax_order(name, weights), jax.numpy.asarray(x), jax.random.key(0)))
    finally:
        jax.config.update("jax_enable_x64", before)
    assert found == pytest.approx(expected, rel=1e-6)  # the shares of beta-tc are float32 there


def jax_order(name, weights):
    values = own(name, weights)
    if name == "vq":
        return {"codes": values[0][0]}
    if name == "flow":
        return {"steps": [values[i : i + 5] for i in range(0, len(values), 5)]}
    pairs = list(zip(values[::2], values[1::2], strict=True))
    return {"heads": pairs[:3], "step": pairs[3:]} if name == "ladder" else {}
