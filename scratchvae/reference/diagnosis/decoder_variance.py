"""A Gaussian's ½ (x − m)²/σ² + ½ log σ² + ½ log 2π where the decoder gives σ too, and what is written instead
of it.
"""

import numpy as np

from scratchvae.reference.diagnosis.pieces import (
    Piece,
    Place,
    Reading,
    Terms,
    d_std_read_as,
    masked,
    others,
    std_read_as,
)
from scratchvae.reference.diagnosis.quantities import X_SCALES, Given
from scratchvae.reference.diagnosis.spelling import VAR_BY


def _written(
    *,
    square: float = 0.5,
    log_var: float = 0.5,
    over_std: bool = False,
    kind: str | None = None,
    reading: str | None = None,
    detached: bool = False,
) -> Piece:
    """square · (x − m)²/σ² + log_var · log σ² + the constant; over σ instead of σ², or with σ misread or
    detached.
    """

    def piece(given: Given) -> Terms | None:
        x, mean, held_as = given.x, given.x_mean, given.x_scale
        if (
            x is None
            or mean is None
            or held_as is None
            or given.likelihood != "gaussian"
            or kind not in (None, held_as)
        ):
            return None
        read_as = reading or X_SCALES[held_as]
        std, dstd = (read(read_as, given.arrays[held_as]) for read in (std_read_as, d_std_read_as))
        below, dbelow = (std, 1.0) if over_std else (std**2, 2 * std)
        error = square * (x - mean) ** 2 / below
        constant = 0.5 * float(np.log(2 * np.pi)) if given.constants else 0.0
        gradients = {
            "x_mean": 2 * square * (mean - x) / below,
            held_as: (0 if detached else 1) * dstd * (2 * log_var / std - error * dbelow / below),
        }
        steep = np.abs(gradients["x_mean"]) * (np.abs(x) + np.abs(mean))
        value, size = error + log_var * 2 * np.log(std) + constant, 1 + np.abs(2 * np.log(std)) + steep
        return masked(
            given, Terms(value, gradients, size, digits_lost=2 * square * (np.abs(x) + np.abs(mean)) / below)
        )

    return piece


def _row(name: str, form: Piece, fix: str) -> Reading:
    return Reading(name, Place.RECONSTRUCTION, form, fix)


SQUARED = "the squared error is divided by the decoder's σ: divide it by σ²"
FORMS = [
    *(
        _row(
            f"decoder_{held}_read_as_{reading}",
            _written(kind=scale, reading=reading),
            f"the likelihood reads {scale} as {reading}: write σ² = {VAR_BY[held].replace(held, scale)} "
            "and take its logarithm for log σ²",
        )
        for scale, held in X_SCALES.items()
        for reading in others(held)
    ),
    _row(
        "gaussian_half_missing",
        _written(square=1.0),
        "the squared error over σ² lacks its factor ½: write ½ (x − x_mean)²/σ²",
    ),
    _row(
        "decoder_log_var_unhalved",
        _written(log_var=1.0),
        "log σ² of the decoder lacks its factor ½: write ½ log σ²",
    ),
    _row(
        "decoder_log_var_halved_twice",
        _written(log_var=0.25),
        "log σ² of the decoder is halved twice: write ½ log σ²",
    ),
    _row("decoder_variance_not_squared", _written(over_std=True), SQUARED),
    _row("decoder_variance_not_squared", _written(over_std=True, log_var=0.25, kind="x_log_var"), SQUARED),
    _row(
        "decoder_variance_detached",
        _written(detached=True),
        "the decoder's σ is detached in the likelihood, so that it does not learn: use it without "
        "detach() or no_grad()",
    ),
]
