"""Against PyTorch, in float64: models whose posterior or prior is a flow, on the same noise, by automatic
differentiation.
"""

import math

import numpy as np
import pytest

from scratchvae.data import Batch
from scratchvae.flows import Chain, Coupling, Householder, MaskedAutoregressive, Planar, Radial
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import Iwae, SampledElbo
from scratchvae.recipes import mlp
from scratchvae.reference.cases import flow_torch as expressions

torch = pytest.importorskip("torch")
D, Z, B = 5, 3, 4
CLOSE = 1e-10  # of the largest entry
FLOWS = {
    "planar": {"posterior": "planar(steps=2)"},
    "radial": {"posterior": "radial(steps=2)"},
    "householder": {"posterior": "householder(steps=2)"},
    "iaf": {"posterior": "iaf(steps=2, hidden=(5, 4), context=2)"},
    "coupling": {"posterior": "coupling(steps=2, hidden=4, context=2)"},
    "prior": {"prior": "flow(steps=2, hidden=4)"},
    "autoregressive prior": {
        "posterior": "planar(steps=1)",
        "prior": "flow(steps=2, hidden=4, kind=autoregressive)",
    },
}
OBJECTIVES = {
    "total": SampledElbo(beta=1.7, samples=2),
    "stl": SampledElbo(gradient="stl"),
    "iwae": Iwae(3),
    "dreg": Iwae(3, gradient="dreg"),
}


def through(step, z, params, value, *, inverse=False):
    """y and log |det| in PyTorch; `value` gives the tensor of a Parameter."""
    if isinstance(step, Chain):
        parts = (
            [params] * len(step.steps)
            if step.shared
            else params.split([one.n_params for one in step.steps], dim=1)
        )
        pairs, total = list(zip(step.steps, parts, strict=True)), 0
        for one, columns in reversed(pairs) if inverse else pairs:
            z, log_det = through(one, z, columns, value, inverse=inverse)
            total = total + log_det
        return z, total
    if isinstance(step, Householder):
        return expressions.reflect(torch, z, params), torch.zeros_like(z[:, 0])
    if isinstance(step, Planar | Radial):
        both = "planar" if isinstance(step, Planar) else "radial"
        sizes = (Z, Z, 1) if isinstance(step, Planar) else (Z, 1, 1)
        return getattr(expressions, f"{both}_inverse" if inverse else both)(
            torch, z, *params.split(sizes, dim=1)
        )
    weights = [value(weight) for weight in step.weights]
    if isinstance(step, Coupling):
        run = expressions.uncouple if inverse else expressions.couple
        return run(torch, z, params, *weights, moves=step.moves)
    update = "unscale" if isinstance(step, MaskedAutoregressive) else "gate"
    run = expressions.together if inverse == (update == "unscale") else expressions.one_by_one
    return run(torch, z, params, *weights, order=step.order, update=update)


def normal(x, mean=0.0, log_var=0.0):
    """log N(x; mean, σ²), summed over the entries."""
    deviation = torch.exp(torch.as_tensor(log_var, dtype=torch.double) / 2)
    return torch.distributions.Normal(mean, deviation).log_prob(x).sum(1)


def loss_of(model, objective, x, noise, values):
    """The objective's loss as a scalar of the tensors `values`, which stand for the Parameters."""
    K, path_only = objective.samples, getattr(objective, "gradient", "total") != "total"

    def value(parameter):
        return values[id(parameter)]

    def still(parameter):
        return value(parameter).detach()

    def network(layers, h):
        for layer in layers:
            h = h @ value(layer.weight) + value(layer.bias) if hasattr(layer, "weight") else torch.relu(h)
        return h

    q_params = network(model.encoder.layers, x).repeat_interleave(K, dim=0)
    flow = getattr(model.posterior, "flow", None)
    width = flow.n_params if flow else 0

    def log_q_at(z, q_params, value):
        mean, log_var, params = q_params.split((Z, Z, width), dim=1)
        z0, log_det = through(flow, z, params, value, inverse=True) if flow else (z, 0)
        return normal(z0, mean, log_var) + log_det

    mean, log_var, params = q_params.split((Z, Z, width), dim=1)
    z0 = mean + torch.exp(log_var / 2) * noise
    z, log_det = through(flow, z0, params, value) if flow else (z0, 0)
    log_q = log_q_at(z, q_params.detach(), still) if path_only else normal(z0, mean, log_var) - log_det
    if hasattr(model.prior, "flow"):
        base, log_det = through(model.prior.flow, z, z[:, :0], value, inverse=True)
        log_pz = normal(base) + log_det
    else:
        log_pz = normal(z)
    log_px = normal(x.repeat_interleave(K, dim=0), network(model.decoder.layers, z))
    if isinstance(objective, SampledElbo):
        return (objective.beta * (log_q - log_pz) - log_px).mean()
    log_w = (log_px + log_pz - log_q).unflatten(0, (-1, K))
    if path_only:
        weights = torch.softmax(log_w.detach(), dim=1).flatten()
        z.register_hook(lambda dz: dz * weights[:, None])
    return -(torch.logsumexp(log_w, dim=1) - math.log(K)).mean()


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("flow", FLOWS)
def test_a_model_with_flows(flow, objective):
    model, rng = (
        mlp((D,), latent_dim=Z, hidden=(6,), likelihood="gaussian", **FLOWS[flow]),
        np.random.default_rng(3),
    )
    cast(model, np.float64)
    parameters = named_parameters(model)
    for parameter in parameters.values():
        parameter.value = rng.normal(0, 0.5, parameter.value.shape)
    chosen, x = OBJECTIVES[objective], rng.normal(size=(B, D))
    noise = rng.normal(size=(B * chosen.samples, Z))
    report, pullback = chosen(model, Batch(x), noise)
    pullback()
    values = {id(p): torch.tensor(p.value, requires_grad=True) for p in parameters.values()}
    loss = loss_of(model, chosen, torch.tensor(x), torch.tensor(noise), values)
    loss.backward()
    assert report.loss == pytest.approx(loss.item(), rel=CLOSE)
    for name, parameter in parameters.items():
        theirs = values[id(parameter)].grad.numpy()
        apart = np.abs(parameter.grad - theirs).max(initial=0)
        assert apart <= CLOSE * max(np.abs(theirs).max(initial=0), 1e-4), name
