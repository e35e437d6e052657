"""The laws of tables: categories, positive columns, columns that are encoded, and blocks of any of them."""

from __future__ import annotations

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.data import Batch, Column, TableSchema
from scratchvae.layers import cast, named_buffers, named_parameters
from scratchvae.likelihoods import (
    Bernoulli,
    Blocks,
    Categories,
    Encoded,
    Gaussian,
    Likelihood,
    LogNormal,
    Ordered,
    Poisson,
    of_schema,
)
from scratchvae.objectives import Elbo
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.inputs import GRID, count_data, likelihood_sampler, unit_data
from scratchvae.reference.cases.models import FEW, LATENT_NOISE, B, D, vae
from scratchvae.reference.cases.part import Part

ABOVE_0 = np.arange(1, 160_001) * 1e-3  # a grid of positive numbers
LEVELS = np.array([[0, 2, 1, 2], [1, 1, 0, 2], [2, 0, 2, 1]], np.float64)
POSITIVE = np.exp(np.random.default_rng(3).standard_normal((B, D)))
MIXED_SCHEMA = TableSchema(
    (
        Column("real", "real"),
        Column("visits", "count", "whole"),
        Column("country", "categorical", "text", ("at", "ch", "de")),
        Column("grade", "ordered", "text", ("low", "mid", "high")),
        Column("smokes", "binary", "bool", ("False", "True")),
        Column("income", "positive"),
        Column("weight", "real"),
    )
)
MIXED = np.array(
    [
        [0.4, 3, 2, 0, 1, 2.5, -1.5],
        [-1.2, 0, 0, 2, 0, 0.7, 80.0],
        [2.1, 7, 1, 1, 1, 11.0, 31.0],
    ]
)
MIXED_OBSERVED = np.array([[1, 0, 1, 1, 0, 1, 1], [0, 1, 0, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1, 0]])


def parts() -> list[Part]:
    """Return each role."""
    return [
        Part(
            "categories",
            Categories,
            [
                objective_case(
                    "Elbo: Categories",
                    Elbo(),
                    vae(Categories(3), encoder_inputs=6 * D),
                    LEVELS,
                    noise=LATENT_NOISE,
                )
            ],
            sampling=likelihood_sampler(Categories(3), [0.3, -1.0, 1.1], np.arange(3)),
            columns=lambda n, rng: Categories(4).sample(np.zeros((n, 12)), rng),
            example=lambda D: (
                Categories(3),
                np.random.default_rng([7, D]).integers(0, 3, (3, D)).astype(np.float64),
            ),
        ),
        Part(
            "log_normal",
            LogNormal,
            [
                objective_case(
                    "Elbo: LogNormal", Elbo(), vae(_log_normal(D, 0.5)), POSITIVE, noise=LATENT_NOISE
                )
            ],
            sampling=likelihood_sampler(_log_normal(1, 0.11), [0.7], ABOVE_0),
            columns=lambda n, rng: _log_normal(3, 0.2).sample(np.zeros((n, 3)), rng),
            example=lambda D: (_log_normal(D, 0.5), unit_data(D)),
        ),
        Part(
            "encoded",
            Encoded,
            [
                objective_case("Elbo: Encoded counts", Elbo(), vae(_counts(D)), FEW, noise=LATENT_NOISE),
                objective_case(
                    "Elbo: Encoded bits", Elbo(), vae(_bits(D)), np.minimum(FEW, 1), noise=LATENT_NOISE
                ),
            ],
            sampling=likelihood_sampler(_counts(1), [0.7], np.arange(60)),
            columns=lambda n, rng: _counts(3).sample(np.zeros((n, 3)), rng),
            example=lambda D: (_counts(D), count_data(D)),
        ),
        Part(
            "blocks",
            Blocks,
            [
                _mixed_case("Blocks: every kind of column"),
                _mixed_case("Blocks: missing entries", MIXED_OBSERVED),
            ],
            sampling=likelihood_sampler(Blocks([((0,), Gaussian(5.0))]), [0.7], GRID),
            columns=lambda n, rng: _blocks(3).sample(np.zeros((n, 3)), rng),
            example=lambda D: (_blocks(D), count_data(D) % 2),
        ),
    ]


def mixed_law() -> Blocks:
    """Return the law of the columns of MIXED_SCHEMA, measured on MIXED."""
    law = of_schema(MIXED_SCHEMA)
    law.measure(Batch(MIXED))
    return law


def _mixed_case(name: str, observed: Array | None = None) -> Case:
    """Make a case of the law of MIXED as an op of x_params and of the law's own Parameters.

    The values of the Parameters start at normal numbers.
    """
    law = mixed_law()
    cast(law, np.float64)
    parameters = named_parameters(law)
    own = {n: normal(*p.value.shape, seed=i + 1) for i, (n, p) in enumerate(parameters.items())}

    @differentiable
    def op(*arrays: Array) -> tuple[Array, Pullback]:
        x_params, *values = arrays
        require_shapes(
            name, **{n: (a, " ".join(map(str, own[n].shape))) for n, a in zip(own, values, strict=True)}
        )
        for parameter, value in zip(parameters.values(), values, strict=True):
            parameter.value = value
        for buffer in named_buffers(law).values():
            buffer.value = buffer.value.astype(x_params.dtype)
        log_px, law_pullback = law.log_prob(x_params, x=MIXED.astype(x_params.dtype), observed=observed)

        def pullback(dlog_px: Array) -> tuple[Array, ...]:
            for parameter in parameters.values():
                parameter.grad = None
            return (law_pullback(dlog_px), *(parameter.grad for parameter in parameters.values()))

        return log_px, pullback

    return Case(
        name,
        op,
        {"x_params": normal(len(MIXED), sum(law.sizes)), **own},
        held={"x": MIXED} | ({} if observed is None else {"observed": observed}),
    )


def _log_normal(D: int, variance: float) -> LogNormal:
    law = LogNormal(D, variance, min_variance=0.01)
    law.of_log.column_mean.value += np.float32(0.6)
    law.of_log.column_scale.value *= np.float32(1.4)
    law.of_log.examples_measured.value += 1
    return law


def _counts(D: int) -> Encoded:
    law = Encoded(Poisson(), D, counts=True)
    law.measure(Batch(np.random.default_rng([5, D]).poisson(4.0, (40, D)).astype(np.float64)))
    return law


def _bits(D: int) -> Encoded:
    law = Encoded(Bernoulli(), D)
    law.measure(Batch(np.random.default_rng([5, D]).integers(0, 2, (40, D)).astype(np.float64)))
    return law


def _blocks(D: int) -> Blocks:
    """Return three kinds of columns that may be 0 and 1, with one parameter each.

    Real columns follow where there are more than three.
    """
    kinds: list[tuple[tuple[int, ...], Likelihood]] = [
        ((0,), _counts(1)),
        ((1,), _bits(1)),
        ((2,), Encoded(Ordered((1,), 2), 1)),
    ]
    return Blocks([*kinds, (tuple(range(3, D)), Gaussian(0.5, learned=True))] if D > 3 else kinds)
