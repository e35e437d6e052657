"""Continuity: whether a small step in the latent space moves the decoded point a little, and evenly."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, require_at_least, require_count, require_finite, require_shapes
from scratchvae.evaluation.decoding import decoded, decoded_tangents
from scratchvae.objectives import LatentModel


@dataclass(frozen=True, eq=False)
class Continuity:
    """The motion of x(t) = E[x|z(t)] on R straight paths z(t) = a + t (b − a) of T steps of equal length.

        speeds     (R, T+1)  ‖J(z) u‖ at each point, u = (b − a)/‖b − a‖, in data units per latent length
        steps      (R, T)    ‖x(t_k) − x(t_k−1)‖ in data units
        ends       (R,)      ‖x(1) − x(0)‖ in data units
        distances  (R,)      ‖b − a‖ in units of latent length

    Data units are those of the Euclidean distance between events. `speeds` are 0 where a = b. Tangents (the
    speeds) and steps measure the same motion. Where the decoder is smooth over a step, both give the same
    length. Where the decoder jumps between two points of the path, only the steps show it.
    """

    speeds: Array
    steps: Array
    ends: Array
    distances: Array

    @property
    def lengths(self) -> Array:
        """The length of each decoded path by its steps, Σ_k ‖x(t_k) − x(t_k−1)‖  ->  (R,) in data units.

        It is never above the true length.
        """
        return self.steps.sum(axis=1)

    @property
    def lengths_by_tangents(self) -> Array:
        """The same length by tangents, ∫ ‖J(z(t)) (b − a)‖ dt  ->  (R,) in data units.

        The integral is taken by the trapezoidal rule.
        """
        return self.distances * (self.speeds[:, 1:] + self.speeds[:, :-1]).mean(axis=1) / 2

    @property
    def detours(self) -> Array:
        """The length of each path divided by the straight distance between its ends  ->  (R,), at least 1.

        It is ∞ for a path that ends where it began, and 1 for a path without motion.
        """
        straight = np.where(self.ends > 0, self.ends, 1)
        without_ends = np.where(self.lengths > 0, np.inf, 1.0)
        return np.where(self.ends > 0, self.lengths / straight, without_ends)

    @property
    def jumps(self) -> Array:
        """The largest step divided by the mean step  ->  (R,), from 1 to T.

        It is 1 for an even motion and for none, and T where all motion is in one step. As T grows it tends to
        the largest speed over the mean speed where x(t) is smooth, and it grows as T where x(t) has a gap.
        """
        mean = self.steps.mean(axis=1)
        return np.where(mean > 0, self.steps.max(axis=1) / np.where(mean > 0, mean, 1), 1.0)


def continuity(
    model: LatentModel, a: Array, b: Array, y: Array | None = None, *, steps: int = 64
) -> Continuity:
    """The motion of E[x|z] on straight paths from codes a (R, Z) to b (R, Z), by tangents and by steps.

    A model that is told y gets the same y on all of a path, y (R, …). A speed is the norm of a
    Jacobian-vector product ‖J(z) dz‖, which is the length of dz in the metric that the decoder pulls back to
    the latent space: Arvanitidis, Hansen & Hauberg 2018, section 2; Chen et al. 2018.
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
    # nothing moves where a = b, although a product may round equal rows differently
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
