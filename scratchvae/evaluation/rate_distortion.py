"""Compression against fidelity: how much a code says of an example, and how near the decoded one is.

    rate R = ⟨KL(q(z|x) ‖ p(z))⟩     distortion D = −⟨log p(x|z)⟩,  z ~ q(z|x)     so that  −⟨bound⟩ = R + D

R says how many nats about the example a code carries beyond what the prior knows already. A decoder may
ignore the code: then R = 0, and D is high. It may use all of the code: then D is low, and R is high. The
weight β in β R + D and the number of latents choose a point between the two. Alemi et al. 2018, "Fixing a
Broken ELBO", section 2.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, require_count
from scratchvae.data import Dataset
from scratchvae.layers import dtype_of
from scratchvae.likelihoods import fill_missing, require_batch_supported
from scratchvae.objectives import Kl, LatentModel, Pass, has_closed_form
from scratchvae.posteriors import Point


@dataclass(frozen=True)
class RatePoint:
    """One model on the plane of rate and distortion, as means over the examples.

        setting        the settings that the model was made with
        latent_dim     Z
        rate           R in nats, which is infinite for a Point posterior, as its code is exact
        distortion     D in nats
        squared_error  ⟨‖x − E[x|z]‖²⟩, z ~ q(z|x), summed over the observed entries, in the units of x²

    The squared error leaves out entries that are names of categories, since differences of their numbers mean
    nothing. It is None where all entries are such names.
    """

    setting: Mapping[str, Any]
    latent_dim: int
    rate: float
    distortion: float
    squared_error: float | None


def rate_distortion(
    fit: Callable[..., LatentModel],
    settings: Iterable[Mapping[str, Any]],
    data: Dataset,
    *,
    samples: int = 1,
    seed: int = 0,
) -> list[RatePoint]:
    """The point of each model `fit(**setting)` on `data`, with `samples` draws of z for each example.

    Settings may be anything that `fit` takes, such as {"latent_dim": 4, "beta": 2.0}. `seed` gives every
    model the same draws.
    """
    require_count("rate_distortion", "samples", samples)
    return [
        _measured(fit(**setting), dict(setting), data, samples, np.random.default_rng(seed))
        for setting in settings
    ]


def _measured(
    model: LatentModel, setting: dict[str, Any], data: Dataset, samples: int, rng: np.random.Generator
) -> RatePoint:
    closed = has_closed_form(model.posterior, model.prior)
    kl: Kl = "none" if isinstance(model.posterior, Point) else "closed_form" if closed else "sampled"
    sums, numeric = np.zeros(3), model.likelihood.numeric(prod(model.event_shape))
    for batch in data.batches(max(1, 500 // samples), dtype_of(model)):
        require_batch_supported(model.likelihood, batch)
        one, _ = model.run(batch, model.draw_noise(len(batch) * samples, rng), draws=samples, kl=kl)
        assert one.x_params is not None
        x = np.repeat(batch.x, samples, axis=0)
        residual = x - model.likelihood.mean(one.x_params).reshape(x.shape)
        if batch.observed is not None:
            residual = fill_missing(residual, np.repeat(batch.observed, samples, axis=0))
        squared = (residual[:, numeric] ** 2).sum(axis=1)
        sums += [np.sum(part, dtype=np.float64) for part in (_rates(one), -one.log_px, squared)]
    rate, distortion, squared_error = (float(total) for total in sums / (len(data) * samples))
    return RatePoint(
        setting, model.posterior.latent_dim, rate, distortion, squared_error if numeric.any() else None
    )


def _rates(one: Pass) -> Array:
    """Return KL(q ‖ p) of each example and draw (B, K): in closed form, by the draws, or ∞ for a Point."""
    if one.log_q is not None:
        return one.sampled_kl
    by_example = np.full(len(one.q_params), np.inf) if one.kl is None else one.kl.sum(axis=1)
    return np.broadcast_to(by_example[:, None], one.log_px.shape)


def reverse_water_filling(
    eigenvalues: npt.ArrayLike, level: float, *, latent_dim: int | None = None
) -> tuple[float, float]:
    """The rate in nats and the squared error of Gaussian data with covariance eigenvalues λ (D,).

        R = Σ_{j ≤ Z} max(0, ½ log λ_j / s)     ⟨‖x − x̂‖²⟩ = Σ_{j ≤ Z} min(λ_j, s) + Σ_{j > Z} λ_j
        λ_1 ≥ … ≥ λ_D

    s > 0 is the water `level`. With Z = D (no `latent_dim`) the pairs of R and error for all s are Shannon's
    rate-distortion function, and no code of Gaussian data does better. A linear VAE that is trained with
    decoder variance σ² and weight β lies on this curve at s = βσ². Only a direction whose variance is above s
    gets a latent, and the squared error along such a direction is s.
    Cover & Thomas 2006, theorem 10.3.3; Lucas et al. 2019, section 4.
    """
    variances = np.sort(np.asarray(eigenvalues, np.float64))[::-1]
    if variances.ndim != 1 or not (np.isfinite(variances) & (variances >= 0)).all():
        raise InputError("reverse_water_filling: eigenvalues should be (D,), finite and not negative")
    if not (np.isfinite(level) and level > 0):
        raise InputError(f"reverse_water_filling: level should be positive, found {level}")
    if latent_dim is not None:
        require_count("reverse_water_filling", "latent_dim", latent_dim, 0)
    kept = variances[: len(variances) if latent_dim is None else latent_dim]
    rate = 0.5 * np.log(np.maximum(kept, level) / level).sum()
    return float(rate), float(np.minimum(kept, level).sum() + variances[len(kept) :].sum())
