"""One step of somebody's VAE compared with the reference: what departs first, and which mistake."""

from collections.abc import Mapping
from typing import Any

from scratchvae.reference.diagnosis.examination import examine
from scratchvae.reference.diagnosis.reading import read
from scratchvae.reference.diagnosis.report import Report


def diagnose(
    theirs: Mapping[str, Any],
    *,
    likelihood: str = "bernoulli",
    variance: float = 1.0,
    beta: float = 1.0,
    reduction: str = "mean",
    free_bits: float = 0.0,
    capacity: float | None = None,
    constants: bool = True,
    evaluation: bool = False,
    names: Mapping[str, str] | None = None,
) -> Report:
    """Compare the arrays of one step with what they should be, each computed from those before it.

    `theirs`: x, noise, mean, one of log_var, log_std, std, var, raw_std (σ = softplus), z, logits or x_mean
    (and x_log_var), log_px or reconstruction (−log p(x|z)), kl, loss or bound, and gradients of the loss
    d_mean, d_log_var, d_z, d_logits, …, in any spelling of ALIASES or by `names` (yours: ours); for an
    importance-weighted bound log_px, log_pz, log_q, log_w (B, K) and d_log_w, with z, noise and logits or
    x_mean of each draw (B, K, …). Examples come first; what comes after is flattened. Arrays of torch and jax
    will do.

    What was meant: `likelihood` "bernoulli", "gaussian" or "laplace" (of that `variance`), or "own" for any
    other, whose reconstruction or log_px is taken as it is; the KL's weight `beta`; `reduction` over the
    batch ("mean" or "sum"); `free_bits` a latent, in nats; `capacity` C in nats, where the loss adds
    β |KL − C|, of the batch's mean KL or of each example's; constants=False for a Gaussian without ½ log 2π;
    and evaluation=True for z = mean.

    A quantity departs where it differs by more than rounding in its dtype. Mistakes are recognized by
    recomputing it under each row of CATALOGUE: those that fit to the same precision are named, and nothing is
    guessed.
    InputError for unusable input.
    """
    settings = {
        "variance": variance,
        "beta": beta,
        "reduction": reduction,
        "free_bits": free_bits,
        "capacity": capacity,
        "constants": constants,
    }
    given = read(theirs, names=names or {}, likelihood=likelihood, evaluation=evaluation, **settings)
    return examine(given).report


def assert_matches(theirs: Mapping[str, Any], **settings: Any) -> None:
    """AssertionError, with the table of `diagnose`, unless something agrees and nothing differs."""
    report = diagnose(theirs, **settings)
    assert report.matches, f"\n{report}"
