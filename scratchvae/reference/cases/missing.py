"""Cases with missing entries."""

import numpy as np

from scratchvae.layers import LearnedFill
from scratchvae.likelihoods import Gaussian, GaussianOptimal, GaussianPerPixel, Multinomial
from scratchvae.objectives import Elbo, Iwae, Reconstruction, SampledElbo
from scratchvae.reference.cases.case import Case, objective_case
from scratchvae.reference.cases.inputs import OBSERVED
from scratchvae.reference.cases.models import (
    FEW,
    LATENT_NOISE,
    LATENT_NOISES,
    POINT,
    D,
    K,
    X,
    autoencoder,
    vae,
)

FILL = np.array([0.3, -0.6, 1.1, 0.2])


def cases() -> list[Case]:
    """Return cases of missing entries: what an encoder may see there, and likelihoods with own gradients."""
    learned, masked = LearnedFill(D), vae(encoder_inputs=2 * D)
    filled = vae(GaussianPerPixel(), before=(learned,))
    learned.fill.value = FILL
    gaussian, words, point = vae(Gaussian(0.3, learned=True)), vae(Multinomial()), autoencoder()
    return [
        objective_case("Elbo: missing entries", Elbo(), vae(), X, noise=LATENT_NOISE, observed=OBSERVED),
        objective_case(
            "Elbo: missing entries, learned fill", Elbo(), filled, X, noise=LATENT_NOISE, observed=OBSERVED
        ),
        objective_case(
            "Iwae: missing entries, mask shown", Iwae(K), masked, X, noise=LATENT_NOISES, observed=OBSERVED
        ),
        objective_case(
            "Iwae: missing entries, Gaussian", Iwae(K), gaussian, X, noise=LATENT_NOISES, observed=OBSERVED
        ),
        objective_case(
            "Iwae: missing entries, Multinomial", Iwae(K), words, FEW, noise=LATENT_NOISES, observed=OBSERVED
        ),
        objective_case(
            "SampledElbo: missing entries, GaussianOptimal, training",
            SampledElbo(samples=K),
            vae(GaussianOptimal()),
            X,
            noise=LATENT_NOISES,
            training=True,
            observed=OBSERVED,
        ),
        objective_case(
            "Reconstruction: missing entries", Reconstruction(), point, X, noise=POINT, observed=OBSERVED
        ),
    ]
