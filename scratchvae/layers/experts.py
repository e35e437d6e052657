"""An encoder of several modalities, which multiplies what each of them says of one latent vector."""

from collections.abc import Sequence

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_finite, require_shapes, sizes_of
from scratchvae.distributions import gaussian
from scratchvae.layers.interface import EVALUATION, Layer, Mode


class ProductOfExperts(Layer):
    """[x | o]  ->  [mean | log σ²] of the normalized product of N(0, I) and a Gaussian for each modality.

    x (B, D) holds the modalities side by side, `sizes` columns each, D in all, and o (B, D) is 1 where an
    entry was observed. Each modality has one of the `encoders`. It maps the modality's columns of x, with 0
    where an entry is missing, to the mean and log σ² of the modality's expert, 2Z numbers. A modality of
    which nothing was observed has no expert: its precision is 0, and its encoder gets no gradient from that
    example. The mask gets no gradient, since it is data.

    It is the encoder of a multimodal VAE with a DiagonalGaussian posterior, a StandardGaussian prior and
    shows_mask=True. The decoder and the likelihood are those of any VAE, since missing entries count for
    nothing there. Wu & Goodman 2018, "Multimodal generative models for scalable weakly-supervised learning",
    section 2.2.
    """

    def __init__(self, *encoders: Layer, sizes: Sequence[int]) -> None:
        self.encoders, self.sizes = encoders, sizes_of("ProductOfExperts", "sizes", sizes, least=1)
        if len(encoders) != len(self.sizes):
            found = f"found {len(encoders)} encoders and {len(self.sizes)} sizes"
            raise InputError(f"ProductOfExperts: each modality should have an encoder and a size, {found}")

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        D, M = sum(self.sizes), len(self.sizes)
        require_shapes("ProductOfExperts", x=(x, f"B {2 * D}"))
        blocks, split_pullback = ops.split(x, sizes=2 * self.sizes)
        require_finite("ProductOfExperts", "the mask", x[:, D:])
        present = np.stack([mask.max(axis=1) > 0.5 for mask in blocks[M:]], axis=1)  # (B, M)
        outputs, pullbacks = [], []
        for encoder, block in zip(self.encoders, blocks[:M], strict=True):
            output, encoder_pullback = encoder(block, mode=mode, needs_dx=needs_dx)
            outputs.append(output)
            pullbacks.append(encoder_pullback)
        experts = np.stack(outputs, axis=1)  # (B, M, 2Z)
        Z = experts.shape[2] // 2
        means, log_vars = experts[:, :, :Z], experts[:, :, Z:]
        (mean, log_var), product_pullback = gaussian.product_of_experts(means, log_vars, present=present)

        y, y_pullback = ops.concatenate(mean, log_var)

        def pullback(dy: Array) -> Array | None:
            dexperts = np.concatenate(product_pullback(*y_pullback(dy)), axis=2)
            dblocks = [encoder_pullback(dexperts[:, m]) for m, encoder_pullback in enumerate(pullbacks)]
            if not needs_dx:
                return None
            dx: Array = split_pullback(*dblocks, *(np.zeros_like(mask) for mask in blocks[M:]))
            return dx  # dx = [dx_1 | … | dx_M | 0]

        return y, pullback
