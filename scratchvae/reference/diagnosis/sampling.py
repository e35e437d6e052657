"""z = mean + σ · noise (Kingma & Welling 2014, section 2.4), and what is written instead of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.draws import each_draw
from scratchvae.reference.diagnosis.factors import spelled
from scratchvae.reference.diagnosis.pieces import Place, Reading, Terms, d_std_read_as, std_read_as
from scratchvae.reference.diagnosis.quantities import SCALES, Given
from scratchvae.reference.diagnosis.spelling import STD_BY

NOISES: dict[str, Callable[[Array], Array]] = {
    "given": lambda noise: noise,
    "one draw for all": lambda noise: np.broadcast_to(noise[:1], noise.shape),
    "of the example before": lambda noise: np.roll(noise, 1, axis=0),
    "of the example after": lambda noise: np.roll(noise, -1, axis=0),
    "absolute": np.abs,
}


@dataclass(frozen=True)
class Sampling:
    """z = location + clip(factor · √(σ^2p + c) + added, low, high) · noise, and where gradients flow."""

    kind: str | None = None  # of SCALES, where this is written for one that is handed over
    reading: str | None = None  # the kind that the spread is taken for; None: the one it is
    swapped: bool = False  # mean and spread stand for each other
    power: float = 1.0  # p: of σ² it is 2
    centred: bool = False  # the mean is left out
    noise: str | None = "given"  # None: left out
    factor: float = 1.0
    added: float = 0.0
    added_to_var: float = 0.0  # c
    low: float = -np.inf
    high: float = np.inf
    through_mean: bool = True
    through_std: bool = True
    at_evaluation: bool = False  # noise is added where none was meant

    def __call__(self, given: Given) -> Terms | None:
        """z (B, Z), with gradients to the mean and to σ as it was handed over."""
        kind = given.scale
        if given.mean is None or (self.kind not in (None, kind)) or self.at_evaluation > given.evaluation:
            return None
        if self.noise is None or (given.evaluation and not self.at_evaluation):
            return None if given.evaluation and self != Sampling() else _mean_alone(given.mean, kind)
        if kind is None or (given.noise is not None and given.noise.ndim != given.mean.ndim):
            return None
        location, held = (
            (given.arrays[kind], given.mean) if self.swapped else (given.mean, given.arrays[kind])
        )
        std, dstd = self._spread(held, kind)
        if given.noise is not None:
            drawn, lost = NOISES[self.noise](given.noise), np.zeros_like(held)
        elif given.z is not None and given.z.ndim == location.ndim and not self.swapped:  # what z implies
            drawn = (given.z - location) / std
            lost = np.abs(dstd / std) * (np.abs(given.z) + np.abs(location))
        else:
            return None
        located = 0.0 if self.centred else 1.0
        d_location = np.full_like(held, located * self.through_mean)
        d_held = dstd * drawn if self.through_std else np.zeros_like(held)
        first, second = ("mean", kind) if not self.swapped else (kind, "mean")
        linear = (self.reading or kind) == "raw_std"  # beyond 20, where frameworks take softplus(x) for x
        unsure = np.where((held > 20) & linear, np.exp(-held) * np.abs(drawn), 0)
        size = (
            np.abs(location) + np.abs(std * drawn) + (np.abs(drawn) if linear else 0.0)
        )  # 1 + eʰ is rounded
        return Terms(
            located * location + std * drawn, {first: d_location, second: d_held}, size, unsure, lost
        )

    def _spread(self, held: Array, kind: str) -> tuple[Array, Array]:
        """σ as it is used, and its slope by what was handed over."""
        read_as = self.reading or kind
        std, slope = std_read_as(read_as, held), d_std_read_as(read_as, held)
        if self.power != 1 or self.added_to_var:
            with np.errstate(all="ignore"):
                powered = std**self.power
                slope = self.power * std ** (self.power - 1) * slope
                std = np.sqrt(powered**2 + self.added_to_var)
                slope = slope * powered / std
        std = self.factor * std + self.added
        inside = (std >= self.low) & (std <= self.high)
        return np.clip(std, self.low, self.high), self.factor * slope * inside


def _mean_alone(mean: Array, kind: str | None) -> Terms:
    zero = {} if kind is None else {kind: np.zeros_like(mean)}
    return Terms(mean, {"mean": np.ones_like(mean), **zero}, np.abs(mean))


reparameterized = Sampling()


def _row(name: str, fix: str, **changed: Any) -> Reading:
    return Reading(name, Place.SAMPLING, Sampling(**changed), fix)


def _words(name: str, fix: str, solved: int = 0, **changed: Any) -> Reading:
    return Reading(name, Place.SAMPLING, Sampling(**changed), fix, named=False, solved=solved)


NOISE_MISSING = _row(
    "noise_missing", "z is the mean alone: in training write z = mean + σ · noise", noise=None
)
MEAN_DETACHED = _row(
    "mean_detached",
    "the mean is detached in z: use the mean itself, without detach() or no_grad()",
    through_mean=False,
)
SIGMA_DETACHED = _row(
    "sigma_detached", "σ is detached in z: use σ itself, without detach() or no_grad()", through_std=False
)
Z_DETACHED = _row(
    "z_detached",
    "z is detached from the encoder: write z = mean + σ · noise, or call rsample() instead of sample(), "
    "so that gradients reach mean and σ",
    through_mean=False,
    through_std=False,
)
READINGS = [
    *(
        _row(
            f"sampling_{kind}_read_as_{reading}",
            f"the sampling reads {kind} as {reading}: write z = mean + {STD_BY[kind]} · noise",
            kind=kind,
            reading=reading,
        )
        for kind in SCALES
        for reading in SCALES
        if reading != kind
    ),
    NOISE_MISSING,
    _row(
        "noise_shared_across_batch",
        "all examples of the batch get the same noise: draw it with the shape of the mean, (B, Z)",
        noise="one draw for all",
    ),
    _row(
        "noise_at_evaluation",
        "noise is added at evaluation too: take z = mean there",
        at_evaluation=True,
    ),
    _row(
        "heads_swapped",
        "z reads the mean as σ and σ as the mean: look at the order in which the encoder's two outputs "
        "are unpacked, or passed on",
        swapped=True,
    ),
    MEAN_DETACHED,
    SIGMA_DETACHED,
    Z_DETACHED,
    _words(
        "noise of another example",
        "z used the noise of the neighbouring example: use row i of the noise with row i of the mean",
        noise="of the example before",
    ),
    _words(
        "noise of another example",
        "z used the noise of the neighbouring example: use row i of the noise with row i of the mean",
        noise="of the example after",
    ),
    _words(
        "|noise|",
        "z used |noise|: use the noise with its sign",
        noise="absolute",
    ),
    _words(
        "−σ",
        "z used −σ: write z = mean + σ · noise, or pass −noise, because training is as good with either",
        factor=-1.0,
    ),
    _words("σ² in z", "z used σ² in place of σ: write z = mean + σ · noise", power=2.0),
    _words("mean left out of z", "z lacks the mean: write z = mean + σ · noise", centred=True),
]


def solve(given: Given) -> Iterator[Reading]:
    """Readings with numbers in them, from the σ that z implies: (z − mean) / noise."""
    given = each_draw(given) if given.z is not None and given.z.ndim == 3 else given
    z, mean, noise, kind = given.z, given.mean, given.noise, given.scale
    if (
        z is None
        or mean is None
        or noise is None
        or kind is None
        or given.evaluation
        or not z.shape == mean.shape == noise.shape
    ):
        return
    std = std_read_as(kind, given.arrays[kind])
    with np.errstate(all="ignore"):
        implied = (z - mean) / noise
    known = np.isfinite(implied) & np.isfinite(std) & (np.abs(noise) > 0.1)
    if known.sum() < 4:
        return
    for reading in (None, *(other for other in SCALES if other != kind)):
        read = std if reading is None else std_read_as(reading, given.arrays[kind])
        ratio = (
            float(np.median(implied[known] / read[known]))
            if np.isfinite(read).all() and (read != 0).all()
            else np.nan
        )
        for c in tidied(ratio):
            said = f"z used {spelled(c)} σ" + ("" if reading is None else f", with {kind} read as {reading}")
            yield _words(
                f"{spelled(c)} σ in z", f"{said}: write z = mean + σ · noise", 1, factor=c, reading=reading
            )
    for c in tidied(float(np.median((implied - std)[known]))):
        yield _words(
            f"σ + {spelled(c)} in z",
            f"z used σ + {spelled(c)}: leave out the number that is added, or pass as std the σ that is used",
            1,
            added=c,
        )
    with np.errstate(all="ignore"):
        apart = known & (np.abs(np.log(std)) > 0.1)  # near σ = 1 every power is alike
        power = float(np.median((np.log(implied) / np.log(std))[apart])) if apart.any() else np.nan
        of_var = float(np.median((implied**2 - std**2)[known]))
    for c in tidied(power) if abs(power) > 0.01 else []:  # of power 0 it is the number 1
        said = f"z used σ to the power {spelled(c)}, which is exp({spelled(c / 2)} log σ²)"
        yield _words(f"σ^{spelled(c)} in z", f"{said}: write z = mean + σ · noise", 1, power=c)
    for c in tidied(of_var):
        said = f"z used √(σ² + {spelled(c)})"
        fix = f"{said}: leave out the number that is added, or pass as std the σ that is used"
        yield _words(f"√(σ² + {spelled(c)}) in z", fix, 1, added_to_var=c)
    low, high = float(implied[known].min()), float(implied[known].max())
    for a, b in ((low, np.inf), (0.0, high), (low, high)):
        for c, d in zip(tidied(a), tidied(b), strict=True):
            limits = f"[{spelled(c)}, {spelled(d)}]".replace("inf", "∞")
            if c == d:
                said, fix = f"{spelled(c)} for every σ", "write z = mean + σ · noise"
            else:
                said = f"a σ clamped to {limits}, where no gradient flows beyond"
                fix = "leave out the clamp, or pass as std the σ that is used"
            solved = 1 + (a > 0 and np.isfinite(b))
            yield _words(
                f"{said.partition(', where')[0]} in z", f"z used {said}: {fix}", solved, low=c, high=d
            )


def tidied(value: float) -> list[float]:
    """A number that was solved for in two digits, in three, and as it is: the plainest that fits is meant."""
    return [float(f"{value:.2g}"), float(f"{value:.3g}"), value] if np.isfinite(value) else [value] * 3
