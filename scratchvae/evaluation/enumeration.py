"""log p(x), p(h|x) and KL(q ‖ p) without any estimate, by sums over all states of the hidden units.

A model with H hidden units has 2^H states.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from scratchvae.arrays import Array, InputError, require_count, require_shapes
from scratchvae.data import Batch
from scratchvae.layers import dtype_of
from scratchvae.objectives import BeliefNet

MOST = 20  # binary units whose states can be listed: 2^20 are a million
ROWS = 1 << 15  # pairs of x and h that are computed together


@dataclass(frozen=True)
class Enumeration:
    """log p(x, h) and log q(h|x) of N examples and all S = 2^H hidden states, in nats and float64.

    log p(x) = bound + kl for every q: the evidence does not depend on it (Dayan, Hinton, Neal & Zemel 1995).
    """

    states: Array  # (S, H)
    log_joint: Array  # (N, S), log p(x, h)
    log_q: Array  # (N, S), log q(h|x)

    @property
    def log_px(self) -> Array:
        """log p(x) = log Σ_h p(x, h)     (N,)."""
        return logsumexp(self.log_joint, axis=1)

    @property
    def log_posterior(self) -> Array:
        """log p(h|x) = log p(x, h) − log p(x)     (N, S)."""
        return self.log_joint - self.log_px[:, None]

    @property
    def bound(self) -> Array:
        """Σ_h q(h|x) (log p(x, h) − log q(h|x)), the negative variational free energy     (N,)."""
        return (np.exp(self.log_q) * (self.log_joint - self.log_q)).sum(axis=1)

    @property
    def kl(self) -> Array:
        """KL(q(h|x) ‖ p(h|x)) = Σ_h q(h|x) (log q(h|x) − log p(h|x))     (N,)."""
        return (np.exp(self.log_q) * (self.log_q - self.log_posterior)).sum(axis=1)


def enumerate_hidden(model: BeliefNet, x: npt.ArrayLike) -> Enumeration:
    """log p(x, h) and log q(h|x) of binary x (N, D) with every h.

    They are computed in the model's dtype, so that cast(model, np.float64) makes them more exact, and kept in
    float64. InputError for more than 20 hidden units.
    """
    x = np.asarray(x, dtype_of(model))
    N = require_shapes("enumerate_hidden", x=(x, "N D"))["N"]
    states = binary_states(model.n_hidden, "enumerate_hidden: the hidden units").astype(x.dtype)
    S = len(states)
    log_joint, log_q = np.empty(N * S), np.empty(N * S)
    for start in range(0, N * S, ROWS):
        pair = np.arange(start, min(start + ROWS, N * S))
        each, h = x[pair // S], states[pair % S]
        (log_px, log_ph), _ = model.log_joint(Batch(each), h)
        log_joint[pair] = log_px[:, 0].astype(np.float64) + log_ph[:, 0]
        log_q[pair], _ = model.log_recognition(x=each, h=h)
    return Enumeration(states, log_joint.reshape(N, S), log_q.reshape(N, S))


def binary_states(n: int, what: str = "binary_states: n") -> Array:
    """All states of n binary units (2^n, n), from 00…0 to 11…1. InputError for more than 20 units."""
    require_count("binary_states", "n", n, 0)
    if n > MOST:
        raise InputError(f"{what} should be at most {MOST}, since there are 2^n states of them; found {n}")
    return (np.arange(2**n)[:, None] >> np.arange(n)[::-1]) & 1
