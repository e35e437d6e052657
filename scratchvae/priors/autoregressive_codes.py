"""p(z) over codes, each of which depends on all those before it."""

from collections.abc import Sequence

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count
from scratchvae.distributions import categorical
from scratchvae.flows import network
from scratchvae.posteriors import VectorQuantized
from scratchvae.priors.codes import CodePrior


class AutoregressiveCodes(CodePrior):
    """p(k_1, …, k_G) = Π_g p(k_g|k_1, …, k_(g−1)),   p(k_g|…) = softmax of the K logits of choice g.

    All logits are the output of one masked network (MADE) of the one-hot codes (B, G·K), of which those of
    choice g depend on the codes before it alone: one run gives the log-probability of every code, and a draw
    takes one run for each choice. The order is that of the posterior's choices, row by row of a grid and in
    each place from the first depth to the last. `hidden` are the widths of the network's hidden layers. At
    first every code has the probability 1/K.

    The paper trains the model under a uniform prior, Codes, and fits this one to the codes of the examples
    afterwards, as `models.fit_prior(model, x, "autoregressive")` does. Learned beside the model it receives
    the same gradient, that of the KL −log p(codes of x), and passes none on to the encoder.

    van den Oord, Vinyals & Kavukcuoglu 2017, section 3.3; by depth Lee et al. 2022, section 3.2; the masked
    network Germain et al. 2015.
    """

    def __init__(
        self,
        posterior: VectorQuantized,
        *,
        hidden: int | Sequence[int] = 128,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        super().__init__(posterior)
        G, K = posterior.groups, posterior.categories
        self.order = tuple(g for g in range(G) for _ in range(K))  # of the entries of one-hot codes
        self.weights = network.first_weights("AutoregressiveCodes", G * K, 0, G * K, hidden, rng)

    def logits(self, indices: Array, like: Array) -> tuple[Array, Pullback]:
        """Those of each choice given the codes before it, (B, G)  ->  (B, G, K); pullback(dlogits)."""
        B, G, K = len(indices), self.posterior.groups, self.posterior.categories
        one_hot = np.zeros((B, G, K), like.dtype)
        np.put_along_axis(one_hot, indices[:, :, None], 1, axis=2)
        x, context = one_hot.reshape(B, G * K), np.zeros((B, 0), like.dtype)
        values = (weight.value.astype(like.dtype, copy=False) for weight in self.weights)
        y, network_pullback = network.network(x, context, *values, order=self.order)

        def pullback(dlogits: Array) -> None:
            _, _, *gradients = network_pullback(dlogits.reshape(B, G * K))  # codes have no gradient
            for weight, gradient in zip(self.weights, gradients, strict=True):
                weight.receive(gradient.astype(weight.value.dtype, copy=False))

        return y.reshape(B, G, K), pullback

    def log_prob_of(self, indices: Array, like: Array) -> tuple[Array, Pullback]:
        """log softmax of the logits of each choice, at its code."""
        logits, logits_pullback = self.logits(indices, like)
        log_p, log_p_pullback = ops.log_softmax(logits, axis=2)
        at = indices[:, :, None]

        def pullback(dlog_p: Array) -> None:
            dall = np.zeros_like(log_p)
            np.put_along_axis(dall, at, dlog_p[:, :, None], axis=2)
            logits_pullback(log_p_pullback(dall))  # dlogits = dlog_p ([k = k_g] − p(k|…))

        return np.take_along_axis(log_p, at, axis=2)[:, :, 0], pullback

    def sample_indices(self, n: int, rng: np.random.Generator) -> Array:
        """Code after code, each given those that were drawn before it."""
        require_count("AutoregressiveCodes.sample", "n", n, 0)
        uniform = rng.random((n, self.posterior.groups))
        indices = np.zeros(uniform.shape, np.int64)
        for g in range(self.posterior.groups):
            # whatever stands for the codes not yet drawn, these logits do not depend on it
            logits, _ = self.logits(indices, np.empty(0, self.weights[0].value.dtype))
            indices[:, g] = categorical.sample(logits[:, g : g + 1], uniform=uniform[:, g : g + 1])[:, 0]
        return indices
