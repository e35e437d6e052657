"""Missing entries against PyTorch, in float64, on the same noise and mask: bounds, their gradients,
imputations.
"""

import numpy as np
import pytest

from scratchvae import likelihoods
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import impute
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import Iwae
from scratchvae.recipes import FILLS, mlp

torch = pytest.importorskip("torch")
laws = torch.distributions

B, D, Z, K = 5, 4, 2, 6
CLOSE = 1e-10  # of the largest entry
RNG = np.random.default_rng(0)
X, OBSERVED = RNG.uniform(0.1, 0.9, (B, D)), RNG.random((B, D)) < 0.6
OBSERVED[0] = False
BY_ENTRY = {  # the law of each entry, from x_params
    "Bernoulli": lambda p: laws.Bernoulli(logits=p, validate_args=False),
    "GaussianPerPixel": lambda p: laws.Normal(p[..., :D], torch.exp(p[..., D:] / 2)),
    "Laplace": lambda p: laws.Laplace(p, 1.0),
    "Poisson": lambda p: laws.Poisson(torch.exp(p), validate_args=False),
}
MADE = {
    "Laplace": lambda: likelihoods.Laplace(1.0),  # whose logarithm float32 keeps to all digits
    "Poisson": lambda: likelihoods.Poisson(log_inputs=False),
}


def affine(h, weight, bias):
    return h @ weight + bias


def weights_of(t, law, fill, x, noise):
    """log w (B, K) and E[x|z] (B, K, D), as anyone would write them in PyTorch."""
    o, parameters = torch.tensor(OBSERVED), list(t.values())
    seen = torch.where(o, x, parameters.pop(0) if fill == "learned" else torch.zeros(()).double())
    if fill == "zero_and_mask":
        seen = torch.cat([seen, o.double()], dim=1)
    (W1, b1, W2, b2), (V1, c1, V2, c2) = parameters[:4], parameters[4:8]
    mean, log_var = affine(torch.tanh(affine(seen, W1, b1)), W2, b2).chunk(2, dim=1)
    q = laws.Normal(mean[:, None], torch.exp(log_var / 2)[:, None])
    z = mean[:, None] + torch.exp(log_var / 2)[:, None] * noise.reshape(B, K, Z)
    p = BY_ENTRY[law](affine(torch.tanh(affine(z, V1, c1)), V2, c2))
    by_entry = torch.where(o[:, None], p.log_prob(torch.where(o, x, 0.5)[:, None]), 0.0)
    log_pz = laws.Normal(torch.zeros(()).double(), torch.ones(()).double()).log_prob(z).sum(-1)
    return by_entry.sum(-1) + log_pz - q.log_prob(z).sum(-1), p.mean


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("law", BY_ENTRY)
def test_the_bound_its_gradients_and_the_imputation(law, fill):
    likelihood = MADE.get(law, getattr(likelihoods, law))()
    x = np.rint(4 * X) if law == "Poisson" else X
    model = mlp((D,), latent_dim=Z, hidden=(3,), activation="tanh", likelihood=likelihood, fill=fill, seed=1)
    cast(model, np.float64)
    parameters = named_parameters(model)
    for parameter in parameters.values():
        parameter.value = RNG.normal(size=parameter.value.shape) / 2
    noise = RNG.normal(size=(B * K, Z))
    report, pullback = Iwae(K)(model, Batch(np.where(OBSERVED, x, np.nan), observed=OBSERVED), noise)
    pullback()

    theirs = {name: torch.tensor(p.value, requires_grad=True) for name, p in parameters.items()}
    log_w, means = weights_of(
        theirs, law, fill, torch.tensor(np.where(OBSERVED, x, np.nan)), torch.tensor(noise)
    )
    bound = torch.logsumexp(log_w, dim=1) - np.log(K)
    (-bound.mean()).backward()
    np.testing.assert_allclose(report.terms["bound"], bound.detach().numpy(), rtol=CLOSE)
    for name, parameter in parameters.items():
        expected = theirs[name].grad.numpy()
        np.testing.assert_allclose(
            parameter.grad, expected, rtol=0, atol=CLOSE * max(np.abs(expected).max(), 1e-4), err_msg=name
        )

    model.draw_noise = lambda rows, rng: noise
    found = impute(model, Dataset("d", np.where(OBSERVED, x, np.nan)), samples=K, rng=RNG)
    shares = torch.softmax(log_w, dim=1)
    expected = (shares[:, :, None] * means).sum(1).detach().numpy()
    known = OBSERVED.any(axis=1)  # the others' draws are from the prior, and all count alike
    gaps = ~OBSERVED & known[:, None]
    np.testing.assert_allclose(found.x[gaps], expected[gaps], rtol=1e-9)
    effective = (1 / (shares**2).sum(1)).detach().numpy()
    np.testing.assert_allclose(found.effective, np.where(known, effective, K), rtol=1e-9)
