"""PyTorch steps whose loss is written in sums of its own, which the validator once accused or did not know.

They are log σ in a sum beside the squares, a sum over the batch that is divided by a number, and −noise.
"""

import math

import pytest

from scratchvae.reference import check_torch

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

B, D, H, Z, K = 9, 10, 8, 3, 4
LOG_2PI = math.log(2 * math.pi)
OBSERVED = (torch.arange(B)[:, None] * 3 + torch.arange(D)) % 4 != 0


class TwoHeads(nn.Module):
    """A decoder with a mean and a spread for each entry."""

    def __init__(self):
        super().__init__()
        self.body, self.heads = nn.Linear(D, H), nn.Linear(H, 2 * Z)
        self.widen, self.out = nn.Linear(Z, H), nn.Linear(H, 2 * D)

    def encode(self, x):
        return self.heads(torch.tanh(self.body(x))).chunk(2, dim=-1)

    def decode(self, z):
        return self.out(torch.tanh(self.widen(z))).chunk(2, dim=-1)


def kld(mu, lv, z):
    return 0.5 * (mu**2 + lv.exp() - 1 - lv).sum(-1)


def estimate(mu, lv, z):
    return (0.5 * z**2 - 0.5 * (z - mu) ** 2 / lv.exp() - 0.5 * lv).sum(-1)


def added(mu, std):
    return mu + std * torch.randn_like(mu)


def decoded(nll, *, sample=added, kl=kld, whole=torch.mean):
    """A step with this −log p(x|mean, s) of each example, or of its observed entries."""

    def step(model, x):
        mu, lv = model.encode(x)
        z = sample(mu, torch.exp(0.5 * lv))
        return whole(nll(*model.decode(z), x) + kl(mu, lv, z))

    return step


def miwae(model, x):
    """Missing entries are hidden by a mask that is repeated as often as an example is drawn (Mattei & Frellsen 2019)."""
    hidden = x * OBSERVED
    mu, lv = model.encode(hidden)
    q, p = torch.distributions.Normal(mu, as_std(lv)), torch.distributions.Normal(0.0, 1.0)
    z = q.rsample((K,))
    mean, s = model.decode(z.view(K * B, Z))
    each = torch.distributions.Normal(mean, as_std(s)).log_prob(hidden.repeat(K, 1))
    log_px = (each * OBSERVED.float().repeat(K, 1)).sum(1).view(K, B)
    log_w = log_px + (p.log_prob(z) - q.log_prob(z)).sum(-1)
    return (math.log(K) - torch.logsumexp(log_w, 0)).mean()


def importance_weighted(nll):
    def step(model, x):
        mu, lv = model.encode(x)
        noise = torch.randn(K, *mu.shape)
        z = mu + torch.exp(0.5 * lv) * noise
        log_q, log_p = (-0.5 * (a**2 + b + LOG_2PI).sum(-1) for a, b in ((noise, lv), (z, 0.0)))
        return (math.log(K) - torch.logsumexp(log_p - log_q - nll(*model.decode(z), x), 0)).mean()

    return step


def squares(variance):
    """The squared error over a variance, of each example."""
    return lambda m, s, x: 0.5 * ((x - m) ** 2 / variance(s)).sum(-1)


def plus(*terms):
    return lambda m, s, x: sum(term(m, s, x) for term in terms)


def log_std(factor):
    return lambda m, s, x: factor * s.sum(-1)


def constant(m, s, x):
    return 0.5 * D * LOG_2PI


def as_std(s):
    return F.softplus(s) + 1e-3


def crossed(m, s, x):
    return F.binary_cross_entropy_with_logits(m, x, reduction="none").sum(1)


def flax(m, s, x):
    """The cross-entropy of Flax's example, log(1 − p) by the exponential of log p."""
    log_p = F.logsigmoid(m)
    return -(x * log_p + (1 - x) * torch.log(-torch.expm1(log_p))).sum(1)


def observed(each):
    return lambda m, s, x: (each(m, s, x) * OBSERVED).sum(1)


SEPARATE = plus(squares(lambda s: s.exp() ** 2), log_std(1.0))
HALVED = plus(squares(lambda s: s.exp() ** 2), log_std(0.5))
RIGHT = {
    "log std in a sum of its own": decoded(SEPARATE),
    "and a constant": decoded(plus(SEPARATE, constant)),
    "log σ² in a sum of its own": decoded(plus(squares(torch.exp), log_std(0.5), constant)),
    "log σ beside an estimated KL": decoded(SEPARATE, kl=estimate),
    "σ by softplus, from below held at 0.001": decoded(
        plus(squares(lambda s: as_std(s) ** 2), lambda m, s, x: as_std(s).log().sum(1))
    ),
    "a Laplace law": decoded(lambda m, s, x: ((x - m).abs() / s.exp()).sum(1) + s.sum(1) + D * math.log(2)),
    "importance weights": importance_weighted(plus(SEPARATE, constant)),
    "importance weights without the constant": importance_weighted(SEPARATE),
    "a mask and a learned σ": decoded(observed(lambda m, s, x: 0.5 * ((x - m) ** 2 / s.exp() + s + LOG_2PI))),
    "importance weights, a mask and a learned σ": miwae,
    "the logits before a log-sigmoid": decoded(flax),
    "a sum divided by B": decoded(crossed, whole=lambda l: l.sum() / len(l)),
    "a sum divided by another number": decoded(crossed, whole=lambda l: -(-l).sum().div(64)),
    "each example divided by another number": decoded(crossed, whole=lambda l: (l / 64).sum()),
    "an estimate in a sum divided by B": decoded(crossed, kl=estimate, whole=lambda l: l.sum() / B),
    "−noise": decoded(crossed, sample=lambda mu, std: mu - std * torch.randn_like(mu)),
    "noise times −σ": decoded(crossed, sample=lambda mu, std: -std * torch.randn_like(mu) + mu),
    "addcmul by −1": decoded(
        crossed, sample=lambda mu, std: torch.addcmul(mu, std, torch.randn_like(mu), value=-1)
    ),
}
MISTAKEN = {
    "decoder_log_var_unhalved": decoded(plus(squares(torch.exp), log_std(1.0))),
    "decoder_log_var_halved_twice": decoded(HALVED),
    "decoder_log_var_halved_twice (importance weights)": importance_weighted(plus(HALVED, constant)),
    "log_sigma_missing": decoded(plus(squares(lambda s: s.exp() ** 2), constant)),
    "gaussian_half_missing": decoded(
        plus(lambda m, s, x: ((x - m) ** 2 / s.exp()).sum(1), log_std(0.5), constant)
    ),
    "kl_half_missing": decoded(
        crossed, kl=lambda mu, lv, z: (mu**2 + lv.exp() - 1 - lv).sum(1), whole=lambda l: l.sum() / B
    ),
    "reconstruction_mean_over_pixels": decoded(lambda *a: crossed(*a) / D, whole=lambda l: l.sum() / B),
    "noise_uniform": decoded(crossed, sample=lambda mu, std: mu - std * torch.rand_like(mu)),
    "z_detached": decoded(flax, sample=lambda mu, std: added(mu, std).detach()),
}
DESCRIBED = {
    "the KL adds log σ² where it should subtract it": decoded(
        crossed, kl=lambda mu, lv, z: 0.5 * (mu**2 + lv.exp() - 1 + lv).sum(1)
    ),
    "the KL is summed over the batch and averaged over the latents": decoded(
        crossed, kl=lambda mu, lv, z: 0.5 * (mu**2 + lv.exp() - 1 - lv).sum(0).mean()
    ),
}


def report_of(step):
    torch.manual_seed(0)
    return check_torch(TwoHeads(), torch.rand(B, D), step)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_step_matches(name):
    report = report_of(RIGHT[name])
    assert report.matches, str(report)


@pytest.mark.parametrize("name", MISTAKEN)
def test_a_mistake_is_named(name):
    report = report_of(MISTAKEN[name])
    assert name.partition(" ")[0] in report.causes, str(report)


@pytest.mark.parametrize("words", DESCRIBED)
def test_a_mistake_without_a_name_is_described(words):
    report = report_of(DESCRIBED[words])
    assert not report.matches
    assert words in str(report)
    assert "one-sample estimate" not in str(report)


@pytest.mark.parametrize(
    "compare",
    [lambda y, x: ((y.squeeze(1) - x) ** 2).mean(), lambda y, x: F.l1_loss(y, x.squeeze(1)), None],
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_shapes_that_are_broadcast_are_no_likelihood(compare):
    """An output (B,) and data (B, 1) give (B, B): each output is compared with the data of all examples."""
    model = nn.ModuleDict({"encode": nn.Linear(1, 2 * Z), "decode": nn.Linear(Z, 1)})

    def step(model, x):
        mu, lv = model["encode"](x).chunk(2, 1)
        y = model["decode"](added(mu, torch.exp(0.5 * lv)))
        error = F.mse_loss(y.squeeze(1), x.squeeze(1)) if compare is None else compare(y, x)
        return error + kld(mu, lv, None).mean()

    torch.manual_seed(0)
    report = check_torch(model, torch.rand(B, 1), step)
    assert report.ok
    assert report.matches == (compare is None), str(report)
    assert ("are broadcast to (9, 9)" in str(report)) == (compare is not None), str(report)
