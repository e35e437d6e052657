"""Continuity: does a small step in the latent space move the decoded point a little, and evenly, or does the
picture jump?
"""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, require_at_least, require_count, require_finite, require_shapes
from scratchvae.evaluation.decoding import decoded, decoded_tangents
from scratchvae.objectives import LatentModel


@dataclass(frozen=True, eq=False)
class Continuity:
    """What happens to x(t) = E[x|z(t)] on R straight paths z(t) = a + t (b − a) of T steps of equal length.

    speeds     (R, T+1)  ‖J(z) u‖, u = (b − a)/‖b − a‖, at each of the points: data units per unit of latent length; 0 where a = b
    steps      (R, T)    ‖x(t_k) − x(t_k−1)‖: data units
    ends       (R,)      ‖x(1) − x(0)‖: data units
    distances  (R,)      ‖b − a‖: units of latent length

    A data unit is Euclidean distance between events. Tangents and steps measure the same motion: where the
    decoder is smooth at the scale of a step the two lengths agree, and where it jumps between two points only
    the steps see it.
    """

    speeds: Array
    steps: Array
    ends: Array
    distances: Array

    @property
    def lengths(self) -> Array:
        """Of each decoded path by its steps, Σ_k ‖x(t_k) − x(t_k−1)‖  ->  (R,) in data units; never above the true one."""
        return self.steps.sum(axis=1)

    @property
    def lengths_by_tangents(self) -> Array:
        """The same by tangents, ∫ ‖J(z(t)) (b − a)‖ dt by the trapezoidal rule  ->  (R,) in data units."""
        return self.distances * (self.speeds[:, 1:] + self.speeds[:, :-1]).mean(axis=1) / 2

    @property
    def detours(self) -> Array:
        """Length over the straight distance between the ends  ->  (R,), at least 1; ∞ for a way back to the start, 1 for none."""
        straight = np.where(self.ends > 0, self.ends, 1)
        without_ends = np.where(self.lengths > 0, np.inf, 1.0)
        return np.where(self.ends > 0, self.lengths / straight, without_ends)

    @property
    def jumps(self) -> Array:
        """The largest step over the mean step  ->  (R,), from 1, an even motion, to T, all in one step; 1 where nothing moves.

        With more steps it rises to the largest speed over the mean speed where x(t) is smooth, and like T
        where x(t) is torn.
        """
        mean = self.steps.mean(axis=1)
        return np.where(mean > 0, self.steps.max(axis=1) / np.where(mean > 0, mean, 1), 1.0)


def continuity(
    model: LatentModel, a: Array, b: Array, y: Array | None = None, *, steps: int = 64
) -> Continuity:
    """How E[x|z] moves on the straight paths from codes a (R, Z) to b (R, Z), by Jacobian-vector products and
    by finite steps.

    A model that is told y is told the path's own, y (R, …), all the way. The pullback metric of the decoder,
    ‖J(z) dz‖: Arvanitidis, Hansen & Hauberg 2018, section 2; Chen et al. 2018.
    """
    R = require_shapes("continuity", a=(a, "R Z"), b=(b, "R Z"))["R"]
    require_at_least("continuity", "number of paths", R, 1)
    require_count("continuity", "steps", steps)
    for name, ends in (("a", a), ("b", b)):
        require_finite("continuity", name, ends)
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    distances = np.linalg.norm(b - a, axis=1)
    directions = (b - a) / np.where(distances > 0, distances, 1)[:, None]
    t = np.linspace(0, 1, steps + 1)[:, None]
    speeds, moved, ends = np.zeros((R, steps + 1)), np.zeros((R, steps)), np.zeros(R)
    # where a = b nothing moves, though a product may round equal rows differently
    for r in np.flatnonzero(distances):
        z = a[r] + t * (b[r] - a[r])
        known = None if y is None else np.repeat(y[r : r + 1], len(z), axis=0)
        x = decoded(model, z, known).astype(np.float64)
        speeds[r] = np.linalg.norm(
            decoded_tangents(model, z, np.broadcast_to(directions[r], z.shape), known), axis=1
        )
        moved[r] = np.linalg.norm(np.diff(x, axis=0), axis=1)
        ends[r] = np.linalg.norm(x[-1] - x[0])
    return Continuity(speeds, moved, ends, distances)
