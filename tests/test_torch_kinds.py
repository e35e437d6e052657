"""Watched PyTorch steps of other kinds than the plain VAE: each right one stands beside a wrong one of its kind.

A right step agrees where every part was seen, and the note says what was recognized. A wrong one is described.
"""

import math

import pytest

from scratchvae.reference import check_torch
from scratchvae.reference.diagnosis import Outcome

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
Normal, kl_divergence = torch.distributions.Normal, torch.distributions.kl_divergence

B, D, H, Z = 12, 24, 16, 4


class Net(nn.Module):
    """Two dense layers on each side."""

    def __init__(self):
        super().__init__()
        self.body, self.mu, self.lv = nn.Linear(D, H), nn.Linear(H, Z), nn.Linear(H, Z)
        self.back, self.out = nn.Linear(Z, H), nn.Linear(H, D)
        self.higher, self.prior, self.beside = nn.Linear(Z, 2 * Z), nn.Linear(Z, 2 * Z), nn.Linear(H, 2 * Z)
        self.features = nn.Sequential(nn.Linear(D, H), nn.LeakyReLU(0.2))

    def encode(self, x):
        h = torch.tanh(self.body(x))
        return self.mu(h), self.lv(h)

    def decode(self, z):
        return self.out(torch.tanh(self.back(z)))


def kld(mu, lv):
    return 0.5 * (mu**2 + lv.exp() - 1 - lv)


def sample(mu, lv):
    return mu + torch.exp(0.5 * lv) * torch.randn_like(mu)


def bce(out, x):
    return F.binary_cross_entropy_with_logits(out, x, reduction="none").sum(1)


def of(reconstruct=bce, kl=lambda mu, lv: kld(mu, lv).sum(1), draw=sample, join=lambda r, k: (r + k).mean()):
    """A step of parts that may be replaced."""

    def step(model, x):
        mu, lv = model.encode(x)
        return join(reconstruct(model.decode(draw(mu, lv)), x), kl(mu, lv))

    return step


def estimated(log_q, log_p):
    """A step whose KL is estimated from the draw, as log_q(mu, lv, z) − log_p(z)."""

    def step(model, x):
        mu, lv = model.encode(x)
        z = sample(mu, lv)
        return (bce(model.decode(z), x) + (log_q(mu, lv, z) - log_p(z)).sum(1)).mean()

    return step


def gaussian(mu, lv, z):
    return -0.5 * (math.log(2 * math.pi) + lv + (z - mu) ** 2 / lv.exp())


def to_normal(prior, factor=1.0):
    return lambda mu, lv: factor * kl_divergence(Normal(mu, (0.5 * lv).exp()), prior).sum(1)


def hidden_by_where(weight=1.0):
    """Missing entries are NaN, and torch.where counts none of them."""

    def step(model, x):
        x = torch.where(torch.rand(B, D) > 0.3, x, torch.tensor(math.nan))
        seen = ~torch.isnan(x)
        filled = torch.where(seen, x, torch.zeros_like(x))
        mu, lv = model.encode(filled)
        out = model.decode(sample(mu, lv))
        error = torch.where(seen, 0.5 * (out - filled) ** 2, torch.tensor(0.0)).sum(1)
        return (error + weight * kld(mu, lv).sum(1)).mean()

    return step


def smooth(**how):
    return lambda out, x: F.smooth_l1_loss(out, x, reduction="none", **how).sum(1)


def huber_by_hand(out, x):
    d = (out - x).abs()
    return torch.where(d < 0.5, 0.5 * d**2, 0.5 * (d - 0.25)).sum(1)


SIGN = lambda mu, lv: -kld(mu, lv).sum(1)  # noqa: E731


def to_gaussian(mu, lv, prior_mu, prior_lv):
    return 0.5 * (prior_lv - lv + (lv.exp() + (mu - prior_mu) ** 2) / prior_lv.exp() - 1)


def to_own(divided=True, learned=True):
    """The KL to a Gaussian whose mean and variance the network has for each example, or as numbers."""

    def step(model, x):
        mu, lv = model.encode(x)
        of_x = model.beside(torch.tanh(model.body(x))).chunk(2, 1)
        numbers = torch.linspace(-1, 1, Z), torch.linspace(0.2, 0.9, Z)
        prior_mu, prior_lv = of_x if learned else (n.expand(B, Z) for n in numbers)
        square = (mu - prior_mu) ** 2 / (prior_lv.exp() if divided else 1.0)
        kl = 0.5 * (lv.exp() / prior_lv.exp() + square + prior_lv - lv - 1)
        return (bce(model.decode(sample(mu, lv)), x) + kl.sum(1)).mean()

    return step


def of_features(weight=1.0):
    """VAE-GAN (Larsen et al. 2016): a Gaussian of the features that a discriminator makes of x."""

    def step(model, x):
        mu, lv = model.encode(x)
        made = torch.sigmoid(model.decode(sample(mu, lv)))
        error = 0.5 * (model.features(made) - model.features(x)) ** 2
        return (error.sum(1) + weight * kld(mu, lv).sum(1)).mean()

    return step


def upwards(model, x):
    """Two layers, x ← z1 ← z2, each q of the one below."""
    mu, lv = model.encode(x)
    z1 = sample(mu, lv)
    mu2, lv2 = model.higher(z1).chunk(2, 1)
    z2 = sample(mu2, lv2)
    kl = to_gaussian(mu, lv, *model.prior(z2).chunk(2, 1)) + kld(mu2, lv2)
    return (bce(model.decode(z1), x) + kl.sum(1)).mean()


def downwards(model, x):
    """A ladder, whose z2 is drawn first."""
    mu2, lv2 = model.encode(x)
    prior = model.prior(sample(mu2, lv2)).chunk(2, 1)
    own = model.beside(torch.tanh(model.body(x))).chunk(2, 1)
    mu, lv = (a + b for a, b in zip(own, prior, strict=True))
    kl = to_gaussian(mu, lv, *prior) + kld(mu2, lv2)
    return (bce(model.decode(sample(mu, lv)), x) + kl.sum(1)).mean()


def optimal(weight=1.0, floor=-6.0, by_example=False):
    """σ-VAE (Rybkin, Daniilidis & Levine 2021): σ² is the mean squared error, softly held above a floor."""

    def step(model, x):
        mu, lv = model.encode(x)
        y = torch.sigmoid(model.decode(sample(mu, lv)))
        square = ((x - y) ** 2).mean([1] if by_example else [0, 1], keepdim=True)
        log_sigma = floor + F.softplus(square.sqrt().log() - floor)
        error = 0.5 * ((x - y) / log_sigma.exp()) ** 2 + log_sigma + 0.5 * math.log(2 * math.pi)
        return (error.sum() + weight * kld(mu, lv).sum()) / B

    return step


def of_tanh(model, x):
    mu, lv = model.encode(x)
    p = torch.tanh(model.decode(sample(mu, lv))).clamp(1e-6, 1 - 1e-6)
    return (F.binary_cross_entropy(p, x, reduction="none").sum(1) + kld(mu, lv).sum(1)).mean()


FIXED = Normal(1.0, 2.0)
HELD = {  # above 0 before the logarithm
    "by what is added": lambda p: p + 1e-10,
    "by a floor": lambda p: p.clamp(min=1e-10),
    "by a floor and a ceiling": lambda p: p.clamp(1e-8, 1.0),
}
RIGHT = {  # and a word of the notes
    **{
        f"a softmax that is held above 0 {how}": (
            of(lambda out, x, held=held: -(x * held(F.softmax(out, 1)).log()).sum(1)),
            "multinomial, of 24 outcomes",
        )
        for how, held in HELD.items()
    },
    "smooth L1": (of(smooth()), "Huber's law (smooth L1), quadratic within 1 "),
    "smooth L1 of another width": (of(smooth(beta=0.3)), "within 0.3 "),
    "smooth L1 that is nowhere linear": (of(smooth(beta=30.0)), "within 30 "),
    "Huber": (of(lambda out, x: F.huber_loss(out, x, reduction="none", delta=0.5).sum(1)), "within 0.5 "),
    "Huber by hand": (of(huber_by_hand), "within 0.5 "),
    "smooth L1, means": (
        lambda m, x: (lambda e: F.smooth_l1_loss(m.decode(sample(*e)), x) + 1e-3 * kld(*e).sum(1).mean())(
            m.encode(x)
        ),
        "the beta that you meant",
    ),
    "entries hidden by where": (hidden_by_where(), ""),
    "a fixed prior": (of(kl=to_normal(FIXED)), "N(1, 2²)"),
    "a fixed prior, estimated": (estimated(gaussian, FIXED.log_prob), "N(1, 2²)"),
    "a fixed prior, weighed": (of(kl=to_normal(FIXED, 0.3)), "N(1, 2²)"),
    "a prior of each example": (to_own(), "the Gaussian of the step's own arrays"),
    "a prior of several numbers": (to_own(learned=False), "the Gaussian of the step's own arrays"),
    "features of a discriminator": (of_features(), "features that a network makes of x"),
    "σ of the errors": (optimal(), "a Gaussian's whose σ the step computes from the errors"),
    "σ of each example's errors": (optimal(by_example=True), "whose σ the step computes from the errors"),
    "σ of the errors above a floor": (optimal(floor=-1.5), "whose σ the step computes from the errors"),
    "a sigmoid by tanh": (
        of(lambda out, x: F.binary_cross_entropy((torch.tanh(out) + 1) / 2, x, reduction="none").sum(1)),
        "",
    ),
    "a floor under each latent": (
        of(kl=lambda mu, lv: kld(mu, lv).mean(0).clamp(min=0.15).sum()),
        "counts the mean KL of each latent as 0.15 nats where it is less",
    ),
    "a floor under the whole KL that is not reached": (
        of(join=lambda r, k: r.mean() + torch.max(k.mean(), torch.tensor(0.01))),
        "counts the batch's mean or total KL as 0.01 nats where it is less",
    ),
}
WRONG = {  # and what is said of it
    "smooth L1, KL sign": (of(smooth(), SIGN), "the KL has the wrong sign"),
    "entries hidden by where, KL sign": (hidden_by_where(-1.0), "the KL has the wrong sign"),
    "σ of the errors, KL sign": (optimal(-1.0), "the KL has the wrong sign"),
    "features, KL sign": (of_features(-1.0), "the KL has the wrong sign"),
    "a tanh for logits": (
        of(lambda out, x: bce(torch.tanh(out), x)),
        "the probabilities lie between 0.27 and 0.73",
    ),
    "a ReLU for logits": (of(lambda out, x: bce(F.relu(out), x)), "the probabilities are never below ½"),
    "a tanh for probabilities": (of_tanh, "the probabilities come out of a tanh"),
    "a softmax over the batch": (
        of(lambda out, x: -(x * F.log_softmax(out, 0)).sum(1)),
        "the softmax is taken over the batch",
    ),
    "a softmax over the batch, held above 0": (
        of(lambda out, x: -(x * (F.softmax(out, 0) + 1e-10).log()).sum(1)),
        "the softmax is taken over the batch",
    ),
    "a prior of each example, whose variance is not under the square": (
        to_own(divided=False),
        "does not divide (mean − prior's mean)² by the prior's variance",
    ),
    "a prior of several numbers, whose variance is not under the square": (
        to_own(divided=False, learned=False),
        "does not divide (mean − prior's mean)² by the prior's variance",
    ),
    "x log p alone": (
        of(lambda out, x: -(x * (torch.sigmoid(out) + 1e-8).log()).sum(1)),
        "the cross-entropy counts only entries with x = 1",
    ),
    "x log p alone, of logits": (
        of(lambda out, x: -(x * F.logsigmoid(out)).sum(1)),
        "the cross-entropy counts only entries with x = 1",
    ),
    "a fixed prior, KL sign": (of(kl=to_normal(FIXED, -1.0)), "the KL has the wrong sign"),
    "exp(¼ log σ²)": (
        of(draw=lambda mu, lv: mu + torch.exp(0.25 * lv) * torch.randn_like(mu)),
        "z used σ to the power 0.5, which is exp(1/4 log σ²)",
    ),
    "√(σ² + 1)": (
        of(draw=lambda mu, lv: mu + (lv.exp() + 1).sqrt() * torch.randn_like(mu)),
        "z used √(σ² + 1)",
    ),
    "log q without log σ": (
        estimated(lambda mu, lv, z: -0.5 * (z - mu) ** 2 / lv.exp(), lambda z: -0.5 * z**2),
        "its log q(z|x) lacks −½ log σ²",
    ),
    "log q without the square": (
        estimated(lambda mu, lv, z: -0.5 * lv, lambda z: -0.5 * z**2),
        "its log q(z|x) lacks −½ ((z − mean)/σ)²",
    ),
    "a floor under the whole KL": (
        of(join=lambda r, k: r.mean() + k.mean().clamp(min=5.0)),
        "the floor of free bits is set under the total KL",
    ),
    "a floor under each example's KL": (
        of(join=lambda r, k: r.mean() + k.clamp(min=0.5).mean()),
        "the floor of free bits is set under the total KL of each example",
    ),
    "a floor under each latent of each example": (
        of(kl=lambda mu, lv: kld(mu, lv).clamp(min=0.1).sum(1)),
        "the floor of free bits is set under the KL of each example",
    ),
}


UNSEEN = {  # right steps of which a part has no reference: what is said of it, and what was compared
    "two layers": (upwards, {"z", "reconstruction", "d_mean", "d_log_var"}),
    "two layers, drawn downwards": (downwards, {"z", "d_mean", "d_log_var"}),
}


def report_of(step, model=Net):
    torch.manual_seed(0)
    made = model()
    with torch.no_grad():
        for p in made.parameters():
            p += 0.1 * torch.randn_like(p)
    return check_torch(made, (torch.rand(B, D) > 0.5).float(), step)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_step_agrees_and_says_what_was_recognized(name):
    step, said = RIGHT[name]
    report = report_of(step)
    assert report.matches, str(report)
    assert said in " ".join(report.notes)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_step_is_described(name):
    step, said = WRONG[name]
    report = report_of(step)
    assert not report.matches
    assert said in str(report)


@pytest.mark.parametrize("name", UNSEEN)
def test_a_second_layer_is_said_not_to_be_seen_and_the_rest_agrees(name):
    step, agreeing = UNSEEN[name]
    report = report_of(step)
    assert report.ok
    assert not report.of(Outcome.UNPROVEN), str(report)
    assert not report.matches
    assert "a reference for the second layer of latents" in str(report)
    assert agreeing <= {line.quantity for line in report.of(Outcome.AGREES)}


DRAWS = {  # how noise is drawn: the number that σ is multiplied by
    "normal_(0, 1)": (lambda like: torch.empty_like(like).normal_(0, 1), 1),
    "normal_(0, 0.1)": (lambda like: torch.empty_like(like).normal_(0, 0.1), 0.1),
    "FloatTensor(…).normal_(0, 0.01)": (lambda like: torch.FloatTensor(like.shape).normal_(0, 0.01), 0.01),
    "normal_(std=2)": (lambda like: torch.zeros_like(like).normal_(std=2), 2),
    "normal(0.0, 0.1, size)": (lambda like: torch.normal(0.0, 0.1, like.shape), 0.1),
    "normal(0.5, 2.0, size) - 0.5": (lambda like: torch.normal(0.5, 2.0, like.shape) - 0.5, 2),
    "normal_(0, 0.1) that is overwritten": (lambda like: torch.empty_like(like).normal_(0, 0.1).mul_(5), 0.5),
}


@pytest.mark.parametrize("name", DRAWS)
def test_noise_that_is_drawn_by_two_numbers_is_standard_noise_times_one(name):
    draw, factor = DRAWS[name]
    report = report_of(of(draw=lambda mu, lv: mu + torch.exp(0.5 * lv) * draw(mu)))
    assert report.matches == (factor == 1)
    assert (f"z used {factor} σ" in str(report)) == (factor != 1)


class Leaving(Net):
    """A network that keeps what it computed, as an attribute and inside of another object."""

    def encode(self, x):
        mu, lv = super().encode(x)
        self.kl, self.q = kld(mu, lv).sum(1), Normal(mu, (0.5 * lv).exp())
        return mu, lv


class Faint(Leaving):
    """At first it gives each example the same mean and spread, so that the check is made at other weights too."""

    def __init__(self):
        super().__init__()
        with torch.no_grad():
            for p in (*self.mu.parameters(), *self.lv.parameters()):
                p.zero_()


def test_a_step_may_leave_what_it_computed_on_its_module():
    def step(model, x):
        mu, lv = model.encode(x)
        return (bce(model.decode(sample(mu, lv)), x) + model.kl).mean()

    torch.manual_seed(0)
    assert check_torch(Faint(), (torch.rand(B, D) > 0.5).float(), step).matches


def test_a_draw_may_have_an_axis_of_its_own_in_the_middle():
    def log_normal(loc, std, z):
        return (-0.5 * torch.log(2 * math.pi * std**2) - (z - loc) ** 2 / (2 * std**2)).sum(-1, keepdim=True)

    def step(model, x, sign=1.0):
        mu, raw = (a[:, None] for a in model.encode(x))
        std = F.softplus(raw)
        z = mu + std * torch.randn((len(x), 1, Z))
        logits, target = torch.broadcast_tensors(model.decode(z), x.unsqueeze(1))
        log_px = -F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1, keepdim=True)
        log_pz = log_normal(torch.zeros(Z), torch.ones(Z), z)
        return -(log_px + sign * (log_pz - log_normal(mu, std, z))).mean(1).sum(0)

    torch.manual_seed(0)
    model, x = Net(), (torch.rand(B, D) > 0.5).float()
    assert check_torch(model, x, step).matches
    assert not check_torch(model, x, lambda model, x: step(model, x, -1.0)).matches
