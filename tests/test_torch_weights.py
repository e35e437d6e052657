"""Watched PyTorch steps by how their parts are laid out, averaged and weighed.

A right step agrees. A wrong one that stands beside it is named. Of a step that may be right, the report says
what is open, and accuses nothing.
"""

import math

import pytest

from scratchvae.arrays import InputError
from scratchvae.reference import check_torch
from scratchvae.reference.frameworks import watched

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
Normal, kl_divergence = torch.distributions.Normal, torch.distributions.kl_divergence

B, T, C, Z = 12, 6, 4, 3
D = T * C


class Sequences(nn.Module):
    """A mean and a spread of each sequence, or of each of its steps."""

    def __init__(self):
        super().__init__()
        self.body, self.head, self.back, self.out = (
            nn.Linear(n, m) for n, m in ((D, 16), (16, 2 * Z), (Z, 16), (16, D))
        )
        self.of_steps, self.to_steps, self.spread = nn.Linear(C, 2 * Z), nn.Linear(Z, C), nn.Linear(16, D)
        self.means, self.scales, self.shares = (
            nn.Parameter(torch.randn(size)) for size in ((5, Z), (5, Z), (5,))
        )

    def encode(self, x):
        return self.head(torch.tanh(self.body(x.flatten(1)))).chunk(2, 1)

    def widened(self, z):
        return torch.tanh(self.back(z))


def sample(mu, lv, half=0.5):
    return mu + torch.exp(half * lv) * torch.randn_like(mu)


def kld(mu, lv):
    return 0.5 * (mu**2 + lv.exp() - 1 - lv).sum(-1)


def turned(half=0.5, data=lambda x: x, shape=(B, C, T), output=lambda y: y.transpose(1, 2)):
    """The decoder's axes are not those of the data: both are compared in one order."""

    def step(model, x):
        mu, lv = model.encode(x)
        y = model.out(model.widened(sample(mu, lv, half))).view(shape)
        return 0.5 * F.mse_loss(output(y), data(x), reduction="sum") / B + kld(mu, lv).mean()

    return step


def stacked(model, x):
    """One output at a time, the steps of a sequence first until they are turned round."""
    mu, lv = model.encode(x)
    y = model.out(model.widened(sample(mu, lv))).view(B, T, C)
    y = torch.stack([y[:, t] for t in range(T)]).permute(1, 0, 2)
    return ((x - y) ** 2).mean() + 0.01 * kld(mu, lv).mean()


def own_spread(sign=1.0):
    """Both parts have a weight of their own, and the decoder has a σ, which takes up no weight."""

    def step(model, x):
        mu, lv = model.encode(x)
        h = model.widened(sample(mu, lv))
        nll = F.gaussian_nll_loss(model.out(h), x.flatten(1), model.spread(h).exp(), reduction="sum") / B
        return 0.1 * nll + 0.3 * sign * kld(mu, lv).mean()

    return step


def of_each_step(model, x):
    """The KL of a sequence of codes is a mean over the steps, with a weight."""
    mu, lv = model.of_steps(x).chunk(2, 2)
    y = model.to_steps(sample(mu, lv))
    return F.mse_loss(y, x, reduction="sum") / B + 0.1 * kld(mu, lv).mean()


LOG_K = math.log(5)


def exponential_of_draws(log_k=LOG_K):
    """log σ² is repeated for each draw before its exponential, which alone is used."""

    def step(model, x):
        mu, lv = (h[:, None].expand(-1, 5, -1) for h in model.encode(x))
        q = Normal(mu, (0.5 * lv).exp())
        z = q.rsample()
        nll = 0.5 * ((x.flatten(1)[:, None] - model.out(model.widened(z))) ** 2).sum(-1)
        log_w = -nll + Normal(0.0, 1.0).log_prob(z).sum(-1) - q.log_prob(z).sum(-1)
        return -(log_w.logsumexp(1) - log_k).mean()

    return step


def importance(log_k=LOG_K, prior=1.0, posterior=1.0, constant=0.0):
    """σ is a number of the step, and each draw counts by its weight; the densities may have a sign."""

    def step(model, x):
        mu, lv = model.encode(x)
        q = Normal(*(h[:, None].expand(-1, 5, -1) for h in (mu, (0.5 * lv).exp())))
        z = q.rsample()
        mean = model.out(model.widened(z))
        p = Normal(mean, torch.ones_like(mean) * math.sqrt(0.5 / 4))
        log_pz = Normal(0.0, 1.0).log_prob(z).sum(-1) + constant
        log_w = p.log_prob(x.flatten(1)[:, None]).sum(-1) + prior * log_pz
        return -((log_w - posterior * (q.log_prob(z).sum(-1) + constant)).logsumexp(1) - log_k).mean()

    return step


def mixture(half=0.5):
    """The components of the prior have learned shares."""

    def step(model, x):
        mu, lv = model.encode(x)
        z = sample(mu, lv, half)
        log_q = -0.5 * (lv + (z - mu) ** 2 / lv.exp() + math.log(2 * math.pi)).sum(1)
        each = -0.5 * (model.scales + (z[:, None] - model.means) ** 2 / model.scales.exp()).sum(2)
        each = each - 0.5 * Z * math.log(2 * math.pi) + torch.log(torch.softmax(model.shares, 0))
        error = 0.5 * ((x.flatten(1) - model.out(model.widened(z))) ** 2).sum(1)
        return (error + log_q - torch.logsumexp(each, 1)).mean()

    return step


def over_batch(model, x):
    mu, lv = model.encode(x)
    return F.mse_loss(model.out(model.widened(sample(mu, lv))), x.flatten(1)) + 0.6 * kld(mu, lv).sum()


def without_gradient(model, x):
    """A loss of features, which was computed under no_grad."""
    mu, lv = model.encode(x)
    y = model.out(model.widened(sample(mu, lv)))
    with torch.no_grad():
        features = (torch.tanh(model.body(y)) - torch.tanh(model.body(x.flatten(1)))).pow(2).sum()
    return ((x.flatten(1) - y) ** 2).sum() + kld(mu, lv).sum() + features


def of_classes(model, x):
    """Two classifications, whose classes have weights: how they are summed is not known."""
    mu, lv = model.encode(x)
    logits = model.out(model.widened(sample(mu, lv))).view(B, 2, 3, 4)
    labels, weight = (x[:, :2] > 0).long() + (x[:, :2] > 0.5).long(), torch.tensor([0.1, 1.0, 1.0])
    losses = [F.cross_entropy(logits[:, i], labels[:, i], weight=weight, reduction="sum") for i in range(2)]
    return sum(losses) + 0.7 * kld(mu, lv).sum()


def clipped(model, x):
    """A linear output is clipped and taken for probabilities of data that no Bernoulli gives."""
    mu, lv = model.encode(x)
    p, data = 0.2 * model.out(model.widened(sample(mu, lv))), x.flatten(1)
    p = torch.minimum(torch.maximum(p, torch.tensor(1e-7)), torch.tensor(1 - 1e-7))
    error = -(data * p.log() + (1 - data) * (1 - p).log()).sum(1)
    return (error + kld(mu, lv)).mean()


def half_weight(kl, error=lambda y, x: ((y - x) ** 2).mean()):
    """Both parts are means over entries and latents, and the KL is written beside a weight of its own."""

    def step(model, x):
        mu, lv = model.encode(x)
        return error(model.out(model.widened(sample(mu, lv))), x.flatten(1)) + kl(mu, lv)

    return step


def merged_half(model, x):
    """One number holds the weight 10⁻⁴ and the formula's ½, and the KL is a mean over the batch."""
    mu, lv = model.encode(x)
    logits = model.out(model.widened(sample(mu, lv)))
    kl = -5e-5 * (1 + lv - mu**2 - lv.exp()).sum(1)
    return F.binary_cross_entropy_with_logits(logits, torch.sigmoid(x.flatten(1))) + kl.mean()


HALF_WEIGHTS = {  # beside the formula, which has a ½ of its own in some of them
    "of the mean": lambda mu, lv: 0.5 * (-0.5 * torch.mean(1 + lv - mu**2 - lv.exp())),
    "of each example": lambda mu, lv: (0.5 * kld(mu, lv) / Z).mean(),
    "of each latent": lambda mu, lv: (0.5 * (-0.5 * (1 + lv - mu**2 - lv.exp()))).mean(),
    "of a formula without its half": lambda mu, lv: 0.5 * (0.5 * (mu**2 + lv.exp() - 1) - 0.5 * lv).mean(),
}
RIGHT = {
    **{f"a weight of a half {name}": half_weight(kl) for name, kl in HALF_WEIGHTS.items()},
    "a weight that holds the half of the formula": merged_half,
    "an output that is turned": turned(),
    "an output by steps": stacked,
    "output and data are turned": turned(
        data=lambda x: x.transpose(1, 2), shape=(B, T, C), output=lambda y: y.transpose(1, 2)
    ),
    "weights of both parts, and σ of the decoder": own_spread(),
    "a KL that is a mean over steps": of_each_step,
    "importance weights, σ of a number": importance(),
    "importance weights, σ of each draw": exponential_of_draws(),
    "a mixture with learned shares": mixture(),
}
NAMED = {
    "sampling_log_var_read_as_log_std": turned(1.0),
    "kl_sign": own_spread(-1.0),
    "squared_error_mean_over_pixels (beside half a mean)": half_weight(
        lambda mu, lv: 0.5 * (mu**2 + lv.exp() - 1 - lv).mean()
    ),
    "squared_error_mean_over_pixels (beside half a mean of each)": half_weight(
        lambda mu, lv: (0.5 * (mu**2 + lv.exp() - 1 - lv)).mean(1).mean()
    ),
    "log_k_missing (σ of each draw)": exponential_of_draws(log_k=0.0),
    "log_k_missing": importance(log_k=0.0),
    "log_weight_sign (of log p(z))": importance(prior=-1.0),
    "log_weight_sign (of log q(z|x))": importance(posterior=-1.0),
    "log_weight_sign (of log p(z) without its constant)": importance(
        prior=-1.0, constant=0.5 * Z * math.log(2 * math.pi)
    ),
    "sampling_log_var_read_as_log_std (a mixture)": mixture(1.0),
}
OPEN = {
    "a KL summed over the batch beside a mean": (over_batch, "holds the 1/12 of a mean"),
    "a term under no_grad": (without_gradient, "teaches nothing"),
    "an output that is clipped": (clipped, "the likelihood: how the output is compared"),
    "a likelihood that is not known": (of_classes, "the likelihood: how the output is compared"),
}


def report_of(step):
    torch.manual_seed(0)
    model = Sequences()
    with torch.no_grad():
        for p in model.parameters():
            p += 0.1 * torch.randn_like(p)
    return check_torch(model, torch.randn(B, T, C), step)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_step_agrees(name):
    report = report_of(RIGHT[name])
    assert report.matches, f"{report} {report.blind}"


@pytest.mark.parametrize("name", NAMED)
def test_a_mistake_in_it_is_named(name):
    assert name.partition(" ")[0] in report_of(NAMED[name]).causes


@pytest.mark.parametrize("name", OPEN)
def test_what_may_be_right_is_said_and_not_accused(name):
    step, words = OPEN[name]
    report = report_of(step)
    assert report.ok, str(report)
    assert not report.matches
    assert words in f"{report} {report.blind}"


def test_arrays_that_do_not_belong_together_are_said(monkeypatch):
    def refused(arrays, **settings):
        raise InputError("diagnose: x should have shape (B, D)")

    monkeypatch.setattr(watched, "read", refused)
    report = report_of(turned())
    assert not report.matches
    assert "how its arrays belong together (diagnose: x should have shape (B, D))" in " ".join(report.blind)
