"""A ladder of three layers beside PyTorch's autograd on the same noise, its posterior written by precisions
as in the paper.
"""

import numpy as np
import pytest

from scratchvae import kernels
from scratchvae.data import Batch
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import Elbo, Iwae, SampledElbo
from scratchvae.reference.cases.ladder import SIZES, ladder_vae

torch = pytest.importorskip("torch")
laws = torch.distributions

B, K, Z = 5, 3, sum(SIZES)
RNG = np.random.default_rng(0)
X, NOISE, NOISES = RNG.random((B, 4)), RNG.normal(size=(B, Z)), RNG.normal(size=(B * K, Z))


def model_of():
    model = ladder_vae(SIZES)
    cast(model, np.float64)
    for parameter in named_parameters(model).values():
        parameter.value = RNG.normal(scale=0.7, size=parameter.value.shape)
    return model


def network(of, name, h):
    """Linear, tanh, Linear."""
    W, b, V, c = (of[key] for key in of if key.startswith(name))
    return torch.tanh(h @ W + b) @ V + c


def normal(mean, log_var):
    return laws.Normal(mean, (log_var / 2).exp())


def conditional(of, place, above):
    """p(z_l|z_{l+1})."""
    return normal(*network(of, f"posterior.top_down.{place}.", above).chunk(2, 1))


def posterior(of, place, estimates, above):
    """q(z_l|z_{l+1}, x): precisions add up."""
    (mean, log_var), p = estimates[place], conditional(of, place, above)
    one, other = (-log_var).exp(), 1 / p.variance
    return laws.Normal((one * mean + other * p.mean) / (one + other), (one + other) ** -0.5)


def estimates_of(of, draws):
    parts = (
        network(of, "encoder.", torch.tensor(X))
        .repeat_interleave(draws, 0)
        .split([s for s in SIZES for _ in "mv"], 1)
    )
    return list(zip(parts[::2], parts[1::2], strict=True))


def laws_at(of, estimates, z):
    """q and p of each layer, from z_1 up, at given draws."""
    lower = range(len(SIZES) - 1)
    top = normal(*estimates[-1])
    q = [*(posterior(of, place, estimates, z[place + 1]) for place in lower), top]
    p = [
        *(conditional(of, place, z[place + 1]) for place in lower),
        laws.Normal(torch.zeros_like(top.mean), 1.0),
    ]
    return q, p


def drawn(of, estimates, noise):
    eps = torch.tensor(noise).split(SIZES, 1)
    z = [estimates[-1][0] + (estimates[-1][1] / 2).exp() * eps[-1]]
    for place in reversed(range(len(SIZES) - 1)):
        q = posterior(of, place, estimates, z[0])
        z.insert(0, q.mean + q.stddev * eps[place])
    return z


def log_px(of, z):
    logits = network(of, "decoder.", z[0])
    return (
        laws.Bernoulli(logits=logits, validate_args=False)
        .log_prob(torch.tensor(X).repeat_interleave(len(logits) // B, 0))
        .sum(1)
    )


def log_of(each, z):
    return sum(law.log_prob(own).sum(1) for law, own in zip(each, z, strict=True))


def elbo(of, beta, free_bits):
    estimates = estimates_of(of, 1)
    z = drawn(of, estimates, NOISE)
    kl = torch.cat([laws.kl_divergence(q, p) for q, p in zip(*laws_at(of, estimates, z), strict=True)], 1)
    return beta * kl.mean(0).clamp(min=free_bits).sum() - log_px(of, z).mean()


def log_weights(of, estimates, z):
    q, p = laws_at(of, estimates, z)
    return (log_px(of, z) + log_of(p, z) - log_of(q, z)).reshape(B, -1)


def iwae(of):
    estimates = estimates_of(of, K)
    return -torch.logsumexp(log_weights(of, estimates, drawn(of, estimates, NOISES)), 1).mean() + np.log(K)


def without_score(of, draws, noise, power):
    """The Parameters of p by their weights, and those that draw z by the weights to a power, by way of z
    alone.
    """
    still = {name: value.detach() for name, value in of.items()}
    estimates = estimates_of(of, draws)
    z = drawn(of, estimates, noise)
    fixed, known = [own.detach() for own in z], [tuple(a.detach() for a in pair) for pair in estimates]
    weights = torch.softmax(log_weights(still, known, fixed), 1)
    q, _ = laws_at(still, known, fixed)
    _, p = laws_at(of, known, fixed)
    of_p = log_px(of, fixed) + log_of(p, fixed) - log_of(q, fixed)
    of_z = log_weights(still, known, z)
    return -(weights * of_p.reshape(B, -1) + weights**power * (of_z - of_z.detach())).sum(1).mean()


ROWS = {
    "elbo": (Elbo(beta=1.7), NOISE, lambda of: elbo(of, 1.7, 0.0), True),
    "free bits": (Elbo(free_bits=0.9), NOISE, lambda of: elbo(of, 1.0, 0.9), True),
    "iwae": (Iwae(K), NOISES, iwae, True),
    "sticking the landing": (
        SampledElbo(gradient="stl"),
        NOISE,
        lambda of: without_score(of, 1, NOISE, 1),
        True,
    ),
    "doubly reparameterized": (Iwae(K, "dreg"), NOISES, lambda of: without_score(of, K, NOISES, 2), False),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_ladder_agrees_with_autograd(name):
    objective, noise, loss, same_value = ROWS[name]
    model = model_of()
    of = {name: torch.tensor(p.value, requires_grad=True) for name, p in named_parameters(model).items()}
    expected = loss(of)
    expected.backward()
    for twin in kernels.TWINS:
        with kernels.using(twin):
            report, pullback = objective(model, Batch(X), noise)
            pullback()
        if same_value:
            assert abs(report.loss - expected.item()) <= 1e-10 * abs(expected.item())
        for key, parameter in named_parameters(model).items():
            theirs = np.zeros_like(parameter.value) if of[key].grad is None else of[key].grad.numpy()
            assert np.abs(parameter.grad - theirs).max() <= 1e-10 * max(np.abs(theirs).max(), 1e-3), key
            parameter.grad = None
