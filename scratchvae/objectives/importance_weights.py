"""The three log-probabilities that sampled bounds are made of, for K draws z_bk ~ q(z|x_b) of each example.

log w_bk = log p(x_b|z_bk) + log p(z_bk) − log q(z_bk|x_b).     Letters: B examples, K draws.
"""

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
    q_params, encoder_pullback = model.encoder(x, mode=mode, needs_dx=False)
    terms, terms_pullback = terms_of_draws(model, q_params, x=x, noise=noise, K=K, mode=mode)

    def pullback(dlog_px: Array, dlog_pz: Array, dlog_q: Array) -> None:
        encoder_pullback(terms_pullback(dlog_px, dlog_pz, dlog_q))

    return terms, pullback


def terms_of_draws(
    model: Model, q_params: Array, *, x: Array, noise: Noise, K: int, mode: Mode = EVALUATION
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """log_weight_terms from the encoder's output q_params on; pullback(dlog_px, dlog_pz, dlog_q) returns dq_params."""
    (z, log_q), sample_pullback = model.posterior.sample_with_log_prob(q_params, noise=noise, draws=K)
    log_pz, prior_pullback = model.prior.log_prob(z)
    x_params, decoder_pullback = model.decoder(z, mode=mode)
    log_px, likelihood_pullback = model.likelihood.log_prob(x_params, x=x, draws=K, mode=mode)
    terms = (log_px.reshape(-1, K), log_pz.reshape(-1, K), log_q.reshape(-1, K))

    def pullback(dlog_px: Array, dlog_pz: Array, dlog_q: Array) -> Array:
        dz = decoder_pullback(likelihood_pullback(dlog_px.reshape(-1))) + prior_pullback(dlog_pz.reshape(-1))
        return sample_pullback(dz, dlog_q.reshape(-1))  # by way of z, and of q(z|x)

    return terms, pullback
