"""p(z) over one-hot codes: independent choices among categories, of equal or learned probabilities."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_flag, require_shapes
from scratchvae.distributions import categorical
from scratchvae.layers import EVALUATION, Mode, Parameter
from scratchvae.priors.interface import Prior


class OneHot(Prior):
    """G = `groups` independent choices among K = `categories`; z (B, G·K) holds a one-hot vector for each.

    Each category has the log-probability log 1/K. With `learned` its log-probability is log softmax(logits)
    of a Parameter (G, K), which starts at 0 and receives its gradient from the KL.
    """

    space: str = "one-hot codes"

    def __init__(self, groups: int = 1, categories: int = 10, *, learned: bool = False) -> None:
        for name, count in (("groups", groups), ("categories", categories)):
            require_count("OneHot", name, count)
        require_flag("OneHot", "learned", learned)
        self.groups, self.categories = groups, categories
        self.latent_dim = groups * categories
        self.logits = Parameter(np.zeros((groups, categories), np.float32)) if learned else None

    def given_logits(self, rows: int, like: Array) -> tuple[Array, Pullback]:
        """The logits once for each row (rows, G, K), in the dtype of `like`.

        pullback(dlogits) gives learned logits the sum over the rows.
        """
        own = np.zeros((self.groups, self.categories)) if self.logits is None else self.logits.value

        def pullback(dlogits: Array) -> None:
            if self.logits is not None:
                # one p(z) for all rows
                self.logits.receive(dlogits.sum(axis=0).astype(own.dtype, copy=False))

        return np.broadcast_to(own.astype(like.dtype, copy=False), (rows, *own.shape)), pullback

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """Σ_gk z_gk log p_gk, the log-probability of one-hot z, which is linear in other z."""
        require_shapes("OneHot", z=(z, f"B {self.latent_dim}"))
        logits, given_pullback = self.given_logits(len(z), z)
        log_p, log_p_pullback = ops.log_softmax(logits, axis=2)
        choice = z.reshape(log_p.shape)

        def pullback(dlog_pz: Array) -> Array:
            d = dlog_pz[:, None, None]
            given_pullback(log_p_pullback(d * choice))  # dlogits = Σ_b dlog_pz (z − softmax(logits) Σ_k z_k)
            return (d * log_p).reshape(z.shape)  # dz = dlog_pz log p

        return (choice * log_p).sum(axis=(1, 2)), pullback

    def sample_indices(self, n: int, rng: np.random.Generator) -> Array:
        """n draws of a category for each group (n, G), whole numbers from 0."""
        require_count("OneHot.sample", "n", n, 0)
        logits, _ = self.given_logits(n, np.empty(0, np.float32))
        indices: Array = categorical.sample(logits, uniform=rng.random((n, self.groups)))
        return indices

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """One-hot vectors of drawn categories, side by side  ->  (n, G·K)."""
        indices = self.sample_indices(n, rng)
        return np.eye(self.categories, dtype=np.float32)[indices].reshape(n, self.latent_dim)
