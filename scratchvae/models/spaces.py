"""Where z lies: a posterior and a prior have to be over the same."""

from scratchvae.arrays import InputError
from scratchvae.posteriors import Posterior
from scratchvae.priors import Prior

PRIORS = {  # over what is no vector of real numbers: the class, and its name on the command line
    "codes of a codebook": "Codes (--prior codes)",
    "one-hot codes": "OneHot (--prior one_hot)",
    "logarithms of points of a simplex": "ConcretePrior (--prior concrete)",
    "real vectors × one-hot codes": "ProductPrior (--prior product)",
}


def require_one_space(where: str, posterior: Posterior, prior: Prior) -> None:
    """Raise InputError unless both are over as many latents of one kind, so that log q(z|x) − log p(z) has a meaning."""
    if posterior.space != prior.space:
        kinds = f"{posterior.space} (a {type(posterior).__name__}) and {prior.space} (a {type(prior).__name__})"
        helps = f": take the prior {PRIORS[posterior.space]}" if posterior.space in PRIORS else ""
        raise InputError(f"{where}: posterior and prior should be over the same z, found {kinds}{helps}")
    if posterior.latent_dim != prior.latent_dim:
        found = f"found {posterior.latent_dim} and {prior.latent_dim}"
        raise InputError(f"{where}: posterior and prior should have as many latents, {found}")
