"""Priors that have their shape from a posterior, and so ask for a posterior of one kind."""

from typing import TypeVar

from scratchvae.arrays import InputError
from scratchvae.posteriors import Posterior

Kind = TypeVar("Kind", bound=Posterior)


class PosteriorMismatch(InputError):
    """A prior has its shape from another kind of posterior than the model's.

    `found` says which both are, without the advice, which only whoever trains the model can take.
    """

    def __init__(self, found: str, helps: str) -> None:
        super().__init__(f"{found}: {helps}")
        self.found = found


def require_posterior(prior: str, name: str, kind: type[Kind], posterior: Posterior) -> Kind:
    """The posterior, if it is of that kind.

    PosteriorMismatch for another kind. Its message has the `name` by which a user chooses the right one.
    """
    if not isinstance(posterior, kind):
        helps = f"take --posterior {name}, or another prior"
        found = f"prior {prior} is for the posterior {name}; found a {type(posterior).__name__}"
        raise PosteriorMismatch(found, helps)
    return posterior
