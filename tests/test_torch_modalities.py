"""Products and mixtures of experts in PyTorch's own words: losses, terms and the gradient of every Parameter."""

from itertools import chain

import numpy as np
import pytest

from scratchvae.data import Batch
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import StratifiedElbo, SubsampledElbo
from scratchvae.posteriors import MixturePosterior
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.modalities import INSIDE, NOISE, OBSERVED, SIZES, SUBSETS, mixture, product
from scratchvae.reference.cases.models import B, X, Z

torch = pytest.importorskip("torch")
laws = torch.distributions
STANDARD = laws.Normal(torch.zeros(Z).double(), torch.ones(Z).double())


def network(w, part, x):
    h = torch.tanh(x @ w[f"{part}.0.weight"] + w[f"{part}.0.bias"])
    return h @ w[f"{part}.2.weight"] + w[f"{part}.2.bias"]


def said(w, x, seen):
    """The expert of each modality that has an observed entry: a Normal for each."""
    cut = SIZES[0]
    found = []
    for m, columns in enumerate((slice(0, cut), slice(cut, None))):
        if seen[columns].any():
            mean, log_var = network(w, f"encoder.encoders.{m}", (x * seen)[columns]).chunk(2)
            found.append(laws.Normal(mean, torch.exp(0.5 * log_var)))
    return found


def log_px(w, x, z, seen):
    law = laws.Bernoulli(logits=network(w, "decoder", z), validate_args=False)
    return (law.log_prob(x) * seen).sum()


def multiplied(experts):
    precision = 1 + sum((expert.scale**-2 for expert in experts), torch.zeros(Z).double())
    weighted = sum((expert.loc * expert.scale**-2 for expert in experts), torch.zeros(Z).double())
    return laws.Normal(weighted / precision, precision**-0.5)


def subsampled(w, beta):
    """−ELBO of all modalities, of each, and of the subsets; a sum over subsets and a mean over examples."""
    noise, losses = iter(torch.tensor(NOISE)), []
    for i, x in enumerate(torch.tensor(X)):
        loss = 0
        for subset in chain([[1, 1], [1, 0], [0, 1]], INSIDE[i]):
            seen = torch.tensor(OBSERVED[i] * np.repeat(np.asarray(subset, float), SIZES))
            experts, eps = said(w, x, seen), next(noise)
            q = multiplied(experts)
            z = q.loc + q.scale * eps
            loss = loss - log_px(w, x, z, seen) + beta * laws.kl_divergence(q, STANDARD).sum()
        losses.append(loss)
    return torch.stack(losses).mean()


def stratified(w, beta, noise):
    """Σ_m 1/|P| (−log p(x|z_m) + β log q(z_m|x)/p(z_m)), z_m a draw of the expert m."""
    losses = []
    for i, x in enumerate(torch.tensor(X)):
        seen, loss = torch.tensor(OBSERVED[i]), 0
        experts = said(w, x, seen)
        present = [m for m, cut in enumerate((slice(0, SIZES[0]), slice(SIZES[0], None))) if seen[cut].any()]
        for expert, m in zip(experts, present, strict=True):
            z = expert.loc + expert.scale * torch.tensor(noise[i * len(SIZES) + m])
            each = torch.stack([other.log_prob(z).sum() for other in experts])
            log_q = torch.logsumexp(each, 0) - np.log(len(experts))
            kl = log_q - STANDARD.log_prob(z).sum()
            loss = loss + (beta * kl - log_px(w, x, z, seen)) / len(experts)
        losses.append(loss)
    return torch.stack(losses).mean()


def weighted(w, noise, K):
    """Σ_m 1/|P| −log 1/K Σ_k w_mk, z_mk a draw of the expert m: equation 3 of Shi et al. 2019."""
    losses, noise = [], torch.tensor(noise).view(B, K, len(SIZES), Z)
    for i, x in enumerate(torch.tensor(X)):
        seen, loss = torch.tensor(OBSERVED[i]), 0
        experts = said(w, x, seen)
        present = [m for m, cut in enumerate((slice(0, SIZES[0]), slice(SIZES[0], None))) if seen[cut].any()]
        for expert, m in zip(experts, present, strict=True):
            log_w = []
            for eps in noise[i, :, m]:
                z = expert.loc + expert.scale * eps
                each = torch.stack([other.log_prob(z).sum() for other in experts])
                log_q = torch.logsumexp(each, 0) - np.log(len(experts))
                log_w.append(log_px(w, x, z, seen) + STANDARD.log_prob(z).sum() - log_q)
            loss = loss - (torch.logsumexp(torch.stack(log_w), 0) - np.log(K)) / len(experts)
        losses.append(loss)
    return torch.stack(losses).mean()


def agree(model, objective, noise, theirs):
    cast(model, np.float64)
    parameters = named_parameters(model)
    weights = {name: torch.tensor(p.value, requires_grad=True) for name, p in parameters.items()}
    report, pullback = objective(model, Batch(X, observed=OBSERVED), noise)
    pullback()
    loss = theirs(weights)
    loss.backward()
    assert report.loss == pytest.approx(loss.item(), rel=1e-12)
    for name, parameter in parameters.items():
        np.testing.assert_allclose(parameter.grad, weights[name].grad, rtol=1e-10, atol=1e-12, err_msg=name)


def test_the_bound_over_subsets_agrees_with_autograd():
    objective = SubsampledElbo(SUBSETS, beta=1.7)
    agree(product(), objective, (NOISE, INSIDE), lambda w: subsampled(w, 1.7))


def test_the_stratified_bound_of_a_mixture_agrees_with_autograd():
    noise = normal(B * len(SIZES), Z, seed=42)
    drawn = MixturePosterior(Z, len(SIZES)).stratified(noise)
    agree(mixture(), StratifiedElbo(beta=0.6), drawn, lambda w: stratified(w, 0.6, noise))


@pytest.mark.parametrize("K", [1, 4])
def test_the_weighted_bound_of_a_mixture_agrees_with_autograd(K):
    noise = normal(B * K * len(SIZES), Z, seed=43)
    drawn = MixturePosterior(Z, len(SIZES)).stratified(noise)
    agree(mixture(), StratifiedElbo(samples=K, weighted=True), drawn, lambda w: weighted(w, noise, K))
