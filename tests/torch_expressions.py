"""PyTorch's own words for what scratchvae computes: an expression for each op and distribution, and whole models.

Nothing here is derived by hand: values are torch.nn.functional's and torch.distributions', gradients are autograd's.
"""

import math
from itertools import pairwise

import pytest

from scratchvae import ops
from scratchvae.distributions import (
    bernoulli,
    categorical,
    gaussian,
    gaussian_algebra,
    gaussian_full,
    laplace,
    mixture,
    multinomial,
    poisson,
)
from scratchvae.objectives import L1, ActivationKl, Contraction, Elbo, Iwae, Reconstruction, SampledElbo, ScoreFunctionElbo

torch = pytest.importorskip("torch")
F, nn, laws = torch.nn.functional, torch.nn, torch.distributions


def normal(mean, log_var):
    return laws.Normal(mean, torch.exp(log_var / 2))


def standard(like):
    return laws.Normal(torch.zeros_like(like), torch.ones_like(like))


def shifted(mean, scale, noise):
    return laws.AffineTransform(mean, scale)(noise)


def drawn(mean, log_var, *, noise, draws=1):
    mean, log_var = (a.repeat_interleave(draws, 0) for a in (mean, log_var))
    return shifted(mean, torch.exp(log_var / 2), noise)


def log_prob_of_draw(log_var, *, noise, draws=1):
    log_var = log_var.repeat_interleave(draws, 0)
    return normal(0 * log_var, log_var).log_prob((log_var / 2).exp() * noise).sum(1)


def full(mean, L):
    return laws.MultivariateNormal(mean, scale_tril=torch.tril(L), validate_args=False)


def full_to_standard(mean, L):
    eye = torch.eye(mean.shape[1], dtype=L.dtype).expand(L.shape)
    return laws.kl_divergence(full(mean, L), full(torch.zeros_like(mean), eye))


def full_by_dimension(mean, L):
    """By the chain rule: what each latent adds to the divergence of those before it."""
    upto = [full_to_standard(mean[:, :i], L[:, :i, :i]) for i in range(1, mean.shape[1] + 1)]
    return torch.stack([upto[0], *(now - before for before, now in pairwise(upto))], dim=1)


def full_drawn(mean, L, noise):
    return mean + torch.einsum("bij,bj->bi", torch.tril(L), noise)


def full_conditional(mean, L, x):
    """By blocks of the precision; the factor by a Cholesky decomposition of the covariance that they give."""
    L = torch.tril(L)
    mean_given, S_given = conditional(mean, L @ L.mT, x, observed=range(x.shape[1]))
    return mean_given, torch.linalg.cholesky(S_given)


def conditional(mean, S, x, *, observed):
    """By blocks of the precision Λ: N(mean_r − Λ_rr⁻¹ Λ_ro (x − mean_o), Λ_rr⁻¹)."""
    o = list(observed)
    r = [i for i in range(mean.shape[1]) if i not in o]
    precision = torch.linalg.inv((S + S.mT) / 2)
    S_given = torch.linalg.inv(precision[:, r][:, :, r])
    pull = precision[:, r][:, :, o] @ (x - mean[:, o])[:, :, None]
    return mean[:, r] - (S_given @ pull)[:, :, 0], S_given


def product(mean, S, other_mean, other_S):
    """By precisions, and the constant from the three densities at 0."""
    S, T = (S + S.mT) / 2, (other_S + other_S.mT) / 2
    C = torch.linalg.inv(torch.linalg.inv(S) + torch.linalg.inv(T))
    pulls = torch.linalg.solve(S, mean[:, :, None]) + torch.linalg.solve(T, other_mean[:, :, None])
    m = (C @ pulls)[:, :, 0]
    one, other, both = (
        laws.MultivariateNormal(c, V, validate_args=False).log_prob(torch.zeros_like(c))
        for c, V in ((mean, S), (other_mean, T), (m, (C + C.mT) / 2))
    )
    return m, C, one + other - both


def cross_entropy(q, p):
    """H(q) + KL(q ‖ p)."""
    return q.entropy() + laws.kl_divergence(q, p)


def triangular(entries):
    D = int((2 * entries.shape[1]) ** 0.5)
    L = torch.diag_embed(torch.exp(entries[:, :D]))
    rows, columns = torch.tril_indices(D, D, -1)
    L[:, rows, columns] = entries[:, D:]
    return L


def gaussian_mixture(logits, means, log_vars):
    return laws.MixtureSameFamily(laws.Categorical(logits=logits), laws.Independent(normal(means, log_vars), 1))


def batch_norm(x, gamma, beta, *, epsilon=1e-5):
    others = [axis for axis in range(x.ndim) if axis != 1]
    y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=epsilon)
    return y, x.mean(dim=others), x.var(dim=others, correction=0)


def batch_norm_frozen(x, gamma, beta, *, mean, var, epsilon=1e-5):
    return F.batch_norm(x, mean, var, gamma, beta, training=False, eps=epsilon)


def weight_norm(v, g, *, axis=0):
    slices = v.movedim(axis, 0)
    directions = F.normalize(slices.flatten(1), dim=1)
    return (g[:, None] * directions).reshape(slices.shape).movedim(0, axis)


def slope(x, *, activation, **constants):
    """By automatic differentiation; + 0 x, since the slope of a straight line does not depend on x."""
    y = EXPRESSIONS[getattr(ops, activation)](x, **constants)
    return torch.autograd.grad(y.sum(), x, create_graph=True)[0] + 0 * x


def softplus_clamp(x, *, low, high):
    """As Chua et al. 2018 wrote it."""
    x = high - F.softplus(high - x, threshold=50)
    return low + F.softplus(x - low, threshold=50)


EXPRESSIONS = {
    ops.slope: slope,
    ops.relu: F.relu,
    ops.leaky_relu: lambda x, *, slope=0.01: F.leaky_relu(x, slope),
    ops.elu: lambda x, *, alpha=1.0: F.elu(x, alpha),
    ops.gelu_erf: F.gelu,
    ops.gelu_tanh: lambda x: F.gelu(x, approximate="tanh"),
    ops.silu: F.silu,
    ops.tanh: torch.tanh,
    ops.sigmoid: torch.sigmoid,
    ops.softplus: lambda x: F.softplus(x, threshold=50),
    ops.clamp: lambda x, *, low, high: torch.clamp(x, low, high),
    ops.softplus_clamp: softplus_clamp,
    ops.tanh_clamp: lambda x, *, low, high: (high + low) / 2 + (high - low) / 2 * torch.tanh((2 * x - high - low) / (high - low)),
    ops.linear: lambda x, W, b: F.linear(x, W.T, b),
    ops.reshape: lambda x, *, shape: torch.reshape(x, shape),
    ops.split: lambda x, *, sizes, axis=1: torch.split(x, sizes, dim=axis),
    ops.concatenate: lambda *parts, axis=1: torch.cat(parts, dim=axis),
    ops.sum: lambda x, *, axis=None: torch.sum(x, dim=axis),
    ops.log_sum_exp: lambda x, *, axis=-1: torch.logsumexp(x, dim=axis),
    ops.softmax: lambda x, *, axis=-1: torch.softmax(x, dim=axis),
    ops.conv2d: F.conv2d,
    ops.conv_transpose2d: F.conv_transpose2d,
    ops.max_pool2d: lambda x, *, size=2, stride=None: F.max_pool2d(x, size, stride),
    ops.mean_pool2d: lambda x, *, size=2, stride=None: F.avg_pool2d(x, size, stride),
    ops.upsample2d: lambda x, *, factor=2: F.interpolate(x, scale_factor=factor, mode="nearest"),
    ops.batch_norm: batch_norm,
    ops.batch_norm_frozen: batch_norm_frozen,
    ops.layer_norm: lambda x, gamma, beta, *, epsilon=1e-5: F.layer_norm(x, gamma.shape, gamma, beta, epsilon),
    ops.weight_norm: weight_norm,
    ops.embedding: lambda table, *, indices: F.embedding(indices, table),
    ops.dropout: lambda x, *, mask, rate: x.masked_fill(~mask, 0) / (1 - rate),
    ops.lower_triangular: triangular,
    ops.solve_triangular: lambda L, b: torch.linalg.solve_triangular(L, b, upper=False),
    ops.cholesky: lambda S: torch.linalg.cholesky((S + S.mT) / 2),
    gaussian.log_prob: lambda x, mean, log_var: normal(mean, log_var).log_prob(x).sum(1),
    gaussian.standard_log_prob: lambda x: standard(x).log_prob(x).sum(1),
    gaussian.log_prob_of_draw: log_prob_of_draw,
    gaussian.reparameterize: drawn,
    gaussian.kl_to_standard: lambda mean, log_var: laws.kl_divergence(normal(mean, log_var), standard(mean)).sum(1),
    gaussian.kl_to_standard_by_dimension: lambda mean, log_var: laws.kl_divergence(normal(mean, log_var), standard(mean)),
    gaussian.kl: lambda mean, log_var, *other: laws.kl_divergence(normal(mean, log_var), normal(*other)).sum(1),
    gaussian.entropy: lambda log_var: normal(torch.zeros_like(log_var), log_var).entropy().sum(1),
    gaussian.expected_log_prob: lambda mean, log_var, *other: -cross_entropy(normal(mean, log_var), normal(*other)).sum(1),
    gaussian_full.log_prob: lambda x, mean, L: full(mean, L).log_prob(x),
    gaussian_full.reparameterize: lambda mean, L, *, noise: full_drawn(mean, L, noise),
    gaussian_full.log_prob_of_draw: lambda L, *, noise: full(0 * noise, L).log_prob(full_drawn(0, L, noise)),
    gaussian_full.entropy: lambda L: full(torch.zeros_like(L[:, 0]), L).entropy(),
    gaussian_full.kl: lambda mean, L, *other: laws.kl_divergence(full(mean, L), full(*other)),
    gaussian_full.kl_to_standard: full_to_standard,
    gaussian_full.kl_to_standard_by_dimension: full_by_dimension,
    gaussian_full.expected_log_prob: lambda mean, L, *other: -cross_entropy(full(mean, L), full(*other)),
    gaussian_full.expected_quadratic_form: lambda mean, S, A: torch.einsum("bij,ji->b", S + mean[:, :, None] * mean[:, None], A),
    gaussian_full.conditional: full_conditional,
    gaussian_algebra.marginal: lambda mean, S, *, kept: (mean[:, kept], S[:, kept][:, :, kept]),
    gaussian_algebra.conditional: conditional,
    gaussian_algebra.affine: lambda mean, S, A, b: (F.linear(mean, A, b), A @ S @ A.mT),
    gaussian_algebra.sum_of_independent: lambda mean, S, *other: (mean + other[0], S + other[1]),
    gaussian_algebra.product: product,
    bernoulli.log_prob: lambda logits, *, x, draws=1: (
        laws.Bernoulli(logits=logits, validate_args=False).log_prob(x.repeat_interleave(draws, 0)).sum(1)
    ),
    bernoulli.entropy: lambda logits: laws.Bernoulli(logits=logits).entropy().sum(1),
    categorical.log_prob: lambda logits, *, x: laws.Categorical(logits=logits).log_prob(x).sum(1),
    categorical.entropy: lambda logits: laws.Categorical(logits=logits).entropy().sum(1),
    laplace.log_prob: lambda x, mean, log_scale: laws.Laplace(mean, torch.exp(log_scale)).log_prob(x).sum(1),
    laplace.entropy: lambda log_scale: laws.Laplace(torch.zeros_like(log_scale), torch.exp(log_scale)).entropy().sum(1),
    laplace.reparameterize: lambda mean, log_scale, *, noise: shifted(mean, torch.exp(log_scale), noise),
    multinomial.log_prob: lambda logits, *, x: laws.Multinomial(1, logits=logits, validate_args=False).log_prob(x),
    poisson.log_prob: lambda log_rate, *, x: laws.Poisson(torch.exp(log_rate)).log_prob(x).sum(1),
    mixture.log_prob: lambda z, *parameters: gaussian_mixture(*parameters).log_prob(z),
}

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
    def __init__(self, latent_dim):
        super().__init__()

    def log_prob(self, z):
        return laws.Independent(standard(z), 1).log_prob(z)


class MixturePrior(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(10))
        self.means = nn.Parameter(torch.zeros(10, latent_dim))
        self.log_vars = nn.Parameter(torch.zeros(10, latent_dim))

    def log_prob(self, z):
        return gaussian_mixture(self.logits, self.means, self.log_vars).log_prob(z)


class DiagonalPosterior:
    def __init__(self, latent_dim):
        self.outputs = 2 * latent_dim

    def law(self, q_params):
        return laws.Independent(normal(*q_params.chunk(2, dim=1)), 1)

    def kl(self, q_params):
        """For each latent of each example."""
        q = normal(*q_params.chunk(2, dim=1))
        return laws.kl_divergence(q, standard(q.mean))

    def draw(self, q_params, noise):
        q = normal(*q_params.chunk(2, dim=1))
        return shifted(q.mean, q.stddev, noise)


class FullPosterior:
    def __init__(self, latent_dim):
        self.latent_dim, self.outputs = latent_dim, latent_dim + latent_dim * (latent_dim + 1) // 2

    def mean_and_factor(self, q_params):
        return q_params[:, : self.latent_dim], triangular(q_params[:, self.latent_dim :])

    def law(self, q_params):
        return full(*self.mean_and_factor(q_params))

    def kl(self, q_params):
        """For each latent of each example, given the latents before it."""
        return full_by_dimension(*self.mean_and_factor(q_params))

    def draw(self, q_params, noise):
        return full_drawn(*self.mean_and_factor(q_params), noise)


POSTERIORS = {"diagonal_gaussian": DiagonalPosterior, "full_gaussian": FullPosterior}
PRIORS = {"gaussian_mixture": MixturePrior, "standard_gaussian": StandardPrior}


class Likelihood(nn.Module):
    """log p(x|z) of flat x (B, D), from what a decoder puts out; `outputs` numbers for each of D entries."""

    outputs = 1

    def __init__(self, D):
        super().__init__()


class BernoulliPixels(Likelihood):
    def forward(self, x_params, x):
        return -F.binary_cross_entropy_with_logits(x_params, x, reduction="none").sum(1)


class CategoricalPixels(Likelihood):
    outputs = 256

    def forward(self, x_params, x):
        level = torch.floor(256 * x).clamp(max=255).long()
        return -F.cross_entropy(x_params.unflatten(1, (256, -1)), level, reduction="none").sum(1)


class GaussianPixels(Likelihood):
    def forward(self, x_params, x):
        return laws.Normal(x_params, 1.0).log_prob(x).sum(1)


class GaussianLearned(Likelihood):
    def __init__(self, D):
        super().__init__(D)
        self.log_var = nn.Parameter(torch.zeros(1))

    def forward(self, x_params, x):
        return normal(x_params, self.log_var).log_prob(x).sum(1)


class GaussianDiagonal(Likelihood):
    """A variance for each of D entries: at least 1e-6, and at first 1."""

    def __init__(self, D):
        super().__init__(D)
        self.log_excess = nn.Parameter(torch.full((D,), math.log1p(-1e-6)))

    def forward(self, x_params, x):
        return laws.Normal(x_params, torch.sqrt(self.log_excess.exp() + 1e-6)).log_prob(x).sum(1)


class GaussianOptimal(Likelihood):
    def __init__(self, D):
        super().__init__(D)
        self.seen = []

    def forward(self, x_params, x):
        if self.training:
            var = F.mse_loss(x_params, x)
            self.seen.append(var.detach())
        else:
            var = torch.stack(self.seen).mean()
        return laws.Normal(x_params, var.sqrt()).log_prob(x).sum(1)


class GaussianPerPixel(Likelihood):
    outputs = 2

    def forward(self, x_params, x):
        return normal(*x_params.chunk(2, dim=1)).log_prob(x).sum(1)


class LaplacePixels(Likelihood):
    def forward(self, x_params, x):
        return laws.Laplace(x_params, 1.0).log_prob(x).sum(1)


class LaplaceLearned(Likelihood):
    def __init__(self, D):
        super().__init__(D)
        self.log_scale = nn.Parameter(torch.zeros(1))

    def forward(self, x_params, x):
        return laws.Laplace(x_params, torch.exp(self.log_scale)).log_prob(x).sum(1)


class MultinomialCounts(Likelihood):
    def forward(self, x_params, x):
        return laws.Multinomial(1, logits=x_params, validate_args=False).log_prob(x)


class PoissonCounts(Likelihood):
    def forward(self, x_params, x):
        return -F.poisson_nll_loss(x_params, x, reduction="none").sum(1) - torch.lgamma(x + 1).sum(1)


LIKELIHOODS = {
    "bernoulli": BernoulliPixels,
    "categorical": CategoricalPixels,
    "gaussian": GaussianPixels,
    "gaussian_diagonal": GaussianDiagonal,
    "gaussian_learned": GaussianLearned,
    "gaussian_optimal": GaussianOptimal,
    "gaussian_per_pixel": GaussianPerPixel,
    "laplace": LaplacePixels,
    "laplace_learned": LaplaceLearned,
    "multinomial": MultinomialCounts,
    "poisson": PoissonCounts,
}


class ConvolutionBackTo(nn.Module):
    """A transposed convolution that is told the size of its output."""

    def __init__(self, before, after, size):
        super().__init__()
        self.convolution = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
        self.size = size

    def forward(self, x):
        return self.convolution(x, output_size=self.size)


def mlp_networks(event_shape, codes, latents, outputs, *, hidden=(400,), activation="relu", code_activation=None):
    """Encoder and decoder of the recipe `mlp`; the encoder puts out `codes` numbers."""
    D = math.prod(event_shape)

    def chain(widths):
        layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), ACTIVATIONS[activation]())]
        return nn.Sequential(*layers[:-1])

    ends = [ACTIVATIONS[code_activation]()] if code_activation else []
    return nn.Sequential(*chain([D, *hidden, codes]), *ends), chain([latents, *hidden[::-1], outputs * D])


def convolutional_networks(event_shape, codes, latents, outputs, *, channels=(32, 64), hidden=256, activation="relu"):
    """Encoder and decoder of the recipe `convolutional`."""
    act = ACTIVATIONS[activation]
    down, up, size, before = [], [], event_shape[1:], event_shape[0]
    for after in channels:
        convolution = nn.Conv2d(before, after, 4, stride=2, padding=1)
        first = not down
        down += [convolution, act()]
        up = [ConvolutionBackTo(after, outputs * before if first else before, size), *([] if first else [act()]), *up]
        size, before = convolution(torch.zeros(1, before, *size)).shape[2:], after
    flat = before * math.prod(size)
    encoder = [nn.Unflatten(1, event_shape), *down, nn.Flatten(), nn.Linear(flat, hidden), act(), nn.Linear(hidden, codes)]
    decoder = [nn.Linear(latents, hidden), act(), nn.Linear(hidden, flat), act(), nn.Unflatten(1, (before, *size)), *up]
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
        **sizes,
    ):
        super().__init__()
        self.posterior = POSTERIORS[posterior](latent_dim)
        self.likelihood = LIKELIHOODS[likelihood](math.prod(event_shape))
        self.prior = PRIORS[prior](latent_dim)
        codes = {"autoencoder": latent_dim, "vae": self.posterior.outputs}[model]
        self.encoder, self.decoder = NETWORKS[recipe](event_shape, codes, latent_dim, self.likelihood.outputs, **sizes)
        self.variational = model == "vae"

    def draw(self, x, noise):
        return self.posterior.draw(self.encoder(x), noise) if self.variational else self.encoder(x)

    def log_weights(self, x, noise, K, *, score=True, squared=False):
        """log p(x|z), log p(z) and log q(z|x), each (B, K); without the score, q's own parameters stand still in log q.

        `squared` multiplies what each draw passes on to q by its normalized weight (Tucker et al. 2019, equation 8).
        """
        q_params = self.encoder(x).repeat_interleave(K, dim=0)
        z = self.posterior.draw(q_params, noise)
        log_px = self.likelihood(self.decoder(z), x.repeat_interleave(K, dim=0))
        law = self.posterior.law(q_params if score else q_params.detach())
        terms = [term.unflatten(0, (-1, K)) for term in (log_px, self.prior.log_prob(z), law.log_prob(z))]
        if squared:
            weights = torch.softmax(terms[0] + terms[1] - terms[2], dim=1).detach().flatten()
            z.register_hook(lambda dz: dz * weights[:, None])
        return terms

    def elbo(self, x, noise, *, beta, free_bits, capacity, penalties):
        q_params = self.encoder(x)
        log_px, kl = self.likelihood(self.decoder(self.posterior.draw(q_params, noise)), x), self.posterior.kl(q_params)
        penalty = kl.mean(0).clamp(min=free_bits).sum() if capacity is None else (kl.sum(1) - capacity).abs().mean()
        return beta * penalty - log_px.mean(), {"bound": log_px - kl.sum(1), "log_px": log_px, "kl": kl.sum(1)}

    def sampled_elbo(self, x, noise, *, beta, samples, gradient, penalties):
        log_px, log_pz, log_q = (
            term.mean(1) for term in self.log_weights(x, noise, samples, score=gradient == "total")
        )
        kl = log_q - log_pz
        return (beta * kl - log_px).mean(), {"bound": log_px - kl, "log_px": log_px, "kl": kl}

    def iwae(self, x, noise, *, samples, gradient):
        total = gradient == "total"
        log_px, log_pz, log_q = self.log_weights(x, noise, samples, score=total, squared=not total)
        log_w = log_px + log_pz - log_q
        bound = torch.logsumexp(log_w, dim=1) - math.log(samples)
        return -bound.mean(), {"bound": bound, "log_px": log_px.mean(1), "kl": (log_q - log_pz).mean(1)}

    def score_function(self, x, noise, *, samples, leave_one_out):
        """The value of the bound, with the gradient of a surrogate in which draws and their worth stand still."""
        K = samples
        q_params, x = self.encoder(x).repeat_interleave(K, dim=0), x.repeat_interleave(K, dim=0)
        z = self.posterior.draw(q_params, noise).detach()
        terms = self.likelihood(self.decoder(z), x), self.prior.log_prob(z), self.posterior.law(q_params).log_prob(z)
        log_px, log_pz, log_q = (term.unflatten(0, (-1, K)) for term in terms)
        f = log_px + log_pz - log_q
        others = torch.stack([f[:, [j for j in range(K) if j != k]].mean(1) for k in range(K)], dim=1) if leave_one_out else 0
        surrogate = (log_px + log_pz + (f - others).detach() * log_q).mean()
        loss = surrogate.detach() - surrogate - f.detach().mean()
        return loss, {"bound": f.mean(1), "log_px": log_px.mean(1), "kl": (log_q - log_pz).mean(1)}

    def reconstruction(self, x, noise, *, noise_std, mask_rate, penalties):
        noise, epsilon, kept, *_ = noise
        seen = x
        if self.training and noise_std:
            seen = seen + noise_std * epsilon
        if self.training and mask_rate:
            seen = seen.masked_fill(~kept, 0)
        z = self.draw(seen, noise)
        log_px = self.likelihood(self.decoder(z), x)
        loss, terms = -log_px.mean(), {"log_px": log_px}
        for penalty in penalties:
            terms[penalty.term] = PENALTIES[type(penalty)](penalty, self.encoder, seen, z)
            loss = loss + penalty.weight * terms[penalty.term].mean()
        return loss, terms

    def forward(self, objective, x, noise):
        """(loss, terms) as `objective` names them."""
        return getattr(self, OBJECTIVES[type(objective)])(x, noise, **vars(objective))


def activation_kl(penalty, encoder, x, z):
    q, p = laws.Bernoulli(torch.full_like(z[0], penalty.target)), laws.Bernoulli(z.mean(0))
    return laws.kl_divergence(q, p).sum().expand(len(z))


def contraction(penalty, encoder, x, z):
    jacobian = torch.func.vmap(torch.func.jacrev(lambda one: encoder(one[None])[0]))(x)
    return (jacobian**2).sum((1, 2))


PENALTIES = {L1: lambda penalty, encoder, x, z: z.abs().sum(1), ActivationKl: activation_kl, Contraction: contraction}
OBJECTIVES = {
    Elbo: "elbo",
    Iwae: "iwae",
    Reconstruction: "reconstruction",
    SampledElbo: "sampled_elbo",
    ScoreFunctionElbo: "score_function",
}
