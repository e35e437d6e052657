"""The sets that z lies in: a posterior and a prior have to be over the same one."""

from scratchvae.arrays import InputError
from scratchvae.posteriors import Posterior
from scratchvae.priors.interface import Prior

REAL, SPHERE = "real vectors", "points of the unit sphere"
FITTING = {  # a posterior and a prior over each space, by class and by the name on the command line
    REAL: (
        "DiagonalGaussian (--posterior diagonal_gaussian)",
        "StandardGaussian (--prior standard_gaussian)",
    ),
    SPHERE: ("VonMisesFisher (--posterior von_mises_fisher)", "UniformSphere (--prior uniform_sphere)"),
    "codes of a codebook": ("VectorQuantized (--posterior vq)", "Codes (--prior codes)"),
    "one-hot codes": ("GumbelSoftmax (--posterior gumbel_softmax)", "OneHot (--prior one_hot)"),
    "logarithms of points of a simplex": (
        "Concrete (--posterior concrete)",
        "ConcretePrior (--prior concrete)",
    ),
    "real vectors × one-hot codes": ("JointPosterior (--posterior joint)", "ProductPrior (--prior product)"),
}


def require_one_space(where: str, posterior: Posterior, prior: Prior) -> None:
    """Raise InputError unless both are over as many latents of one kind.

    Otherwise log q(z|x) − log p(z) has no meaning, although it is a number: a density on the sphere is one
    per unit of its area, and a density of real vectors is one per unit of volume.
    """
    if posterior.space != prior.space:
        kinds = (
            f"{posterior.space} (a {type(posterior).__name__}) and {prior.space} (a {type(prior).__name__})"
        )
        raise InputError(
            f"{where}: posterior and prior should be over the same z, found {kinds}{_fitting(posterior, prior)}"
        )
    if posterior.latent_dim != prior.latent_dim:
        found = f"found {posterior.latent_dim} and {prior.latent_dim}"
        raise InputError(f"{where}: posterior and prior should have as many latents, {found}")


def prior_over(space: str) -> str:
    """The prior over this space, by its class and its name on the command line."""
    return FITTING[space][1]


def _fitting(posterior: Posterior, prior: Prior) -> str:
    """The prior or the posterior that may be taken instead, as far as the table knows."""
    ways = [f"the prior {prior_over(posterior.space)}"] if posterior.space in FITTING else []
    ways += [f"the posterior {FITTING[prior.space][0]}"] if prior.space in FITTING else []
    return f": take {', or '.join(ways)}" if ways else ""
