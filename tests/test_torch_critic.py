"""The losses of both phases of an adversary against PyTorch's autograd, in float64, on the same noise."""

import numpy as np
import pytest

from scratchvae import mlp
from scratchvae.data import Batch
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import Critic, DecoderNorm, Discrimination, Elbo, Reconstruction, SampledElbo

torch = pytest.importorskip("torch")
laws, F = torch.distributions, torch.nn.functional

B, D, Z, K = 7, 4, 3, 2
CLOSE = 1e-10  # of the largest entry
RNG = np.random.default_rng(0)
X = RNG.uniform(0.1, 0.9, (B, D))


def network(x, parameters):
    weights = list(parameters)
    for weight, bias in zip(weights[::2], weights[1::2], strict=True):
        x = x @ weight + bias
        x = torch.tanh(x) if bias is not weights[-1] else x
    return x


class Twin:
    """The model's networks as functions of the same Parameters."""

    def __init__(self, model):
        self.parameters = {
            name: torch.tensor(p.value, requires_grad=True) for name, p in named_parameters(model).items()
        }
        self.variational = model.encoder.layers[-1].bias.value.size == 2 * Z

    def part(self, name, x):
        return network(x, [p for path, p in self.parameters.items() if path.startswith(f"{name}.")])

    def codes(self, noise, draws=1):
        q = self.part("encoder", torch.tensor(X)).repeat_interleave(draws, dim=0)
        if not self.variational:
            return q, None
        law = laws.Normal(q[:, :Z], torch.exp(q[:, Z:] / 2))
        return law.loc + law.scale * torch.tensor(noise), law

    def log_px(self, z, draws=1):
        logits = self.part("decoder", z)
        return -F.binary_cross_entropy_with_logits(
            logits, torch.tensor(X).repeat_interleave(draws, dim=0), reduction="none"
        ).sum(1)

    def first(self, objective, noise, draws):
        """The loss of the model's phase, as its paper writes it."""
        (penalty,) = objective.penalties
        z, law = self.codes(noise, draws)
        loss = -self.log_px(z, draws).mean()
        if law is not None and isinstance(objective, Elbo):
            loss = loss + laws.kl_divergence(law, laws.Normal(0.0, 1.0)).sum(1).mean()
        if isinstance(objective, SampledElbo):
            loss = loss + (law.log_prob(z) - laws.Normal(0.0, 1.0).log_prob(z)).sum(1).mean()
        if isinstance(penalty, DecoderNorm):
            return loss + penalty.weight * sum(
                (p**2).sum() for n, p in self.parameters.items() if n.startswith("decoder")
            )
        D_of_z = torch.sigmoid(self.part("critic", z))
        if penalty.form == "log_ratio":
            return loss + penalty.weight * (torch.log(D_of_z) - torch.log(1 - D_of_z)).mean()
        return loss - penalty.weight * torch.log(1 - D_of_z).mean()

    def second(self, noise, others, against):
        """The cross entropy of the critic's phase, of detached codes."""
        z = self.codes(noise)[0].detach()
        r = torch.tensor(others) if against == "prior" else torch.gather(z, 0, torch.tensor(others))
        true, false = torch.ones(B, 1).double(), torch.zeros(B, 1).double()
        real = F.binary_cross_entropy_with_logits(self.part("critic", z), true)
        return (real + F.binary_cross_entropy_with_logits(self.part("critic", r), false)) / 2


CASES = {  # model, the model's objective, draws
    "factor_vae": ("vae", Elbo(penalties=(Critic(3.0),)), 1),
    "two draws": ("vae", SampledElbo(samples=K, penalties=(Critic(3.0),)), K),
    "adversarial": ("autoencoder", Reconstruction(penalties=(Critic(5.0, "prior", "non_saturating"),)), 1),
    "against the prior": ("vae", Elbo(penalties=(Critic(2.0, "prior"),)), 1),
    "decoder's norm": ("autoencoder", Reconstruction(penalties=(DecoderNorm(0.3),)), 1),
}


@pytest.mark.parametrize("case", CASES)
def test_both_phases(case):
    kind, objective, draws = CASES[case]
    model = mlp((D,), latent_dim=Z, hidden=(5, 4), activation="tanh", model=kind, critic=(6, 3), seed=1)
    cast(model, np.float64)
    if not isinstance(objective.penalties[0], DecoderNorm):
        against = objective.penalties[0].against
        noise = Discrimination(against).draw_noise(model, B, np.random.default_rng(2))
        own = noise[0].astype(np.float64)
        others = noise[1].astype(np.float64) if against == "prior" else noise[1]
        require_same(
            model, Discrimination(against), (own, others), lambda twin: twin.second(own, others, against)
        )
    noise = objective.draw_noise(model, B, np.random.default_rng(3))
    own = np.asarray(noise[0], np.float64)
    require_same(model, objective, (own, *noise[1:]), lambda twin: twin.first(objective, own, draws))


def require_same(model, objective, noise, loss_of):
    parameters = named_parameters(model)
    for parameter in parameters.values():
        parameter.grad = None
    report, pullback = objective(model, Batch(X), noise)
    pullback()
    twin = Twin(model)
    loss = loss_of(twin)
    loss.backward()
    assert report.loss == pytest.approx(loss.item(), rel=CLOSE)
    for name, parameter in parameters.items():
        theirs = twin.parameters[name].grad
        if theirs is None:
            assert parameter.grad is None, name
        else:
            expected = theirs.numpy()
            np.testing.assert_allclose(
                parameter.grad, expected, rtol=0, atol=CLOSE * np.abs(expected).max(), err_msg=name
            )
