"""p(z) of latents in layers, each Gaussian given the layer above it."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_count
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors import TopDown
from scratchvae.priors.interface import Prior


class HierarchicalGaussian(Prior):
    """p(z) = N(z_L; 0, I) Π_l p(z_l|z_{l+1}), where `top_down` computes mean and log σ² of each Gaussian.

    z = [z_1 | … | z_L]. A posteriors.Ladder has the same TopDown, whose Parameters then receive gradients by
    way of q(z|x) and of p(z), which add up. With one layer p(z) is N(0, I). Rezende, Mohamed & Wierstra 2014,
    equations 1 to 4; Sønderby et al. 2016, equations 1 to 3.
    """

    def __init__(self, top_down: TopDown) -> None:
        self.top_down, self.latent_dim = top_down, top_down.latent_dim

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log N(z_L; 0, I) + Σ_l log p(z_l|z_{l+1})."""
        given = self.top_down.by_layer(z)
        log_pz, top_pullback = gaussian.standard_log_prob(given[-1])
        pullbacks: list[tuple[Pullback, Pullback]] = []
        for place in reversed(range(len(given) - 1)):
            law, law_pullback = self.top_down.below(place, given[place + 1], mode=mode)
            term, term_pullback = gaussian.log_prob(given[place], *law)
            log_pz = log_pz + term
            pullbacks.insert(0, (term_pullback, law_pullback))

        def pullback(dlog_pz: Array) -> Array:
            dz, from_below = [], None
            for term_pullback, law_pullback in pullbacks:
                own, dmean, dlog_var = term_pullback(dlog_pz)
                # dz_l = ∂log p(z_l|z_{l+1}) + ∂log p(z_{l−1}|z_l)
                dz.append(own if from_below is None else own + from_below)
                from_below = law_pullback(dmean, dlog_var)
            top = top_pullback(dlog_pz)
            dz.append(top if from_below is None else top + from_below)
            return np.concatenate(dz, axis=1)

        return log_pz, pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """z_L ~ N(0, I), then each layer below given the one above it."""
        require_count("HierarchicalGaussian.sample", "n", n, 0)
        *below, top = self.top_down.by_layer(gaussian.sample_standard((n, self.latent_dim), rng))
        drawn = [top]
        for place in reversed(range(len(below))):
            law, _ = self.top_down.below(place, drawn[0], mode=EVALUATION)
            z, _ = gaussian.reparameterize(*law, noise=below[place])
            drawn.insert(0, z)
        return np.concatenate(drawn, axis=1)
