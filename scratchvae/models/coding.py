"""Codes of examples: a model with one vector of latents for each example encodes and reconstructs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from copy import copy, deepcopy
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae import ops
from scratchvae.arrays import (
    Array,
    require_count,
    require_seed,
    require_shapes,
)
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import RowNoise, codes, impute, require_answers
from scratchvae.layers import Layer, cast, dtype_of, named_parameters
from scratchvae.models.conditions import Classes
from scratchvae.models.decoding import Decoding
from scratchvae.models.estimator import AT_ONCE
from scratchvae.models.summary import Row, rows_of
from scratchvae.posteriors import Posterior
from scratchvae.priors import Prior


class Coding(Decoding):
    """The verbs encode, transform, reconstruct and impute. The model itself says what its parts do."""

    encoder: Layer
    posterior: Posterior
    prior: Prior
    decoder: Layer
    # a Layer that tells codes from other draws, for the penalty Critic, or the widths of one before `fit`
    critic: Any = None

    @abstractmethod
    def seen(self, batch: Batch) -> Array:
        """The array that the encoder gets."""

    @abstractmethod
    def code(self, batch: Batch) -> Array:
        """The one code (B, Z) of each example."""

    @abstractmethod
    def told(self, z: Array, batch: Batch, *, draws: int = 1) -> Array:
        """The array that the decoder gets."""

    def encode(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, samples: int = 100
    ) -> Array:
        """The code of each example, E[z|x] where there is one  ->  (N, Z).

        A model that is told y and has learned its classes takes examples whose y is hidden. The code is then
        Σ_y w(y) E[z|x, y]. Its weights w(y) ∝ p(y) p̂(x|y) estimate p(y|x) with `samples` importance-weighted
        draws for each class, and the draws of an example depend on the example alone. With any other model
        `samples` changes nothing.

        An example's code alone and among others may differ in the last digit, because matrix products of
        different sizes round differently.
        """
        return self._encoded(x, y, samples)

    def _encoded(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None, samples: int, *, double: bool = False
    ) -> Array:
        """The codes. With `double`, examples in float64 are encoded in float64."""
        require_count("encode", "samples", samples)
        cases, model = self._cases(x, y, noisy=True), self.model_
        if double and cases[0][0].images.dtype == np.float64:
            model = copy(model)
            model.encoder = deepcopy(model.encoder)
            cast(model.encoder, np.float64)
        found = [codes(model, data, batch_size=AT_ONCE) for data, _ in cases]
        if len(found) == 1:
            return found[0]
        shares = self._shares(cases, samples)
        # Σ_y w(y) E[z|x, y]
        average: Array = np.einsum("nk,knz->nz", shares, np.stack(found)).astype(found[0].dtype)
        return average

    def _cases(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None, *, noisy: bool = False
    ) -> list[tuple[Dataset, float]]:
        """The examples with each possible y, and log p(y).

        There is one case, unless y is hidden from a model that is told it.
        """
        return [(self._dataset(x, y, noisy=noisy), 0.0)]

    def _shares(self, cases: list[tuple[Dataset, float]], samples: int) -> Array:
        """w(y) ∝ p(y) p̂(x|y) of each case, estimated with `samples` draws  ->  (N, cases)."""
        shares, _ = ops.softmax(self._log_joint_of_cases(cases, samples=samples), axis=1)
        return shares

    def _needed(self, y: npt.ArrayLike | None) -> npt.ArrayLike | None:
        """y, or None where `transform` does without it."""
        return y

    @abstractmethod
    def _log_joint_of_cases(self, cases: list[tuple[Dataset, float]], *, samples: int) -> Array:
        """log p(x|y) + log p(y) of each case, estimated with `samples` draws  ->  (N, cases) in nats."""

    def transform(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, samples: int = 100
    ) -> Any:
        """`encode`, by its name in scikit-learn, as the array or the DataFrame that `set_output` asks for.

        Examples in float64 are encoded in float64, so that an example's neighbours make no visible
        difference.
        """
        return self._contained(self._encoded(x, y, samples, double=True), x)

    def fit_transform(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, **settings: Any
    ) -> Any:
        """`fit`, then `transform`, which does not get y where it does without it."""
        return self.fit(x, y, **settings).transform(x, self._needed(y))

    def reconstruct(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """E[x|z] at z = E[z|x]  ->  (N, *event_shape)."""
        model, data = self.model_, self._dataset(x, y, noisy=True)
        with np.errstate(over="ignore", invalid="ignore"):  # require_answers says it in words
            decoded: Array = model.decode(model.encode(data), None if model.condition is None else data.y)
        require_answers(f"{type(self).__name__}.reconstruct", data, decoded)
        return decoded

    def impute(
        self,
        x: npt.ArrayLike | Dataset,
        y: npt.ArrayLike | None = None,
        *,
        samples: int = 1000,
        draws: int | None = None,
        seed: int = 0,
    ) -> Array:
        """x with each missing entry filled in, and observed entries as they are  ->  (N, *event_shape).

        A missing entry becomes its expectation given the observed ones, estimated with `samples`
        importance-weighted draws of z. With `draws` = M it is drawn instead, M times  ->  (M, N,
        *event_shape).

        The fewer entries of an example are observed, the more of its draws may count for nothing:
        `evaluation.impute` also says how many equally weighted draws each expectation is worth. More
        `samples` help, and so does a model with fill="zero_and_mask" that was fitted to examples with as much
        missing. An example of which nothing was observed is filled in by draws from the prior, which all
        count. An expectation is a function of `seed` and the example alone. Draws of equal examples are
        independent.
        """
        require_seed(f"{type(self).__name__}.impute", "seed", seed)
        data = self._dataset(x, y)
        rng = RowNoise(seed) if draws is None else np.random.default_rng(seed)
        found = impute(self.model_, data, samples=samples, draws=draws or 0, rng=rng)
        filled = found.x if draws is None else found.draws
        return filled.reshape(*filled.shape[:-1], *data.event_shape)

    def _n_features_out(self) -> int:
        latents: int = self.model_.posterior.latent_dim
        return latents

    def _rows(self) -> Iterator[Row]:
        one = self._some_example()
        z = self.code(one)
        yield from rows_of("encoder", self.encoder, self.seen(one))
        yield from rows_of("decoder", self.decoder, self.told(z, one))
        counted = {id(p) for p in named_parameters(self.encoder).values()}  # a VampPrior shares them
        for role, shape in (
            ("posterior", z.shape[1:]),
            ("prior", z.shape[1:]),
            ("likelihood", self.event_shape),
        ):
            part = getattr(self, role)
            own = [p for p in named_parameters(part).values() if id(p) not in counted]
            counted |= {id(p) for p in own}
            yield Row(
                role,
                type(part).__name__,
                f"(N, {', '.join(map(str, shape))})",
                sum(p.value.size for p in own),
            )

    def _try_out(self) -> None:
        if not self._has_networks():
            return
        model = self.model_
        one = model._some_example()
        z = model.code(one)
        require_shapes("the code", z=(z, f"1 {model.posterior.latent_dim}"))
        x_params, _ = model.decoded(z, one)
        require_shapes(
            "the decoder", x_params=(x_params, f"1 {model.likelihood.n_params(model.event_shape)}")
        )
        model.likelihood.log_prob(x_params, x=one.x)
        model.prior_given(one).log_prob(z)

    def _some_example(self) -> Batch:
        """One example in the support of the likelihood, with the class 0 or zeros as y where it has a y."""
        x = self.likelihood.inside(prod(self.event_shape))[None].astype(dtype_of(self))
        if self.condition is None:
            return Batch(x)
        zero: npt.ArrayLike = 0 if isinstance(self.condition, Classes) else np.zeros(self.condition.width)
        return Batch(x, self.condition.read(type(self).__name__, zero, 1))
