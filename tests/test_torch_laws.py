"""check_torch on laws, priors and terms beyond the plain step: right ones agree, and a mistake beside them is
still named.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from scratchvae.reference import check_torch
from scratchvae.reference.diagnosis import Outcome, read
from scratchvae.reference.frameworks.laws import _poisson

torch = pytest.importorskip("torch")
steps = pytest.importorskip("torch_steps")
F, B, D, Z = torch.nn.functional, steps.B, steps.D, steps.Z
sample, kld = steps.by_exp, steps.kld


def test_the_tolerance_of_a_law_by_entry_holds_what_rounding_of_its_output_changes():
    x, o = np.zeros((1, 3)), np.array([[2.0, 8.0, 12.0]])
    given = read({"x": x, "logits": o, "loss": 1.0}, names={}, likelihood="own")
    moved = replace(given, arrays={**given.arrays, "logits": o * (1 + 1e-9)})
    terms, other = _poisson(given), _poisson(moved)
    assert (np.abs(other.value - terms.value) <= 1e-9 * terms.size).all()


class Wide(steps.Dense):
    """A dense model with some parameters of its own beside its layers."""

    def __init__(self, **own):
        super().__init__()
        for name, shape in own.items():
            setattr(self, name, torch.nn.Parameter(0.3 * torch.randn(*shape)))


def by_parts(reconstruct, divergence=lambda m, mu, lv, z: kld(mu, lv) / B, draw=sample):
    """reconstruct(model, output, x), a mean over the batch, and the KL's part of the loss."""

    def step(model, x):
        mu, lv = model.encode(x)
        z = draw(mu, lv)
        return reconstruct(model, model.logits(z), x) + divergence(model, mu, lv, z)

    return step


def bernoulli(model, out, x):
    return F.binary_cross_entropy_with_logits(out, x, reduction="sum") / B


def normal(v, mean, log_var):
    return -0.5 * (math.log(2 * math.pi) + log_var + (v - mean) ** 2 * torch.exp(-log_var))


def overdispersed(model, out, x):
    mean, r = F.softplus(out) + 1e-4, torch.exp(model.r)
    both = torch.log(r + mean)
    log_px = torch.lgamma(x + r) - torch.lgamma(r) - torch.lgamma(x + 1) + r * (torch.log(r) - both)
    return -(log_px + x * (torch.log(mean) - both)).sum() / B


def poisson(model, out, x):
    return F.poisson_nll_loss(out.exp(), x, log_input=False, reduction="sum") / B


def estimated(log_prior):
    return lambda m, mu, lv, z: (normal(z, mu, lv).sum(1) - log_prior(m, z)).mean()


def mixture(model, z):
    each = normal(z[:, None], model.means[None], model.spreads[None]).sum(2)
    return torch.logsumexp(each, 1) - math.log(len(model.means))


def conditional(model, mu, lv, z):
    y = torch.nn.functional.one_hot(torch.arange(B) % 3, 3).float()
    pm, pv = y @ model.means, y @ model.spreads
    return 0.5 * (pv - lv + (lv.exp() + (mu - pm) ** 2) / pv.exp() - 1).sum() / B


def planar(model, mu, lv, z):
    f = torch.tanh(z @ model.w)
    moved = z + f[:, None] * model.u
    log_det = torch.log(torch.abs(1 + (1 - f**2) * (model.u @ model.w)))
    return (normal(z, mu, lv).sum(1) - normal(moved, torch.zeros(Z), torch.zeros(Z)).sum(1) - log_det).mean()


def total_correlation(model, mu, lv, z):
    pairs = normal(z[:, None], mu[None], lv[None])
    log_qz, product = torch.logsumexp(pairs.sum(2), 1), torch.logsumexp(pairs, 1).sum(1)
    return (
        estimated(lambda m, z: normal(z, 0 * z, 0 * z).sum(1))(model, mu, lv, z)
        + 5 * (log_qz - product).mean()
    )


def of_numpy(mu, lv):
    return mu + torch.exp(0.5 * lv) * torch.Tensor(np.random.default_rng(0).normal(size=(B, Z)))


def masked(model, out, x):
    seen = (torch.arange(D) % 3 > 0).float().expand(B, D)
    return (F.binary_cross_entropy_with_logits(out, x, reduction="none") * seen).sum() / B


LEARNED = {"log_sigma": (1,)}
PRIORS = {"means": (3, Z), "spreads": (3, Z)}
RIGHT = {  # what a step is made of, and a word of the note that says what was recognized
    "Poisson by its rate": ({}, by_parts(poisson), "λ"),
    "multinomial": ({}, by_parts(lambda m, o, x: -(F.log_softmax(o, 1) * x).sum(1).mean()), "multinomial"),
    "categorical": (
        {},
        by_parts(
            lambda m, o, x: (
                F.cross_entropy(o.view(-1, 2), x[:, : D // 2].reshape(-1).long(), reduction="sum") / B
            )
        ),
        "categorical",
    ),
    "negative binomial": ({"r": (D,)}, by_parts(overdispersed), "negative binomial"),
    "one learned sigma": (
        LEARNED,
        by_parts(lambda m, o, x: -normal(x, o, 2 * m.log_sigma).sum() / B),
        "Gaussian",
    ),
    "a sigma for each entry": (
        {"v": (D,)},
        by_parts(lambda m, o, x: -normal(x, o, m.v).sum() / B),
        "Gaussian",
    ),
    "lit entries weigh 3": (
        {},
        by_parts(
            lambda m, o, x: (
                F.binary_cross_entropy_with_logits(o, x, reduction="sum", pos_weight=torch.tensor(3.0)) / B
            )
        ),
        "weighs lit entries 3",
    ),
    "masked": ({}, by_parts(masked), ""),
    "capacity": ({}, by_parts(bernoulli, lambda m, mu, lv, z: 7 * (kld(mu, lv) / B - 0.5).abs()), "capacity"),
    "beta, annealed": ({}, by_parts(bernoulli, lambda m, mu, lv, z: 0.3 * (4 * kld(mu, lv) / B)), "1.2"),
    "KL estimated, weighed": (
        {},
        by_parts(bernoulli, lambda *a: 0.3 * estimated(lambda m, z: normal(z, 0 * z, 0 * z).sum(1))(*a)),
        "0.3",
    ),
    "conditional prior": (PRIORS, by_parts(bernoulli, conditional), "the prior is taken to be the Gaussian"),
    "mixture as prior": (PRIORS, by_parts(bernoulli, estimated(mixture)), "an even mixture of 3"),
    "noise of NumPy": ({}, by_parts(bernoulli, draw=of_numpy), ""),
}
TAKEN = {  # steps of which all but one term is checked: what is said of that
    "planar flow": (
        {"u": (Z,), "w": (Z,)},
        by_parts(bernoulli, planar),
        "the prior: what the loss makes of z alone",
    ),
    "total correlation": ({}, by_parts(bernoulli, total_correlation), "neither reconstruction nor KL"),
    "a law of its own": (
        {},
        by_parts(lambda m, o, x: torch.log(torch.cosh(o - x)).sum() / B),
        "the likelihood",
    ),
}


def report(own, step):
    torch.manual_seed(0)
    x = (torch.rand(B, D) > 0.5).float()
    return check_torch(Wide(**own), x, step)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_step_agrees(name):
    own, step, said = RIGHT[name]
    found = report(own, step)
    assert found.matches, f"{found}\n{found.blind}"
    assert said in " ".join(found.notes)


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_not_known_is_said_and_the_rest_is_checked(name):
    own, step, said = TAKEN[name]
    found = report(own, step)
    assert found.ok
    assert not found.of(Outcome.UNPROVEN), str(found)
    assert not found.matches
    assert said in " ".join(found.blind)
    assert {"z", "loss", "d_mean", "d_log_var"} <= {
        line.quantity for line in found.lines if line.verdict == "agrees"
    }


MISTAKES = {  # a mistake beside a law or a prior of another kind: its name
    "std for var, Poisson": (
        {},
        by_parts(poisson, draw=lambda mu, lv: mu + lv.exp() * torch.randn_like(lv)),
        ("sampling_log_var_read_as_log_std",),
    ),
    "KL without half, multinomial": (
        {},
        by_parts(
            lambda m, o, x: -(F.log_softmax(o, 1) * x).sum(1).mean(),
            lambda m, mu, lv, z: -(1 + lv - mu**2 - lv.exp()).sum() / B,
        ),
        ("kl_half_missing", "kl_twice"),
    ),
    "no KL, negative binomial": (
        {"r": (D,)},
        by_parts(overdispersed, lambda m, mu, lv, z: 0.0),
        ("kl_missing",),
    ),
    "KL over B again, learned sigma": (
        LEARNED,
        by_parts(
            lambda m, o, x: -normal(x, o, 2 * m.log_sigma).sum() / B, lambda m, mu, lv, z: kld(mu, lv) / B**2
        ),
        ("kl_mean_over_batch",),
    ),
    "one draw of NumPy's for the batch": (
        {},
        by_parts(
            bernoulli,
            draw=lambda mu, lv: (
                mu + torch.exp(lv / 2) * torch.Tensor(np.random.default_rng(1).normal(size=Z))
            ),
        ),
        ("noise_shared_across_batch",),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_beside_it_is_named(name):
    own, step, names = MISTAKES[name]
    found = report(own, step)
    assert found.cause in names, str(found)
