"""Objectives, which weigh passes into a loss: `report, pullback = objective(model, batch, noise)`.

`pullback()` fills the gradients. An objective is the only place where a mean over the batch is taken.
"""

from scratchvae.objectives.annealing import Cycles, Ramp, Schedule
from scratchvae.objectives.belief_net import BeliefNet
from scratchvae.objectives.closed_form_kl import CLOSED_FORMS, closed_form_kl, has_closed_form, sample_with_kl
from scratchvae.objectives.contraction import Contraction, jacobian_norm
from scratchvae.objectives.covariance import CodeCovariance
from scratchvae.objectives.critic import Critic, Discrimination
from scratchvae.objectives.decoder_gradient import DecoderGradient, slope_norm
from scratchvae.objectives.discrepancy import Mmd, SlicedWasserstein
from scratchvae.objectives.elbo import Elbo
from scratchvae.objectives.interface import Kl, LatentModel, Model, Objective, Pass, Report, Trainable
from scratchvae.objectives.iwae import Ciwae, Iwae, Renyi
from scratchvae.objectives.many_draws import ManyDraws
from scratchvae.objectives.penalties import L1, L2, ActivationKl, DecoderNorm, Penalty
from scratchvae.objectives.prior_likelihood import PriorLikelihood
from scratchvae.objectives.quantization import Quantization
from scratchvae.objectives.reconstruction import Reconstruction
from scratchvae.objectives.reweighted_wake_sleep import ReweightedRecognition, ReweightedWake
from scratchvae.objectives.sampled_elbo import SampledElbo
from scratchvae.objectives.score_function import ScoreFunctionElbo
from scratchvae.objectives.semi_supervised import SemiSupervised
from scratchvae.objectives.sigma_points import sigma_points
from scratchvae.objectives.stratified_elbo import StratifiedElbo
from scratchvae.objectives.subsampled_elbo import SubsampledElbo
from scratchvae.objectives.thermodynamic import Thermodynamic
from scratchvae.objectives.total_correlation import TotalCorrelation, aggregate_log_prob
from scratchvae.objectives.vimco import Vimco
from scratchvae.objectives.wake_sleep import Sleep, Wake

__all__ = [
    "CLOSED_FORMS",
    "L1",
    "L2",
    "ActivationKl",
    "BeliefNet",
    "Ciwae",
    "CodeCovariance",
    "Contraction",
    "Critic",
    "Cycles",
    "DecoderGradient",
    "DecoderNorm",
    "Discrimination",
    "Elbo",
    "Iwae",
    "Kl",
    "LatentModel",
    "ManyDraws",
    "Mmd",
    "Model",
    "Objective",
    "Pass",
    "Penalty",
    "PriorLikelihood",
    "Quantization",
    "Ramp",
    "Reconstruction",
    "Renyi",
    "Report",
    "ReweightedRecognition",
    "ReweightedWake",
    "SampledElbo",
    "Schedule",
    "ScoreFunctionElbo",
    "SemiSupervised",
    "Sleep",
    "SlicedWasserstein",
    "StratifiedElbo",
    "SubsampledElbo",
    "Thermodynamic",
    "TotalCorrelation",
    "Trainable",
    "Vimco",
    "Wake",
    "aggregate_log_prob",
    "closed_form_kl",
    "has_closed_form",
    "jacobian_norm",
    "sample_with_kl",
    "sigma_points",
    "slope_norm",
]
