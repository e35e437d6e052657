"""Watched PyTorch steps of forms that public code has.

They have several draws, discretized logistic laws, repeated examples, or capacities.
"""

import math

import numpy as np
import pytest

from scratchvae.distributions import discretized_logistic

torch = pytest.importorskip("torch")
from scratchvae.reference import check_torch  # noqa: E402
from scratchvae.reference.frameworks.logistic_law import LogisticLaw  # noqa: E402

nn, F = torch.nn, torch.nn.functional
Normal = torch.distributions.Normal
B, D, H, Z, K = 12, 36, 24, 4, 4


class Net(nn.Module):
    """A dense encoder with two heads, and a decoder with two outputs."""

    def __init__(self):
        super().__init__()
        self.body, self.mu, self.lv = (
            nn.Sequential(nn.Linear(D, H), nn.Tanh()),
            nn.Linear(H, Z),
            nn.Linear(H, Z),
        )
        self.back, self.out, self.spread = (
            nn.Sequential(nn.Linear(Z, H), nn.Tanh()),
            nn.Linear(H, D),
            nn.Linear(H, D),
        )
        self.log_scale = nn.Parameter(torch.tensor(-1.5))

    def encode(self, x):
        h = self.body(x)
        return self.mu(h), self.lv(h)

    def logits(self, z):
        return self.out(self.back(z))


def binary():
    return (torch.rand(B, D) > 0.5).float()


def levels(most):
    return lambda: torch.randint(0, 256, (B, D)).float() / most


def kld(mu, lv):
    return -0.5 * (1 + lv - mu**2 - lv.exp()).sum(-1)


def sample(mu, lv):
    return mu + torch.exp(0.5 * lv) * torch.randn_like(mu)


def bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)


def many(kl=kld, reduce=lambda R: R.mean(0), mean=lambda mu: mu, last=False):
    """The plain bound of K draws."""

    def step(model, x):
        mu, lv = model.encode(x)
        if last:
            z = mu[:, None] + torch.exp(0.5 * lv)[:, None] * torch.randn(B, K, Z)
            return (bce(model.logits(z), x[:, None]).mean(1) + kl(mu, lv)).mean()
        z = mean(mu) + torch.exp(0.5 * lv) * torch.randn(K, B, Z)
        return (reduce(bce(model.logits(z), x)) + kl(mu, lv)).mean()

    return step


def estimated(model, x):
    mu, lv = model.encode(x)
    z = mu + torch.exp(0.5 * lv) * torch.randn(K, B, Z)
    log_q = Normal(mu, torch.exp(0.5 * lv)).log_prob(z).sum(-1)
    return (bce(model.logits(z), x) + log_q - Normal(0.0, 1.0).log_prob(z).sum(-1)).mean(0).sum()


def weighted(join):
    """An importance-weighted step by join(log w)."""

    def step(model, x):
        mu, lv = model.encode(x)
        z = mu + torch.exp(0.5 * lv) * torch.randn(K, B, Z)
        log_q = Normal(mu, torch.exp(0.5 * lv)).log_prob(z).sum(-1)
        return join(Normal(0.0, 1.0).log_prob(z).sum(-1) - bce(model.logits(z), x) - log_q)

    return step


def repeated_before(model, x):
    """As xqding's: the encoder sees each example once for each draw, and w is cut off by .data."""
    inputs = x.unsqueeze(0).expand(K, B, D)
    mu, log_std = model.encode(inputs)
    std = torch.exp(log_std)
    noise = std.data.new(std.size()).normal_()
    z = mu + std * noise
    log_q = torch.sum(-0.5 * noise**2 - torch.log(std), -1)
    p = torch.sigmoid(model.logits(z))
    log_pz, log_px = -0.5 * (z**2).sum(-1), (inputs * torch.log(p) + (1 - inputs) * torch.log(1 - p)).sum(-1)
    w = log_pz + log_px - log_q
    w = torch.exp(w - torch.max(w, 0)[0])
    w = (w / torch.sum(w, 0)).data
    return -torch.mean(torch.sum(w * (log_pz + log_px - log_q), 0))


def one_of_each(model, x):
    """As jaanli's: an axis of one draw, (B, 1, Z)."""
    mu, s = model.encode(x)
    mu, std = mu.unsqueeze(1), F.softplus(s.unsqueeze(1))
    z = mu + std * torch.randn((B, 1, Z))
    log_q = (-0.5 * torch.log(2 * np.pi * std**2) - (z - mu) ** 2 / (2 * std**2)).sum(-1, keepdim=True)
    log_pz = (-0.5 * math.log(2 * math.pi) - z**2 / 2).sum(-1, keepdim=True)
    return (bce(model.logits(z), x.unsqueeze(1)).unsqueeze(-1) - log_pz + log_q).sum(1).sum(0)


def both_means(model, x):
    """As podgorskiy's: both parts are means over what they are of, and the KL has a weight."""
    mu, lv = model.encode(x)
    kl = -0.5 * torch.mean(torch.mean(1 + lv - mu**2 - lv.exp(), 1))
    return torch.mean((model.logits(sample(mu, lv)) - x) ** 2) + 0.1 * kl


def floored(x, mean, log_scale, b=1.0 / 256.0):
    s = torch.exp(log_scale)
    t = (torch.floor(x / b) * b - mean) / s
    return -torch.log(torch.sigmoid(t + b / s) - torch.sigmoid(t) + 1e-7)


def centred(x, mean, log_scale):
    inverse, c = torch.exp(-log_scale), x - mean
    plus, minus = inverse * (c + 1.0 / 255.0), inverse * (c - 1.0 / 255.0)
    inside = torch.log(torch.clamp(torch.sigmoid(plus) - torch.sigmoid(minus), min=1e-10))
    log_p = torch.where(
        x < -0.999, plus - F.softplus(plus), torch.where(x > 0.999, -F.softplus(minus), inside)
    )
    return -log_p


def logistic(form, mean, spread, seen=lambda x: x, kl=lambda mu, lv: kld(mu, lv)):
    def step(model, x):
        mu, lv = model.encode(x)
        h = model.back(sample(mu, lv))
        return (form(seen(x), mean(model.out(h)), spread(model, h)).sum(1) + kl(mu, lv)).mean()

    return step


def held_at(C, by_example=False):
    def step(model, x):
        mu, lv = model.encode(x)
        R, kl = bce(model.logits(sample(mu, lv)), x), kld(mu, lv)
        return (R + 30 * torch.abs(kl - C)).mean() if by_example else R.mean() + 30 * torch.abs(kl.mean() - C)

    return step


BY_HEAD, BY_NUMBER = lambda m, h: F.hardtanh(m.spread(h), -4.5, 0.0), lambda m, h: m.log_scale.expand(D)
LOGISTIC = {
    "floored, σ by entry": logistic(floored, torch.sigmoid, BY_HEAD),
    "floored, one σ": logistic(floored, torch.sigmoid, BY_NUMBER),
    "around 0": logistic(floored, lambda o: torch.clamp(o, -0.498, 0.498), BY_NUMBER, seen=lambda x: x - 0.5),
}
IN_UNITS = {  # of PixelCNN++ and NVAE, in [−1, 1]
    "centred": logistic(centred, lambda o: o, BY_HEAD, seen=lambda x: 2 * x - 1),
}
RIGHT = {
    "draws first": (many(), binary),
    "draws last": (many(last=True), binary),
    "draws, KL estimated": (estimated, binary),
    "IWAE, mean": (weighted(lambda w: -(torch.logsumexp(w, 0) - math.log(K)).mean()), binary),
    "IWAE, sum": (weighted(lambda w: -(torch.logsumexp(w, 0) - math.log(K)).sum()), binary),
    "repeated before": (repeated_before, binary),
    "one of each": (one_of_each, binary),
    "both means": (both_means, binary),
    "capacity above": (held_at(5.0), binary),
    "capacity below": (held_at(0.01), binary),
    "capacity by example": (held_at(0.5, True), binary),
    **{name: (step, levels(256)) for name, step in LOGISTIC.items()},
    **{name: (step, levels(255)) for name, step in IN_UNITS.items()},
}
MISTAKEN = {
    "kl_half_missing": (many(kl=lambda mu, lv: -(1 + lv - mu**2 - lv.exp()).sum(-1)), binary),
    "mean_detached": (many(mean=lambda mu: mu.detach()), binary),
    "kl_mean_over_latents": (
        logistic(floored, torch.sigmoid, BY_HEAD, kl=lambda mu, lv: kld(mu, lv) / Z),
        levels(256),
    ),
}


def report_of(step, x):
    torch.manual_seed(0)
    return check_torch(Net(), x(), step)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_step_matches(name):
    report = report_of(*RIGHT[name])
    assert report.matches, report


@pytest.mark.parametrize("cause", MISTAKEN)
def test_a_mistake_is_named(cause):
    report = report_of(*MISTAKEN[cause])
    assert report.cause == cause, report


def test_several_draws_that_are_summed_are_described():
    assert f"the reconstruction × {K}" in report_of(many(reduce=lambda R: R.sum(0)), binary).explanation


def test_a_logistic_law_that_is_not_known_accuses_nobody():
    """Softplus of an output and data in [−1, 1] make no Bernoulli, whatever else they make."""
    strange = lambda x, m, s: F.softplus((x - m) * torch.exp(-s)) + s + x**2 * m**2  # noqa: E731
    report = report_of(logistic(strange, lambda o: o, BY_HEAD, seen=lambda x: 2 * x - 1), levels(255))
    assert report.ok
    assert not report.matches


def test_the_logistic_law_is_that_of_the_library():
    rng, L = np.random.default_rng(0), 8
    x, mean, log_scale = rng.integers(0, L, (3, 5)), rng.normal(3.5, 2, (3, 5)), rng.normal(0, 0.5, (3, 5))
    log_px, pullback = discretized_logistic.log_prob(mean, log_scale, x=x, levels=L)
    terms = LogisticLaw(log_scale, 1.0, (0.25, L - 1.25), 0.0).of(x.astype(float), mean)
    np.testing.assert_allclose(terms.value.sum(axis=1), -log_px, rtol=1e-12)
    np.testing.assert_allclose(terms.gradients["x_mean"], -pullback(np.ones(3))[0], rtol=1e-9, atol=1e-12)
