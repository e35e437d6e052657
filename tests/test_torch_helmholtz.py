"""Wake-sleep's objectives against PyTorch's autograd, draws and weights detached: losses, terms and every
gradient.
"""

import math
from itertools import pairwise

import numpy as np
import pytest

from scratchvae.data import Batch
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import ReweightedRecognition, ReweightedWake, Sleep, Wake
from scratchvae.recipes import belief_net

torch = pytest.importorskip("torch")
nn, laws = torch.nn, torch.distributions

D, HIDDEN, B = 5, (4, 3, 2), 6


class Machine(nn.Module):
    """The same machine in PyTorch's words."""

    def __init__(self):
        super().__init__()
        widths = (D, *HIDDEN)
        self.top = nn.Parameter(torch.zeros(HIDDEN[-1]))
        self.down = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths[::-1]))
        self.up = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.double()

    def log_q(self, x, h):
        states = [x, *h.split(HIDDEN, dim=1)]
        return sum(
            log_bernoulli(layer(a), b) for layer, a, b in zip(self.up, states[:-1], states[1:], strict=True)
        )

    def log_p(self, x, h):
        """(log p(x|h), log p(h))."""
        states = [x, *h.split(HIDDEN, dim=1)][::-1]
        terms = [
            log_bernoulli(layer(a), b) for layer, a, b in zip(self.down, states[:-1], states[1:], strict=True)
        ]
        return terms[-1], log_bernoulli(self.top.expand(len(x), -1), states[0]) + sum(terms[:-1])

    @torch.no_grad()
    def recognize(self, x, uniform):
        drawn, state = [], x
        for layer, u in zip(self.up, uniform.split(HIDDEN, dim=1), strict=True):
            state = (u < torch.sigmoid(layer(state))).double()
            drawn.append(state)
        return torch.cat(drawn, dim=1)

    @torch.no_grad()
    def dream(self, uniform):
        for_x, *for_hidden = uniform.split((D, *HIDDEN), dim=1)
        states = [(for_hidden[-1] < torch.sigmoid(self.top)).double()]
        for layer, u in zip(self.down, [*for_hidden[-2::-1], for_x], strict=True):
            states.append((u < torch.sigmoid(layer(states[-1]))).double())
        return states[-1], torch.cat(states[-2::-1], dim=1)

    def many(self, x, uniform, K):
        """log p(x|h), log p(h), log q(h|x), each (B, K)."""
        x = x.repeat_interleave(K, dim=0)
        h = self.recognize(x, uniform)
        return [term.unflatten(0, (-1, K)) for term in (*self.log_p(x, h), self.log_q(x, h))]


def log_bernoulli(logits, x):
    return laws.Bernoulli(logits=logits).log_prob(x).sum(1)


def wake(machine, x, uniform):
    log_px, log_ph, log_q = (term[:, 0] for term in machine.many(x, uniform, 1))
    kl = log_q - log_ph
    return -(log_px + log_ph).mean(), {"bound": log_px - kl, "log_px": log_px, "kl": kl}


def sleep(machine, x, uniform):
    log_q = machine.log_q(*machine.dream(uniform))
    return -log_q.mean(), {"log_q": log_q}


def reweighted_wake(machine, x, uniform, K):
    log_px, log_ph, log_q = machine.many(x, uniform, K)
    log_p, weight = log_px + log_ph, torch.softmax(log_px + log_ph - log_q, dim=1).detach()
    bound = torch.logsumexp(log_p - log_q, dim=1) - math.log(K)
    # whose gradient is the update of the paper; its value is not the bound
    surrogate = -(weight * log_p).sum(1).mean()
    return surrogate, {"bound": bound, "log_px": log_px.mean(1), "kl": (log_q - log_ph).mean(1)}


def reweighted_recognition(machine, x, uniform, K):
    log_px, log_ph, log_q = machine.many(x, uniform, K)
    log_w = (log_px + log_ph - log_q).detach()
    log_q = (torch.softmax(log_w, dim=1) * log_q).sum(1)
    return -log_q.mean(), {"bound": torch.logsumexp(log_w, dim=1) - math.log(K), "log_q": log_q}


PEERS = {  # ours, theirs, whose Parameters are filled
    "wake": (Wake(), wake, "generative"),
    "sleep": (Sleep(), sleep, "recognition"),
    "reweighted wake": (ReweightedWake(7), lambda *a: reweighted_wake(*a, 7), "generative"),
    "reweighted recognition": (
        ReweightedRecognition(7),
        lambda *a: reweighted_recognition(*a, 7),
        "recognition",
    ),
}


@pytest.mark.parametrize("name", PEERS)
def test_objective(name):
    objective, peer, filled = PEERS[name]
    model, machine = belief_net((D,), layers=HIDDEN, seed=1), Machine()
    cast(model, np.float64)
    rng = np.random.default_rng(0)
    theirs = [machine.top]
    for layer in (*machine.down, *machine.up):
        theirs += [layer.weight, layer.bias]
    with torch.no_grad():
        for ours, other in zip(named_parameters(model).values(), theirs, strict=True):
            ours.value = rng.standard_normal(ours.value.shape)
            other.copy_(torch.tensor(ours.value.T if ours.value.ndim == 2 else ours.value))
    x = (rng.random((B, D)) < 0.5).astype(float)
    noise = objective.draw_noise(model, B, rng)
    report, pullback = objective(model, Batch(x), noise)
    pullback()
    loss, terms = peer(machine, torch.tensor(x), torch.tensor(noise))
    loss.backward()
    if name == "reweighted wake":
        loss = -terms["bound"].mean()
    assert report.loss == pytest.approx(loss.item(), rel=1e-12)
    assert report.terms.keys() == terms.keys()
    for key, term in terms.items():
        np.testing.assert_allclose(report.terms[key], term.detach().numpy(), rtol=1e-12)
    for (key, ours), other in zip(named_parameters(model).items(), theirs, strict=True):
        if key.startswith("recognition") is not (filled == "recognition"):
            assert ours.grad is None
            continue
        gradient = other.grad.numpy()
        np.testing.assert_allclose(
            ours.grad, gradient.T if gradient.ndim == 2 else gradient, rtol=1e-10, atol=1e-14, err_msg=key
        )
