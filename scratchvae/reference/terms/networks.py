"""The slope of a decoder, and the loss of a critic of codes: what gradients may pass through."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import bernoulli
from scratchvae.reference.terms.term import Arrays, Fault, Results, Slopes, Term, softplus


def right_slope(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """Σ_dj (∂D_d/∂z_j)² of each example's Jacobian."""
    jacobian = arrays["jacobian"]
    value = (jacobian * jacobian).sum(axis=(1, 2))
    return {"value": value}, lambda dvalue: {"jacobian": 2 * dvalue[:, None, None] * jacobian}


def _through_encoder(arrays: Arrays, settings: Mapping[str, Any]) -> Results | None:
    if "encoder_jacobian" not in arrays:
        return None
    whole = arrays["jacobian"] @ arrays["encoder_jacobian"]  # (B, D, Z) (B, Z, D)
    return {"value": (whole * whole).sum(axis=(1, 2))}


def _of_the_sum(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    return {"value": (arrays["jacobian"].sum(axis=1) ** 2).sum(axis=1)}


def _norm(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    return {"value": np.sqrt((arrays["jacobian"] ** 2).sum(axis=(1, 2)))}


def right_critic(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """−½ (⟨log σ(T)⟩ of codes + ⟨log(1 − σ(T))⟩ of the others), which moves no code."""
    value, slope = 0.0, {}
    for name, target in (("logits", 1.0), ("other_logits", 0.0)):
        logits = arrays[name][:, None]
        log_p, pullback = bernoulli.log_prob(logits, x=np.full_like(logits, target))
        value = value - 0.5 * log_p.mean()
        slope[name] = pullback(np.full(len(logits), -0.5 / len(logits), logits.dtype))[:, 0]
    found = {"value": np.asarray(value)}
    if "d_z" in arrays:
        found["d_z"] = np.zeros_like(arrays["d_z"])
    return found, lambda dvalue: {name: dvalue * slope[name] for name in slope}


def _critic(first: float, second: float, half: float = 0.5) -> Any:
    """The critic's cross-entropy, with these signs of T at the codes and at the other draws."""

    def results(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
        found: Array = half * (
            softplus(first * arrays["logits"]).mean() + softplus(second * arrays["other_logits"]).mean()
        )
        return {"value": found} | ({"d_z": np.zeros_like(arrays["d_z"])} if "d_z" in arrays else {})

    return results


DECODER_GRADIENT = Term(
    says="Σ_dj (∂D_d/∂z_j)², the squared slope of the decoder at the code of each example",
    source="Ghosh et al. 2020, equation 8",
    takes={"jacobian": "B D Z", "encoder_jacobian": "B Z D"},
    gives={"value": "B"},
    right=right_slope,
    optional=("encoder_jacobian",),
    constants=("encoder_jacobian",),
    faults=(
        Fault(
            "slope_through_the_encoder",
            _through_encoder,
            "the slope is that of the whole autoencoder by its input: differentiate the decoder by z alone",
            silent_on=("d_jacobian",),
        ),
        Fault(
            "slope_of_the_summed_output",
            _of_the_sum,
            "the outputs are added up before they are differentiated, so that their slopes cancel: add up "
            "the "
            "squares of each output's slope",
        ),
        Fault("slope_not_squared", _norm, "this is the norm of the Jacobian: take its square"),
    ),
)
CRITIC = Term(
    says="½ (⟨log(1 + e^(−T(z)))⟩ of codes + ⟨log(1 + e^(T(z′)))⟩ of the other draws), in the critic's own "
    "phase",
    source="Kim & Mnih 2018, section 3",
    takes={"logits": "B", "other_logits": "M"},
    gives={"value": "", "d_z": "..."},
    right=right_critic,
    faults=(
        Fault(
            "codes_not_detached",
            _critic(-1, 1),
            "the critic's loss reaches the encoder through the codes: detach them in the critic's phase, "
            "where "
            "d_z should be exactly 0",
            silent_on=("d_z",),
        ),
        Fault(
            "critic_targets_exchanged",
            _critic(1, -1),
            "the critic learns to call codes draws of the other law: exchange the targets",
        ),
        Fault("critic_not_halved", _critic(-1, 1, 1.0), "the two means are added up: take half of their sum"),
    ),
)
