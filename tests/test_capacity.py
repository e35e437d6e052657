"""A KL that the loss holds at a capacity by γ |KL − C|, as `diagnose` sees it.

The capacity is declared to `diagnose`, or described where it was not, and its mistakes are named.
"""

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.reference import diagnose


def step(penalty, scale, dtype=np.float64, gradients=True):
    """A step whose loss is R + penalty(KL of each example) -> (value, its gradient by each KL)."""
    rng, B, D, Z = np.random.default_rng(0), 8, 12, 3
    x, W = (rng.random((B, D)) < 0.4).astype(float), rng.normal(size=(Z, D))
    mean, log_var = scale * rng.normal(size=(B, Z)), scale * rng.normal(size=(B, Z))
    noise = rng.normal(size=(B, Z))
    z = mean + np.exp(log_var / 2) * noise
    logits = z @ W
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
    value, slope = penalty(kl)
    d_logits = (1 / (1 + np.exp(-logits)) - x) / B
    d_z = d_logits @ W.T
    arrays = {"x": x, "mean": mean, "log_var": log_var, "noise": noise, "z": z, "logits": logits}
    arrays["loss"] = (np.logaddexp(0, logits) - x * logits).sum(axis=1).mean() + value
    if gradients:
        own = slope[:, None]
        arrays |= {"d_logits": d_logits, "d_z": d_z, "d_mean": d_z + own * mean}
        arrays["d_log_var"] = d_z * noise * 0.5 * np.exp(log_var / 2) + own * 0.5 * np.expm1(log_var)
    return {name: np.asarray(a, dtype) for name, a in arrays.items()}


def held(gamma, C, by_example):
    def penalty(kl):
        excess = kl - C if by_example else np.full(len(kl), kl.mean() - C)
        return gamma * np.abs(excess).mean(), gamma * np.sign(excess) / len(kl)

    return penalty


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("by_example", [False, True])
@pytest.mark.parametrize(("gamma", "C", "scale"), [(100, 5.0, 0.1), (10, 0.3, 1.0), (30, 0.05, 0.3)])
def test_a_declared_capacity_agrees(gamma, C, scale, by_example, dtype):
    report = diagnose(step(held(gamma, C, by_example), scale, dtype), beta=gamma, capacity=C)
    assert report.matches, report


@pytest.mark.parametrize(
    ("cause", "penalty"),
    {
        "capacity_missing": lambda kl: (10 * kl.mean(), np.full(len(kl), 10 / len(kl))),
        "capacity_without_absolute": lambda kl: (10 * (kl.mean() - 7.3), np.full(len(kl), 10 / len(kl))),
        "beta_missing": held(1, 7.3, False),
    }.items(),
)
def test_its_mistakes_are_named(cause, penalty):
    report = diagnose(step(penalty, 0.7), beta=10.0, capacity=7.3)
    assert cause in report.causes, report


@pytest.mark.parametrize(("C", "scale", "side"), [(5.0, 0.1, "below"), (0.3, 1.0, "above")])
def test_what_was_not_declared_is_described_with_what_to_declare(C, scale, side):
    said = diagnose(step(held(10, C, False), scale), beta=10.0).explanation
    assert f"C = {C:g} where the KL is {side} C" in said
    assert f"pass beta=10 and capacity={C:g}" in said


def test_a_constant_on_the_wrong_side_of_the_kl_is_no_capacity():
    """−KL + 0.02 would be |KL − 0.02| below 0.02 nats alone, and the KL of this step is 2 nats."""
    report = diagnose(step(lambda kl: (0.02 - kl.mean(), np.full(len(kl), -1 / len(kl))), 1.0))
    assert not report.ok
    assert "capacity" not in report.explanation
    assert "KL − C" not in report.explanation


@pytest.mark.parametrize(
    "settings", [{"capacity": -1.0}, {"capacity": "much"}, {"capacity": 1, "free_bits": 0.1}]
)
def test_a_capacity_that_can_be_none(settings):
    with pytest.raises(InputError, match="capacity"):
        diagnose(step(held(1, 1.0, False), 1.0), **settings)
