"""KL(N(mean, σ²) ‖ N(0, 1)) = ½ Σ_j mean² + σ² − 1 − log σ² (Kingma & Welling 2014, appendix B), and what is written instead."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import Mistake, Piece, Place, Terms, d_std_read_as, standard_kl, std_read_as
from scratchvae.reference.diagnosis.quantities import SCALES, Given


def closed_form(given: Given, reading: str | None = None) -> Terms | None:
    """By latent (B, Z), with gradients to the mean and to σ as it was handed over."""
    read = _mean_and_std(given, reading)
    return None if read is None else _onto_scale(given, standard_kl(*read), reading)


def one_sample(given: Given) -> Terms | None:
    """log q(z|x) − log p(z) at z by latent: an unbiased estimate of the KL, right too. Its gradients are those at a fixed z."""
    return _estimate(given, lambda u, std: (u / std, (u**2 - 1) / std), lambda z, u, std: z - u / std)


def one_sample_of_noise(given: Given) -> Terms | None:
    """The same with log q taken from the noise: at a fixed z, −log σ is all that is left of it."""
    return _estimate(given, lambda u, std: (np.zeros_like(u), -1 / std), lambda z, u, std: z)


def one_sample_sticking(given: Given) -> Terms | None:
    """The same with log q's parameters detached: sticking the landing (Roeder, Wu & Duvenaud 2017)."""
    return _estimate(given, lambda u, std: (np.zeros_like(u), np.zeros_like(u)), lambda z, u, std: z - u / std)


def _estimate(
    given: Given, slopes: Callable[[Array, Array], tuple[Array, Array]], through_z: Callable[[Array, Array, Array], Array]
) -> Terms | None:
    """`slopes(u, σ)` to mean and σ at a fixed z, `through_z(z, u, σ)` to z, which is part of a d_z that was handed over."""
    read = _mean_and_std(given, None)
    if read is None or (given.z is None and given.noise is None):
        return None
    mean, std = read
    z = given.z if given.z is not None else mean + std * given.noise
    u = (z - mean) / std if given.noise is None else given.noise
    dmean, dstd = slopes(u, std)
    lost = np.abs(u) * (np.abs(z) + np.abs(mean)) / std  # of u², where z has few digits beside σ
    size = 2 + z**2 + u**2 + np.abs(np.log(std)) + lost
    terms = _onto_scale(given, Terms(0.5 * (z**2 - u**2) - np.log(std), {"mean": dmean, "std": dstd}, size), None)
    steep = 1 + 2 * np.abs(u) * np.abs(d_std_read_as(str(given.scale), given.arrays[str(given.scale)]))
    terms = replace(terms, gradients={**terms.gradients, "z": through_z(z, u, std)})
    return replace(terms, digits_lost=steep * (np.abs(z) + np.abs(mean)) / std**2)


ESTIMATES = (one_sample, one_sample_of_noise, one_sample_sticking)


def _mean_and_std(given: Given, reading: str | None) -> tuple[Array, Array] | None:
    if given.scale is None or given.mean is None:
        return None
    std = std_read_as(reading or given.scale, given.arrays[given.scale])
    return (given.mean, std) if (np.isfinite(std) & (std > 0)).all() else None


def _onto_scale(given: Given, terms: Terms, reading: str | None) -> Terms:
    """The gradient to σ made one to what was handed over."""
    kind = str(given.scale)
    dstd = d_std_read_as(reading or kind, given.arrays[kind])
    return Terms(terms.value, {"mean": terms.gradients["mean"], kind: terms.gradients["std"] * dstd}, terms.size)


def _read(kind: str, reading: str) -> Piece:
    return lambda given: closed_form(given, reading) if given.scale == kind else None


def _scaled(factor: float) -> Piece:
    def piece(given: Given) -> Terms | None:
        terms = closed_form(given)
        return None if terms is None else terms.times(factor)

    return piece


def _reversed(given: Given) -> Terms | None:
    """KL(N(0, 1) ‖ N(mean, σ²)) = ½ ((1 + mean²) / σ² − 1 + log σ²)."""
    read = _mean_and_std(given, None)
    if read is None:
        return None
    mean, std = read
    ratio = (1 + mean**2) / std**2
    gradients = {"mean": mean / std**2, "std": (1 - ratio) / std}
    size = 0.5 * (ratio + 1) + np.abs(np.log(std))
    return _onto_scale(given, Terms(0.5 * (ratio - 1) + np.log(std), gradients, size), None)


def _changed(dvalue: object, **gradients: object) -> Piece:
    """The closed form plus dvalue(mean, σ), its gradients plus those named."""

    def piece(given: Given) -> Terms | None:
        terms, read = closed_form(given), _mean_and_std(given, None)
        if terms is None or read is None:
            return None
        mean, std = read
        plain = standard_kl(mean, std)
        changed = {name: plain.gradients[name] + gradients.get(name, _zero)(mean, std) for name in plain.gradients}  # type: ignore[operator]
        more = dvalue(mean, std)  # type: ignore[operator]
        return _onto_scale(given, Terms(plain.value + more, changed, plain.size + np.abs(more)), None)

    return piece


def _log_var_squared(given: Given) -> Terms | None:
    if given.scale != "log_var":
        return None
    return _changed(lambda mean, std: 0.5 * ((2 * np.log(std)) ** 2 - std**2), std=lambda mean, std: 4 * np.log(std) / std - std)(
        given
    )


def _chosen(which: Callable[..., Array]) -> Piece:
    def piece(given: Given) -> Terms | None:
        terms = closed_form(given)
        if terms is None:
            return None
        chosen = (np.arange(terms.value.shape[1]) == which(terms.value, axis=1)[:, None]).astype(float)
        return Terms(terms.value * chosen, {name: d * chosen for name, d in terms.gradients.items()}, terms.size)

    return piece


def _swapped(given: Given) -> Terms | None:
    """What was handed over as σ is the mean, and the mean taken for σ."""
    if given.scale is None or given.mean is None:
        return None
    other = replace(given, arrays={"mean": given.arrays[given.scale], given.scale: given.mean})
    terms = closed_form(other)
    return terms and replace(terms, gradients={"mean": terms.gradients[given.scale], given.scale: terms.gradients["mean"]})


def _times_beta(given: Given) -> Terms | None:
    return None if given.beta == 1 else _scaled(given.beta)(given)


def _zero(mean: Array, std: Array) -> Array:
    return np.zeros_like(mean)


def _detached(given: Given) -> Terms | None:
    terms = closed_form(given)
    return None if terms is None else Terms(terms.value, {n: np.zeros_like(g) for n, g in terms.gradients.items()}, terms.size)


KL_DETACHED = Mistake("kl_detached", Place.DIVERGENCE, _detached, "the KL is detached: its gradient doesn't reach the encoder")
ONE_LATENT = "the KL is that of one latent, the largest or the smallest: sum over them"
MISTAKES = [
    Mistake("kl_half_missing", Place.DIVERGENCE, _scaled(2.0), "the KL lacks its factor ½"),
    Mistake(
        "kl_sign",
        Place.DIVERGENCE,
        _scaled(-1.0),
        "the KL has the wrong sign: −½ Σ 1 + log σ² − mean² − σ² is what should be added",
    ),
    Mistake(
        "kl_reversed", Place.DIVERGENCE, _reversed, "this is KL(p ‖ q), the prior's to the posterior: the bound has KL(q ‖ p)"
    ),
    *(
        Mistake(
            f"kl_{kind}_read_as_{reading}",
            Place.DIVERGENCE,
            _read(kind, reading),
            f"the KL takes {kind} for {reading}: it should get σ² and log σ² from {kind}",
        )
        for kind in SCALES
        for reading in SCALES
        if reading != kind
    ),
    Mistake(
        "kl_constant_missing",
        Place.DIVERGENCE,
        _changed(lambda mean, std: np.full_like(mean, 0.5)),
        "the KL lacks its −½ for each latent: gradients are right, values are ½ Z too high",
    ),
    Mistake(
        "kl_constant_sign",
        Place.DIVERGENCE,
        _changed(lambda mean, std: np.ones_like(mean)),
        "the KL adds ½ for each latent where it should subtract it: −½ Σ 1 + log σ² − mean² − σ²",
    ),
    Mistake(
        "kl_log_var_halved",
        Place.DIVERGENCE,
        _changed(lambda mean, std: 0.5 * np.log(std), std=lambda mean, std: 0.5 / std),
        "the KL has ½ log σ where ½ log σ² belongs",
    ),
    Mistake("kl_log_var_squared", Place.DIVERGENCE, _log_var_squared, "the KL has (log σ²)² where σ² = exp log σ² belongs"),
    Mistake(
        "kl_mean_absolute",
        Place.DIVERGENCE,
        _changed(lambda mean, std: 0.5 * (np.abs(mean) - mean**2), mean=lambda mean, std: 0.5 * np.sign(mean) - mean),
        "the KL has |mean| where mean² belongs",
    ),
    Mistake("kl_of_one_latent", Place.DIVERGENCE, _chosen(np.argmax), ONE_LATENT),
    Mistake("kl_of_one_latent", Place.DIVERGENCE, _chosen(np.argmin), ONE_LATENT),
    Mistake(
        "kl_heads_swapped", Place.DIVERGENCE, _swapped, "mean and spread are exchanged in the KL: mind the order of arguments"
    ),
    Mistake(
        "kl_times_beta", Place.DIVERGENCE, _times_beta, "beta is in the KL already, and is applied again or was not meant there"
    ),
    Mistake(
        "kl_mean_not_squared",
        Place.DIVERGENCE,
        _changed(lambda mean, std: 0.5 * (mean - mean**2), mean=lambda mean, std: 0.5 - mean),
        "the mean enters the KL unsquared",
    ),
    Mistake(
        "kl_variance_not_squared",
        Place.DIVERGENCE,
        _changed(lambda mean, std: 0.5 * (std - std**2), std=lambda mean, std: 0.5 - std),
        "the KL has σ where σ² belongs",
    ),
    Mistake(
        "kl_mean_over_latents",
        Place.DIVERGENCE,
        lambda given: _scaled(1 / given.Z)(given) if given.Z else None,
        "the KL is averaged over the latents: sum over them",
    ),
    KL_DETACHED,
]
