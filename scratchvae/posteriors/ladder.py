"""q(z|x) of latents in layers: the topmost is inferred from x, each lower one from x and the one above."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_shapes, sum_of_draws
from scratchvae.distributions import gaussian, gaussian_product
from scratchvae.layers import EVALUATION, Layer, Mode, named_parameters
from scratchvae.posteriors.interface import Density, Noise
from scratchvae.posteriors.rung import Rung, down
from scratchvae.posteriors.top_down import TopDown


class Ladder(Density):
    """q(z|x) = q(z_L|x) Π_l q(z_l|z_{l+1}, x), z = [z_1 | … | z_L], where the decoder gets z_1 alone.

        q(z_L|x) = N(mean_L(x), diag σ_L²(x))
        q(z_l|z_{l+1}, x)  ∝  N(z_l; mean_l(x), diag σ_l²(x)) p(z_l|z_{l+1})        for l < L

    q_params = [mean_1 | log σ_1² | … | mean_L | log σ_L²] are the estimates of each layer from x, from the
    bottom up. `top_down` computes p(z_l|z_{l+1}), the estimate from the layer above. The prior, a
    priors.HierarchicalGaussian, has the same TopDown. The product of the two Gaussians is proportional to a
    Gaussian, by distributions.gaussian_product. With one layer q is that of a DiagonalGaussian.
    Sønderby et al. 2016, equations 7 to 12.
    """

    def __init__(self, top_down: TopDown) -> None:
        self.top_down, self.latent_dim = top_down, top_down.latent_dim
        self.n_params = 2 * self.latent_dim

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """Standard normal numbers (rows, Z)."""
        return gaussian.sample_standard((rows, self.latent_dim), rng)

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """z_L = mean_L + σ_L · noise, and then each layer below given the one above it."""
        z, _, drawn_pullback = self._drawn(q_params, noise, draws, mode)

        def pullback(dz: Array) -> Array:
            return drawn_pullback(dz)

        return z, pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z, and log q(z|x) = Σ_l log q(z_l|z_{l+1}, x), each term from its own noise.

        Without the score, log q has a gradient by z only. A draw z_l has two parts in it: the log-density of
        z_l itself, and that of z_{l−1}, whose law depends on z_l. Parameters and q_params then receive only
        the gradient that comes through the draws.
        """
        z, rungs, drawn_pullback = self._drawn(q_params, noise, draws, mode)
        eps = self.top_down.by_layer(noise)
        terms = [
            gaussian.log_prob_of_draw(rung.law[1], noise=own, draws=draws if rung.other is None else 1)
            for rung, own in zip(rungs, eps, strict=True)
        ]
        log_q = sum((term for term, _ in terms[1:]), terms[0][0])

        def pullback(dz: Array, dlog_q: Array) -> Array:
            if not score:
                return drawn_pullback(dz + dlog_q[:, None] * self._slope(rungs, eps, draws))
            extra = [
                (np.zeros_like(rung.law[0]), back(dlog_q))
                for rung, (_, back) in zip(rungs, terms, strict=True)
            ]
            return drawn_pullback(dz, extra)

        return (z, log_q), pullback

    def sample_with_kl(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z, and KL(q(z_l|z_{l+1}, x) ‖ p(z_l|z_{l+1})) of each latent (B, Z), averaged over draws.

        Given the layer above, the latents of a layer are independent under q and under p. So the KLs of all
        latents add up, and the expectation of their sum over draws is KL(q(z|x) ‖ p(z)). pullback(dz, dkl)
        returns dq_params. The KL of a layer depends on the draws of the layer above, which receive its
        gradient. Sønderby et al. 2016, equation 14.
        """
        z, rungs, drawn_pullback = self._drawn(q_params, noise, draws, mode)
        terms = [
            gaussian.kl_to_standard_by_dimension(*rung.law)
            if rung.other is None
            else gaussian.kl_by_dimension(*rung.law, *rung.other)
            for rung in rungs
        ]
        share = z.dtype.type(1 / draws)
        *below, top = (kl for kl, _ in terms)
        means = [share * sum_of_draws(kl, draws) for kl in below]

        def pullback(dz: Array, dkl: Array) -> Array:
            extra = []
            for rung, (_, back), own in zip(rungs, terms, self.top_down.by_layer(dkl), strict=True):
                # dkl_bk = dkl_b / K
                extra.append(back(own if rung.other is None else share * np.repeat(own, draws, axis=0)))
            return drawn_pullback(dz, extra)

        return (z, np.concatenate([*means, top], axis=1)), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """Σ_l log q(z_l|z_{l+1}, x) of given z."""
        given = self.top_down.by_layer(z)
        rungs, estimates_pullback = self._rungs(q_params, lambda place, law: given[place], 1, mode)
        terms = [gaussian.log_prob(own, *rung.law) for rung, own in zip(rungs, given, strict=True)]

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            found = [back(dlog_q) for _, back in terms]
            dzs, destimates = [dz for dz, _, _ in found], []
            for place, rung in enumerate(rungs):
                destimate, dabove = down(rung, found[place][1:])
                destimates += destimate
                if place + 1 < len(rungs):
                    dzs[place + 1] = dzs[place + 1] + dabove
            return estimates_pullback(*destimates), np.concatenate(dzs, axis=1)

        return sum((term for term, _ in terms[1:]), terms[0][0]), pullback

    def code(self, q_params: Array) -> Array:
        """The means, passed from layer to layer, which are the draws without noise.

        E[z|x] has no closed form below z_L.
        """
        rungs, _ = self._rungs(q_params, lambda place, law: law[0], 1, EVALUATION)
        return np.concatenate([mean for mean, _ in (rung.law for rung in rungs)], axis=1)

    def _rungs(
        self, q_params: Array, z_of: Callable[[int, tuple[Array, Array]], Array], draws: int, mode: Mode
    ) -> tuple[list[Rung], Pullback]:
        """The laws of the layers, in the order z_1, …, z_L. They are computed from the top down.

        z_of(place, law) returns the z of a layer, on which the law of the layer below depends. The law of the
        topmost layer has a row for each example, and the others have a row for each draw.
        pullback(dmean_1, dlog_var_1, …), by the estimates from x, returns dq_params.
        """
        require_shapes("Ladder", q_params=(q_params, f"B {self.n_params}"))
        estimates, split_pullback = ops.split(
            q_params, sizes=tuple(size for size in self.top_down.sizes for _ in range(2))
        )
        top = estimates[-2], estimates[-1]
        rungs = [Rung(top, None, None, None)]
        above = z_of(len(self.top_down.steps), top)
        for place in reversed(range(len(self.top_down.steps))):
            other, other_pullback = self.top_down.below(place, above, mode=mode)
            mean, log_var = (np.repeat(part, draws, axis=0) for part in estimates[2 * place : 2 * place + 2])
            law, product_pullback = gaussian_product.product(mean, log_var, *other)
            rungs.insert(0, Rung(law, other, product_pullback, other_pullback))
            above = z_of(place, law)

        def pullback(*destimates: Array) -> Array:
            summed = [sum_of_draws(part, draws) for part in destimates[:-2]]
            dq_params: Array = split_pullback(*summed, *destimates[-2:])
            return dq_params

        return rungs, pullback

    def _drawn(
        self, q_params: Array, noise: Array, draws: int, mode: Mode
    ) -> tuple[Array, list[Rung], Pullback]:
        """z (B·K, Z) and the laws. pullback(dz, extra) returns dq_params.

        `extra` holds, for each layer, gradients that do not come through z: (dmean, dlog_var) of q's law, and
        then, if there are any, those of p's law.
        """
        require_count("Ladder", "draws", draws)
        rows = f"{len(q_params) * draws} {self.latent_dim}"
        require_shapes("Ladder", q_params=(q_params, f"B {self.n_params}"), noise=(noise, rows))
        eps, last = self.top_down.by_layer(noise), len(self.top_down.steps)
        zs: list[Array] = [noise[:, :0]] * len(self.top_down.sizes)
        backs: list[Pullback] = [lambda dz: dz] * len(self.top_down.sizes)

        def drawn(place: int, law: tuple[Array, Array]) -> Array:
            zs[place], backs[place] = gaussian.reparameterize(
                *law, noise=eps[place], draws=draws if place == last else 1
            )
            return zs[place]

        rungs, estimates_pullback = self._rungs(q_params, drawn, draws, mode)

        def pullback(dz: Array, extra: Sequence[tuple[Array, ...]] | None = None) -> Array:
            dzs, destimates = self.top_down.by_layer(dz), []
            for place, rung in enumerate(rungs):
                received = backs[place](dzs[place])
                more = () if extra is None else extra[place]
                dlaw = [a + b for a, b in zip(received, more[:2], strict=True)] if more else list(received)
                destimate, dabove = down(rung, dlaw, more[2:])
                destimates += destimate
                if place < last:
                    # dz_{l+1} = its own + what p(z_l|z_{l+1}) passes up
                    dzs[place + 1] = dzs[place + 1] + dabove
            return estimates_pullback(*destimates)

        return np.concatenate(zs, axis=1), rungs, pullback

    def _slope(self, rungs: list[Rung], eps: list[Array], draws: int) -> Array:
        """∂log q/∂z (B·K, Z) with the laws' Parameters and q_params fixed."""
        slopes: list[Array] = []
        above: Any = 0.0  # the part that comes by way of the law of the layer below
        for place, (rung, own) in enumerate(zip(rungs, eps, strict=True)):
            log_var = np.repeat(rung.law[1], draws, axis=0) if rung.other is None else rung.law[1]
            with np.errstate(over="ignore"):
                precision = np.minimum(np.exp(-0.5 * log_var), np.finfo(log_var.dtype).max)  # 1/σ
            own = own.astype(log_var.dtype, copy=False)
            slope = -own * precision  # ∂log q_l/∂z_l = −noise/σ
            slopes.append(slope + above)
            if rung.other is not None:
                with _nothing_received(self.top_down.steps[place]):
                    # ∂log q_l/∂log σ² = ½ (noise² − 1)
                    _, above = down(rung, (-slope, 0.5 * (own * own - 1)))
        return np.concatenate(slopes, axis=1)


@contextmanager
def _nothing_received(owner: Layer) -> Iterator[None]:
    """Forget the gradients that the Parameters receive inside the with-block."""
    held = [(parameter, parameter.grad) for parameter in named_parameters(owner).values()]
    yield
    for parameter, grad in held:
        parameter.grad = grad
