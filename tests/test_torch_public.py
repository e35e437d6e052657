"""Steps in the styles of public PyTorch code that the validator once crashed on, accused, or did not know."""

import pytest

from scratchvae.reference import check_torch

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

B, D, H, Z = 10, 12, 8, 3


class Dense(nn.Module):
    """Two dense layers on each side, a scale that all entries share, and a table of words."""

    def __init__(self, out=D):
        super().__init__()
        self.body, self.mean, self.spread = nn.Linear(D, H), nn.Linear(H, Z), nn.Linear(H, Z)
        self.widen, self.out, self.words = nn.Linear(Z, H), nn.Linear(H, out), nn.Embedding(7, D)
        self.logvar = nn.Parameter(torch.tensor(0.3))

    def encode(self, x):
        h = torch.tanh(self.body(x))
        return self.mean(h), self.spread(h)

    def decode(self, z):
        return self.out(torch.tanh(self.widen(z)))


def sample(mu, lv):
    return mu + torch.exp(0.5 * lv) * torch.randn_like(mu)


def kld(mu, lv):
    return -0.5 * (1 + lv - mu**2 - lv.exp()).sum(1)


def divergence(mu1, mu2, ls1, ls2):
    return -0.5 + ls2 - ls1 + 0.5 * (ls1.exp() ** 2 + (mu1 - mu2) ** 2) / (ls2.exp() ** 2)


def drawn(mu, ls):
    eps = torch.empty_like(mu).normal_(0.0, 1.0)
    return torch.exp(ls) * eps + mu


def bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


class Doubled(torch.autograd.Function):
    """A function with a backward pass of its own, which no mode of torch sees."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def masked(model, x):
    """Padded steps of a sequence are hidden by a mask that all their entries share; the KL weighs as much as B."""
    mu, lv = model.encode(x)
    padded = torch.arange(4)[None] >= torch.arange(B)[:, None] % 3 + 2
    error = F.l1_loss(model.decode(sample(mu, lv)).view(B, 4, 3), x.view(B, 4, 3), reduction="none")
    return {"loss": (error * ~padded.unsqueeze(-1)).mean() + kld(mu, lv).mean(0, True)[0] * 10}


def scripted(model, x):
    draw, kl = torch.jit.script(drawn), torch.jit.script(divergence)
    mu, ls = model.encode(x)
    zero = torch.zeros_like(mu)
    return (bce(model.decode(draw(mu, ls)), x) + kl(mu, zero, ls, zero).sum(1)).mean()


def added_to_zeros(model, x):
    """zeros_like takes no more than the shape of what it is called with."""
    mu, lv = model.encode(x)
    error = bce(model.decode(sample(mu, lv)), x) / D
    rate = torch.zeros_like(error)
    rate += kld(mu, lv)
    rate /= D
    return (error + rate).mean()


def fixed_prior(weight):
    """N(0, 1.01²), whose σ is made by the step as exp(0) + 0.01, of codes with three axes."""

    def step(model, x):
        mu, ls = (h.view(B, Z, 1, 1) for h in model.encode(x))
        std = torch.exp(ls) + 1e-2
        z = mu + std * torch.randn_like(mu)
        prior = torch.exp(torch.zeros_like(z)) + 1e-2
        kl = 0.5 * ((mu / prior) ** 2 + (std / prior) ** 2) - 0.5 - torch.log(std / prior)
        return torch.mean(bce(model.decode(z.flatten(1)), x) + weight * kl.sum([1, 2, 3]))

    return step


def padded_words(model, words):
    """Words beyond the end of a sentence are index 0, which the cross-entropy ignores."""
    mu, lv = model.encode(model.words(words).mean(1))
    logits = model.decode(sample(mu, lv)).view(B * 4, 7)
    loss = F.cross_entropy(logits, words.view(-1), ignore_index=0, reduction="none").view(B, -1).sum(1)
    return (loss + 0.5 * kld(mu, lv)).mean()


def sentences():
    words = torch.randint(1, 7, (B, 4))
    words[torch.arange(4)[None] >= torch.arange(B)[:, None] % 3 + 2] = 0
    return words


def learned_scale(constant):
    """A Laplace law whose scale is one learned number, as in the first stage of latent diffusion."""

    def step(model, x):
        mu, lv = model.encode(x)
        error = (
            torch.abs(x - model.decode(sample(mu, lv))) / torch.exp(model.logvar) + model.logvar + constant
        )
        return error.sum() / B + 1e-3 * kld(mu, lv).mean()

    return step


def unwatched(model, x):
    mu, lv = model.encode(x)
    return (
        bce(Doubled.apply(model.decode(sample(Doubled.apply(mu), lv))), x) + kld(Doubled.apply(mu), lv)
    ).mean()


def spread_itself(model, x):
    mu, lv = model.encode(x)
    std = lv
    return (bce(model.decode(mu + std * torch.randn_like(std)), x) + kld(mu, lv)).mean()


def negated(model, x):
    mu, lv = model.encode(x)
    return ((x - model.decode(sample(mu, lv))) ** 2).sum(1).mean() + 0.25 * -kld(mu, lv).mean()


def exchanged(model, x):
    mu, lv = model.encode(x)
    y = torch.sigmoid(model.decode(sample(mu, lv)))
    return F.binary_cross_entropy(x, y, reduction="sum") / B + kld(mu, lv).mean()


def estimated(sign=1.0):
    """The KL estimated from the draw, as in models that hold it by GECO's weight."""

    def step(model, x):
        mu, lv = model.encode(x)
        q, p = torch.distributions.Normal(mu, F.softplus(lv + 0.5) + 1e-8), torch.distributions.Normal(0, 1)
        z = q.rsample()
        kl = q.log_prob(z) - p.log_prob(z)
        return bce(model.decode(z), x).mean() + torch.tensor(0.73) * sign * kl.sum(1).mean()

    return step


RIGHT = {
    "a mask that entries share": masked,
    "functions of torch.jit.script": scripted,
    "a part that is added to zeros": added_to_zeros,
    "a prior of one constant σ": fixed_prior(0.3),
    "padded words": padded_words,
    "a learned Laplace scale": learned_scale(0.6931472),
    "a learned Laplace scale without log 2": learned_scale(0.0),
    "a backward pass of the user's own": unwatched,
    "an estimated KL": estimated(),
}
MISTAKEN = {
    "sampling_log_var_read_as_std": spread_itself,
    "kl_sign": negated,
    "kl_sign (a prior of its own)": fixed_prior(-0.3),
    "kl_sign (an estimate)": estimated(sign=-1.0),
}


def report_of(step):
    torch.manual_seed(0)
    of_words = step is padded_words
    model, x = Dense(28 if of_words else D), sentences() if of_words else torch.rand(B, D)
    return check_torch(model, x, step)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_step_matches(name):
    report = report_of(RIGHT[name])
    assert report.matches, str(report)


@pytest.mark.parametrize("name", MISTAKEN)
def test_a_mistake_is_named(name):
    report = report_of(MISTAKEN[name])
    assert name.partition(" ")[0] in report.causes, str(report)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (exchanged, "x and the output are exchanged in the cross-entropy"),
    ],
)
def test_a_mistake_without_a_name_is_described(step, words):
    report = report_of(step)
    assert not report.matches
    assert words in str(report)


def test_a_mixture_of_logistics_is_no_importance_weight():
    """Its likelihood has the logarithm of a sum, but of what the decoder gave alone; what is left is compared."""

    def step(model, x, half=0.5):
        mu, lv = model.encode(x)
        z = mu + torch.exp(half * lv) * torch.randn_like(mu)
        logits, mean, log_s = model.decode(z).view(B, D, 3, 3).unbind(3)
        below, above = ((x[..., None] - mean + side) * torch.exp(-log_s) for side in (-0.01, 0.01))
        each = torch.log(torch.sigmoid(above) - torch.sigmoid(below) + 1e-6)
        return (kld(mu, lv) - torch.logsumexp(each + F.log_softmax(logits, 2), 2).sum(1)).mean()

    torch.manual_seed(0)
    model, x = Dense(D * 9), torch.rand(B, D)
    right, wrong = check_torch(model, x, step), check_torch(model, x, lambda m, x: step(m, x, 1.0))
    assert right.ok
    assert "the likelihood" in " ".join(right.blind)
    assert not any(line.quantity.startswith("log_") for line in right.lines)
    assert wrong.cause == "sampling_log_var_read_as_log_std"


def discrepancy(z):
    """MMD of codes and of draws from the prior, with a Gaussian kernel."""
    prior = torch.randn_like(z)
    among, between = (torch.exp(-((z[:, None] - o[None]) ** 2).sum(2) / Z) for o in (z, prior))
    return among.mean() - 2 * between.mean()


def aggregate(z, mu, lv):
    """log q(z) of each draw from the posteriors of the whole batch, as in an estimate of the total correlation."""
    each = -0.5 * ((z[:, None] - mu[None]) ** 2 / lv.exp()[None] + lv[None]).sum(2)
    return torch.logsumexp(each, 1).mean()


def planar(model, z, mu, lv):
    """The Jacobian of one planar step."""
    w = model.widen.weight[0]
    return -torch.log(torch.abs(1 + (1 - torch.tanh(z @ w) ** 2) * (w * w).sum())).mean()


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (lambda model, z, mu, lv: discrepancy(z), "MMD"),
        (lambda model, z, mu, lv: aggregate(z, mu, lv), "total correlation"),
        (planar, "Jacobian"),
    ],
)
def test_a_term_of_a_known_form_is_said_to_be_one(term, words):
    def step(model, x):
        mu, lv = model.encode(x)
        z = sample(mu, lv)
        return (bce(model.decode(z), x) + kld(mu, lv)).mean() + 3.0 * term(model, z, mu, lv)

    report = report_of(step)
    assert report.ok
    assert not report.matches
    assert words in " ".join(report.blind), report.blind
