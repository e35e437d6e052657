"""z = mean + σ · noise (Kingma & Welling 2014, section 2.4), and what is written instead of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import Mistake, Piece, Place, Terms, d_std_read_as, std_read_as
from scratchvae.reference.diagnosis.quantities import SCALES, Given


def reparameterized(given: Given) -> Terms | None:
    """mean + σ · noise; with evaluation=True, the mean.     (B, Z), gradients to the mean and to σ as it was handed over."""
    return _evaluated(given) if given.evaluation else _sampled(given)


def _evaluated(given: Given) -> Terms | None:
    return None if given.mean is None else _terms(given.mean, np.zeros_like(given.mean), None, given.scale, 0.0)


def _sampled(
    given: Given,
    *,
    reading: str | None = None,
    noise: Callable[[Array], Array] = lambda noise: noise,
    through_mean: bool = True,
    through_std: bool = True,
) -> Terms | None:
    kind = given.scale
    if kind is None or given.mean is None:
        return None
    held = given.arrays[kind]
    std, dstd = std_read_as(reading or kind, held), d_std_read_as(reading or kind, held)
    if given.noise is not None:
        drawn, lost = noise(given.noise), np.zeros_like(held)
    elif given.z is not None:  # what z implies
        drawn = (given.z - given.mean) / std
        lost = np.abs(dstd / std) * (np.abs(given.z) + np.abs(given.mean))
    else:
        return None
    dz_dheld = dstd * drawn if through_std else np.zeros_like(held)
    linear = (reading or kind) == "raw_std"  # beyond 20, where frameworks take softplus(x) for x
    unsure = np.where((held > 20) & linear, np.exp(-held) * np.abs(drawn), 0)
    return replace(_terms(given.mean, std * drawn, dz_dheld, kind, float(through_mean)), digits_lost=lost, unsure=unsure)


def _terms(mean: Array, spread: Array, dz_dheld: Array | None, kind: str | None, dz_dmean: float) -> Terms:
    gradients = {"mean": np.full_like(mean, dz_dmean if dz_dheld is not None else 1.0)}
    if kind is not None:
        gradients[kind] = np.zeros_like(mean) if dz_dheld is None else dz_dheld
    return Terms(mean + spread, gradients, np.abs(mean) + np.abs(spread))


def _read(kind: str, reading: str) -> Piece:
    return lambda given: _sampled(given, reading=reading) if given.scale == kind and not given.evaluation else None


def _training(**settings: object) -> Piece:
    return lambda given: None if given.evaluation else _sampled(given, **settings)  # type: ignore[arg-type]


def _swapped(given: Given) -> Terms | None:
    """What was handed over as σ is the mean, and the mean taken for σ."""
    if given.scale is None or given.mean is None or given.noise is None or given.evaluation:
        return None
    held = given.arrays[given.scale]
    std, dstd = std_read_as(given.scale, given.mean), d_std_read_as(given.scale, given.mean)
    terms = _terms(held, std * given.noise, np.ones_like(held), given.scale, 1.0)
    return replace(terms, gradients={"mean": dstd * given.noise, given.scale: np.ones_like(held)})


def _at_evaluation(given: Given) -> Terms | None:
    return _sampled(given) if given.evaluation else None


def _no_noise(given: Given) -> Terms | None:
    return None if given.evaluation else _evaluated(given)


NOISE_MISSING = Mistake(
    "noise_missing", Place.SAMPLING, _no_noise, "z is the mean alone: in training it should be mean + σ · noise"
)
MEAN_DETACHED = Mistake(
    "mean_detached", Place.SAMPLING, _training(through_mean=False), "the mean is detached in z: let z's gradient reach it"
)
SIGMA_DETACHED = Mistake(
    "sigma_detached", Place.SAMPLING, _training(through_std=False), "σ is detached in z: let z's gradient reach it"
)
Z_DETACHED = Mistake(
    "z_detached",
    Place.SAMPLING,
    _training(through_mean=False, through_std=False),
    "z is detached from the encoder: reparameterize, so that z's gradient reaches mean and σ",
)
MISTAKES = [
    *(
        Mistake(
            f"sampling_{kind}_read_as_{reading}",
            Place.SAMPLING,
            _read(kind, reading),
            f"the sampling takes {kind} for {reading}: it should get σ from {kind} before it scales the noise",
        )
        for kind in SCALES
        for reading in SCALES
        if reading != kind
    ),
    NOISE_MISSING,
    Mistake(
        "noise_shared_across_batch",
        Place.SAMPLING,
        _training(noise=lambda noise: np.broadcast_to(noise[:1], noise.shape)),
        "one draw of noise serves the whole batch: draw it with the shape of the mean, (B, Z)",
    ),
    Mistake(
        "noise_at_evaluation", Place.SAMPLING, _at_evaluation, "noise is added at evaluation too: there z should be the mean"
    ),
    Mistake(
        "heads_swapped",
        Place.SAMPLING,
        _swapped,
        "mean and spread are exchanged in z: the order of the heads, or of the arguments",
    ),
    MEAN_DETACHED,
    SIGMA_DETACHED,
    Z_DETACHED,
]
