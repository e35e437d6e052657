"""The maximum of the likelihood of a linear-Gaussian model, and the message where it has none.

It has none where some noise variances may fall to 0: then the covariance C becomes singular, and the density
of some examples grows without limit.
"""

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data import Dataset

SMALLEST = 1e-12  # of a variance: a noise variance below this share of it is nothing but rounding


def nearly_singular(weight: Array, noise_variance: Array) -> bool:
    """Whether C = WᵀW + Ψ, with its diagonal scaled to 1, is singular up to rounding.

    weight W (Z, D), noise_variance (D,), the diagonal of Ψ. The likelihood has then grown without limit.
    """
    deviation = np.sqrt((weight**2).sum(axis=0) + noise_variance)
    scaled = (weight / deviation).T
    correlation = scaled @ scaled.T + np.diag(noise_variance / deviation**2)
    return bool(np.linalg.eigvalsh(correlation)[0] < 10 * SMALLEST)


def no_maximum(where: str, n: int, columns: int, *, latents: int, constant: str = "") -> InputError:
    """The error for n examples of so many columns, whose likelihood has no maximum."""
    data = f"the likelihood of these data, n_samples={n} and n_features={columns}, with {latents} latents"
    reason = f"{data} has no maximum, as noise variances fall to 0 in it{constant}"
    remedy = "take fewer latents, drop constant and repeated columns, or give min_noise_variance"
    return InputError(f"{where}: {reason}: {remedy}")


def constant_columns(data: Dataset, constant: Array) -> str:
    """A clause that says which columns are constant, or "" where none is.     constant (D,) of bools."""
    which = [data.entry(int(d)) for d in np.flatnonzero(constant)]
    if not which:
        return ""
    return f"; {', '.join(which[:5])}{', …' if len(which) > 5 else ''} {'are' if len(which) > 1 else 'is'} constant"
