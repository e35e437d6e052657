"""What can be said where nothing exact follows: data outside the support, noise that isn't normal, signs."""

import numpy as np
from scipy import stats

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import reconstruction, sampling
from scratchvae.reference.diagnosis.pieces import Pieces, Reading, Suspicion, d_std_read_as, std_read_as
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import SCALES, X_SCALES, Given
from scratchvae.reference.diagnosis.verdict import Finding

ENOUGH = 24  # numbers, for a uniform law to be told from a normal one by its range
MANY = 100  # numbers, for noise to be told from something else that is about as large
OUTSIDE_SUPPORT = Suspicion(
    "data_outside_support",
    "data of a Bernoulli have to lie in [0, 1]: scale or binarize them, or declare likelihood='gaussian'",
)
SHARED_ACROSS_BATCH = Suspicion(
    "noise_shared_across_batch",
    "all examples of the batch get the same noise: draw it with the shape of the mean, (B, Z)",
)
SHARED_ACROSS_LATENTS = Suspicion(
    "noise_shared_across_latents",
    "all latents of an example get the same noise: draw it with the shape of the mean, (B, Z)",
)
SHARED_ACROSS_DRAWS = Suspicion(
    "noise_shared_across_draws",
    "all K draws of an example get the same noise: draw it with the shape (B, K, Z)",
)
UNIFORM = Suspicion(
    "noise_uniform", "the noise is uniform in [0, 1): draw it from the standard normal law, as by randn()"
)
REDRAWN = Suspicion(
    "noise_redrawn",
    "this was computed with other noise than the one that was given: draw the noise once, and use it in "
    "both places",
)
ONE_ARRAY = Suspicion(
    "one_array_for_two_roles",
    "two outputs of the network are the same numbers: give each output a layer of its own",
)
SURROGATE = Suspicion(
    "surrogate_for_bound",
    "this is Σ_k w̃_k log w_k, which is not the bound, though its gradient is the bound's if w̃_k are "
    "detached: pass d_log_w",
)
SUSPICIONS = [
    OUTSIDE_SUPPORT,
    SHARED_ACROSS_BATCH,
    SHARED_ACROSS_LATENTS,
    SHARED_ACROSS_DRAWS,
    UNIFORM,
    REDRAWN,
    ONE_ARRAY,
    SURROGATE,
]
OUTPUTS_VARY = 1e-2  # so much that a decoder which ignores z exactly is none


def outside_support(given: Given) -> Finding | None:
    """A Bernoulli's data lie in [0, 1]."""
    if given.x is None or given.likelihood != "bernoulli" or not given.x.size:
        return None
    beyond = 64 * given.eps  # what an interpolation of pixels may overshoot by rounding
    if given.x.min() >= -beyond and given.x.max() <= 1 + beyond:
        return None
    found = f"found values from {given.x.min():g} to {given.x.max():g}"
    return Finding("x", (OUTSIDE_SUPPORT.name,), f"{OUTSIDE_SUPPORT.fix}; {found}")


def suspected_noise(given: Given) -> Finding | None:
    """The noise itself: one draw for all examples, latents or draws, or uniform numbers."""
    noise = given.noise
    if noise is None or given.evaluation or not noise.any():
        return None
    if noise.size > 1 and not np.ptp(noise):
        return Finding(
            "noise",
            (SHARED_ACROSS_BATCH.name,),
            f"one number serves as the noise of {noise.size} entries: draw it with the shape of the mean, "
            "(B, Z)",
        )
    for shared, axis in ((SHARED_ACROSS_BATCH, 0), (SHARED_ACROSS_LATENTS, -1), (SHARED_ACROSS_DRAWS, 1)):
        several = noise.shape[axis] > 1 and (shared is not SHARED_ACROSS_DRAWS or noise.ndim == 3)
        if several and not np.ptp(noise, axis=axis).any():
            return Finding("noise", (shared.name,), shared.fix)
    if noise.size >= ENOUGH and noise.min() >= 0 and noise.max() <= 1:
        return Finding("noise", (UNIFORM.name,), UNIFORM.fix)
    return None


def z_is_mean(given: Given) -> Reading | None:
    """z without noise to compute it from, but equal to the mean where σ would show."""
    if (
        given.z is None
        or given.mean is None
        or given.scale is None
        or given.evaluation
        or given.z.shape != given.mean.shape
    ):
        return None
    std = std_read_as(given.scale, given.arrays[given.scale])
    if not (given.z == given.mean).all() or not (std > 64 * given.eps * (1 + np.abs(given.mean))).any():
        return None
    return sampling.NOISE_MISSING


def detached(quantity: str, given: Given, pieces: Pieces, *, settled: bool) -> list[Reading]:
    """What explains a gradient that is the KL's alone, where the decoder should add to it.

    `settled`: z was found right, so that it is not the noise that is missing.
    """
    out = given.logits if given.logits is not None else given.x_mean
    if (
        given.d_z is not None
        or given.evaluation
        or given.weighted
        or out is None
        or np.ptp(out, axis=0).max() < OUTPUTS_VARY
    ):
        return []
    alone = pieces.under(sampling.Z_DETACHED)
    of = [q for q in ("d_mean", f"d_{given.scale}") if q in given.arrays]
    of = [q for q in of if any(p.fits(given.arrays[q], given.eps) for p in predict(q, given, alone))]
    if quantity not in of:
        return []
    if len(of) == 2:
        unseen = "d_logits" not in given.arrays and "d_x_mean" not in given.arrays
        return [sampling.Z_DETACHED, *([reconstruction.DETACHED] if unseen else [])]
    if quantity == "d_mean":
        return [sampling.MEAN_DETACHED]
    return [sampling.SIGMA_DETACHED] if settled else [sampling.SIGMA_DETACHED, sampling.NOISE_MISSING]


def noise_is_another(quantity: str, given: Given, pieces: Pieces) -> bool:
    """Whether a quantity that departs would agree with other normal noise than that handed over.

    This is the one mistake recognized by a law and not to precision: the other noise is known to nobody. So
    it takes a hundred numbers that are standard normal (Kolmogorov–Smirnov, p > 0.05) and independent of the
    given noise (correlation within 3/√n), in a step in which nothing else departs: whoever asks sees to that.
    """
    noise = given.noise
    if given.evaluation or given.scale is None or given.mean is None or noise is None or noise.ndim != 2:
        return False
    with np.errstate(all="ignore"):
        implied = _implied_noise(quantity, given, pieces)
    if implied is None or implied.shape != noise.shape:
        return False
    known = np.isfinite(implied)
    if known.sum() < MANY or known.mean() < 0.9:
        return False
    # the given noise, in another order
    same = np.abs(np.sort(implied.ravel()) - np.sort(noise.ravel())).max() < 1e-3
    implied, noise = implied[known], noise[known]
    if same or np.ptp(implied) == 0 or np.ptp(noise) == 0:
        return False
    apart = abs(np.corrcoef(implied, noise)[0, 1]) < 3 / np.sqrt(len(noise))
    return bool(apart and stats.kstest(implied, "norm").pvalue > 0.05)


def _implied_noise(quantity: str, given: Given, pieces: Pieces) -> Array | None:
    """(z − mean) / σ, or what σ's gradient was multiplied by on its way from d_z."""
    kind = str(given.scale)
    held = given.arrays[kind]
    if quantity == "z" and given.z is not None and given.z.shape == held.shape:
        return (given.z - given.mean) / std_read_as(kind, held)
    if quantity != f"d_{kind}" or given.d_z is None or given.penalized:
        return None
    weights, kl = pieces.total(given), pieces.divergence(given)
    if weights is None or kl is None:
        return None
    each = 1.0 if given.reduction == "sum" else 1.0 / (given.B or 1)
    path = given.arrays[quantity] - weights.of_gradients * weights.kl * each * kl.gradients[kind]
    return path / (given.d_z * d_std_read_as(kind, held))


ROLES = (("mean", SCALES), ("x_mean", tuple(X_SCALES)), ("logits", tuple(X_SCALES)))


def one_array_for_two(given: Given) -> Finding | None:
    """A mean and a spread that are the same numbers, which vary."""
    for first, others in ROLES:
        for other in others:
            one, two = given.arrays.get(first), given.arrays.get(other)
            if (
                one is not None
                and two is not None
                and one.size > 1
                and np.ptp(one)
                and np.array_equal(one, two)
            ):
                return Finding(
                    other,
                    (ONE_ARRAY.name,),
                    f"{first} and {other} are the same array: give each output a layer of its own",
                )
    return None
