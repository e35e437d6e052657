"""The Concrete law, and the roles that use it."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import concrete
from scratchvae.layers import GroupSoftmax
from scratchvae.models import VAE
from scratchvae.objectives import Iwae, SampledElbo
from scratchvae.posteriors import Concrete
from scratchvae.priors import ConcretePrior
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import GRID
from scratchvae.reference.cases.mathematics import log_softmax, mathematics
from scratchvae.reference.cases.models import B, K, X, exponential, vae_of_width
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

GROUPS, CATEGORIES, WIDTH = 2, 3, 6
LOGITS, TEMPERATURE = [0.7, -0.4], 0.6  # the law of the draws whose log-odds are compared with their density


def parts() -> list[Part]:
    """Return every function of the law, and both roles."""
    y, logits = log_simplex(B, GROUPS, CATEGORIES), normal(B, GROUPS, CATEGORIES, seed=2)
    tried = {
        "ordinary": (y, logits, 0.6),
        "near a corner": (y * 40, logits, 0.05),
        "far beyond a corner": (y * 1e4, logits, 1e-3),
        "hot": (y, logits, 50.0),
        "offset 10⁴": (y, logits + 1e4, 0.6),
        "logits from −10⁴ to 10⁴": (y, logits * 1e4, 0.6),
    }
    drawn = {
        "ordinary": (logits, 0.6),
        "cold": (logits, 0.05),
        "hot": (logits, 50.0),
        "offset 10⁴": (logits + 1e4, 0.6),
        "logits from −10⁴ to 10⁴": (logits * 1e4, 0.6),
    }
    model = _model
    return [
        part_of(
            concrete.log_prob,
            {"y": y, "logits": logits},
            {"temperature": 0.6},
            oracle=_log_prob,
            tried=[
                Inputs(
                    kind,
                    {"y": points, "logits": l},
                    {"temperature": temperature},
                    floor=1.0,
                    why="1 and K times a share cancel",
                )
                for kind, (points, l, temperature) in tried.items()
            ],
            torch=_torch_log_prob,
        ),
        part_of(
            concrete.reparameterize,
            {"logits": logits},
            {"noise": exponential(2 * B, GROUPS, CATEGORIES), "temperature": 0.6, "draws": 2},
            sampling=SamplingCase("concrete.reparameterize", _draw, _log_density, GRID),
            oracle=_draws,
            tried=[
                Inputs(
                    kind,
                    {"logits": l},
                    {"noise": exponential(2 * B, GROUPS, CATEGORIES), "temperature": temperature, "draws": 2},
                    floor=1.0,
                    why="the largest share is near 1, and its logarithm is near 0",
                )
                for kind, (l, temperature) in drawn.items()
            ],
            torch=lambda torch, logits, noise, temperature, draws=1: torch.log_softmax(
                (logits.repeat_interleave(draws, 0) - noise.log()) / temperature, dim=2
            ),
        ),
        part_of(
            concrete.sample_standard,
            sampling=SamplingCase(
                "concrete.sample_standard",
                lambda n, rng: concrete.sample_standard((n,), rng),
                # half a cell's width at the jump
                lambda t: np.where(t < 0, -np.inf, -t) + np.where(t == 0, np.log(0.5), 0),
                GRID,
            ),
        ),
        Part(
            "concrete posterior",
            Concrete,
            [
                objective_case(
                    "SampledElbo: Concrete", SampledElbo(0.7, K), model(), X, noise=exponential(B * K, WIDTH)
                ),
                objective_case(
                    "Iwae: Concrete, ConcretePrior, learned",
                    Iwae(K),
                    model(learned=True),
                    X,
                    noise=exponential(B * K, WIDTH),
                ),
            ],
            sampling=SamplingCase("Concrete.sample", _draw_posterior, _log_posterior, GRID),
            columns=lambda n, rng: _log_odds(
                Concrete(3, 2)
                .sample(np.zeros((n, 6)), noise=Concrete(3, 2).draw_noise(n, rng))[0]
                .reshape(n, 3, 2)
            ),
        ),
        Part(
            "concrete prior",
            ConcretePrior,
            sampling=SamplingCase("ConcretePrior.sample", _draw_prior, _log_prior, GRID),
            columns=lambda n, rng: _log_odds(ConcretePrior(3, 2).sample(n, rng).reshape(n, 3, 2)),
        ),
    ]


def log_simplex(*shape: int) -> Array:
    """Return logarithms of shares, which sum to 1 over the last axis."""
    a = normal(*shape, seed=1, scale=1.5)
    shares: Array = a - np.log(np.exp(a).sum(axis=-1, keepdims=True))
    return shares


def _model(*, learned: bool = False) -> VAE:
    prior = ConcretePrior(GROUPS, CATEGORIES, temperature=0.4, learned=learned)
    if prior.choices.logits is not None:
        prior.choices.logits.value = normal(GROUPS, CATEGORIES, seed=8).astype(np.float32)
    return vae_of_width(WIDTH, Concrete(GROUPS, CATEGORIES, temperature=0.7), prior, GroupSoftmax(GROUPS))


def _log_odds(y: Array) -> Array:
    return y[:, :, 0] - y[:, :, 1]


def _of_log_odds(t: Array) -> Array:
    """Return y (n, 1, 2) whose log-odds are t."""
    return np.stack([-np.logaddexp(0, -t), -np.logaddexp(0, t)], axis=1)[:, None]


def _logits(n: int) -> Array:
    return np.tile(np.array([[LOGITS]]), (n, 1, 1))


def _draw(n: int, rng: np.random.Generator) -> Array:
    noise = rng.standard_exponential((n, 1, 2))
    return _log_odds(concrete.reparameterize(_logits(n), noise=noise, temperature=TEMPERATURE)[0])[:, 0]


def _log_density(t: Array) -> Array:
    return concrete.log_prob(_of_log_odds(t), _logits(len(t)), temperature=TEMPERATURE)[0]


def _draw_posterior(n: int, rng: np.random.Generator) -> Array:
    q = Concrete(1, 2, temperature=TEMPERATURE)
    z, _ = q.sample(_logits(n).reshape(n, 2), noise=q.draw_noise(n, rng))
    return _log_odds(z.reshape(n, 1, 2))[:, 0]


def _log_posterior(t: Array) -> Array:
    q = Concrete(1, 2, temperature=TEMPERATURE)
    return q.log_prob(_logits(len(t)).reshape(-1, 2), _of_log_odds(t).reshape(-1, 2))[0]


def _prior() -> ConcretePrior:
    prior = ConcretePrior(1, 2, temperature=TEMPERATURE, learned=True)
    assert prior.choices.logits is not None
    prior.choices.logits.value = np.array([LOGITS])
    return prior


def _draw_prior(n: int, rng: np.random.Generator) -> Array:
    return _log_odds(_prior().sample(n, rng).reshape(n, 1, 2))[:, 0]


def _log_prior(t: Array) -> Array:
    return _prior().log_prob(_of_log_odds(t).reshape(-1, 2))[0]


def _log_prob(y: Array, logits: Array, temperature: float) -> Array:
    m, K = mathematics(), y.shape[2]
    temperature = m.mpf(temperature)
    constant = m.loggamma(m.mpf(K)) + (K - 1) * m.log(temperature)
    return (log_softmax(logits - temperature * y).sum(axis=2) + constant).sum(axis=1)


def _draws(logits: Array, noise: Array, temperature: float, draws: int) -> Array:
    m = mathematics()
    return log_softmax((np.repeat(logits, draws, axis=0) - m.log(noise)) / m.mpf(temperature))


def _torch_log_prob(torch: Any, y: Any, logits: Any, temperature: float) -> Any:
    law = torch.distributions.relaxed_categorical.ExpRelaxedCategorical
    return (
        law(torch.tensor(temperature, dtype=y.dtype), logits=logits, validate_args=False).log_prob(y).sum(1)
    )
