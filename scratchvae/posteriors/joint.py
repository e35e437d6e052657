"""q(z|x) is a product of posteriors, such as continuous latents and choices."""

from itertools import accumulate

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors.interface import Density, Noise
from scratchvae.posteriors.vector_quantized import VectorQuantized


class JointPosterior(Density):
    """q(z|x) = Π_i q_i(z_i|x), where each part has latents and q_params of its own, side by side.

    JointPosterior(DiagonalGaussian(8), GumbelSoftmax(1, 10)) has 18 latents, and its encoder puts out 26
    numbers. Its prior is a priors.ProductPrior of as many parts. InputError for a part without a density, and
    for a codebook that would learn by the penalty Quantization: that takes a VectorQuantized alone, and
    without it no gradient reaches the codes. Dupont 2018, section 3.1.
    """

    def __init__(self, *parts: Density) -> None:
        for part in parts:
            if not isinstance(part, Density):
                raise InputError(
                    f"JointPosterior: each part should have a density, found a {type(part).__name__}"
                )
            if isinstance(part, VectorQuantized) and part.decay is None:
                expected = "a codebook beside other parts should move by averages, as with decay=0.99"
                raise InputError(f"JointPosterior: {expected}; found one that waits for a penalty's gradient")
        if not parts:
            raise InputError("JointPosterior: there should be at least one part, found none")
        self.parts = parts
        self.latent_dim, self.n_params = (
            sum(part.latent_dim for part in parts),
            sum(part.n_params for part in parts),
        )
        self.space = " × ".join(part.space for part in parts)
        self.relaxed = any(part.relaxed for part in parts)

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """The noise of each part, as a tuple."""
        return tuple(part.draw_noise(rows, rng) for part in self.parts)

    def apart(self, q_params: Array) -> tuple[tuple[Array, ...], Pullback]:
        """The q_params of each part; pullback(dq_params of each) -> dq_params."""
        require_shapes("JointPosterior", q_params=(q_params, f"B {self.n_params}"))
        apart, split_pullback = ops.split(q_params, sizes=tuple(part.n_params for part in self.parts))
        return apart, split_pullback

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """The draws of the parts, side by side."""
        each, apart_pullback = self.apart(q_params)
        drawn = [
            part.sample(own, noise=own_noise, draws=draws, mode=mode)
            for part, own, own_noise in zip(self.parts, each, noise, strict=True)
        ]

        def pullback(dz: Array) -> Array:
            pieces = zip(drawn, self._z_apart(dz), strict=True)
            dq_params: Array = apart_pullback(*(part_pullback(own) for (_, part_pullback), own in pieces))
            return dq_params

        return np.concatenate([z for z, _ in drawn], axis=1), pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """The draws side by side, and log q(z|x) = Σ_i log q_i(z_i|x)."""
        each, apart_pullback = self.apart(q_params)
        drawn = [
            part.sample_with_log_prob(own, noise=own_noise, draws=draws, score=score, mode=mode)
            for part, own, own_noise in zip(self.parts, each, noise, strict=True)
        ]
        log_q = sum(log_q for (_, log_q), _ in drawn)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            pieces = zip(drawn, self._z_apart(dz), strict=True)
            dq_params: Array = apart_pullback(
                *(part_pullback(own, dlog_q) for (_, part_pullback), own in pieces)
            )
            return dq_params

        return (np.concatenate([z for (z, _), _ in drawn], axis=1), np.asarray(log_q)), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """Σ_i log q_i(z_i|x)."""
        each, apart_pullback = self.apart(q_params)
        terms = [
            part.log_prob(own, own_z, mode=mode)
            for part, own, own_z in zip(self.parts, each, self._z_apart(z), strict=True)
        ]

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            found = [part_pullback(dlog_q) for _, part_pullback in terms]
            return apart_pullback(*(dq for dq, _ in found)), np.concatenate([dz for _, dz in found], axis=1)

        return np.asarray(sum(log_q for log_q, _ in terms)), pullback

    def code(self, q_params: Array) -> Array:
        """The codes of the parts, side by side."""
        each, _ = self.apart(q_params)
        return np.concatenate([part.code(own) for part, own in zip(self.parts, each, strict=True)], axis=1)

    def _z_apart(self, z: Array) -> list[Array]:
        require_shapes("JointPosterior", z=(z, f"B {self.latent_dim}"))
        return np.split(z, list(accumulate(part.latent_dim for part in self.parts))[:-1], axis=1)
