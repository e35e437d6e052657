"""Whole models in PyTorch's own words; each op's and each law's expression is in its Part of
scratchvae.reference.cases.

Nothing here is derived by hand: values are torch.nn.functional's and torch.distributions', gradients are
autograd's.
"""

import math
from itertools import pairwise
from types import SimpleNamespace

import pytest

from scratchvae.objectives import (
    L1,
    L2,
    ActivationKl,
    Ciwae,
    CodeCovariance,
    Contraction,
    DecoderGradient,
    Elbo,
    Iwae,
    Mmd,
    Reconstruction,
    Renyi,
    SampledElbo,
    ScoreFunctionElbo,
    SlicedWasserstein,
    Thermodynamic,
    TotalCorrelation,
    Vimco,
)
from scratchvae.reference import all_parts
from scratchvae.reference.cases import torch_sphere
from scratchvae.reference.cases.gaussian import torch_law, torch_standard
from scratchvae.reference.cases.gaussian_full_oracles import torch_by_dimension, torch_draw
from scratchvae.reference.cases.gaussian_full_oracles import torch_law as full_law
from scratchvae.reference.cases.mixture import torch_law as mixture_law
from scratchvae.reference.cases.ops_torch import torch_triangular

torch = pytest.importorskip("torch")
nn, laws = torch.nn, torch.distributions


def of_observed(by_entry, observed, draws=1):
    """Σ over the observed entries of log-densities (B · draws, D)."""
    return by_entry.sum(1) if observed is None else (by_entry * observed.repeat_interleave(draws, 0)).sum(1)


def normal(mean, log_var):
    return torch_law(torch, mean, log_var)


ACTIVATIONS = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": lambda: nn.Softplus(threshold=50),
    "tanh": nn.Tanh,
}


class StandardPrior(nn.Module):
    def __init__(self, twin, D, latent_dim):
        super().__init__()

    def log_prob(self, z):
        return laws.Independent(torch_standard(torch, z), 1).log_prob(z)


class LogisticNormalPrior(nn.Module):
    """With every α = 1: the means are 0 and the variances 1 − 2/K + 1/K."""

    def __init__(self, twin, D, latent_dim):
        super().__init__()
        self.law = laws.Independent(
            laws.Normal(torch.zeros(latent_dim).double(), math.sqrt(1 - 1 / latent_dim)), 1
        )

    def log_prob(self, z):
        return self.law.log_prob(z)


class MixturePrior(nn.Module):
    def __init__(self, twin, D, latent_dim):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(10))
        self.means = nn.Parameter(torch.zeros(10, latent_dim))
        self.log_vars = nn.Parameter(torch.zeros(10, latent_dim))

    def log_prob(self, z):
        return mixture_law(torch, self.logits, self.means, self.log_vars).log_prob(z)


class VampPrior(nn.Module):
    """1/K Σ_k q(z|u_k), by the twin's own encoder, which its own `encoder` registers; u is held within
    `bounds`.
    """

    bounds = -math.inf, math.inf

    def __init__(self, twin, D, latent_dim):
        super().__init__()
        self.pseudo_inputs = nn.Parameter(torch.zeros(100, D))
        self.component = lambda u: twin.posterior.law(twin.encoder(u))

    def log_prob(self, z):
        law = self.component(nn.functional.hardtanh(self.pseudo_inputs, *self.bounds))
        return torch.logsumexp(law.log_prob(z[:, None]), dim=1) - math.log(len(self.pseudo_inputs))


class ConditionalPrior(nn.Module):
    """p(z|y) at `known` (B, C), which is set before each step."""

    def __init__(self, twin, D, latent_dim):
        super().__init__()
        self.layer = nn.Linear(twin.told, 2 * latent_dim)

    def law(self, draws):
        return normal(*self.layer(self.known).repeat_interleave(draws, dim=0).chunk(2, dim=1))

    def log_prob(self, z):
        return laws.Independent(self.law(len(z) // len(self.known)), 1).log_prob(z)


class DiagonalPosterior:
    def __init__(self, latent_dim):
        self.outputs = 2 * latent_dim

    def law(self, q_params):
        return laws.Independent(normal(*q_params.chunk(2, dim=1)), 1)

    def kl(self, q_params):
        """For each latent of each example."""
        q = normal(*q_params.chunk(2, dim=1))
        return laws.kl_divergence(q, torch_standard(torch, q.mean))

    def draw(self, q_params, noise):
        q = normal(*q_params.chunk(2, dim=1))
        return laws.AffineTransform(q.mean, q.stddev)(noise)


class FullPosterior:
    def __init__(self, latent_dim):
        self.latent_dim, self.outputs = latent_dim, latent_dim + latent_dim * (latent_dim + 1) // 2

    def mean_and_factor(self, q_params):
        return q_params[:, : self.latent_dim], torch_triangular(torch, q_params[:, self.latent_dim :])

    def law(self, q_params):
        return full_law(torch, *self.mean_and_factor(q_params))

    def kl(self, q_params):
        """For each latent of each example, given the latents before it."""
        return torch_by_dimension(torch, *self.mean_and_factor(q_params))

    def draw(self, q_params, noise):
        return torch_draw(torch, *self.mean_and_factor(q_params), noise)


class SpherePosterior:
    def __init__(self, latent_dim):
        self.latent_dim, self.outputs = latent_dim, latent_dim + 1

    def split(self, q_params):
        return nn.functional.normalize(q_params[:, :-1], dim=1), q_params[:, -1]

    def law(self, q_params):
        return SimpleNamespace(log_prob=lambda z: torch_sphere.log_prob(torch, z, *self.split(q_params)))

    def kl(self, q_params):
        """Of all latents together."""
        return torch_sphere.kl_to_uniform(torch, q_params[:, -1], dim=self.latent_dim)[:, None]

    def draw(self, q_params, noise):
        mean, log_concentration = self.split(q_params)
        v = torch_sphere.versine(torch, log_concentration, uniform=noise[:, 0], dim=self.latent_dim)
        return torch_sphere.reparameterize(
            torch, mean, v, tangent=nn.functional.normalize(noise[:, 1:], dim=1)
        )


class SpherePrior(StandardPrior):
    def log_prob(self, z):
        return 0 * z.sum(1) - torch_sphere.log_area(z.shape[1])


POSTERIORS = {
    "diagonal_gaussian": DiagonalPosterior,
    "full_gaussian": FullPosterior,
    "von_mises_fisher": SpherePosterior,
}
PRIORS = {
    "uniform_sphere": SpherePrior,
    "conditional_gaussian": ConditionalPrior,
    "gaussian_mixture": MixturePrior,
    "logistic_normal": LogisticNormalPrior,
    "standard_gaussian": StandardPrior,
    "vamp": VampPrior,
}


def _likelihood(name, D):
    """The module of a choice's Part."""
    (part,) = (part for part in all_parts() if part.name == name)
    return part.torch(torch, D)


class ConvolutionBackTo(nn.Module):
    """A transposed convolution that is told the size of its output."""

    def __init__(self, before, after, size):
        super().__init__()
        self.convolution = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
        self.size = size

    def forward(self, x):
        return self.convolution(x, output_size=self.size)


class Around(nn.Module):
    """The last `width` entries of each example go around `module`."""

    def __init__(self, module, width):
        super().__init__()
        self.module, self.width = module, width

    def forward(self, x):
        return torch.hstack([self.module(x[:, : -self.width]), x[:, -self.width :]])


def mlp_networks(
    event_shape, codes, latents, outputs, *, told=0, hidden=(400,), activation="relu", code_activation=None
):
    """Encoder and decoder of the recipe `mlp`; the encoder puts out `codes` numbers, and `told` are those of
    y.
    """
    D = math.prod(event_shape)

    def chain(widths):
        layers = [
            layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), ACTIVATIONS[activation]())
        ]
        return nn.Sequential(*layers[:-1])

    ends = [ACTIVATIONS[code_activation]()] if code_activation else []
    return nn.Sequential(*chain([D + told, *hidden, codes]), *ends), chain(
        [latents + told, *hidden[::-1], outputs * D]
    )


def convolutional_networks(
    event_shape, codes, latents, outputs, *, told=0, channels=(32, 64), hidden=256, activation="relu"
):
    """Encoder and decoder of the recipe `convolutional`."""
    act = ACTIVATIONS[activation]
    down, up, size, before = [], [], event_shape[1:], event_shape[0]
    for after in channels:
        convolution = nn.Conv2d(before, after, 4, stride=2, padding=1)
        first = not down
        down += [convolution, act()]
        up = [
            ConvolutionBackTo(after, outputs * before if first else before, size),
            *([] if first else [act()]),
            *up,
        ]
        size, before = convolution(torch.zeros(1, before, *size)).shape[2:], after
    flat = before * math.prod(size)
    images = [nn.Unflatten(1, event_shape), *down, nn.Flatten()]
    images = [Around(nn.Sequential(*images), told)] if told else images
    encoder = [*images, nn.Linear(flat + told, hidden), act(), nn.Linear(hidden, codes)]
    decoder = [
        nn.Linear(latents + told, hidden),
        act(),
        nn.Linear(hidden, flat),
        act(),
        nn.Unflatten(1, (before, *size)),
        *up,
    ]
    return nn.Sequential(*encoder), nn.Sequential(*decoder, nn.Flatten())


NETWORKS = {"convolutional": convolutional_networks, "mlp": mlp_networks}


class Twin(nn.Module):
    """A recipe's model in PyTorch."""

    def __init__(
        self,
        recipe,
        event_shape,
        *,
        latent_dim,
        likelihood,
        model="vae",
        posterior="diagonal_gaussian",
        prior="standard_gaussian",
        classes=None,
        condition_dim=None,
        **sizes,
    ):
        super().__init__()
        self.posterior = POSTERIORS[posterior](latent_dim)
        self.likelihood = _likelihood(likelihood, math.prod(event_shape))
        self.classes, self.known = classes, None
        self.told = told = classes or condition_dim or 0
        self.conditional_prior = prior == "conditional_gaussian"
        self.prior = PRIORS[prior](self, math.prod(event_shape), latent_dim)
        self.variational = model != "autoencoder"
        codes = self.posterior.outputs if self.variational else latent_dim
        sizes |= {"told": told} if told else {}
        self.encoder, self.decoder = NETWORKS[recipe](
            event_shape, codes, latent_dim, self.likelihood.outputs, **sizes
        )

    def tell(self, y):
        """What y (B,) or (B, C) is of the next batch."""
        if y is not None:
            self.known = self.prior.known = (
                nn.functional.one_hot(y, self.classes).double() if self.classes else y
            )

    def encode(self, x):
        x = self.likelihood.seen(x)
        return self.encoder(x if self.known is None else torch.hstack([x, self.known]))

    def decode(self, z):
        if self.known is None:
            return self.decoder(z)
        return self.decoder(torch.hstack([z, self.known.repeat_interleave(len(z) // len(self.known), dim=0)]))

    def kl(self, q_params):
        if not self.conditional_prior:
            return self.posterior.kl(q_params)
        return laws.kl_divergence(normal(*q_params.chunk(2, dim=1)), self.prior.law(1))

    def draw(self, x, noise):
        return self.posterior.draw(self.encode(x), noise) if self.variational else self.encode(x)

    def log_weights(self, x, noise, K, *, score=True, squared=0):
        """log p(x|z), log p(z) and log q(z|x), each (B, K); without the score, q's own parameters stand still
        in log q.

        In `squared` groups, what a draw passes on to q is multiplied by its normalized weight (Tucker et al.
        2019, equation 8).
        """
        q_params = self.encode(x).repeat_interleave(K, dim=0)
        z = self.posterior.draw(q_params, noise)
        log_px = self.likelihood(self.decode(z), x.repeat_interleave(K, dim=0))
        law = self.posterior.law(q_params if score else q_params.detach())
        terms = [term.unflatten(0, (-1, K)) for term in (log_px, self.prior.log_prob(z), law.log_prob(z))]
        if squared:
            log_w = (terms[0] + terms[1] - terms[2]).detach()
            weights = torch.softmax(log_w.unflatten(1, (squared, -1)), dim=2).flatten()
            z.register_hook(lambda dz: dz * weights[:, None])
        return terms

    def elbo(self, x, noise, *, beta, free_bits, capacity, penalties):
        noise, *others = noise if penalties else (noise,)
        q_params = self.encode(x)
        z = self.posterior.draw(q_params, noise)
        log_px, kl = self.likelihood(self.decode(z), x), self.kl(q_params)
        penalty = (
            kl.mean(0).clamp(min=free_bits).sum() if capacity is None else (kl.sum(1) - capacity).abs().mean()
        )
        terms = {"bound": log_px - kl.sum(1), "log_px": log_px, "kl": kl.sum(1)}
        return self.penalized(
            beta * penalty - log_px.mean(), terms, penalties, others, x=x, q_params=q_params, z=z
        )

    def penalized(self, loss, terms, penalties, noises, **parts):
        """The loss with its penalties, and the terms with theirs."""
        for penalty, noise in zip(penalties, noises, strict=True):
            value = PENALTIES[type(penalty)](penalty, self, noise=noise, **parts)
            terms[penalty.term] = value.expand(len(parts["x"]))
            loss = loss + penalty.weight * value.mean()
        return loss, terms

    def sampled_elbo(self, x, noise, *, beta, samples, gradient, penalties):
        log_px, log_pz, log_q = (
            term.mean(1) for term in self.log_weights(x, noise, samples, score=gradient == "total")
        )
        kl = log_q - log_pz
        return (beta * kl - log_px).mean(), {"bound": log_px - kl, "log_px": log_px, "kl": kl}

    def weighted(self, x, noise, K, value, **estimator):
        """−⟨value(log w)⟩, and the terms of all objectives that weigh K draws."""
        log_px, log_pz, log_q = self.log_weights(x, noise, K, **estimator)
        log_w = log_px + log_pz - log_q
        bound = torch.logsumexp(log_w, dim=1) - math.log(K)
        return -value(log_w).mean(), {
            "bound": bound,
            "log_px": log_px.mean(1),
            "kl": (log_q - log_pz).mean(1),
        }

    def iwae(self, x, noise, *, samples, gradient, groups):
        def value(log_w):
            return torch.stack(
                [torch.logsumexp(part, 1) - math.log(samples) for part in log_w.chunk(groups, 1)]
            ).mean(0)

        total = gradient == "total"
        return self.weighted(x, noise, groups * samples, value, score=total, squared=0 if total else groups)

    def ciwae(self, x, noise, *, samples, beta):
        tight = laws.Categorical(torch.ones(samples).double()).probs.log()  # log 1/K
        return self.weighted(
            x, noise, samples, lambda w: beta * w.mean(1) + (1 - beta) * torch.logsumexp(w + tight, 1)
        )

    def renyi(self, x, noise, *, samples, alpha):
        return self.weighted(
            x,
            noise,
            samples,
            lambda w: (torch.logsumexp((1 - alpha) * w, 1) - math.log(samples)) / (1 - alpha),
        )

    def thermodynamic(self, x, noise, *, samples, pieces, first):
        ends = [0.0, *(first ** ((pieces - 1 - j) / (pieces - 1)) for j in range(pieces))]

        def value(w):
            means = [(torch.softmax(beta * w, 1) * w).sum(1) for beta in ends[:-1]]
            return sum((end - beta) * mean for beta, end, mean in zip(ends, ends[1:], means, strict=False))

        return self.weighted(x, noise, samples, value)

    def vimco(self, x, noise, *, samples):
        """The value of the bound, with the gradient of a surrogate in which draws and what they add stand
        still.
        """
        K = samples
        q_params, x = self.encode(x).repeat_interleave(K, dim=0), x.repeat_interleave(K, dim=0)
        z = self.posterior.draw(q_params, noise).detach()
        terms = (
            self.likelihood(self.decode(z), x),
            self.prior.log_prob(z),
            self.posterior.law(q_params).log_prob(z),
        )
        log_px, log_pz, log_q = (term.unflatten(0, (-1, K)) for term in terms)
        log_w = log_px + log_pz - log_q
        bound = torch.logsumexp(log_w, 1) - math.log(K)
        signals = []
        for k in range(K):
            others = log_w[:, [j for j in range(K) if j != k]]
            without = torch.logsumexp(torch.cat([others, others.mean(1, keepdim=True)], 1), 1) - math.log(K)
            signals.append(bound - without)
        surrogate = (bound + (torch.stack(signals, 1).detach() * log_q).sum(1)).mean()
        loss = surrogate.detach() - surrogate - bound.detach().mean()
        return loss, {"bound": bound, "log_px": log_px.mean(1), "kl": (log_q - log_pz).mean(1)}

    def score_function(self, x, noise, *, samples, leave_one_out):
        """The value of the bound, with the gradient of a surrogate in which draws and their worth stand
        still.
        """
        K = samples
        q_params, x = self.encode(x).repeat_interleave(K, dim=0), x.repeat_interleave(K, dim=0)
        z = self.posterior.draw(q_params, noise).detach()
        terms = (
            self.likelihood(self.decode(z), x),
            self.prior.log_prob(z),
            self.posterior.law(q_params).log_prob(z),
        )
        log_px, log_pz, log_q = (term.unflatten(0, (-1, K)) for term in terms)
        f = log_px + log_pz - log_q
        others = (
            torch.stack([f[:, [j for j in range(K) if j != k]].mean(1) for k in range(K)], dim=1)
            if leave_one_out
            else 0
        )
        surrogate = (log_px + log_pz + (f - others).detach() * log_q).mean()
        loss = surrogate.detach() - surrogate - f.detach().mean()
        return loss, {"bound": f.mean(1), "log_px": log_px.mean(1), "kl": (log_q - log_pz).mean(1)}

    def reconstruction(self, x, noise, *, noise_std, mask_rate, penalties):
        noise, epsilon, kept, *others = noise
        seen = x
        if self.training and noise_std:
            seen = seen + noise_std * epsilon
        if self.training and mask_rate:
            seen = seen.masked_fill(~kept, 0)
        z = self.draw(seen, noise)
        log_px = self.likelihood(self.decode(z), x)
        return self.penalized(
            -log_px.mean(), {"log_px": log_px}, penalties, others, x=seen, q_params=None, z=z
        )

    def forward(self, objective, x, noise):
        """(loss, terms) as `objective` names them."""
        return getattr(self, OBJECTIVES[type(objective)])(x, noise, **vars(objective))


def activation_kl(penalty, twin, *, z, **parts):
    q, p = laws.Bernoulli(torch.full_like(z[0], penalty.target)), laws.Bernoulli(z.mean(0))
    return laws.kl_divergence(q, p).sum()


def contraction(penalty, twin, *, x, **parts):
    jacobian = torch.func.vmap(torch.func.jacrev(lambda one: twin.encoder(one[None])[0]))(x)
    return (jacobian**2).sum((1, 2))


def decoder_gradient(penalty, twin, *, z, **parts):
    jacobian = torch.func.vmap(torch.func.jacrev(lambda one: twin.decoder(one[None])[0]))(z)
    return (jacobian**2).sum((1, 2))


def total_correlation(penalty, twin, *, q_params, z, **parts):
    B, N = len(z), penalty.examples or len(z)
    shares = torch.full((B, B), 1 / B, dtype=torch.double)
    if penalty.examples and penalty.estimator == "stratified":
        for b in range(B):
            for m in range(B):
                others = (N - B + 1) / (N * (B - 1)) if m == (b + 1) % B else 1 / (B - 1)
                shares[b, m] = 1 / N if m == b else others
    log_q = normal(*q_params.chunk(2, dim=1)).log_prob(z[:, None])  # (B, B, Z)
    joint = (shares * log_q.sum(2).exp()).sum(1).log()
    return joint - (shares[:, :, None] * log_q.exp()).sum(1).log().sum(1)


def code_covariance(penalty, twin, *, q_params, **parts):
    law = normal(*q_params.chunk(2, dim=1))
    C = torch.cov(law.mean.T, correction=0) + (
        torch.diag(law.variance.mean(0)) if penalty.of == "draws" else 0
    )
    diagonal = torch.diagonal(C)
    return (C**2).sum() - (diagonal**2).sum() + penalty.diagonal * ((diagonal - 1) ** 2).sum()


def mmd(penalty, twin, *, z, noise, **parts):
    Z = z.shape[1]
    width = penalty.scale * Z

    def mean(a, b, same):
        squares = ((a[:, None] - b) ** 2).sum(2)
        k = (
            torch.exp(-squares / (2 * width))
            if penalty.kernel == "gaussian"
            else 2 * width / (2 * width + squares)
        )
        return (k.sum() - k.trace()) / (len(a) * (len(a) - 1)) if same else k.mean()

    if penalty.estimator == "closed_form":
        sum_law = laws.Independent(
            laws.Normal(torch.zeros(Z).double(), math.sqrt(width + 1)), 1
        )  # of z minus a draw, and its kernel
        scale = (2 * math.pi * width) ** (Z / 2)
        pairs = (width / (width + 2)) ** (Z / 2)
        return mean(z, z, True) + pairs - 2 * scale * sum_law.log_prob(z).exp().mean()
    return (
        mean(z, z, penalty.estimator == "u")
        + mean(noise, noise, penalty.estimator == "u")
        - 2 * mean(z, noise, False)
    )


def sliced_wasserstein(penalty, twin, *, z, noise, **parts):
    p, directions = noise[: len(z)], nn.functional.normalize(noise[len(z) :], dim=1)
    return ((z @ directions.T).sort(0).values - (p @ directions.T).sort(0).values).square().mean()


PENALTIES = {
    L1: lambda penalty, twin, *, z, **parts: z.abs().sum(1),
    L2: lambda penalty, twin, *, z, **parts: (z**2).sum(1) / 2,
    ActivationKl: activation_kl,
    CodeCovariance: code_covariance,
    Contraction: contraction,
    DecoderGradient: decoder_gradient,
    Mmd: mmd,
    SlicedWasserstein: sliced_wasserstein,
    TotalCorrelation: total_correlation,
}
OBJECTIVES = {
    Ciwae: "ciwae",
    Elbo: "elbo",
    Iwae: "iwae",
    Reconstruction: "reconstruction",
    Renyi: "renyi",
    SampledElbo: "sampled_elbo",
    ScoreFunctionElbo: "score_function",
    Thermodynamic: "thermodynamic",
    Vimco: "vimco",
}
