"""What can be said where nothing exact follows: data outside the support, noise that isn't normal, impossible signs."""

import numpy as np
from scipy import stats

from scratchvae.reference.diagnosis.pieces import d_std_read_as
from scratchvae.reference.diagnosis.predictions import Pieces
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.report import Finding

ENOUGH = 24  # numbers, for a law to be told from another
UNIT = "the data should lie in [0, 1] for a Bernoulli: scale or binarize them, or take a Gaussian"


def outside_support(given: Given) -> Finding | None:
    """A Bernoulli's data lie in [0, 1]."""
    if given.x is None or given.likelihood != "bernoulli" or not given.x.size or (given.x.min() >= 0 and given.x.max() <= 1):
        return None
    return Finding("x", ("data_outside_support",), f"{UNIT}; found values from {given.x.min():g} to {given.x.max():g}")


def noise_mistake(given: Given) -> Finding | None:
    """The noise itself: one draw for all examples, or uniform numbers."""
    noise = given.noise
    if noise is None or given.evaluation or noise.size < ENOUGH:
        return None
    if len(noise) > 1 and (noise == noise[:1]).all() and noise.any():
        return Finding(
            "noise", ("noise_shared_across_batch",), "one draw of noise serves the whole batch: draw it with shape (B, Z)"
        )
    if noise.min() >= 0 and noise.max() <= 1 and noise.any():
        return Finding("noise", ("noise_uniform",), "the noise is uniform in [0, 1): it should be standard normal")
    return None


def noise_is_another(quantity: str, given: Given, pieces: Pieces) -> bool:
    """Whether a quantity that departs would agree with normal noise that has nothing to do with the noise handed over.

    The one mistake recognized by a law and not to precision: the other noise is known to nobody. It is held to be standard normal
    (Kolmogorov–Smirnov, p > 0.01) and independent of the given noise (correlation within 4/√n).
    """
    noise = given.noise if given.noise is not None else None
    if given.evaluation or given.scale is None or given.mean is None or noise is None or noise.size < ENOUGH:
        return False
    held = given.arrays[given.scale]
    with np.errstate(all="ignore"):
        if quantity == "z" and given.z is not None:
            sampled = pieces["sampling"](given)
            implied = (given.z - given.mean) / ((sampled.value - given.mean) / noise)
        elif quantity == f"d_{given.scale}" and given.d_z is not None:
            weights, kl = pieces["total"](given), pieces["divergence"](given)
            if weights is None or kl is None or given.free_bits:
                return False
            each = 1.0 if given.reduction == "sum" else 1.0 / (given.B or 1)
            path = given.arrays[quantity] - weights[1] * each * kl.gradients[given.scale]
            implied = path / (given.d_z * d_std_read_as(given.scale, held))
        else:
            return False
    known = np.isfinite(implied)
    if known.sum() < ENOUGH or known.mean() < 0.9:
        return False
    implied, noise = implied[known], noise[known]
    apart = abs(np.corrcoef(implied, noise)[0, 1]) < 4 / np.sqrt(len(noise))
    return bool(apart and stats.kstest(implied, "norm").pvalue > 0.01)


def plausibility(given: Given) -> Finding | None:
    """For the reader who has loss and kl alone: a KL is never negative, nor is −log p of data that are on or off."""
    kl, loss = given.kl, given.loss if given.bound is None else -given.bound
    if kl is not None and (kl < 0).any() and given.z is None and given.mean is None:
        return Finding(
            "kl", (), "a KL in closed form is never negative: its sign is flipped, or this is an estimate from one draw"
        )
    if kl is None or loss is None or kl.shape != loss.shape or given.likelihood != "bernoulli":
        return None
    rest = loss - given.beta * kl  # −log p(x|z) of an example
    if (rest < 0).any():
        what = "−log p(x|z) of data in [0, 1] is never negative, yet loss − beta · kl is"
        return Finding("loss", (), f"{what}: a sign is flipped, or beta is not {given.beta:g}")
    return None
