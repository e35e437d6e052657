"""The base of models with latent variables: the pass through an encoder, a decoder and three roles."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_choice,
    require_count,
)
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods import fill_missing
from scratchvae.models.construction import Construction
from scratchvae.objectives import Kl, Objective, Pass, sample_with_kl
from scratchvae.posteriors import Density, Noise
from scratchvae.priors import Prior
from scratchvae.training import Optimizer, Phase


class LatentVariableModel(Construction):
    """p(x|z) p(z) with a recognition model q(z|x).

        x -> encoder -> posterior -> z -> decoder -> likelihood -> x

    `encoder` maps x (B, D) to q_params (B, posterior.n_params), and `decoder` maps z (B, Z) to x_params (B,
    likelihood.n_params), where D is the product of `event_shape`. The encoder gets the likelihood's
    `features` of x, which are x itself for most likelihoods. With `shows_mask` it gets as many columns more,
    which say what was observed. Missing entries (NaN, or hidden by a mask) count for nothing in any term:
    p(x|z) is that of the observed entries. `fit`, `transform`, `inverse_transform`, `score_samples` and
    `score` are scikit-learn's verbs.

    A model whose parts depend on more than x and z overrides three hooks and nothing else: `seen`, the array
    that the encoder gets; `told`, the array that the decoder gets; and `prior_given`, the prior of the
    latents of a batch.
    """

    @abstractmethod
    def default_objective(self) -> Objective:
        """The objective that `fit` minimizes by default."""

    def phases(self, optimizer: Optimizer) -> list[Phase]:
        """One phase over all Parameters, with the default objective."""
        return [Phase(self.default_objective(), optimizer)]

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """The noise of `rows` draws, as the posterior draws it."""
        return self.posterior.draw_noise(rows, rng)

    def seen(self, batch: Batch) -> Array:
        """The array that the encoder gets: the likelihood's `features` of x, with 0 for what is missing.

        Where a batch has `shown`, the features are those of `shown`. For most likelihoods the features are x
        itself (B, D). For a Standardized one they are in its units, in which 0 is the mean of the data. Where
        the model `shows_mask`, as many columns of 1 and 0 follow, which say which features were observed.
        """
        shown = batch.x if batch.shown is None else batch.shown
        features, observed = self.likelihood.features(shown, batch.observed)
        features = fill_missing(features, observed)
        if not self.shows_mask:
            return features
        seen = np.ones_like(features) if observed is None else (observed != 0).astype(features.dtype)
        return np.concatenate([features, seen], axis=1)

    def code(self, batch: Batch) -> Array:
        """The one code (B, Z) of each example, E[z|x] where there is one."""
        return self.posterior.code(self.encoder(self.seen(batch))[0])

    def told(self, z: Array, batch: Batch, *, draws: int = 1) -> Array:
        """The array that the decoder gets: codes z (B·K, Z), and then what else it is told of examples."""
        return z

    def prior_given(self, batch: Batch, *, mode: Mode = EVALUATION) -> Prior:
        """p(z) for the latents of this batch, which is one prior for all batches unless it depends on y."""
        return self.prior

    def decoded(
        self, z: Array, batch: Batch, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """The parameters x_params (B·K, n_params) of codes z (B·K, Z), with pullback(dx_params) -> dz."""
        x_params, decoder_pullback = self.decoder(self.told(z, batch, draws=draws), mode=mode)

        def pullback(dx_params: Array) -> Array:
            return decoder_pullback(dx_params)[:, : z.shape[1]]  # the columns after z are data

        return x_params, pullback

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
        """One pass, downwards x -> q_params -> z -> x_params -> log p(x|z), and upwards in its pullback.

        The arguments, and those of the pullback, are those of `objectives.Model.run`. InputError where
        kl="sampled" is asked of a posterior without a density, or kl="closed_form" of a pair without one.
        """
        require_choice("run", "kl", kl, ("closed_form", "none", "sampled"))
        require_count("run", "draws", draws)
        K, sampled = draws, kl == "sampled"
        q_params, encoder_pullback = self.encoder(self.seen(batch), mode=mode, needs_dx=False)
        log_q = log_pz = kl_by_group = None
        prior = self.prior_given(batch, mode=mode)
        if kl == "closed_form":
            (z, kl_by_group), z_pullback = sample_with_kl(
                self.posterior, prior, q_params, noise=noise, draws=K, mode=mode
            )
        elif sampled:
            q = self._density()
            (z, log_q), z_pullback = q.sample_with_log_prob(
                q_params, noise=noise, draws=K, score=score, mode=mode
            )
            log_pz, prior_pullback = prior.log_prob(z, mode=mode)
        else:
            z, z_pullback = self.posterior.sample(q_params, noise=noise, draws=K, mode=mode)
        x_params, decoder_pullback = self.decoded(z, batch, draws=K, mode=mode)
        log_px, likelihood_pullback = self.likelihood.log_prob(
            x_params, x=batch.x, observed=batch.observed, draws=K, mode=mode
        )
        log_pz, log_q = (None if term is None else term.reshape(-1, K) for term in (log_pz, log_q))
        relaxed = self.posterior.relaxed and mode.training

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
                raise InputError(
                    'run: dlog_pz and dlog_q should be of a pass with kl="sampled"; found kl="' + kl + '"'
                )
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
            if kl_by_group is not None:
                # the gradients by way of z and of the KL
                found = z_pullback(dz_found, np.zeros_like(kl_by_group) if dkl is None else dkl)
            else:
                # the gradients by way of z and of log q
                found = z_pullback(dz_found, dlog_q_found) if sampled else z_pullback(dz_found)
            if dq_params is not None:
                found = found + dq_params
            encoder_pullback(found)

        return Pass(
            log_px.reshape(-1, K), q_params, z, log_pz, log_q, kl_by_group, x_params, relaxed
        ), pullback

    def log_joint(
        self, batch: Batch, z: Array, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """The terms log p(x|z) and log p(z) (B, K) at given z (B·K, Z); pullback(dlog_px, dlog_pz) -> dz."""
        x_params, decoder_pullback = self.decoded(z, batch, draws=draws, mode=mode)
        log_px, likelihood_pullback = self.likelihood.log_prob(
            x_params, x=batch.x, observed=batch.observed, draws=draws, mode=mode
        )
        log_pz, prior_pullback = self.prior_given(batch, mode=mode).log_prob(z, mode=mode)

        def pullback(dlog_px: Array, dlog_pz: Array) -> Array:
            dz = decoder_pullback(likelihood_pullback(dlog_px.reshape(-1)))
            return dz + prior_pullback(dlog_pz.reshape(-1))

        return (log_px.reshape(-1, draws), log_pz.reshape(-1, draws)), pullback

    def _density(self) -> Density:
        if not isinstance(self.posterior, Density):
            found = f"found a {type(self.posterior).__name__}; a bound needs one, such as a DiagonalGaussian"
            raise InputError(f"{type(self).__name__}: the posterior should have a density, {found}")
        return self.posterior
