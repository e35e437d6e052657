"""Latents in layers: the posterior that meets the layer above, its prior, and a product of Gaussians."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian_product
from scratchvae.layers import FirstColumns, Linear, Sequential, Tanh, cast, named_parameters
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, Iwae, SampledElbo
from scratchvae.posteriors import Ladder, TopDown
from scratchvae.priors import HierarchicalGaussian
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.gaussian import LAW
from scratchvae.reference.cases.inputs import OTHER
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.models import B, K, X, vae_of_width
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

SIZES = (3, 2, 1)
REACH = np.linspace(-12, 12, 1201)
TWO = {**LAW, **OTHER}
WIDE = {
    **TWO,
    "log_var": np.linspace(-80, 80, 12).reshape(3, 4),
    "other_log_var": np.linspace(70, -75, 12).reshape(3, 4),
}


def parts() -> list[Part]:
    """Return the product, and both roles.

    Their samplers draw the second latent of two, which stands above the first.
    """
    q, p = _two_layers()
    q_params = np.array([0.4, -0.7, 0.9, 0.3])
    return [
        part_of(
            gaussian_product.product,
            TWO,
            oracle=_product,
            tried=[
                Inputs("ordinary", TWO, floor=1.0, why="the two means cancel, and so do the two log σ²"),
                Inputs("σ² from e⁻⁸⁰ to e⁸⁰", WIDE, floor=1.0, why="the two means cancel", digits=120),
            ],
            torch=_torch_product,
        ),
        Part(
            "ladder",
            Ladder,
            _objectives(),
            sampling=SamplingCase(
                "Ladder.sample",
                lambda n, rng: q.sample(
                    np.tile(q_params, (n, 1)), noise=q.draw_noise(n, rng).astype(np.float64)
                )[0][:, 0],
                lambda t: _first_of_two(lambda z: q.log_prob(np.tile(q_params, (len(z), 1)), z)[0], t),
                REACH,
            ),
            columns=lambda n, rng: Ladder(TopDown(Linear(1, 4, rng=0), sizes=(2, 1))).draw_noise(n, rng),
        ),
        Part(
            "hierarchical",
            HierarchicalGaussian,
            sampling=SamplingCase(
                "HierarchicalGaussian.sample",
                lambda n, rng: p.sample(n, rng)[:, 0],
                lambda t: _first_of_two(lambda z: p.log_prob(z)[0], t),
                REACH,
            ),
            columns=lambda n, rng: HierarchicalGaussian(TopDown(sizes=(3,))).sample(n, rng),
        ),
    ]


def ladder_vae(sizes: tuple[int, ...] = SIZES, *, inner: int = 2) -> VAE:
    """Return a VAE whose latents come in layers of these sizes, with steps of one hidden layer."""
    steps = [
        Sequential(Linear(above, inner, rng=5), Tanh(), Linear(inner, 2 * below, rng=6))
        for below, above in pairwise(sizes)
    ]
    top_down = TopDown(*steps, sizes=sizes)
    return vae_of_width(sizes[0], Ladder(top_down), HierarchicalGaussian(top_down), FirstColumns(sizes[0]))


def _objectives() -> list[Case]:
    Z = sum(SIZES)
    one, several = normal(B, Z, seed=1), normal(B * K, Z, seed=2)
    return [
        objective_case("Elbo: Ladder", Elbo(beta=1.7), ladder_vae(), X, noise=one),
        objective_case("Elbo: Ladder, free bits", Elbo(free_bits=0.1), ladder_vae(), X, noise=one),
        objective_case("Elbo: Ladder, one layer", Elbo(), ladder_vae((2,)), X, noise=one[:, :2]),
        objective_case(
            "SampledElbo: Ladder", SampledElbo(beta=2.0, samples=K), ladder_vae(), X, noise=several
        ),
        objective_case("Iwae: Ladder", Iwae(K), ladder_vae(), X, noise=several),
    ]


def _two_layers() -> tuple[Ladder, HierarchicalGaussian]:
    """Return two layers of one latent, with a step that bends."""
    top_down = TopDown(Sequential(Linear(1, 2), Tanh(), Linear(2, 2)), sizes=(1, 1))
    cast(top_down, np.float64)
    for seed, parameter in enumerate(named_parameters(top_down).values()):
        parameter.value = normal(*parameter.value.shape, seed=seed, scale=0.6)
    return Ladder(top_down), HierarchicalGaussian(top_down)


def _first_of_two(log_prob: Any, t: Array) -> Array:
    """Compute the log-density of z_1, the lower latent, log ∫ p(z_1, z_2) dz_2, by the trapezoid rule."""
    above = np.linspace(-10, 10, 201)
    pairs = np.stack(np.broadcast_arrays(t[:, None], above[None]), axis=2).reshape(-1, 2)
    log_p = log_prob(pairs).reshape(len(t), -1)
    return np.log(np.exp(log_p).sum(axis=1) * (above[1] - above[0]))


def _product(mean: Any, log_var: Any, other_mean: Any, other_log_var: Any) -> Any:
    """Compute the product by precisions, as the paper writes it."""
    m = mathematics()
    one, other = m.exp(-log_var), m.exp(-other_log_var)
    return (one * mean + other * other_mean) / (one + other), -m.log(one + other)


def _torch_product(torch: Any, mean: Any, log_var: Any, other_mean: Any, other_log_var: Any) -> Any:
    one, other = torch.exp(-log_var), torch.exp(-other_log_var)
    return (one * mean + other * other_mean) / (one + other), -torch.log(one + other)
