"""Watched PyTorch steps with discrete latents: codes of a codebook, and relaxed categorical draws.

Each right step stands beside wrong ones of its kind.
"""

import pytest

torch = pytest.importorskip("torch")
kinds = pytest.importorskip("test_torch_kinds")
nn, F, B, D, H, Z = torch.nn, torch.nn.functional, kinds.B, kinds.D, kinds.H, kinds.Z
laws = torch.distributions
G, K = 3, 5


class Net(kinds.Net):
    """With a codebook of 8 codes, and G categorical laws of K outcomes."""

    def __init__(self):
        super().__init__()
        self.codebook, self.choices = nn.Embedding(8, Z), nn.Linear(H, G * K)
        self.widen = nn.Linear(G * K, Z)
        self.register_buffer("fixed", torch.randn(8, Z))


def of_codes(norms=None, late=False, far=False, averaged=False, images=False):
    """A VQ-VAE (van den Oord et al. 2017); `late`: the norms are of the code after the straight-through step."""

    def plain(z_e, q):
        return F.mse_loss(q, z_e.detach()) + 0.25 * F.mse_loss(q.detach(), z_e)

    def step(model, x):
        z_e = model.mu(torch.tanh(model.body(x)))
        if images:  # (B, C, H, W), which is quantized as (B, H, W, C)
            z_e = z_e.view(B, 2, 2, 1).permute(0, 2, 3, 1).contiguous()
        book = model.fixed if averaged else model.codebook.weight
        flat, book = z_e.reshape(-1, z_e.shape[-1]), book[:, : z_e.shape[-1]]
        squares = (flat**2).sum(1, keepdim=True) - 2 * flat @ book.t() + (book**2).sum(1)
        picks = squares.argmax(1) if far else squares.argmin(1)
        q = (F.one_hot(picks, 8).float() @ book).view(z_e.shape)
        through = z_e + (q - z_e).detach()
        loss = (norms or plain)(z_e, through if late else q)
        z = through.permute(0, 3, 1, 2).flatten(1) if images else through
        return F.mse_loss(model.decode(z), x) + loss

    return step


def even(q):
    return (q * torch.log(q * K + 1e-20)).sum((1, 2))


def of_choices(kl=even, noise=lambda u: -torch.log(-torch.log(u + 1e-20) + 1e-20), weight=1.0):
    """Gumbel-softmax (Jang, Gu & Poole 2017), with noise of a uniform draw."""

    def step(model, x):
        logits = model.choices(torch.tanh(model.body(x))).view(B, G, K)
        y = F.softmax((logits + noise(torch.rand_like(logits))) / 0.7, -1)
        out = model.decode(model.widen(y.flatten(1)))
        return (kinds.bce(out, x) + weight * kl(F.softmax(logits, -1))).mean()

    return step


def called(hard):
    def step(model, x):
        logits = model.choices(torch.tanh(model.body(x))).view(B, G, K)
        y = F.gumbel_softmax(logits, tau=0.7, hard=hard)
        q, p = (laws.Categorical(logits=a) for a in (logits, torch.zeros_like(logits)))
        out = model.decode(model.widen(y.flatten(1)))
        return (kinds.bce(out, x) + laws.kl_divergence(q, p).sum(1)).mean()

    return step


def by_distributions(model, x):
    logits = model.choices(torch.tanh(model.body(x))).view(B, G, K)
    y = laws.RelaxedOneHotCategorical(torch.tensor(0.5), logits=logits).rsample()
    q, p = (laws.OneHotCategorical(logits=a) for a in (logits, torch.zeros_like(logits)))
    out = model.decode(model.widen(y.flatten(1)))
    return (kinds.bce(out, x) + laws.kl_divergence(q, p).sum(1)).mean()


def binary_concrete(model, x):
    logits = model.lv(torch.tanh(model.body(x)))
    u = torch.rand_like(logits).clamp(1e-5, 1 - 1e-5)
    y, p = torch.sigmoid((logits + torch.log(u) - torch.log(1 - u)) / 0.5), torch.sigmoid(logits)
    kl = p * torch.log(2 * p) + (1 - p) * torch.log(2 * (1 - p))
    return (kinds.bce(model.decode(y), x) + kl.sum(1)).mean()


def laplace_posterior(model, x):
    mu, log_b = model.encode(x)
    u, b = torch.rand_like(mu) - 0.5, log_b.exp()
    z = mu - b * u.sign() * torch.log(1 - 2 * u.abs())
    return (
        kinds.bce(model.decode(z), x) + (mu.abs() + b * torch.exp(-mu.abs() / b) - 1 - log_b).sum(1)
    ).mean()


def one_norm(z_e, q):
    return F.mse_loss(q, z_e)


RIGHT = {  # and a word of the notes
    "codes": (of_codes(), "by 3"),
    "codes of images": (of_codes(images=True), "passed straight through"),
    "codes that move by averages": (
        of_codes(lambda z_e, q: 0.25 * F.mse_loss(q.detach(), z_e), averaged=True),
        "passed straight through",
    ),
    "relaxed choices": (of_choices(), "its temperature is 0.7"),
    "relaxed choices, weighed": (of_choices(weight=0.3), "by 0.3"),
    "relaxed choices of torch": (called(False), "torch's gumbel_softmax"),
    "hard choices of torch": (called(True), "torch's gumbel_softmax"),
    "relaxed choices of torch.distributions": (by_distributions, "its temperature is 0.5"),
}
WRONG = {  # and what is said of it
    "norms after the straight-through step": (of_codes(late=True), "no gradient reaches the codebook"),
    "no norm that moves the codes": (
        of_codes(lambda z_e, q: 0.25 * F.mse_loss(q.detach(), z_e)),
        "no norm moves the codes",
    ),
    "no commitment": (of_codes(lambda z_e, q: F.mse_loss(q, z_e.detach())), "no norm holds the encoder"),
    "one norm that moves both": (of_codes(one_norm), "one norm moves the code and the encoder alike"),
    "norms subtracted": (
        of_codes(lambda z_e, q: -one_norm(z_e.detach(), q) - one_norm(z_e, q.detach())),
        "sign",
    ),
    "not the nearest code": (of_codes(far=True), "the code is not the nearest of the codebook"),
    "absolute values": (
        of_codes(lambda z_e, q: F.l1_loss(q, z_e.detach()) + F.l1_loss(q.detach(), z_e)),
        "is not that of a norm ‖z_e − e‖²",
    ),
    "no log K": (of_choices(lambda q: (q * torch.log(q)).sum((1, 2))), "the KL lacks log K"),
    "1/K": (of_choices(lambda q: (q * (torch.log(q) - 1 / K)).sum((1, 2))), "1/K in place of log 1/K"),
    "KL subtracted": (of_choices(lambda q: -even(q)), "has the wrong sign"),
    "KL averaged over laws": (
        of_choices(lambda q: (q * torch.log(q * K)).sum(2).mean(1)),
        "weighs 0.333333, which is no number of the step",
    ),
    "no KL": (of_choices(lambda q: 0.0), "no KL of the categorical law was found"),
    "one logarithm": (of_choices(noise=lambda u: -torch.log(u + 1e-20)), "it is no Gumbel noise"),
}
UNKNOWN = {  # right, and of a law that is not known here: neither accused nor passed
    "binary concrete": (binary_concrete, "the law of the noise: it is made of a uniform draw by a formula"),
    "Laplace posterior": (
        laplace_posterior,
        "the law of the noise: it is made of a uniform draw by a formula",
    ),
}


def report_of(step):
    return kinds.report_of(step, Net)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_step_agrees_and_says_what_was_recognized(name):
    step, said = RIGHT[name]
    report = report_of(step)
    assert report.matches, str(report)
    assert said in " ".join(report.notes)


@pytest.mark.parametrize("name", [*WRONG, *UNKNOWN])
def test_what_is_wrong_or_unknown_is_described_and_not_passed(name):
    step, said = (WRONG | UNKNOWN)[name]
    report = report_of(step)
    assert not report.matches
    assert report.ok, str(report)
    assert said in str(report)
