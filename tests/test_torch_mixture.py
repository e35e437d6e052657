"""The posterior that is a mixture beside PyTorch's autograd on the same noise."""

import numpy as np
import pytest

from scratchvae.data import Batch
from scratchvae.distributions import mixture
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import SampledElbo, StratifiedElbo
from scratchvae.posteriors import MixturePosterior
from scratchvae.reference.cases.mixture import torch_law
from scratchvae.reference.cases.mixture_posterior import EACH
from scratchvae.reference.cases.models import X, vae

torch = pytest.importorskip("torch")
B, C, Z = 3, 3, 2
CLOSE = 1e-10
RNG = np.random.default_rng(0)


def torch_draw(logits, means, log_vars, z):
    """z, with the gradient of the implicit function theorem:

    z_d − (F_d − its value)/density, F_d of the earlier z's.
    """
    stds, found, log_w = torch.exp(log_vars / 2), [], logits
    for d in range(z.shape[1]):
        law = torch.distributions.Normal(means[:, :, d], stds[:, :, d])
        weights = torch.softmax(log_w, 1)
        at = z[:, d, None]
        F = (weights * law.cdf(at)).sum(1)
        density = (weights * law.log_prob(at).exp()).sum(1).detach()
        found.append(z[:, d] - (F - F.detach()) / density)
        log_w = log_w + law.log_prob(found[-1][:, None])
    return torch.stack(found, 1)


def as_torch(arrays):
    return [torch.tensor(array, requires_grad=True) for array in arrays]


@pytest.mark.parametrize("apart", [1.0, 2.0])
def test_the_implicit_gradient(apart):
    parameters, noise = [EACH["logits"], apart * EACH["means"], EACH["log_vars"]], RNG.normal(size=(B, Z))
    z, pullback = mixture.reparameterize(*parameters, noise=noise)
    dz = RNG.normal(size=(B, Z))
    theirs = as_torch(parameters)
    (torch_draw(*theirs, torch.tensor(z)) * torch.tensor(dz)).sum().backward()
    for ours, other in zip(pullback(dz), theirs, strict=True):
        np.testing.assert_allclose(ours, other.grad.numpy(), atol=CLOSE)


def networks(model):
    """Encoder and decoder as functions of tensors, and the tensors."""
    held = {
        f"{name}.{i}.{kind}": torch.tensor(np.float64(getattr(layer, kind).value), requires_grad=True)
        for name, part in (("encoder", model.encoder), ("decoder", model.decoder))
        for i, layer in enumerate(part.layers)
        if hasattr(layer, "weight")
        for kind in ("weight", "bias")
    }

    def run(name, x):
        for i in (0, 2):
            x = x @ held[f"{name}.{i}.weight"] + held[f"{name}.{i}.bias"]
            x = torch.tanh(x) if i == 0 else x
        return x

    return run, held


@pytest.mark.parametrize(
    "objective",
    [SampledElbo(beta=1.3, samples=2), StratifiedElbo(beta=1.3, samples=2)],
    ids=lambda o: type(o).__name__,
)
def test_both_objectives(objective):
    model = vae(posterior=MixturePosterior(Z, C))
    cast(model, np.float64)
    stratified = isinstance(objective, StratifiedElbo)
    draws = 2 * C if stratified else 2
    noise = RNG.normal(size=(B * draws, Z))
    given = model.posterior.stratified(noise) if stratified else noise
    report, pullback = objective(model, Batch(X), given)
    pullback()
    run, held = networks(model)
    q_params = run("encoder", torch.tensor(X))
    logits, means, log_vars = (
        q_params[:, :C],
        q_params[:, C : C + C * Z].view(B, C, Z),
        q_params[:, C + C * Z :].view(B, C, Z),
    )
    each = [part.repeat_interleave(draws, 0) for part in (logits, means, log_vars)]
    if stratified:
        place = (torch.arange(B * draws), torch.arange(B * draws) % C)
        z = each[1][place] + torch.exp(each[2][place] / 2) * torch.tensor(noise)
    else:
        drawn, _ = model.posterior.sample(q_params.detach().numpy(), noise=noise, draws=draws)
        z = torch_draw(*each, torch.tensor(drawn))
    log_q = torch.stack([torch_law(torch, *(part[i] for part in each)).log_prob(z[i]) for i in range(len(z))])
    log_pz = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    x = torch.tensor(X).repeat_interleave(draws, 0)
    log_px = -torch.nn.functional.binary_cross_entropy_with_logits(
        run("decoder", z), x, reduction="none"
    ).sum(1)
    f = (log_px + 1.3 * (log_pz - log_q)).view(B, draws)
    loss = -(torch.softmax(logits, 1) * f.view(B, 2, C).mean(1)).sum(1).mean() if stratified else -f.mean()
    loss.backward()
    assert report.loss == pytest.approx(loss.item(), rel=1e-12)
    for name, parameter in named_parameters(model).items():
        np.testing.assert_allclose(
            parameter.grad, held[name.replace(".layers", "")].grad.numpy(), atol=CLOSE, err_msg=name
        )
