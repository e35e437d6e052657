"""Cases of the objectives, each as an op of a small model's Parameters.

The cases of roles are in the files of their laws.
"""

import numpy as np

from scratchvae.layers import Linear, Sequential, SiLU
from scratchvae.objectives import (
    L1,
    L2,
    ActivationKl,
    Ciwae,
    CodeCovariance,
    Contraction,
    DecoderGradient,
    Elbo,
    Iwae,
    Mmd,
    Reconstruction,
    Renyi,
    SampledElbo,
    SlicedWasserstein,
    Thermodynamic,
    TotalCorrelation,
)
from scratchvae.reference.cases import critics, missing, semi_supervised, wake_sleep
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.models import (
    LATENT_NOISE,
    LATENT_NOISES,
    POINT,
    B,
    D,
    K,
    X,
    Z,
    autoencoder,
    deep_encoder,
    vae,
)


def cases() -> list[Case]:
    """Return the cases, built anew, since models hold state."""
    mask = np.random.default_rng(1).random((B, D)) < 0.7
    return [
        objective_case("Elbo", Elbo(), vae(), X, noise=LATENT_NOISE),
        objective_case("Elbo: beta", Elbo(beta=4.0), vae(), X, noise=LATENT_NOISE),
        objective_case("Elbo: free bits", Elbo(free_bits=0.05), vae(), X, noise=LATENT_NOISE),
        objective_case("Elbo: capacity", Elbo(beta=3.0, capacity=0.15), vae(), X, noise=LATENT_NOISE),
        objective_case("SampledElbo", SampledElbo(beta=2.0, samples=K), vae(), X, noise=LATENT_NOISES),
        objective_case("Iwae", Iwae(K), vae(), X, noise=LATENT_NOISES),
        objective_case("Iwae: groups", Iwae(2, groups=3), vae(), X, noise=normal(6 * B, Z)),
        objective_case("Ciwae", Ciwae(K, beta=0.3), vae(), X, noise=LATENT_NOISES),
        objective_case("Renyi", Renyi(K, alpha=0.6), vae(), X, noise=LATENT_NOISES),
        objective_case("Renyi: above 1", Renyi(K, alpha=2.5), vae(), X, noise=LATENT_NOISES),
        objective_case("Renyi: 1", Renyi(K, alpha=1), vae(), X, noise=LATENT_NOISES),
        objective_case("Thermodynamic", Thermodynamic(K, pieces=3, first=0.2), vae(), X, noise=LATENT_NOISES),
        objective_case("Thermodynamic: one piece", Thermodynamic(K, pieces=1), vae(), X, noise=LATENT_NOISES),
        objective_case("Reconstruction", Reconstruction(), autoencoder(), X, noise=POINT),
        objective_case(
            "Reconstruction: L1", Reconstruction(penalties=(L1(0.3),)), autoencoder(), X, noise=(*POINT, None)
        ),
        objective_case(
            "Reconstruction: ActivationKl",
            Reconstruction(penalties=(ActivationKl(0.7, target=0.2),)),
            autoencoder(deep_encoder()),
            X,
            noise=(*POINT, None),
        ),
        objective_case(
            "Reconstruction: Contraction",
            Reconstruction(penalties=(Contraction(5.0),)),
            autoencoder(deep_encoder()),
            X,
            noise=(*POINT, None),
        ),
        objective_case(
            "Reconstruction: Contraction, L1, denoising",
            Reconstruction(noise_std=0.3, penalties=(Contraction(2.0), L1(0.2))),
            autoencoder(Sequential(Linear(D, 3, rng=1), SiLU(), Linear(3, Z, rng=2))),
            X,
            noise=(LATENT_NOISE[:, :0], normal(B, D, seed=9), None, None, None),
            training=True,
        ),
        objective_case(
            "Reconstruction: denoising",
            Reconstruction(noise_std=0.3, mask_rate=0.3),
            autoencoder(),
            X,
            noise=(LATENT_NOISE[:, :0], normal(B, D, seed=9), mask),
            training=True,
        ),
        *_penalties(),
        *critics.cases(),
        *missing.cases(),
        *semi_supervised.cases(),
        *wake_sleep.cases(),
    ]


def _penalties() -> list[Case]:
    """Return penalties on the codes of several examples together, and on the decoder."""
    own, drawn = LATENT_NOISE, normal(B, Z, seed=11)
    of_elbo = {
        "TotalCorrelation": (TotalCorrelation(3.0), None),
        "TotalCorrelation, weighted": (TotalCorrelation(3.0, examples=7, estimator="weighted"), None),
        "TotalCorrelation, stratified": (TotalCorrelation(3.0, examples=7), None),
        "CodeCovariance": (CodeCovariance(2.0, diagonal=3.0), None),
        "CodeCovariance, draws": (CodeCovariance(2.0, diagonal=0.5, of="draws"), None),
        "Mmd": (Mmd(5.0), drawn),
        "Mmd, gaussian, v": (Mmd(5.0, "gaussian", "v", scale=0.7), drawn),
        "Mmd, gaussian, closed form": (Mmd(5.0, "gaussian", "closed_form"), None),
        "SlicedWasserstein": (SlicedWasserstein(2.0, projections=4), normal(B + 4, Z, seed=12)),
        "L2": (L2(0.3), None),
        "DecoderGradient": (DecoderGradient(0.4), None),
    }
    of_draws = {
        "TotalCorrelation": TotalCorrelation(3.0),
        "L2": L2(0.3),
        "DecoderGradient": DecoderGradient(0.4),
    }
    return [
        *(
            objective_case(
                f"Elbo: {name}", Elbo(beta=0.5, penalties=(penalty,)), vae(), X, noise=(own, noise)
            )
            for name, (penalty, noise) in of_elbo.items()
        ),
        *(
            objective_case(
                f"SampledElbo: {name}",
                SampledElbo(samples=K, penalties=(penalty,)),
                vae(),
                X,
                noise=(LATENT_NOISES, None),
            )
            for name, penalty in of_draws.items()
        ),
        objective_case(
            "Reconstruction: Mmd",
            Reconstruction(penalties=(Mmd(9.0),)),
            autoencoder(),
            X,
            noise=(*POINT, drawn),
        ),
        objective_case(
            "Reconstruction: L2, DecoderGradient",
            Reconstruction(penalties=(L2(0.3), DecoderGradient(0.4))),
            autoencoder(deep_encoder()),
            X,
            noise=(*POINT, None, None),
        ),
    ]
