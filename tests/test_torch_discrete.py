"""Models with discrete latents beside PyTorch's autograd on the same noise; stop-gradients are its detach."""

import math

import numpy as np
import pytest

from scratchvae import kernels
from scratchvae.data import Batch
from scratchvae.layers import GroupSoftmax, GroupSum, Mode, Parameter, cast, named_parameters
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, Iwae, Quantization, SampledElbo
from scratchvae.posteriors import Concrete, DiagonalGaussian, GumbelSoftmax, JointPosterior, VectorQuantized
from scratchvae.priors import (
    AutoregressiveCodes,
    Codes,
    ConcretePrior,
    OneHot,
    ProductPrior,
    StandardGaussian,
)
from scratchvae.recipes import mlp

torch = pytest.importorskip("torch")
functional, laws = torch.nn.functional, torch.distributions

B, D, K, G, C = 6, 5, 3, 2, 4
RNG = np.random.default_rng(0)
X = RNG.integers(0, 2, (B, D)).astype(np.float64)
CLOSE = 1e-10


def model_of(posterior, prior, *before, width=None):
    """A VAE whose Parameters are drawn anew, in float64."""
    made = mlp((D,), latent_dim=width or posterior.latent_dim, hidden=(7,), activation="tanh", seed=1)
    encoder = mlp((D,), latent_dim=1, hidden=(7,), activation="tanh").encoder
    encoder.layers[-1].weight = Parameter(np.zeros((7, posterior.n_params), np.float32))
    encoder.layers[-1].bias = Parameter(np.zeros(posterior.n_params, np.float32))
    decoder = made.decoder
    decoder.layers = (*before, *decoder.layers)
    roles = {"posterior": posterior, "prior": prior, "likelihood": Bernoulli()}
    model = VAE(event_shape=(D,), encoder=encoder, decoder=decoder, **roles)
    cast(model, np.float64)
    for parameter in named_parameters(model).values():
        parameter.value = RNG.normal(size=parameter.value.shape)
    return model


class Twin:
    """The same numbers as tensors, by the names of the Parameters."""

    def __init__(self, model):
        self.of = {
            name: torch.tensor(p.value, requires_grad=True) for name, p in named_parameters(model).items()
        }
        self.x = torch.tensor(X)

    def encode(self):
        of = self.of
        hidden = torch.tanh(self.x @ of["encoder.0.weight"] + of["encoder.0.bias"])
        return hidden @ of["encoder.2.weight"] + of["encoder.2.bias"]

    def log_px(self, z, first=0):
        names = [name for name in self.of if name.startswith("decoder")]
        W, b, V, c = (self.of[name] for name in names)
        logits = torch.tanh(z @ W + b) @ V + c
        return laws.Bernoulli(logits=logits).log_prob(self.x.repeat_interleave(len(z) // B, 0)).sum(1)

    def logits(self, name):
        return self.of[name] if name in self.of else torch.zeros(G, C, dtype=torch.float64)


def agree(model, objective, noise, loss, *, training=False):
    """Our loss and every gradient, by both kernel twins, beside `loss` of the twin."""
    twin = Twin(model)
    expected = loss(twin)
    expected.backward()
    for kernel_twin in kernels.TWINS:
        with kernels.using(kernel_twin):
            report, pullback = objective(model, Batch(X), noise, mode=Mode(RNG, 0) if training else Mode())
            for parameter in named_parameters(model).values():
                parameter.grad = None
            pullback()
        assert abs(report.loss - expected.item()) <= CLOSE * abs(expected.item())
        for name, parameter in named_parameters(model).items():
            theirs = twin.of[name].grad
            theirs = np.zeros_like(parameter.value) if theirs is None else theirs.numpy()
            ours = np.zeros_like(theirs) if parameter.grad is None else parameter.grad
            size = max(np.abs(theirs).max(initial=0), 1e-3)
            assert np.abs(ours - theirs).max(initial=0) <= CLOSE * size, name


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("decay", [None, 0.9])
@pytest.mark.parametrize("shared", [True, False])
def test_vector_quantization(shared, decay, depth):
    """‖sg(r) − e‖² + β ‖z_e − sg(Σ e)‖² at each depth, and once z_e + sg(Σ e − z_e), by detach."""
    q = VectorQuantized(4, C, G, shared=shared, depth=depth, decay=decay, rng=2)
    before = [] if depth == 1 else [GroupSum(G, depth)]
    model = model_of(q, Codes(q, learned=True), *before, width=4)
    beta, weight, commitment = 1.3, 2.0, 0.4
    fixed = torch.tensor(q.codebooks.value)

    def loss(twin):
        z_e, books = twin.encode().unflatten(1, (G, 2)), twin.of.get("posterior.codebooks", fixed)
        books = books.expand(G * depth, C, 2)
        left, total, pays, chosen = z_e.detach(), 0, 0, []
        for t in range(depth):
            own = books[t::depth]
            indices = torch.cdist(left.transpose(0, 1), own).argmin(2).T  # (B, G)
            e = torch.stack([own[g][indices[:, g]] for g in range(G)], 1)
            total = total + e
            codebook = 0 if decay else ((left - e) ** 2).sum((1, 2))
            pays = pays + codebook + commitment * ((z_e - total.detach()) ** 2).sum((1, 2))
            left = left - e.detach()
            chosen.append(indices)
        z = z_e + (total - z_e).detach()
        log_p = torch.log_softmax(twin.of["prior.choices.logits"], 1)
        kl = -log_p[torch.arange(G * depth), torch.stack(chosen, 2).flatten(1)].sum(1)
        return (beta * kl - twin.log_px(z.flatten(1)) + weight * pays).mean()

    agree(model, Elbo(beta, penalties=(Quantization(weight, commitment),)), (np.zeros((B, 0)), None), loss)


def test_codes_that_depend_on_those_before_them():
    """The bound of a model under a MADE of its one-hot codes, with masks written out from Germain et al.

    Inputs of choice g have the place g, units the places 0, 1, 0, 1, …, and the logits of choice g read units
    of lower places.
    """
    depth, H = 3, 5
    q = VectorQuantized(4, C, 1, depth=depth, decay=0.9, rng=2)
    model = model_of(q, AutoregressiveCodes(q, hidden=(H, H)), GroupSum(1, depth), width=4)
    books = torch.tensor(q.codebooks.value[0])
    place = torch.arange(depth).repeat_interleave(C)
    unit = torch.arange(H) % (depth - 1)
    masks = [place[:, None] <= unit, unit[:, None] <= unit, unit[:, None] < place]

    def loss(twin):
        z_e = twin.encode()
        left, indices, total = z_e.detach(), [], 0
        for _ in range(depth):
            indices.append(torch.cdist(left, books).argmin(1))
            total, left = total + books[indices[-1]], left - books[indices[-1]]
        indices = torch.stack(indices, 1)
        h = functional.one_hot(indices, C).double().flatten(1)
        layers = [twin.of[f"prior.weights.{i}"] for i in range(1, 7)]
        for i, mask in enumerate(masks):
            h = h @ (layers[2 * i] * mask) + layers[2 * i + 1]
            h = functional.elu(h) if i < 2 else h
        kl = functional.cross_entropy(
            h.unflatten(1, (depth, C)).flatten(0, 1), indices.flatten(), reduction="none"
        )
        return (1.3 * kl.view(B, depth).sum(1) - twin.log_px(z_e + (total - z_e).detach())).mean()

    agree(model, Elbo(1.3), np.zeros((B, 0)), loss)


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize("learned", [False, True])
def test_gumbel_softmax(straight_through, learned):
    """functional.gumbel_softmax of the same noise, with `hard` its own straight-through step."""
    temperature, noise = 0.7, RNG.standard_exponential((B, G * C))
    q = GumbelSoftmax(G, C, temperature=temperature, straight_through=straight_through)
    model = model_of(q, OneHot(G, C, learned=learned))

    def loss(twin):
        logits = twin.encode().unflatten(1, (G, C))
        soft = functional.softmax((logits - torch.tensor(noise).log().view_as(logits)) / temperature, dim=2)
        hard = functional.one_hot(soft.argmax(2), C).double()
        z = hard - soft.detach() + soft if straight_through else soft
        prior = laws.Categorical(logits=twin.logits("prior.logits"))
        kl = laws.kl_divergence(laws.Categorical(logits=logits), prior).sum(1)
        return (1.3 * kl - twin.log_px(z.flatten(1))).mean()

    agree(model, Elbo(1.3), noise, loss, training=True)


def test_straight_through_with_a_sampled_kl():
    """log q and log p are linear in z: at one-hot z they are OneHotCategorical's, and z has a part in the
    gradient.
    """
    noise = RNG.standard_exponential((B * K, G * C))
    model = model_of(GumbelSoftmax(G, C, temperature=0.7, straight_through=True), OneHot(G, C, learned=True))

    def loss(twin):
        logits = twin.encode().unflatten(1, (G, C)).repeat_interleave(K, 0)
        soft = functional.softmax((logits - torch.tensor(noise).log().view_as(logits)) / 0.7, dim=2)
        z = functional.one_hot(soft.argmax(2), C).double() - soft.detach() + soft
        log_q = (z * torch.log_softmax(logits, 2)).sum((1, 2))
        log_p = (z * torch.log_softmax(twin.logits("prior.logits"), 1)).sum((1, 2))
        expected = laws.OneHotCategorical(logits=logits).log_prob(z.detach().round()).sum(1)
        assert torch.allclose(log_q, expected)
        return (1.3 * (log_q - log_p) - twin.log_px(z.flatten(1))).mean()

    agree(model, SampledElbo(1.3, K), noise, loss, training=True)


@pytest.mark.parametrize(
    ("objective", "score"),
    [(SampledElbo(1.0, K), True), (SampledElbo(1.0, K, gradient="stl"), False), (Iwae(K), True)],
    ids=["sampled", "stl", "iwae"],
)
@pytest.mark.parametrize("learned", [False, True])
def test_concrete(objective, score, learned):
    """ExpRelaxedCategorical's densities of both roles, and its own map from the noise to y."""
    noise = RNG.standard_exponential((B * K, G * C))
    prior = ConcretePrior(G, C, temperature=0.4, learned=learned)
    model = model_of(Concrete(G, C, temperature=0.7), prior, GroupSoftmax(G))
    law = laws.relaxed_categorical.ExpRelaxedCategorical

    def loss(twin):
        logits = twin.encode().unflatten(1, (G, C)).repeat_interleave(K, 0)
        y = torch.log_softmax((logits - torch.tensor(noise).log().view_as(logits)) / 0.7, 2)
        hot, cold = torch.tensor(0.7, dtype=torch.float64), torch.tensor(0.4, dtype=torch.float64)
        log_q = law(hot, logits=logits if score else logits.detach()).log_prob(y).sum(1)
        log_p = law(cold, logits=twin.logits("prior.choices.logits")).log_prob(y).sum(1)
        log_w = (twin.log_px(y.exp().flatten(1)) + log_p - log_q).view(B, K)
        each = torch.logsumexp(log_w, 1) - math.log(K) if isinstance(objective, Iwae) else log_w.mean(1)
        return -each.mean()

    agree(model, objective, noise, loss, training=True)


def test_gaussians_beside_choices():
    """kl_divergence and draws of Normal beside those of Categorical, side by side in z."""
    temperature, noise = 0.7, (RNG.normal(size=(B, 3)), RNG.standard_exponential((B, G * C)))
    q = JointPosterior(DiagonalGaussian(3), GumbelSoftmax(G, C, temperature=temperature))
    model = model_of(q, ProductPrior(StandardGaussian(3), OneHot(G, C)))

    def loss(twin):
        mean, log_var, logits = twin.encode().split([3, 3, G * C], dim=1)
        logits = logits.unflatten(1, (G, C))
        normal = laws.Normal(mean, (log_var / 2).exp())
        soft = functional.softmax(
            (logits - torch.tensor(noise[1]).log().view_as(logits)) / temperature, dim=2
        )
        z = torch.hstack([mean + normal.stddev * torch.tensor(noise[0]), soft.flatten(1)])
        choices = laws.Categorical(logits=logits)
        uniform = laws.Categorical(logits=torch.zeros_like(logits))
        kl = laws.kl_divergence(normal, laws.Normal(0.0, 1.0)).sum(1) + laws.kl_divergence(
            choices, uniform
        ).sum(1)
        return (1.3 * kl - twin.log_px(z)).mean()

    agree(model, Elbo(1.3), noise, loss, training=True)
