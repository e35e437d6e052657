"""The diagnosis of a step with the largest numbers in one array ends, and says that this array departs."""

import numpy as np
import pytest

from scratchvae.reference import diagnose
from scratchvae.reference.diagnosis.least_squares import least_squares

EXTREME = (1e155, -1e202, 1e308, np.inf, -np.inf, np.nan)


def step(law):
    """A right step of 6 examples, 3 entries and 2 latents, with each gradient."""
    rng = np.random.default_rng(4)
    B, K = 6, 2
    mean, log_var, noise = rng.normal(size=(3, B, K))
    W = rng.normal(size=(K, 3))
    z = mean + np.exp(log_var / 2) * noise
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
    out = z @ W
    if law == "bernoulli":
        x = rng.integers(0, 2, (B, 3)).astype(float)
        reconstruction = (np.logaddexp(0, out) - x * out).sum(axis=1)
        dout, name = (1 / (1 + np.exp(-out)) - x) / B, "logits"
    else:
        x = rng.normal(size=(B, 3))
        reconstruction = (0.5 * (x - out) ** 2 + 0.5 * np.log(2 * np.pi)).sum(axis=1)
        dout, name = (out - x) / B, "x_mean"
    dz = dout @ W.T
    return {
        "x": x,
        "mean": mean,
        "log_var": log_var,
        "noise": noise,
        "z": z,
        name: out,
        "reconstruction": reconstruction,
        "kl": kl,
        "loss": (reconstruction + kl).mean(),
        f"d_{name}": dout,
        "d_z": dz,
        "d_mean": dz + mean / B,
        "d_log_var": dz * 0.5 * (z - mean) + 0.5 * (np.exp(log_var) - 1) / B,
    }


@pytest.mark.parametrize(
    ("law", "entry"),
    [
        *zip(["bernoulli"] * 4, EXTREME[1:4] + EXTREME[5:], strict=True),
        ("gaussian", 1e155),
        ("gaussian", -np.inf),
    ],
)
def test_one_extreme_entry_ends_in_a_report_that_departs(law, entry):
    """An infinite row once kept LAPACK in a loop for ever: Python's own alarms did not reach it."""
    right = step(law)
    assert diagnose(right, likelihood=law).matches
    for name, array in right.items():
        if name == "x" and law == "bernoulli":
            continue  # a target outside the support is refused by a sentence of its own
        wrong = np.array(array)
        wrong.flat[wrong.size // 2] = entry
        report = diagnose(right | {name: wrong}, likelihood=law)
        assert not report.matches, name
        assert str(report)


def test_the_diagnosis_of_a_prior_ends_where_a_mean_is_huge():
    rng = np.random.default_rng(0)
    mean, log_var, noise = rng.normal(size=(3, 4, 2))
    for entry in EXTREME:
        mean[2, 1] = entry
        arrays = {"mean": mean, "log_var": log_var, "noise": noise, "z": noise.copy(), "kl": rng.random(4)}
        assert not diagnose(arrays, likelihood="bernoulli").matches


def test_weights_by_least_squares():
    rng = np.random.default_rng(1)
    columns = [rng.normal(size=(2, 5)), np.ones((2, 5))]
    weights = least_squares(columns, 3 * columns[0] - 0.5, rounding=1e-12)
    np.testing.assert_allclose(weights, [3, -0.5], rtol=1e-13)
    target = rng.normal(size=10)
    a, b = least_squares(columns, target, rounding=1e-12)
    left = target - a * columns[0].ravel() - b  # at right angles to each column
    np.testing.assert_allclose([left @ column.ravel() for column in columns], 0, atol=1e-13)
    for bad in (np.inf, -np.inf, np.nan):
        assert (
            least_squares([np.where(columns[0] > 0.8, bad, columns[0]), columns[1]], target, rounding=1e-12)
            is None
        )
        assert least_squares(columns, np.append(target[1:], bad), rounding=1e-12) is None
