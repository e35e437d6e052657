"""Mixtures with parameters for each example, and the posterior that is such a mixture."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import mixture
from scratchvae.objectives import Iwae, SampledElbo, StratifiedElbo
from scratchvae.posteriors import MixturePosterior
from scratchvae.reference.cases import gaussian
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.inputs import GRID
from scratchvae.reference.cases.mathematics import log_softmax, log_sum_exp, mathematics
from scratchvae.reference.cases.mixture import MIXED
from scratchvae.reference.cases.mixture import torch_law as torch_mixture
from scratchvae.reference.cases.models import B, K, X, Z, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

C = 3
EACH = {"logits": normal(B, C, seed=1), "means": normal(B, C, Z, seed=2), "log_vars": normal(B, C, Z, seed=3)}
CANCEL = "responsibilities and weights cancel"


def parts() -> list[Part]:
    """Return both functions, and the role."""
    z, noise = normal(B, Z, seed=4), normal(B, Z, seed=5)
    apart = EACH | {"means": 3 * EACH["means"]}
    narrow = EACH | {"log_vars": EACH["log_vars"] - 4}
    one_counts = EACH | {"logits": np.array([[0.0, 60.0, -60.0], [60.0, 0.0, 0.0], [-60.0, 0.0, 60.0]])}
    mixtures = {"ordinary": EACH, "narrow": narrow, "one component counts": one_counts}
    drawn = {  # the arguments of reparameterize, and the noise
        "ordinary": (EACH, noise),
        "components apart": (apart, noise),
        "in the tails": (EACH, np.array([[5.0, -6.5], [6.0, 1.0], [-5.0, 0.0]])),
        "one component counts": (one_counts, noise),
    }
    return [
        part_of(
            mixture.log_prob_of_each,
            {"z": z, **EACH},
            oracle=_log_prob,
            tried=[Inputs(kind, {"z": z, **given}, floor=1.0, why=CANCEL) for kind, given in mixtures.items()]
            + [Inputs("far from all components", {"z": z + 20, **EACH}, floor=30.0, why=CANCEL)],
            torch=lambda torch, z, *parameters: torch_mixture(torch, *parameters).log_prob(z),
        ),
        part_of(
            mixture.reparameterize,
            EACH,
            {"noise": noise},
            more={
                "components apart": (apart, {"noise": noise}),
                "in the tails": (EACH, {"noise": drawn["in the tails"][1]}),
            },
            oracle=_reparameterize,
            tried=[
                Inputs(kind, given, {"noise": numbers}, floor=10.0, why=CANCEL, digits=30)
                for kind, (given, numbers) in drawn.items()
            ],
            torch=_torch_reparameterize,
        ),
        Part(
            "gaussian_mixture posterior",
            MixturePosterior,
            _roles(),
            sampling=SamplingCase(
                "MixturePosterior.sample", _drawn, lambda t: mixture.log_prob(t[:, None], **MIXED)[0], GRID
            ),
            columns=lambda n, rng: MixturePosterior(3).draw_noise(n, rng),
        ),
    ]


def _torch_reparameterize(torch: Any, logits: Any, means: Any, log_vars: Any, *, noise: Any) -> Any:
    """Find z_d by 200 halvings, in the tail that is less than ½; the implicit function gives its gradient."""
    stds, found, log_w, log_ndtr = torch.exp(log_vars / 2), [], logits, torch.special.log_ndtr
    noise = torch.as_tensor(noise, dtype=means.dtype)
    for d in range(noise.shape[1]):
        law, eps, log_p = (
            torch.distributions.Normal(means[:, :, d], stds[:, :, d]),
            noise[:, d],
            torch.log_softmax(log_w, 1),
        )
        side = torch.where(eps > 0, -torch.ones_like(eps), torch.ones_like(eps))

        def log_tail(t: Any, side: Any = side, log_p: Any = log_p, law: Any = law) -> Any:
            return torch.logsumexp(log_p + log_ndtr(side[:, None] * (t[:, None] - law.loc) / law.scale), 1)

        ends = (law.loc + law.scale * eps[:, None]).detach()
        low, high = ends.min(1).values, ends.max(1).values
        for _ in range(200):
            t = (low + high) / 2
            below = side * (log_tail(t).detach() - log_ndtr(side * eps)) < 0
            low, high = torch.where(below, t, low), torch.where(below, high, t)
        log_F, log_f = log_tail(t), torch.logsumexp(log_p + law.log_prob(t[:, None]), 1)
        found.append(t - (log_F - log_F.detach()) / (side * torch.exp(log_f - log_F)).detach())
        log_w = log_w + law.log_prob(found[-1][:, None])
    return torch.stack(found, 1)


def _roles() -> list[Case]:
    """Return the role with both kinds of draws, with one and with several of each example."""
    found = []
    for objective, draws in ((SampledElbo(beta=2.0), 1), (SampledElbo(samples=K), K), (Iwae(K), K)):
        name = f"{type(objective).__name__}: MixturePosterior" + (f", {K} draws" if draws > 1 else "")
        noise = normal(B * draws, Z, seed=6)
        found.append(objective_case(name, objective, vae(posterior=MixturePosterior(Z, C)), X, noise=noise))
    for samples in (1, 2):
        posterior = MixturePosterior(Z, C)
        noise = posterior.stratified(normal(B * C * samples, Z, seed=7))
        stratified = StratifiedElbo(beta=1.7, samples=samples)
        found.append(
            objective_case(
                f"StratifiedElbo, {samples} of each", stratified, vae(posterior=posterior), X, noise=noise
            )
        )
    return found


def _drawn(n: int, rng: np.random.Generator) -> Array:
    """Draw one latent."""
    posterior = MixturePosterior(1, C)
    row = np.concatenate([MIXED["logits"], MIXED["means"].ravel(), MIXED["log_vars"].ravel()])
    z, _ = posterior.sample(row[None], noise=posterior.draw_noise(n, rng).astype(np.float64), draws=n)
    return z[:, 0]


def _log_prob(z: Array, logits: Array, means: Array, log_vars: Array) -> Array:
    pairs = gaussian.terms(z[:, None], means, log_vars).sum(axis=2)
    return log_sum_exp(log_softmax(logits) + pairs, 1)


def _reparameterize(logits: Array, means: Array, log_vars: Array, *, noise: Array) -> Array:
    """Solve each F_d(z_d) = Φ(noise_d) for z_d by Newton's steps, in the tail that is less than ½."""
    m = mathematics()
    z = np.empty(noise.shape, object)

    def half_erfc(t: Any) -> Any:
        return m.erfc(t / m.sqrt(m.mpf(2))) / 2

    for b in range(len(noise)):
        log_w = logits[b]
        for d in range(noise.shape[1]):
            w, side = m.exp(log_softmax(log_w)), -1 if noise[b, d] > 0 else 1
            mean, std = means[b, :, d], m.exp(log_vars[b, :, d] / 2)
            start, _ = mixture.reparameterize(  # 15 of its digits, which each step doubles
                *(np.asarray(a, np.float64)[None] for a in (log_w, mean[:, None], log_vars[b, :, d, None])),
                noise=np.array([[float(noise[b, d])]]),
            )
            t = m.mpf(start[0, 0])
            for _ in range(3):
                a = (t - mean) / std
                excess = side * ((w * half_erfc(-side * a)).sum() - half_erfc(-side * noise[b, d]))
                t = t - excess / (w * m.exp(-a * a / 2) / std).sum() * m.sqrt(2 * m.mpf(m.pi))
            z[b, d] = t
            log_w = log_w + gaussian.terms(t, mean, log_vars[b, :, d])
    return z
