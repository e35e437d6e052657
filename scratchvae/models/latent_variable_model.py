"""What models with latent variables have in common: an encoder, a decoder, three roles, and the verbs people reach for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, Pullback, require_choice, require_count, require_finite, require_shapes
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import codes
from scratchvae.layers import EVALUATION, Layer, Mode, dtype_of
from scratchvae.likelihoods import Likelihood, Standardized, fill_missing
from scratchvae.models.estimator import AT_ONCE, Estimator
from scratchvae.objectives import Kl, Objective, Pass, closed_form_kl
from scratchvae.posteriors import Density, Noise, Posterior
from scratchvae.priors import Prior
from scratchvae.training import Optimizer, Phase


class LatentVariableModel(Estimator):
    """p(x|z) p(z) with a recognition model q(z|x): x -> encoder -> posterior -> z -> decoder -> likelihood -> x.

    `encoder` maps x (B, D) to q_params (B, posterior.n_params), `decoder` z (B, Z) to x_params (B, likelihood.n_params); D is
    the product of `event_shape`. `fit`, `transform`, `inverse_transform`, `score_samples` and `score` are scikit-learn's verbs.

    Two hooks are all that a model overrides whose networks look at more than x and z: `seen`, what the encoder gets, and
    `decoded`, how codes become x_params.
    """

    def __init__(
        self,
        *,
        event_shape: tuple[int, ...],
        encoder: Layer,
        posterior: Posterior,
        prior: Prior,
        decoder: Layer,
        likelihood: Likelihood,
    ) -> None:
        super().__init__()
        if posterior.latent_dim != prior.latent_dim:
            latents = f"{posterior.latent_dim} and {prior.latent_dim}"
            raise InputError(f"{type(self).__name__}: posterior and prior should have as many latents, found {latents}")
        self.event_shape = tuple(event_shape)
        self.encoder, self.posterior, self.prior = encoder, posterior, prior
        self.decoder, self.likelihood = decoder, likelihood

    @abstractmethod
    def default_objective(self) -> Objective:
        """What `fit` minimizes unless told otherwise."""

    def phases(self, optimizer: Optimizer) -> list[Phase]:
        """One: the default objective over all Parameters."""
        return [Phase(self.default_objective(), optimizer)]

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """The posterior's noise."""
        return self.posterior.draw_noise(rows, rng)

    def seen(self, batch: Batch) -> Array:
        """What the encoder gets: x, or what is shown in its place, with 0 for what is missing.

        Where the likelihood is Standardized, this is in its units, so that 0 is the mean of the data.
        """
        x = batch.x if batch.shown is None else batch.shown
        x = self.likelihood.standardize(x) if isinstance(self.likelihood, Standardized) else x
        return fill_missing(x, batch.observed)

    def code(self, batch: Batch) -> Array:
        """The one code (B, Z) of each example, E[z|x] where there is one."""
        q_params, _ = self.encoder(self.seen(batch))
        return self.posterior.code(q_params)

    def decoded(self, z: Array, batch: Batch, *, draws: int = 1, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """x_params (B·K, n_params) of codes z (B·K, Z); pullback(dx_params) -> dz."""
        return self.decoder(z, mode=mode)

    def run(
        self,
        batch: Batch,
        noise: Noise,
        *,
        draws: int = 1,
        kl: Kl = "none",
        score: bool = True,
        mode: Mode = EVALUATION,
    ) -> tuple[Pass, Pullback]:
        """One pass, downwards x -> q_params -> z -> x_params -> log p(x|z); upwards in its pullback.

        The arguments and the pullback's are those of `objectives.Model.run`. InputError where kl="sampled" is asked of a
        posterior without a density, or kl="closed_form" of a pair without one.
        """
        require_choice("run", "kl", kl, ("closed_form", "none", "sampled"))
        require_count("run", "draws", draws)
        K, sampled = draws, kl == "sampled"
        q_params, encoder_pullback = self.encoder(self.seen(batch), mode=mode, needs_dx=False)
        log_q = log_pz = kl_by_group = None
        if kl == "closed_form":
            kl_by_group, kl_pullback = closed_form_kl(self.posterior, self.prior, q_params)
        if sampled:
            q = self._density()
            (z, log_q), z_pullback = q.sample_with_log_prob(q_params, noise=noise, draws=K, score=score, mode=mode)
            log_pz, prior_pullback = self.prior.log_prob(z, mode=mode)
        else:
            z, z_pullback = self.posterior.sample(q_params, noise=noise, draws=K, mode=mode)
        x_params, decoder_pullback = self.decoded(z, batch, draws=K, mode=mode)
        log_px, likelihood_pullback = self.likelihood.log_prob(
            x_params, x=batch.x, observed=batch.observed, draws=K, mode=mode
        )
        log_pz, log_q = (None if term is None else term.reshape(-1, K) for term in (log_pz, log_q))

        def pullback(
            *,
            dlog_px: Array | None = None,
            dlog_pz: Array | None = None,
            dlog_q: Array | None = None,
            dkl: Array | None = None,
            dz: Array | None = None,
            dq_params: Array | None = None,
            path: Array | None = None,
        ) -> None:
            if not sampled and not (dlog_pz is None and dlog_q is None):
                raise InputError('run: dlog_pz and dlog_q should be of a pass with kl="sampled"; found kl="' + kl + '"')
            if kl != "closed_form" and dkl is not None:
                raise InputError('run: dkl should be of a pass with kl="closed_form"; found kl="' + kl + '"')
            if path is not None and score:
                raise InputError("run: path should come with score=False; found score=True")
            dx_params = None if dlog_px is None else likelihood_pullback(dlog_px.reshape(-1))
            dz_found = np.zeros_like(z) if dx_params is None else decoder_pullback(dx_params)
            if dlog_pz is not None:
                dz_found = dz_found + prior_pullback(dlog_pz.reshape(-1))
            if dz is not None:
                dz_found = dz_found + dz
            dlog_q_found = np.zeros_like(log_px) if dlog_q is None else dlog_q.reshape(-1)
            if path is not None:
                dz_found, dlog_q_found = dz_found * path.reshape(-1, 1), dlog_q_found * path.reshape(-1)
            found = z_pullback(dz_found, dlog_q_found) if sampled else z_pullback(dz_found)  # by way of z, and of log q
            if dkl is not None:
                found = found + kl_pullback(dkl)
            if dq_params is not None:
                found = found + dq_params
            encoder_pullback(found)

        return Pass(log_px.reshape(-1, K), q_params, z, log_pz, log_q, kl_by_group, x_params), pullback

    def log_joint(
        self, batch: Batch, z: Array, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """log p(x|z) and log p(z), each (B, K), at given z (B·K, Z); pullback(dlog_px, dlog_pz) -> dz."""
        x_params, decoder_pullback = self.decoded(z, batch, draws=draws, mode=mode)
        log_px, likelihood_pullback = self.likelihood.log_prob(
            x_params, x=batch.x, observed=batch.observed, draws=draws, mode=mode
        )
        log_pz, prior_pullback = self.prior.log_prob(z, mode=mode)

        def pullback(dlog_px: Array, dlog_pz: Array) -> Array:
            dz = decoder_pullback(likelihood_pullback(dlog_px.reshape(-1)))
            return dz + prior_pullback(dlog_pz.reshape(-1))

        return (log_px.reshape(-1, draws), log_pz.reshape(-1, draws)), pullback

    def encode(self, x: npt.ArrayLike | Dataset) -> Array:
        """The code of each example, E[z|x] where there is one  ->  (N, Z)."""
        return codes(self, self._dataset(x), batch_size=AT_ONCE)

    def transform(self, x: npt.ArrayLike | Dataset) -> Array:
        """`encode`, by its name in scikit-learn."""
        return self.encode(x)

    def fit_transform(self, x: npt.ArrayLike | Dataset, y: None = None, **settings: Any) -> Array:
        """`fit`, then `transform`."""
        return self.fit(x, y, **settings).transform(x)

    def decode(self, z: npt.ArrayLike) -> Array:
        """E[x|z] of codes (N, Z)  ->  (N, *event_shape)."""
        return self._decoded(z, self.likelihood.mean)

    def inverse_transform(self, z: npt.ArrayLike) -> Array:
        """`decode`, by its name in scikit-learn."""
        return self.decode(z)

    def reconstruct(self, x: npt.ArrayLike | Dataset) -> Array:
        """E[x|z] at z = E[z|x]  ->  (N, *event_shape)."""
        return self.decode(self.encode(x))

    def sample(self, n: int = 1, rng: np.random.Generator | int | None = None, *, mean: bool = True) -> Array:
        """Decode n draws z ~ p(z): E[x|z], or with mean=False draws x ~ p(x|z)  ->  (n, *event_shape)."""
        require_count("sample", "n", n, 0)
        rng = np.random.default_rng(rng)
        z = self.prior.sample(n, rng)
        return self._decoded(z, self.likelihood.mean if mean else lambda x_params: self.likelihood.sample(x_params, rng))

    def _decoded(self, z: npt.ArrayLike, read: Callable[[Array], Array]) -> Array:
        dtype = dtype_of(self)
        z = np.asarray(z, dtype)
        require_shapes("decode", z=(z, f"N {self.posterior.latent_dim}"))
        require_finite("decode", "z", z)
        decoded = np.empty((len(z), *self.event_shape), dtype)
        for start in range(0, len(z), AT_ONCE):
            rows = z[start : start + AT_ONCE]
            x_params, _ = self.decoded(rows, Batch(rows[:, :0]))  # of no example
            decoded[start : start + AT_ONCE] = read(x_params).reshape(-1, *self.event_shape)
        return decoded

    def _density(self) -> Density:
        if not isinstance(self.posterior, Density):
            kind, remedy = type(self.posterior).__name__, "a bound needs a DiagonalGaussian or a FullGaussian"
            raise InputError(f"{type(self).__name__}: the posterior should have a density, found a {kind}; {remedy}")
        return self.posterior
