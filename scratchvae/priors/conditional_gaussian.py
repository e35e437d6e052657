"""p(z|y) = N(mean(y), diag σ²(y)), learned with the model."""

from __future__ import annotations

from copy import copy

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Layer, Linear, Mode
from scratchvae.priors.interface import Prior


class ConditionalGaussian(Prior):
    """p(z|y) = N(mean, diag σ²) with [mean | log σ²] = layer(c), where c are the numbers that stand for y.

    The layer maps (B, C) to (B, 2Z). Unless `layer` is given it is one Linear, which starts from zeros, so
    that p(z|y) is N(0, I) for every y at first. With one-hot c, the rows of its weight are a table of the
    classes' means and log-variances. `given(c)` is p(z|y) for a batch. Before that call there is no y, and so
    there is no density.

    Sohn, Lee & Yan 2015, section 4.
    """

    def __init__(self, latent_dim: int, condition_dim: int, *, layer: Layer | None = None) -> None:
        require_count("ConditionalGaussian", "latent_dim", latent_dim)
        require_count("ConditionalGaussian", "condition_dim", condition_dim)
        self.latent_dim = latent_dim
        if layer is None:
            layer = Linear(condition_dim, 2 * latent_dim, init="glorot_uniform", rng=0)
            layer.weight.value = np.zeros_like(layer.weight.value)
        self.layer = layer
        self._params: tuple[Array, Pullback] | None = None

    def given(self, c: Array, *, mode: Mode = EVALUATION) -> ConditionalGaussian:
        """The prior of a batch whose examples have the numbers c (B, C), with the same Parameters."""
        params, layer_pullback = self.layer(c, mode=mode, needs_dx=False)
        require_shapes("ConditionalGaussian", layer_of_c=(params, f"B {2 * self.latent_dim}"))
        known = copy(self)
        known._params = params, layer_pullback
        return known

    def mean_and_log_var(self) -> tuple[tuple[Array, Array], Pullback]:
        """mean and log σ² of each example (B, Z).

        pullback(dmean, dlog_var) gives the layer's Parameters their gradients, and returns nothing.
        """
        if self._params is None:
            raise InputError("ConditionalGaussian: y should be known before p(z|y) is; found none")
        params, layer_pullback = self._params
        (mean, log_var), split_pullback = ops.split(params, sizes=(self.latent_dim, self.latent_dim))

        def pullback(dmean: Array, dlog_var: Array) -> None:
            layer_pullback(split_pullback(dmean, dlog_var))

        return (mean, log_var), pullback

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log N(z; mean(y), diag σ²(y)) of z (B·K, Z).

        The K draws of an example are neighbouring rows.
        """
        (mean, log_var), params_pullback = self.mean_and_log_var()
        K = self._draws(len(z), len(mean))
        log_pz, law_pullback = gaussian.log_prob(z, np.repeat(mean, K, axis=0), np.repeat(log_var, K, axis=0))

        def pullback(dlog_pz: Array) -> Array:
            dz, *dcopies = law_pullback(dlog_pz)
            dmean, dlog_var = (d.reshape(len(mean), K, self.latent_dim).sum(axis=1) for d in dcopies)
            params_pullback(dmean, dlog_var)  # Σ_k, as all draws of an example have one p(z|y)
            return dz

        return log_pz, pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """z = mean(y) + σ(y) · noise, n/B draws of each example in neighbouring rows."""
        (mean, log_var), _ = self.mean_and_log_var()
        K = self._draws(n, len(mean))
        noise = gaussian.sample_standard((n, self.latent_dim), rng)
        law = (np.repeat(part, K, axis=0) for part in (mean, log_var))
        z, _ = gaussian.reparameterize(*law, noise=noise)
        return z

    def _draws(self, n: int, examples: int) -> int:
        K = n // max(examples, 1)
        if K * examples != n:
            expected = f"there should be as many draws of each of {examples} examples"
            raise InputError(f"ConditionalGaussian: {expected}, found {n}")
        return K
