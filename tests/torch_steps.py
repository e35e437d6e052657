"""Training steps of VAEs in the styles of public PyTorch code, right ones and ones with a mistake, for the
validator to judge.

`STEPS` maps a name to (build, verdict): build() -> (model, x, step), and the verdict is None of a right step,
else the causes of which one should be named. No step tells the validator a name, and none was written with
its code in mind.
"""

import pytest

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
Bernoulli, Independent, Normal = (
    getattr(torch.distributions, name) for name in ("Bernoulli", "Independent", "Normal")
)
kl_divergence = torch.distributions.kl_divergence

D, H, Z, B = 36, 24, 4, 10


class Dense(nn.Module):
    """Two dense layers on each side, as in PyTorch's example."""

    def __init__(self, out=D, given=0):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(D + given, H), nn.Linear(H, Z), nn.Linear(H, Z)
        self.fc3, self.fc4 = nn.Linear(Z + given, H), nn.Linear(H, out)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def logits(self, z):
        return self.fc4(F.relu(self.fc3(z)))


class Convolutional(nn.Module):
    """Convolutions with batch norm, one head in halves, and a view in front of the decoder."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.LeakyReLU(), nn.Flatten())
        self.head, self.widen = nn.Linear(54, 2 * Z), nn.Linear(Z, 54)
        self.up = nn.Sequential(
            nn.ConvTranspose2d(6, 6, 4, 2, 1), nn.ReLU(inplace=True), nn.Conv2d(6, 1, 3, 1, 1)
        )

    def encode(self, x):
        return self.head(self.down(x.view(-1, 1, 6, 6))).chunk(2, dim=1)

    def logits(self, z):
        return self.up(self.widen(z).view(-1, 6, 3, 3)).flatten(1)


class Residual(nn.Module):
    """A module of residual and gated blocks, dropout and layer norm.

    It does not say which child is what.
    """

    def __init__(self):
        super().__init__()
        self.stem, self.gate, self.norm = nn.Linear(D, H), nn.Linear(H, H), nn.LayerNorm(H)
        self.out, self.back, self.last = nn.Linear(H, 2 * Z), nn.Linear(Z, H), nn.Linear(H, D)
        self.drop = nn.Dropout(0.2)

    def encode(self, x):
        h = self.stem(x)
        h = h + self.drop(torch.tanh(h) * torch.sigmoid(self.gate(h)))
        both = self.out(self.norm(h))
        return both[:, :Z], both[:, Z:]

    def logits(self, z):
        h = self.back(z)
        return self.last(h + F.gelu(h))


class Recurrent(nn.Module):
    """A GRU that reads rows, and one that writes them."""

    def __init__(self):
        super().__init__()
        self.read, self.mu, self.lv = nn.GRU(6, H, batch_first=True), nn.Linear(H, Z), nn.Linear(H, Z)
        self.write, self.row = nn.GRU(Z, H, batch_first=True), nn.Linear(H, 6)

    def encode(self, x):
        _, h = self.read(x.view(-1, 6, 6))
        return self.mu(h[-1]), self.lv(h[-1])

    def logits(self, z):
        h, _ = self.write(z.unsqueeze(1).expand(-1, 6, -1))
        return self.row(h).reshape(len(z), -1)


NETWORKS = {"dense": Dense, "convolutional": Convolutional, "residual": Residual, "recurrent": Recurrent}


def by_exp(mu, lv):
    return mu + torch.exp(0.5 * lv) * torch.randn_like(lv)


def kld(mu, lv):
    return -0.5 * torch.sum(1 + lv - mu.pow(2) - lv.exp())


def bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum")


def example(sample=by_exp, kl=kld, reconstruct=bce, join=lambda r, k, x: r + k):
    """A step in the way of PyTorch's example, of parts that may be replaced."""

    def step(model, x):
        mu, lv = model.encode(x)
        z = sample(mu, lv)
        return join(reconstruct(model.logits(z), x), kl(mu, lv), x)

    return step


def by_distributions(
    spread=lambda s: (0.5 * s).exp(),
    draw=lambda q: q.rsample(),
    total=lambda lp, kl: -(lp - kl).mean(),
    swap=False,
):
    """A step of torch.distributions."""

    def step(model, x):
        mu, s = model.encode(x)
        q, p = Normal(mu, spread(s)), Normal(torch.zeros_like(mu), torch.ones_like(mu))
        z = draw(q)
        log_px = Independent(Bernoulli(logits=model.logits(z)), 1).log_prob(x)
        return total(log_px, (kl_divergence(p, q) if swap else kl_divergence(q, p)).sum(-1))

    return step


def lightning(model, x):
    """A dict of losses, each a mean over the batch, of probabilities."""
    mu, lv = model.encode(x)
    std = lv.mul(0.5).exp_()
    recon = torch.sigmoid(model.logits(torch.randn_like(std).mul(std).add_(mu)))
    rec = F.binary_cross_entropy(recon, x, reduction="none").sum(1).mean()
    kl = torch.mean(-0.5 * torch.sum(1 + lv - mu**2 - lv.exp(), dim=1), dim=0)
    return {"loss": rec + kl, "recon": rec.detach(), "kl": kl.detach()}


def by_hand(model, x):
    """The logarithms written out."""
    mu, lv = model.encode(x)
    p = torch.sigmoid(model.logits(by_exp(mu, lv))).clamp(1e-6, 1 - 1e-6)
    rec = -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum(dim=1)
    return (rec + 0.5 * (mu**2 + lv.exp() - 1 - lv).sum(dim=1)).mean()


def squared(weight, noise=1.0, kl_weight=1.0, target=lambda x: x):
    return example(
        reconstruct=lambda y, x: weight * F.mse_loss(torch.sigmoid(y), target(x), reduction="sum"),
        join=lambda r, k, x: (r + kl_weight * k) / len(x),
    )


def several(model, x, K=3, first=True, importance=False, draw=None):
    """K draws: of the plain bound, or importance-weighted."""
    mu, lv = model.encode(x)
    q = Normal(mu, torch.exp(0.5 * lv))
    if first:
        z, axis = q.rsample((K,)), 0
    else:
        q, axis = Normal(mu[:, None].expand(-1, K, -1), torch.exp(0.5 * lv)[:, None].expand(-1, K, -1)), 1
        z = q.rsample()
    logits = model.logits(z.reshape(-1, Z)).reshape(*z.shape[:2], -1)
    log_px = Bernoulli(logits=logits).log_prob(x.unsqueeze(axis).expand_as(logits)).sum(-1)
    if importance:
        log_w = log_px + Normal(0.0, 1.0).log_prob(z).sum(-1) - q.log_prob(z).sum(-1)
        return importance(log_w, axis, K)
    return (kld(mu, lv) / len(x)) - log_px.mean()


def bounded(log_w, axis, K):
    return -(torch.logsumexp(log_w, axis) - torch.log(torch.tensor(float(K)))).mean()


def conditional(drop=()):
    """The label joins both sides."""

    def step(model, x):
        y = F.one_hot(torch.arange(len(x)) % 3, 3).float()
        mu, lv = model.encode(torch.cat([x, y], 1))
        z = by_exp(mu, lv)
        k = 0.0 if "kl" in drop else kld(mu, lv)
        return (bce(model.logits(torch.cat([z, y], 1)), x) + k) / len(x)

    return step


def made(step, network=Dense, **how):
    def build():
        torch.manual_seed(0)
        model = network(**how)
        with torch.no_grad():
            for p in model.parameters():
                p += 0.05 * torch.randn_like(p)
        return model, (torch.rand(B, D) > 0.5).float(), step

    return build


STEPS = {}
for _name, _network in NETWORKS.items():  # whose layers are the step's own affair
    STEPS |= {
        f"{_name}, example": (made(example(), _network), None),
        f"{_name}, distributions": (made(by_distributions(), _network), None),
        f"{_name}, std for var": (
            made(example(sample=lambda m, v: m + torch.exp(v) * torch.randn_like(v)), _network),
            ("sampling_log_var_read_as_log_std",),
        ),
    }
STEPS |= {
    "dense, dict of losses": (made(lightning, Dense), None),
    "dense, logarithms": (made(by_hand, Dense), None),
    "dense, squared error": (made(squared(0.5), Dense), None),
    "dense, no KL": (made(example(join=lambda r, k, x: r / len(x)), Dense), ("kl_missing",)),
    "dense, mean over pixels": (
        made(
            example(
                reconstruct=lambda y, x: F.binary_cross_entropy_with_logits(y, x),
                join=lambda r, k, x: r + k / len(x),
            ),
            Dense,
        ),
        ("reconstruction_mean_over_pixels",),
    ),
    "beta 4": (made(example(join=lambda r, k, x: (r + 4 * k) / len(x))), None),
    "beta 0.25 of the step": (made(example(join=lambda r, k, x: r / len(x) + 0.25 * (k / len(x)))), None),
    "annealed": (made(example(join=lambda r, k, x: (r + 0.0137 * k) / len(x))), None),
    "loss by accumulation": (made(example(join=lambda r, k, x: (r + k) / len(x) / 8)), None),
    "softplus": (made(by_distributions(spread=lambda s: F.softplus(s) + 1e-6)), None),
    "clamped": (made(by_distributions(spread=lambda s: torch.exp(0.5 * s.clamp(-6, 2)))), None),
    "log std": (made(by_distributions(spread=torch.exp)), None),
    "one-sample KL": (
        made(
            lambda model, x: (
                lambda q: (
                    lambda z: (
                        -(
                            Bernoulli(logits=model.logits(z)).log_prob(x).sum(-1)
                            + Normal(0.0, 1.0).log_prob(z).sum(-1)
                            - q.log_prob(z).sum(-1)
                        ).mean()
                    )
                )(q.rsample())
            )(Normal(model.encode(x)[0], (0.5 * model.encode(x)[1]).exp()))
        ),
        None,
    ),
    "squared error without a half": (made(squared(1.0)), None),
    "squared error of sigma 0.1": (made(squared(0.5 / 0.1**2)), None),
    "squared error with beta": (made(squared(0.5, kl_weight=0.3)), None),
    "absolute error": (
        made(
            example(
                reconstruct=lambda y, x: F.l1_loss(y, x, reduction="sum"),
                join=lambda r, k, x: (r + k) / len(x),
            )
        ),
        None,
    ),
    "denoising": (
        made(
            lambda model, x: (lambda e: (bce(model.logits(by_exp(*e)), x) + kld(*e)) / len(x))(
                model.encode(x + 0.2 * torch.randn_like(x))
            )
        ),
        None,
    ),
    "conditional": (made(conditional(), given=3), None),
    "K draws first": (made(several), None),
    "K draws last": (made(lambda m, x: several(m, x, first=False)), None),
    "importance-weighted, draws first": (made(lambda m, x: several(m, x, importance=bounded)), None),
    "importance-weighted, draws last": (
        made(lambda m, x: several(m, x, first=False, importance=bounded)),
        None,
    ),
    "free bits": (
        made(
            lambda m, x: (
                lambda e: (
                    bce(m.logits(by_exp(*e)), x) / len(x)
                    + (0.5 * (e[0] ** 2 + e[1].exp() - 1 - e[1])).mean(0).clamp(min=0.1).sum()
                )
            )(m.encode(x))
        ),
        None,
    ),
    "capacity": (made(example(join=lambda r, k, x: r / len(x) + 10 * (k / len(x) - 5.0).abs())), None),
    "weight decay in the loss": (
        made(lambda m, x: example()(m, x) + 1e-3 * sum((p**2).sum() for p in m.parameters())),
        None,
    ),
    "learned prior": (
        made(
            lambda m, x: (
                lambda e: (
                    (
                        bce(m.logits(by_exp(*e)), x)
                        + kl_divergence(
                            Normal(e[0], (0.5 * e[1]).exp()),
                            Normal(m.fc3.weight.mean(0), F.softplus(m.fc3.bias[:Z]) + 0.5),
                        ).sum()
                    )
                    / len(x)
                )
            )(m.encode(x))
        ),
        None,
    ),
    "MMD": (
        made(
            lambda m, x: (
                lambda e: (
                    lambda z, p: (
                        bce(m.logits(z), x) / len(x)
                        + 10
                        * (
                            torch.exp(-torch.cdist(z, z)).mean()
                            + torch.exp(-torch.cdist(p, p)).mean()
                            - 2 * torch.exp(-torch.cdist(z, p)).mean()
                        )
                    )
                )(by_exp(*e), torch.randn(B, Z))
            )(m.encode(x))
        ),
        None,
    ),
    "autoencoder": (made(lambda m, x: bce(m.logits(m.encode(x)[0]), x) / len(x)), None),
    "Poisson": (
        made(
            example(
                reconstruct=lambda y, x: F.poisson_nll_loss(y, x, reduction="sum"),
                join=lambda r, k, x: (r + k) / len(x),
            )
        ),
        None,
    ),
    "categorical": (
        made(
            lambda m, x: (
                lambda e: (
                    (
                        F.cross_entropy(
                            m.logits(by_exp(*e)).view(len(x), 2, -1), x[:, : D // 2].long(), reduction="sum"
                        )
                        + kld(*e)
                    )
                    / len(x)
                )
            )(m.encode(x))
        ),
        None,
    ),
    "pos_weight": (
        made(
            example(
                reconstruct=lambda y, x: F.binary_cross_entropy_with_logits(
                    y, x, reduction="sum", pos_weight=torch.tensor(3.0)
                ),
                join=lambda r, k, x: (r + k) / len(x),
            )
        ),
        None,
    ),
    "KL without half": (
        made(example(kl=lambda m, v: -torch.sum(1 + v - m**2 - v.exp()))),
        ("kl_half_missing", "kl_twice"),
    ),
    "KL of log std": (
        made(example(kl=lambda m, v: -0.5 * torch.sum(1 + 2 * v - m**2 - (2 * v).exp()))),
        ("kl_log_var_read_as_log_std", "sampling_log_std_read_as_log_var"),
    ),
    "KL sign": (made(example(join=lambda r, k, x: r - k)), ("kl_sign",)),
    "KL mean over latents": (
        made(
            example(
                kl=lambda m, v: (-0.5 * (1 + v - m**2 - v.exp())).mean(), join=lambda r, k, x: r / len(x) + k
            )
        ),
        ("kl_mean_over_latents",),
    ),
    "KL mean over batch once more": (
        made(example(join=lambda r, k, x: (r + k / len(x)) / len(x))),
        ("kl_mean_over_batch",),
    ),
    "KL without log var": (
        made(example(kl=lambda m, v: -0.5 * torch.sum(1 - m.pow(2) - v.exp()))),
        ("kl_log_var_missing", "kl_log_missing"),
    ),
    "KL swapped": (made(by_distributions(swap=True)), ("kl_swapped", "kl_reversed")),
    "sample() for rsample()": (made(by_distributions(draw=lambda q: q.sample())), ("z_detached",)),
    "uniform noise": (
        made(example(sample=lambda m, v: m + (0.5 * v).exp() * torch.rand_like(v))),
        ("noise_uniform",),
    ),
    "one draw for the batch": (
        made(example(sample=lambda m, v: m + (0.5 * v).exp() * torch.randn(1, Z))),
        ("noise_shared_across_batch",),
    ),
    "no spread": (
        made(example(sample=lambda m, v: m + torch.randn_like(v))),
        ("sigma_missing", "sampling_sigma_missing"),
    ),
    "no noise": (made(example(sample=lambda m, v: m + 0 * v)), ("noise_missing",)),
    "mean and spread exchanged": (
        made(example(sample=lambda m, v: (0.5 * v).exp() + m * torch.randn_like(v))),
        ("sampling_mean_and_std_swapped", "mean_and_std_swapped"),
    ),
    "variance for std": (
        made(
            by_distributions(
                spread=lambda s: s.exp(), draw=lambda q: q.loc + q.scale**2 * torch.randn_like(q.loc)
            )
        ),
        ("sampling_std_read_as_var", "sigma_squared"),
    ),
    "sigmoid twice": (
        made(example(reconstruct=lambda y, x: bce(torch.sigmoid(y), x))),
        ("probabilities_used_as_logits", "sigmoid_twice"),
    ),
    "detached KL": (made(example(join=lambda r, k, x: r + k.detach())), ("kl_detached",)),
    "detached mean in sampling": (
        made(example(sample=lambda m, v: m.detach() + (0.5 * v).exp() * torch.randn_like(v))),
        ("mean_detached",),
    ),
    "detached spread": (
        made(example(sample=lambda m, v: m + (0.5 * v).exp().detach() * torch.randn_like(v))),
        ("sigma_detached",),
    ),
    "bce sign": (made(example(reconstruct=lambda y, x: -bce(y, x))), ("reconstruction_sign",)),
    "conditional without KL": (made(conditional(drop=("kl",)), given=3), ("kl_missing",)),
    "squared error, mean over all": (
        made(
            example(
                reconstruct=lambda y, x: F.mse_loss(torch.sigmoid(y), x), join=lambda r, k, x: r + k / len(x)
            )
        ),
        ("squared_error_mean_over_pixels", "reconstruction_mean_over_pixels"),
    ),
    "importance weights: log of sum": (
        made(lambda m, x: several(m, x, importance=lambda w, axis, K: -torch.logsumexp(w, axis).mean())),
        ("log_k_missing",),
    ),
    "importance weights over the batch": (
        made(lambda m, x: several(m, x, importance=lambda w, axis, K: bounded(w, 1 - axis, len(x)))),
        ("weights_summed_over_batch",),
    ),
    "reconstruction shifted": (
        made(example(reconstruct=lambda y, x: bce(y, x.roll(1, 0)))),
        (),
    ),
    "one-argument slip: KL of z": (
        made(
            lambda m, x: (lambda e: (lambda z: bce(m.logits(z), x) + kld(z, e[1]))(by_exp(*e)))(m.encode(x))
        ),
        ("kl_of_z",),
    ),
}

BEYOND = {  # right steps of another kind, which are neither accused nor passed: what is said of each
    "weight decay in the loss": "a term of the loss is neither reconstruction nor KL",
    "MMD": "kl",
    "autoencoder": "no draw of noise was seen",
}
DESCRIBED = {  # mistakes that have no name: what is said of each
    "KL without log var": "the KL lacks its −log σ²",
    "no spread": "z used 1 for every σ",
    "mean and spread exchanged": "z differs",
    "variance for std": "z used σ² in place of σ",
    "reconstruction shifted": "the neighbouring example",
    "one-argument slip: KL of z": "kl differs",
}
