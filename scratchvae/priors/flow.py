"""p(z) is the law of a flow of N(0, I), learned with the model."""

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes
from scratchvae.distributions import gaussian
from scratchvae.flows import Step
from scratchvae.layers import EVALUATION, Mode, named_parameters
from scratchvae.priors.interface import Prior


class FlowPrior(Prior):
    """z = f(ε), ε ~ N(0, I):   log p(z) = log N(f⁻¹(z); 0, I) + log |det ∂f⁻¹/∂z|.

    `flow` is one step, or a Chain of them, with Parameters of its own, since a prior has no encoder that
    would give it params. At first Coupling and MaskedAutoregressive steps are the identity, and so p(z)
    begins as N(0, I).

    Dinh, Sohl-Dickstein & Bengio 2017, equation 2; as a prior Chen et al. 2017, section 3.2.
    """

    def __init__(self, flow: Step) -> None:
        if not isinstance(flow, Step):
            raise InputError(f"FlowPrior: flow should be a step, such as a Chain, found {flow!r:.80}")
        if flow.n_params or not named_parameters(flow):
            helps = "Coupling and MaskedAutoregressive steps without a context have"
            raise InputError(
                f"FlowPrior: the flow should have Parameters and read no params, as {helps}; found {flow}"
            )
        self.flow, self.latent_dim = flow, flow.latent_dim

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log N(f⁻¹(z); 0, I) + log |det ∂f⁻¹/∂z|."""
        require_shapes("FlowPrior", z=(z, f"B {self.latent_dim}"))
        (noise, log_det), flow_pullback = self.flow.inverse(z, z[:, :0])
        log_p, standard_pullback = gaussian.standard_log_prob(noise)

        def pullback(dlog_pz: Array) -> Array:
            dz, _ = flow_pullback(standard_pullback(dlog_pz), dlog_pz)
            return dz

        return log_p + log_det, pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """f of standard normal numbers."""
        require_count("FlowPrior.sample", "n", n, 0)
        noise = gaussian.sample_standard((n, self.latent_dim), rng)
        (z, _), _ = self.flow.forward(noise, noise[:, :0])
        return z
