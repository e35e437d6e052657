"""Encoders of several modalities, whose opinions of one latent vector are multiplied, or mixed."""

from collections.abc import Sequence

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_finite, require_shapes, sizes_of
from scratchvae.distributions import gaussian
from scratchvae.layers.interface import EVALUATION, Layer, Mode

UNSEEN = -1e4  # the logit of an expert that saw nothing, whose weight e^−10000 is 0 in every dtype


class Experts(Layer):
    """What a product and a mixture of experts share: an encoder for each of M modalities.

    x (B, D) holds the modalities side by side, `sizes` columns each, D in all, and o (B, D) is 1 where an
    entry was observed. Each of the `encoders`, one for each modality, maps its columns of x, 0 where an entry
    is missing, to the mean and log σ² of its expert, 2Z numbers. A modality is present where any of its
    entries was observed. The mask gets no gradient, since it is data.

    `entries` says of how many entries of an event these columns are made, where the likelihood shows them as
    more or as fewer features, such as the one-hot vector of a category; they are the `sizes` unless given.

    Such a layer is the encoder of a multimodal VAE with shows_mask=True, whose decoder and likelihood stay as
    they are: missing entries count for nothing there.
    """

    def __init__(self, *encoders: Layer, sizes: Sequence[int], entries: Sequence[int] | None = None) -> None:
        where = type(self).__name__
        self.encoders, self.sizes = encoders, sizes_of(where, "sizes", sizes, least=1)
        self.entries = self.sizes if entries is None else sizes_of(where, "entries", entries, least=1)
        for name, found in (("encoders", encoders), ("entries", self.entries)):
            if len(found) != len(self.sizes):
                expected = "each modality should have an encoder and a size"
                raise InputError(
                    f"{where}: {expected}, found {len(found)} {name} and {len(self.sizes)} sizes"
                )

    def opinions(
        self, x: Array, *, mode: Mode, needs_dx: bool
    ) -> tuple[tuple[Array, Array, Array], Pullback]:
        """The mean and log σ² of each expert (B, M, Z), and whether its modality is present (B, M).

        pullback(dmeans, dlog_vars) gives the encoders their gradients and returns dx, or None.
        """
        where, D, M = type(self).__name__, sum(self.sizes), len(self.sizes)
        require_shapes(where, x=(x, f"B {2 * D}"))
        blocks, split_pullback = ops.split(x, sizes=2 * self.sizes)
        require_finite(where, "the mask", x[:, D:])
        present = np.stack([mask.max(axis=1) > 0.5 for mask in blocks[M:]], axis=1)
        outputs, pullbacks = [], []
        for encoder, block in zip(self.encoders, blocks[:M], strict=True):
            output, encoder_pullback = encoder(block, mode=mode, needs_dx=needs_dx)
            outputs.append(output)
            pullbacks.append(encoder_pullback)
        experts = np.stack(outputs, axis=1)  # (B, M, 2Z)
        Z = experts.shape[2] // 2

        def pullback(dmeans: Array, dlog_vars: Array) -> Array | None:
            dexperts = np.concatenate([dmeans, dlog_vars], axis=2)
            dblocks = [encoder_pullback(dexperts[:, m]) for m, encoder_pullback in enumerate(pullbacks)]
            if not needs_dx:
                return None
            dx: Array = split_pullback(*dblocks, *(np.zeros_like(mask) for mask in blocks[M:]))
            return dx  # dx = [dx_1 | … | dx_M | 0]

        return (experts[:, :, :Z], experts[:, :, Z:], present), pullback


class ProductOfExperts(Experts):
    """[x | o]  ->  [mean | log σ²] of the normalized product of N(0, I) and a Gaussian for each modality.

    The prior N(0, I) counts once, however many modalities there are. A modality of which nothing was observed
    has no expert: its precision is 0, and its encoder gets no gradient from that example. Where nothing at
    all was observed, the product is the prior. It feeds a DiagonalGaussian posterior beside a
    StandardGaussian prior, and objectives.SubsampledElbo trains it for every subset of the modalities. Wu &
    Goodman 2018, "Multimodal generative models for scalable weakly-supervised learning", section 2.2.
    """

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        (means, log_vars, present), opinions_pullback = self.opinions(x, mode=mode, needs_dx=needs_dx)
        (mean, log_var), product_pullback = gaussian.product_of_experts(means, log_vars, present=present)
        y, y_pullback = ops.concatenate(mean, log_var)

        def pullback(dy: Array) -> Array | None:
            dx: Array | None = opinions_pullback(*product_pullback(*y_pullback(dy)))
            return dx

        return y, pullback


class MixtureOfExperts(Experts):
    """[x | o]  ->  [logits | means | log σ²] of a mixture of a Gaussian for each modality.

        q(z|x) = 1/|P| Σ_{m ∈ P} N(z; mean_m(x_m), diag σ_m²(x_m)),  P the modalities that are present

    A modality of which nothing was observed has the weight 0, and N(0, I) in its place; its encoder gets no
    gradient from that example. Where nothing at all was observed, the mixture is N(0, I), the prior. It feeds
    a MixturePosterior with a component for each modality. objectives.StratifiedElbo draws from each of them,
    as the paper does, and so each expert learns to explain all the modalities by itself; with weighted=True
    it is the paper's importance-weighted bound.
    Shi, Siddharth, Paige & Torr 2019, "Variational mixture-of-experts autoencoders for multi-modal deep
    generative models", section 3.
    """

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        (means, log_vars, present), opinions_pullback = self.opinions(x, mode=mode, needs_dx=needs_dx)
        B, M, Z = means.shape
        here = present[:, :, None]
        held = (np.where(here, part, part.dtype.type(0)).reshape(B, M * Z) for part in (means, log_vars))
        y, y_pullback = ops.concatenate(np.where(present, 0, UNSEEN).astype(x.dtype), *held)

        def pullback(dy: Array) -> Array | None:
            _, *dheld = y_pullback(dy)  # the weights are data
            # dmean_m = [m ∈ P] dmean_m,  dlog_σ_m² = [m ∈ P] dlog_σ_m²
            dx: Array | None = opinions_pullback(*(np.where(here, d.reshape(B, M, Z), 0) for d in dheld))
            return dx

        return y, pullback
