"""Inputs of the laws' parts: ordinary arrays for gradients, and extreme ones for the certificate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.likelihoods import Likelihood
from scratchvae.priors import Prior
from scratchvae.reference.cases.case import cholesky_factors, normal
from scratchvae.reference.cases.part import SamplingCase

# for gradients
B, D = 3, 4
MEAN, LOG_VAR, NOISE = normal(B, D, seed=1), normal(B, D, seed=2), normal(B, D, seed=3)
OTHER = {"other_mean": normal(B, D, seed=3), "other_log_var": normal(B, D, seed=4)}
FACTOR, OTHER_FACTOR = cholesky_factors(B, D, seed=5), cholesky_factors(B, D, seed=6)
COUNTS = np.array([[0, 3, 1, 20], [1, 0, 0, 0], [7, 2, 40, 5]], np.float64)
TWO_DRAWS = {"noise": normal(2 * B, D, seed=3), "draws": 2}

# for the certificate
LOG_VARS = {"ordinary": normal(B, D, seed=2), "from −80 to 80": np.linspace(-80, 80, B * D).reshape(B, D)}
LOGITS = {
    "ordinary": normal(B, D, scale=3.0),
    "to ±10⁴": np.array([[1e4, -1e4, 12, -12], [80, -80, 1e-3, -1e-3], [700, -700, 30, -30]], np.float64),
    "one far outlier": np.where(np.arange(B * D).reshape(B, D) == 5, 1e4, -9.0),
    "near 0": 1e-6 * normal(B, D),
}
# logits of two entries: an offset common to all classes changes neither a probability nor a gradient
CLASSES = {
    "offset 0": np.array([[0.3, -1.2, 2.0], [1.0, 1.0, 1.0]]),
    "offset 10⁴": 1e4 + np.array([[0.0, 1.0, 2.0], [0.5, 0.25, -1.0]]),
    "offset −10⁴": -1e4 + np.array([[0.0, 1.0, 2.0], [0.5, 0.25, -1.0]]),
    "10³⁰ each": np.full((2, 3), 1e30),
    "from −10⁴ to 10⁴": np.array([[-1e4, 1e4, 5.0], [1e4, 1e4, -1e4]]),
}
OBSERVED = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1]])
BITS = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1]], np.float64)
MANY_COUNTS = {
    "small counts": np.array([[0, 3, 1, 20], [1, 0, 0, 0], [7, 2, 15, 5]], np.float64),
    "large counts": np.array([[1e3, 1e6, 16, 17], [2**24, 12, 0, 400], [1e5, 9e4, 8e4, 64]], np.float64),
}
CANCEL = "the square and 1 (or log σ² and the square) cancel"

# for samplers
GRID = np.linspace(-40, 40, 160_001)
SAMPLED_MEAN, SAMPLED_LOG_VAR, SAMPLED_LOG_SCALE = 0.7, 1.3, -0.4
SAMPLED_LOGITS = np.array([0.3, -1.0, 1.1])


def unit_data(D: int) -> Array:
    """Return entries in (0, 1), (3, D)."""
    return np.random.default_rng([7, D]).uniform(0.1, 0.9, (3, D))


def real_data(D: int) -> Array:
    """Return entries of both signs (3, D)."""
    return normal(3, D, seed=7)


def count_data(D: int) -> Array:
    """Return counts (3, D)."""
    return np.random.default_rng([7, D]).poisson(2.0, (3, D)).astype(np.float64)


def column(n: int, value: float) -> Array:
    """Return a number as an array (n, 1)."""
    return np.full((n, 1), value)


def prior_sampler(prior: Prior, name: str = "") -> SamplingCase:
    """Make a sampling case of a prior of one latent."""
    return SamplingCase(
        f"{name or type(prior).__name__}.sample",
        lambda n, rng: prior.sample(n, rng)[:, 0],
        lambda t: prior.log_prob(t[:, None])[0],
        GRID,
    )


def likelihood_sampler(likelihood: Likelihood, x_params: list[float], points: Array) -> SamplingCase:
    """Make a sampling case of a likelihood of one entry, whose decoder gives `x_params`."""

    def draw(n: int, rng: np.random.Generator) -> Array:
        return likelihood.sample(np.tile(np.array(x_params), (n, 1)), rng)[:, 0]

    def log_prob(t: Array) -> Array:
        log_px, _ = likelihood.log_prob(
            np.tile(np.array(x_params), (len(t), 1)), x=t[:, None].astype(np.float64)
        )
        return log_px

    return SamplingCase(f"{type(likelihood).__name__}.sample", draw, log_prob, points)


def torch_likelihood(
    log_prob: Callable[..., Any],
    *,
    outputs: int = 1,
    log_inputs: bool = False,
    **initial: Callable[[int], list[Any]],
) -> Callable[[Any, int], Any]:
    """Return a function (torch, D) that makes an nn.Module with Parameters from `initial(D)`.

    Its forward is log_prob(torch, module, x_params, x). Its `seen(x)` is what an encoder gets: x, or with
    `log_inputs` log(1 + x).
    """

    def build(torch: Any, D: int) -> Any:
        class Role(torch.nn.Module):  # type: ignore[misc]
            def forward(self, x_params: Any, x: Any) -> Any:
                return log_prob(torch, self, x_params, x)

        module = Role()
        module.outputs, module.seen = outputs, (lambda x: torch.log1p(x.clamp(min=0)) if log_inputs else x)
        for name, values in initial.items():
            setattr(module, name, torch.nn.Parameter(torch.tensor(values(D))))
        return module

    return build


def torch_of_observed(by_entry: Any, observed: Any, draws: int = 1) -> Any:
    """Sum PyTorch's log-densities (B · draws, D) over the observed entries."""
    return by_entry.sum(1) if observed is None else (by_entry * observed.repeat_interleave(draws, 0)).sum(1)
