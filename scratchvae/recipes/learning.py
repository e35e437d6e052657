"""The tables of how a model learns: objectives, penalties, optimizers, and weights that change meanwhile."""

from collections.abc import Sequence

from scratchvae.choices import Table
from scratchvae.models import ALGORITHMS
from scratchvae.objectives import (
    L1,
    L2,
    ActivationKl,
    Ciwae,
    CodeCovariance,
    Contraction,
    Critic,
    Cycles,
    DecoderGradient,
    DecoderNorm,
    Elbo,
    Iwae,
    Mmd,
    Objective,
    Penalty,
    Quantization,
    Ramp,
    Reconstruction,
    Renyi,
    SampledElbo,
    Schedule,
    ScoreFunctionElbo,
    SemiSupervised,
    SlicedWasserstein,
    StratifiedElbo,
    SubsampledElbo,
    Thermodynamic,
    TotalCorrelation,
    Vimco,
)
from scratchvae.training import OPTIMIZERS as BY_NAME
from scratchvae.training import Constant, Cosine, StepDecay

# the objective of each phase, and the Parameters that it moves
Halves = Sequence[tuple[Objective, tuple[str, ...]]]


def step(rate: float, every: int = 1000, factor: float = 0.1, warm_up: int = 0) -> StepDecay:
    """After a warm-up, `rate` is multiplied by `factor` for every full `every` steps."""
    return StepDecay(rate, every, factor, warm_up)


def cosine(
    rate: float, run_steps: int, steps: int | None = None, final: float = 0.0, warm_up: int = 0
) -> Cosine:
    """After a warm-up, the rate falls from `rate` to `final` along half a cosine, until `steps`.

    By default these are all steps of the run.
    """
    return Cosine(rate, run_steps if steps is None else steps, final, warm_up)


def cycles(
    run_steps: int, end: float = 1.0, count: int = 4, rising: float = 0.5, steps: int | None = None
) -> Cycles:
    """The weight rises from 0 to `end` `count` times, over the share `rising` of each time.

    By default the cycles take all `steps` of the run.
    """
    return Cycles(run_steps if steps is None else steps, count, rising, end)


def total_correlation(
    weight: float,
    examples: int | None = None,
    estimator: str = "stratified",
    *,
    run_examples: int | None = None,
) -> TotalCorrelation:
    """log q(z) − Σ_j log q(z_j), with q(z) estimated from a batch of the `examples`.

    By default these are all examples of the run.
    """
    return TotalCorrelation(weight, run_examples if examples is None else examples, estimator)


def wake_sleep() -> Halves:
    """Wake for the generative half of a Helmholtz machine, and Sleep for the half that recognizes."""
    return ALGORITHMS["wake_sleep"](1)


def reweighted_wake_sleep(samples: int = 5) -> Halves:
    """Wake-sleep with `samples` weighted draws of each example.

    A third phase, on real examples, trains the half that recognizes.
    """
    return ALGORITHMS["reweighted_wake_sleep"](samples)


def miwae(groups: int = 8, samples: int = 8, gradient: str = "total") -> Iwae:
    """The mean of `groups` importance-weighted bounds, each of `samples` draws (Rainforth et al. 2018)."""
    return Iwae(samples, gradient, groups)


def piwae(groups: int = 8, samples: int = 8) -> Halves:
    """For p the bound of all groups · samples draws, and for q `miwae`, each by draws of its own.

    Rainforth et al. 2018.
    """
    return [
        (Iwae(groups * samples), ("decoder", "likelihood", "prior")),
        (miwae(groups, samples), ("encoder", "posterior")),
    ]


SCHEDULES = Table(
    "schedule",
    {"constant": Constant, "cosine": cosine, "cycles": cycles, "ramp": Ramp, "step": step},
    given=("run_steps",),
)
OPTIMIZERS = Table("optimizer", BY_NAME, inner={Schedule: SCHEDULES})
PENALTIES = Table(
    "penalty",
    {
        "contraction": Contraction,
        "covariance": CodeCovariance,
        "critic": Critic,
        "decoder_gradient": DecoderGradient,
        "decoder_norm": DecoderNorm,
        "l1": L1,
        "l2": L2,
        "mmd": Mmd,
        "quantization": Quantization,
        "sliced_wasserstein": SlicedWasserstein,
        "sparsity": ActivationKl,
        "total_correlation": total_correlation,
    },
    given=("run_examples",),
)
OBJECTIVES = Table(
    "objective",
    {
        "ciwae": Ciwae,
        "elbo": Elbo,
        "iwae": Iwae,
        "miwae": miwae,
        "piwae": piwae,
        "reconstruction": Reconstruction,
        "renyi": Renyi,
        "reweighted_wake_sleep": reweighted_wake_sleep,
        "sampled_elbo": SampledElbo,
        "score_function": ScoreFunctionElbo,
        "semi_supervised": SemiSupervised,
        "stratified_elbo": StratifiedElbo,
        "subsampled_elbo": SubsampledElbo,
        "thermodynamic": Thermodynamic,
        "vimco": Vimco,
        "wake_sleep": wake_sleep,
    },
    inner={Schedule: SCHEDULES, Penalty: PENALTIES},
)
