"""q(z|x) is a choice among categories, drawn by the Gumbel trick, with the gradient of its relaxation."""

from collections.abc import Callable

import numpy as np

from scratchvae import ops
from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_count,
    require_flag,
    require_shapes,
    sum_of_draws,
)
from scratchvae.distributions import concrete
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors.interface import Choices, Noise
from scratchvae.posteriors.temperature import require_temperature, temperature_in


class GumbelSoftmax(Choices):
    """G = `groups` independent choices among K = `categories`, of probabilities softmax(q_params).

    z is (B, G·K). With standard exponential noise E the largest entry of logits − log E is the k-th with the
    probability of category k, since −log E follows the Gumbel law. So one-hot z is a draw from q(z|x) itself.
    Training has two ways to draw:

    - straight_through=False: z = softmax((logits − log noise)/λ) is a relaxed draw, and has its own gradient.
    Its law is another one, and so log p(x|z) − KL(q ‖ p) with the KL of the discrete laws is no bound: `Elbo`
    reports it as "surrogate". Evaluation takes one-hot draws, where the same difference is a bound, and is
    reported as "bound".
    - straight_through=True: z is always one-hot, and has the gradient of the relaxed draw. Its values are those
    of a bound. A lower λ makes the gradient less biased and more noisy. It is the derivative of the surrogate
    softmax(…) + (z − softmax(…))⁰, whose second part is constant.

    `temperature` λ is a number above 0, or a function of the step. log q(z|x) = Σ_gk z_gk log
    softmax(q_params)_gk, which at one-hot z is a log-probability. `SampledElbo` and `Iwae` take it in
    training only with straight_through. `ScoreFunctionElbo` and `Vimco` are then unbiased.
    posteriors.Concrete has a density at relaxed draws.

    Jang, Gu & Poole 2017, sections 2.1 and 2.2.
    """

    space: str = "one-hot codes"

    def __init__(
        self,
        groups: int = 1,
        categories: int = 10,
        *,
        temperature: float | Callable[[float], float] = 0.5,
        straight_through: bool = False,
    ) -> None:
        for name, count in (("groups", groups), ("categories", categories)):
            require_count("GumbelSoftmax", name, count)
        require_temperature("GumbelSoftmax", temperature)
        require_flag("GumbelSoftmax", "straight_through", straight_through)
        self.groups, self.categories = groups, categories
        self.temperature, self.straight_through = temperature, straight_through
        self.relaxed = not straight_through
        self.latent_dim = self.n_params = groups * categories

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """Standard exponential numbers (rows, G·K)."""
        return concrete.sample_standard((rows, self.latent_dim), rng)

    def by_group(self, q_params: Array) -> Array:
        """The logits (B, G, K), or other numbers in the same shape."""
        require_shapes("GumbelSoftmax", q_params=(q_params, f"B {self.n_params}"))
        return q_params.reshape(len(q_params), self.groups, self.categories)

    def indices(self, q_params: Array) -> Array:
        """The most probable category of each group, (B, G) of whole numbers from 0."""
        return self.by_group(q_params).argmax(axis=2)

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """One-hot draws, or relaxed ones in training mode unless straight_through."""
        require_count("GumbelSoftmax.sample", "draws", draws)
        logits = self.by_group(q_params)
        perturbed = np.repeat(logits, draws, axis=0) - np.log(
            self.by_group(noise).astype(logits.dtype, copy=False)
        )
        sharpness = logits.dtype.type(1 / temperature_in("GumbelSoftmax", mode, self.temperature))
        x, x_pullback = ops.softmax(sharpness * perturbed, axis=2)
        relaxed = mode.training and not self.straight_through
        z = x if relaxed else np.eye(self.categories, dtype=x.dtype)[perturbed.argmax(axis=2)]

        def pullback(dz: Array) -> Array:
            # x (dz − Σ_k x_k dz_k)/λ, of the relaxed draw either way
            dperturbed = sharpness * x_pullback(self.by_group(dz))
            return sum_of_draws(dperturbed.reshape(len(dz), -1), draws)  # dlogits = Σ_draws

        return z.reshape(len(z), -1), pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """One-hot draws and their log-probabilities. InputError where training would relax the draws."""
        if mode.training and not self.straight_through:
            expected = "a relaxed draw has no probability under the discrete law"
            helps = "straight_through=True draws one-hot codes, and the posterior Concrete has a density at relaxed ones"
            raise InputError(f"GumbelSoftmax: {expected}: {helps}")
        z, z_pullback = self.sample(q_params, noise=noise, draws=draws, mode=mode)
        log_q, log_q_pullback = self.log_prob(np.repeat(q_params, draws, axis=0), z)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            dcopies, by_z = log_q_pullback(dlog_q)
            dq_params: Array = z_pullback(dz + by_z)  # ∂log q/∂z = log softmax(logits)
            # log q moves with the logits too
            return dq_params + sum_of_draws(dcopies, draws) if score else dq_params

        return (z, log_q), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """Σ_gk z_gk log softmax(q_params)_gk: the log-probability of one-hot z, and linear in other z."""
        log_p, log_p_pullback = ops.log_softmax(self.by_group(q_params), axis=2)
        choice = self.by_group(z)

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            d = dlog_q[:, None, None]
            dq_params = log_p_pullback(d * choice)  # dlogits = dlog_q (z − softmax(logits) Σ_k z_k)
            # dz = dlog_q log softmax(logits)
            return dq_params.reshape(q_params.shape), (d * log_p).reshape(z.shape)

        return (choice * log_p).sum(axis=(1, 2)), pullback

    def code_of(self, indices: Array) -> Array:
        """One-hot vectors of these choices."""
        return np.eye(self.categories, dtype=np.float32)[indices].reshape(len(indices), self.latent_dim)

    def code(self, q_params: Array) -> Array:
        """The one-hot vector of the most probable category of each group."""
        return self.code_of(self.indices(q_params)).astype(q_params.dtype, copy=False)
