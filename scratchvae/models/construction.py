"""The construction of a model: its user gives the parts, or `fit` builds them when it first sees examples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from scratchvae.arrays import InputError, require_flag, sizes_of
from scratchvae.layers import Layer
from scratchvae.likelihoods import Likelihood
from scratchvae.models.coding import Coding
from scratchvae.models.conditions import Condition
from scratchvae.models.scikit_learn import not_fitted
from scratchvae.posteriors import Posterior
from scratchvae.priors import Prior, require_one_space

PARTS = {"encoder": Layer, "posterior": Posterior, "prior": Prior, "decoder": Layer, "likelihood": Likelihood}


class Construction(Coding):
    """A model of an encoder, a decoder and three roles, each of them given or built.

    A model is made in one of two ways. One that is given its networks, its roles and its event_shape is ready
    at once, and `fit` trains these very networks. Any other model builds the parts that it was not given when
    `fit` first sees examples, from plain numbers and names as the recipe mlp would. It keeps what it has
    built as `model_`, a ready model of the same class, and its own parameters stay as they were given, as
    scikit-learn asks.
    """

    transparent = "_built"
    _condition: Condition | None = None  # the condition of networks that are built

    def __init__(
        self,
        *,
        event_shape: int | Sequence[int] | None,
        encoder: Layer | None,
        posterior: str | Posterior | None = None,
        prior: str | Prior | None = None,
        decoder: Layer | None,
        likelihood: str | Likelihood,
        shows_mask: bool = False,
    ) -> None:
        self.shows_mask = shows_mask
        if isinstance(posterior, Posterior) and isinstance(prior, Prior):
            require_one_space(type(self).__name__, posterior, prior)
        given: dict[str, Any] = {
            "event_shape": event_shape,
            "encoder": encoder,
            "posterior": posterior,
            "prior": prior,
        }
        for name, part in (given | {"decoder": decoder, "likelihood": likelihood}).items():
            # an autoencoder is given no posterior and no prior
            if part is not None or name not in ("posterior", "prior"):
                setattr(self, name, part)
        if isinstance(encoder, Layer):  # otherwise `fit` checks it, as scikit-learn asks
            require_flag(type(self).__name__, "shows_mask", shows_mask)

    @abstractmethod
    def _parts(self, event_shape: tuple[int, ...]) -> dict[str, Any]:
        """Every part of the model for events of that shape, as its constructor takes them.

        They are the parts that were given, and new ones.
        """

    def _learn_condition(self, y: npt.ArrayLike | None) -> None:
        """Learn what y is. A model that is told no y has nothing to learn."""

    @property
    def model_(self) -> Any:
        """The model that has the networks: this model, or the one that `fit` has built.

        Everything else in the library takes this model: objectives, evaluation, plots. NotFittedError before
        `fit`.
        """
        if self._is_ready():
            return self
        if "_built" not in vars(self):
            raise not_fitted(type(self).__name__)
        return vars(self)["_built"]

    def _has_networks(self) -> bool:
        return self._is_ready() or "_built" in vars(self)

    def _is_ready(self) -> bool:
        """Whether every part was given, so that nothing has to be built."""
        return isinstance(self.event_shape, tuple) and all(
            isinstance(vars(self).get(name), kind) for name, kind in PARTS.items()
        )

    def _prepare(self, event_shape: tuple[int, ...], y: npt.ArrayLike | None, *, fresh: bool) -> None:
        require_flag(type(self).__name__, "shows_mask", self.shows_mask)
        if self._is_ready():
            require_one_space(type(self).__name__, self.posterior, self.prior)
        elif fresh or "_built" not in vars(self):
            where = type(self).__name__
            shape = (
                event_shape
                if self.event_shape is None
                else sizes_of(where, "event_shape", self.event_shape, least=1)
            )
            for name in ("encoder", "decoder"):
                part = getattr(self, name)
                if part is not None and not isinstance(part, Layer):
                    raise InputError(
                        f"{where}: {name} should be a Layer, or None to have it built; found {part!r:.80}"
                    )
            self._learn_condition(y)
            self._built = type(self)(**(self.get_params(deep=False) | self._parts(shape)))
