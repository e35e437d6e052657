"""The three log-probabilities that sampled bounds are made of, for K draws z_bk ~ q(z|x_b) of each example.

log w_bk = log p(x_b|z_bk) + log p(z_bk) − log q(z_bk|x_b).     Letters: B examples, K draws.
"""

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.layers import EVALUATION, Mode
from scratchvae.objectives.interface import Model
from scratchvae.posteriors import Noise


def log_weight_terms(
    model: Model, x: Array, noise: Noise, K: int, *, mode: Mode = EVALUATION
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """(log_px, log_pz, log_q), each (B, K); pullback(dlog_px, dlog_pz, dlog_q) gives the Parameters their gradients.

    `noise` is what the posterior drew for B·K examples, those of one x side by side.
    """
    B = len(x)
    q_params, encoder_pullback = model.encoder(x, mode=mode, needs_dx=False)
    (z, log_q), sample_pullback = model.posterior.sample_with_log_prob(np.repeat(q_params, K, axis=0), noise=noise)
    log_pz, prior_pullback = model.prior.log_prob(z)
    x_params, decoder_pullback = model.decoder(z, mode=mode)
    log_px, likelihood_pullback = model.likelihood.log_prob(x_params, x=np.repeat(x, K, axis=0), mode=mode)

    def pullback(dlog_px: Array, dlog_pz: Array, dlog_q: Array) -> None:
        dz = decoder_pullback(likelihood_pullback(dlog_px.reshape(-1))) + prior_pullback(dlog_pz.reshape(-1))
        dq_repeated = sample_pullback(dz, dlog_q.reshape(-1))
        encoder_pullback(dq_repeated.reshape(B, K, -1).sum(axis=1))  # one q(z|x_b) for all K draws

    return (log_px.reshape(B, K), log_pz.reshape(B, K), log_q.reshape(B, K)), pullback
