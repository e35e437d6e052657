"""M2 in PyTorch: loss, terms and the gradient of every Parameter, on the same weights and noise."""

import numpy as np
import pytest

from scratchvae.data import Batch
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import SemiSupervised
from scratchvae.reference.cases.models import B, X, Z
from scratchvae.reference.cases.semi_supervised import CLASSES, LABELS, NOISE, SHARES, semi_supervised

torch = pytest.importorskip("torch")
F, laws = torch.nn.functional, torch.distributions


def theirs(w, alpha, beta):
    """Equations 6 to 9 of the paper, an example at a time, with autograd's gradients."""

    def network(part, x):
        h = torch.tanh(x @ w[f"{part}.0.weight"] + w[f"{part}.0.bias"])
        return h @ w[f"{part}.2.weight"] + w[f"{part}.2.bias"]

    def of_class(x, k, noise):
        c = F.one_hot(torch.tensor(k), CLASSES).double()
        mean, log_var = network("encoder", torch.cat([x, c])).chunk(2)
        q = laws.Normal(mean, torch.exp(0.5 * log_var))
        z = laws.AffineTransform(q.mean, q.stddev)(noise)
        log_px = (
            laws.Bernoulli(logits=network("decoder", torch.cat([z, c])), validate_args=False)
            .log_prob(x)
            .sum()
        )
        kl = laws.kl_divergence(q, laws.Normal(torch.zeros(Z).double(), torch.ones(Z).double())).sum()
        return log_px, kl - torch.log(torch.tensor(SHARES, dtype=torch.float64))[k]

    losses, terms = [], {"bound": [], "log_px": [], "kl": [], "log_qy": []}
    noise = torch.tensor(NOISE).reshape(B, CLASSES, Z)
    for i, x in enumerate(torch.tensor(X)):
        q_y = laws.Categorical(logits=network("classifier", x))
        pairs = [of_class(x, k, noise[i, k]) for k in range(CLASSES)]
        if LABELS[i] >= 0:
            log_px, kl = pairs[LABELS[i]]
            log_qy = q_y.log_prob(torch.tensor(LABELS[i]))
        else:
            log_px = sum(p * one for p, (one, _) in zip(q_y.probs, pairs, strict=True))
            kl = sum(p * one for p, (_, one) in zip(q_y.probs, pairs, strict=True)) - q_y.entropy()
            log_qy = torch.tensor(0.0)
        losses.append(-log_px + beta * kl - alpha * log_qy)
        for name, term in {"bound": log_px - kl, "log_px": log_px, "kl": kl, "log_qy": log_qy}.items():
            terms[name].append(term.item())
    return torch.stack(losses).mean(), terms


def test_m2_agrees_with_autograd():
    model = semi_supervised()
    cast(model, np.float64)
    parameters = named_parameters(model)
    weights = {name: torch.tensor(p.value, requires_grad=True) for name, p in parameters.items()}
    report, pullback = SemiSupervised(alpha=2.3, beta=0.6)(model, Batch(X, LABELS), NOISE)
    pullback()
    loss, terms = theirs(weights, 2.3, 0.6)
    loss.backward()
    assert report.loss == pytest.approx(loss.item(), rel=1e-12)
    for name, term in terms.items():
        np.testing.assert_allclose(report.terms[name], term, rtol=1e-11, atol=1e-12)
    for name, parameter in parameters.items():
        np.testing.assert_allclose(parameter.grad, weights[name].grad, rtol=1e-10, atol=1e-12, err_msg=name)
