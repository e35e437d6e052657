"""q(z|x) is a relaxed choice with a density: z are the logarithms of a point of a simplex."""

from collections.abc import Callable

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_shapes, sum_of_draws
from scratchvae.distributions import concrete
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors.interface import Choices, Noise
from scratchvae.posteriors.temperature import require_temperature, temperature_in


class Concrete(Choices):
    """G = `groups` independent Concrete laws over K = `categories`, with logits q_params.

    z = y = log x is (B, G·K).

    The draws are continuous, with the density of `distributions.concrete`. So with a prior of the same kind
    (priors.ConcretePrior) `SampledElbo` and `Iwae` are bounds on log p(x), where p is the model whose z is
    relaxed. The decoder should begin with layers.GroupSoftmax, which makes x = e^y of y. The recipes put it
    there.

    `temperature` λ is a number above 0, or a function of the step. Maddison, Mnih & Teh 2017, appendix C.3.
    """

    space: str = "logarithms of points of a simplex"

    def __init__(
        self, groups: int = 1, categories: int = 10, *, temperature: float | Callable[[float], float] = 0.5
    ) -> None:
        for name, count in (("groups", groups), ("categories", categories)):
            require_count("Concrete", name, count)
        require_temperature("Concrete", temperature)
        self.groups, self.categories, self.temperature = groups, categories, temperature
        self.latent_dim = self.n_params = groups * categories

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """Standard exponential numbers (rows, G·K)."""
        return concrete.sample_standard((rows, self.latent_dim), rng)

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """y = log softmax((q_params − log noise)/λ) by group."""
        logits = self._by_group(q_params)
        temperature = temperature_in("Concrete", mode, self.temperature)
        y, y_pullback = concrete.reparameterize(
            logits, noise=self._by_group(noise), temperature=temperature, draws=draws
        )

        def pullback(dz: Array) -> Array:
            dq_params: Array = y_pullback(self._by_group(dz)).reshape(q_params.shape)
            return dq_params

        return y.reshape(len(y), -1), pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """y = log softmax((q_params − log noise)/λ) by group, and its log-density."""
        z, z_pullback = self.sample(q_params, noise=noise, draws=draws, mode=mode)
        log_q, log_q_pullback = self.log_prob(np.repeat(q_params, draws, axis=0), z, mode=mode)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            dcopies, by_z = log_q_pullback(dlog_q)
            dq_params: Array = z_pullback(dz + by_z)  # log q moves with y
            # log q moves with the logits too
            return dq_params + sum_of_draws(dcopies, draws) if score else dq_params

        return (z, log_q), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """The log-density of y, at the temperature of the mode."""
        temperature = temperature_in("Concrete", mode, self.temperature)
        log_q, law_pullback = concrete.log_prob(
            self._by_group(z), self._by_group(q_params), temperature=temperature
        )

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            dy, dlogits = law_pullback(dlog_q)
            return dlogits.reshape(q_params.shape), dy.reshape(z.shape)

        return log_q, pullback

    def indices(self, q_params: Array) -> Array:
        """The most probable category of each group, (B, G) of whole numbers from 0."""
        return self._by_group(q_params).argmax(axis=2)

    def code_of(self, indices: Array) -> Array:
        """Corners of the simplex: log 1 at these choices, and elsewhere log of the smallest number."""
        one_hot = np.eye(self.categories, dtype=np.float32)[indices].reshape(len(indices), self.latent_dim)
        return np.where(one_hot == 1, 0, np.log(np.finfo(np.float32).tiny)).astype(np.float32)

    def code(self, q_params: Array) -> Array:
        """The logarithms of the categories' probabilities, log softmax(q_params) by group."""
        log_p, _ = ops.log_softmax(self._by_group(q_params), axis=2)
        return log_p.reshape(q_params.shape)

    def _by_group(self, a: Array) -> Array:
        require_shapes("Concrete", q_params=(a, f"B {self.n_params}"))
        return a.reshape(len(a), self.groups, self.categories)
