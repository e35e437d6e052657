"""The prior of a watched step, told by gradients: a Gaussian or a mixture of the step's own arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian, mixture
from scratchvae.reference.diagnosis import std_read_as
from scratchvae.reference.frameworks.flow import Node, bare, lineage
from scratchvae.reference.frameworks.proportions import same

READ_AS = ("log_var", "log_std", "std", "var", "raw_std")
UNDIVIDED = (
    "the KL to the step's own prior does not divide (mean − prior's mean)² by the prior's variance: write "
    "½ Σ ((mean − prior's mean)² + σ²) / prior's σ² − 1 − log σ² + log prior's σ²"
)
MOST_TRIED = 40  # arrays of a step that are tried as a prior's parameter


@dataclass(frozen=True)
class Prior:
    """log p(z) of each example, its gradient by z, and a few words.

    `mean` and `std` (B, Z) of a Gaussian, else None.
    """

    log_prob: Array
    slope: Array
    said: str
    mean: Array | None = None
    std: Array | None = None
    doubt: str = ""  # words for a KL whose squared difference of means is not divided by the prior's variance

    @property
    def under_square(self) -> Array | float:
        """What a KL to this Gaussian divides the squared difference of means by, as the step has it."""
        return 1.0 if self.doubt or self.std is None else self.std**2


def gaussian_prior(z: Array, mean: Array, std: Array, said: str) -> Prior:
    """N(mean, σ²) at z (B, Z)."""
    wide = [np.broadcast_to(a, z.shape).astype(np.float64) for a in (mean, 2 * np.log(std))]
    log_pz, pullback = gaussian.log_prob(z, *wide)
    return Prior(log_pz, pullback(np.ones_like(log_pz))[0], said, wide[0], np.exp(0.5 * wide[1]))


def standard(z: Array) -> Prior:
    """N(0, 1)."""
    return gaussian_prior(z, np.zeros(z.shape), np.ones(z.shape), "")


def of_estimate(
    z: Array, slope: Array, starts: Iterable[Node], stops: set[Node], close: float, shape: tuple[int, ...]
) -> Prior | None:
    """The prior whose d log p/dz is the slope; None where it is none that is known here.

    `shape` is that of z as the step holds it.
    """
    if same(-z, slope, close):
        return standard(z)
    fixed = _fixed_of_estimate(z, slope, close)
    if fixed is not None:
        return fixed
    for a, s, said in _pairs(_arrays(starts, stops, shape), shape):
        found = gaussian_prior(z, a, s, said)
        if same(found.slope, slope, close):
            return found
    for shares, a, s, said in _components(starts, stops, z.shape):
        log_pz, pullback = mixture.log_prob(z, shares, a, 2 * np.log(s))
        found = Prior(log_pz, pullback(np.ones_like(log_pz))[0], said)
        if same(found.slope, slope, close):
            return found
    return None


def of_divergence(
    mean: Array, std: Array, starts: Iterable[Node], stops: set[Node], shape: tuple[int, ...]
) -> Iterator[tuple[Prior, tuple[Array, Array]]]:
    """Gaussian priors, and what KL(N(mean, σ²) ‖ prior) has for gradients by mean and σ; N(0, 1) first.

    Last come those with a variance that such a KL divides σ² by, but not the square beside it. `shape` is
    that of the mean as the step holds it.
    """
    own = _pairs(_arrays(starts, stops, shape), shape)
    pairs = [(np.zeros(mean.shape), np.ones(mean.shape), ""), *own]
    known = [gaussian_prior(mean, a, s, said) for a, s, said in pairs]
    wide = [p for p in known if p.std is not None and not same(p.std, np.ones_like(p.std))]
    for prior in [*known, *(replace(p, doubt=UNDIVIDED) for p in wide)]:
        assert prior.mean is not None
        assert prior.std is not None
        with np.errstate(all="ignore"):
            yield prior, ((mean - prior.mean) / prior.under_square, std / prior.std**2 - 1 / std)


def _fixed(z: Array, mean: float, std: float) -> Prior:
    """N(mean, std²) of two numbers, in few digits where these are all that the numbers have."""
    mean, std = (float(f"{v:.3g}") if abs(float(f"{v:.3g}") - v) <= 1e-5 * abs(v) else v for v in (mean, std))
    mean = 0.0 if abs(mean) < 1e-5 * std else mean
    said = f"the prior is taken to be N({mean:.6g}, {std:.6g}²), by the numbers of the step"
    return gaussian_prior(z, np.full(z.shape, mean), np.full(z.shape, std), said)


def _fixed_of_estimate(z: Array, slope: Array, close: float) -> Prior | None:
    """N(a, s²) of two numbers, whose d log p/dz is (a − z)/s²; None where the slope is no such line."""
    if z.size < 3:
        return None
    columns = np.stack([np.ones(z.size), -z.ravel()], axis=1)
    (scaled, precision), *_ = np.linalg.lstsq(columns, slope.ravel(), rcond=None)
    if not precision > 0 or not same(columns @ np.array([scaled, precision]), slope.ravel(), close):
        return None
    return _fixed(z, scaled / precision, precision**-0.5)


def fixed_of_divergence(
    m: Array, std: Array, by_mean: Array, by_std: Array, close: float
) -> tuple[float, Prior] | None:
    """The weight b and the prior N(a, s²) of two numbers, of which b KL has these gradients; else None.

    They are b (m − a)/s² by the mean and b (σ/s² − 1/σ) by σ: linear in b, b/s² and b a/s².
    """
    zero, one = np.zeros(m.size), np.ones(m.size)
    rows = np.stack([np.r_[m.ravel(), std.ravel()], np.r_[-one, zero], np.r_[zero, -1 / std.ravel()]], axis=1)
    found = np.r_[by_mean.ravel(), by_std.ravel()]
    if m.size < 3 or not np.isfinite(found).all():
        return None
    (precision, scaled, b), *_ = np.linalg.lstsq(rows, found, rcond=None)
    if not precision / (b or 1) > 0 or not same(rows @ np.array([precision, scaled, b]), found, close):
        return None
    return float(b), _fixed(m, scaled / precision, (b / precision) ** 0.5)


def _arrays(starts: Iterable[Node], stops: set[Node], shape: tuple[int, ...]) -> list[Node]:
    """Arrays that may be a parameter of each example's prior."""
    behind = sorted(lineage(starts, stops), key=lambda n: n.index)
    found = [bare(n) for n in behind if n.shape and not (n.size == 1 and not n.learned)]
    found = [
        n
        for n in found
        if n.size == np.prod(shape)
        or (
            len(n.shape) <= len(shape)
            and all(a in (1, b) for a, b in zip(n.shape[::-1], shape[::-1], strict=False))
        )
    ]
    return list(dict.fromkeys(found))[:MOST_TRIED]


def _pairs(nodes: list[Node], shape: tuple[int, ...]) -> Iterator[tuple[Array, Array, str]]:
    """(mean, σ) of each two arrays (B, Z), and of each with 0 or 1 for the other."""

    def wide(array: Array) -> Array:
        same_size = array.size == np.prod(shape)
        return (array if same_size else np.broadcast_to(array, shape)).reshape(shape[0], -1)

    for s in [None, *nodes]:
        for std, kind in [(np.ones(()), "")] if s is None else _readings(s):
            for a in [None, *nodes]:
                if a is s or (a is None and s is None):
                    continue
                mean, std = wide(np.zeros(()) if a is None else a.value().astype(np.float64)), wide(std)
                where = " and ".join(dict.fromkeys(n.place or "a parameter" for n in (a, s) if n is not None))
                yield (
                    mean,
                    std,
                    f"the prior is taken to be the Gaussian of the step's own arrays ({where}){kind}",
                )


def _readings(node: Node) -> Iterator[tuple[Array, str]]:
    held = node.value().astype(np.float64)
    for kind in READ_AS:
        std = std_read_as(kind, held)
        if np.isfinite(std).all() and (std > 0).all():
            yield std, f", whose σ is held as {kind}"


def _components(
    starts: Iterable[Node], stops: set[Node], shape: tuple[int, ...]
) -> Iterator[tuple[Array, Array, Array, str]]:
    """Logits (C,), means and σ (C, Z) of the components of a mixture; an even one first."""
    Z = shape[-1]
    behind = sorted(lineage(starts, stops), key=lambda n: n.index)
    nodes = [
        n
        for n in dict.fromkeys(bare(n) for n in behind)
        if n.size % Z == 0 and n.shape[-1:] == (Z,) and n.size > Z
    ]
    nodes = nodes[:MOST_TRIED]
    for s in nodes:
        for std, kind in _readings(s):
            for a in nodes:
                if a is not s and a.size == s.size:
                    means, where = a.value().astype(np.float64).reshape(-1, Z), a.place or "a parameter"
                    for shares, even in _shares(behind, len(means)):
                        mixture = f"{even}mixture of {len(means)} Gaussians ({where}){kind}"
                        yield shares, means, std.reshape(-1, Z), f"the prior is taken to be {mixture}"


def _shares(nodes: list[Node], C: int) -> Iterator[tuple[Array, str]]:
    """Logits of the components' shares: equal ones, and those that the step holds as logits or as shares."""
    yield np.zeros(C), "an even "
    for node in dict.fromkeys(bare(n) for n in nodes):
        if node.size == C and max(node.shape, default=1) == C:
            held = node.value().astype(np.float64).reshape(-1)
            yield held, "a "
            if held.min() > 0:
                yield np.log(held), "a "
