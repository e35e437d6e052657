"""Right steps whose d_mean and d_log_var come from a backward pass of their own.

That pass rounds the terms of d_z anew.
"""

import numpy as np
import pytest
from mistake_corpus import Plan, judged, one_sample, sticking, without_constants

from scratchvae.reference import diagnose

SETTLED = {"reduction": "mean", "likelihood": "gaussian", "variance": 0.01}
ACCUSED = {  # right steps of the corpora that were accused once: the seeds 90210, 424242
    "one sample": Plan(
        16,
        9,
        3,
        "float32",
        "log_std",
        "linear",
        "gaussian",
        SETTLED,
        "scalars",
        1101323306,
        divergence=one_sample,
    ),
    "no constants": without_constants(
        Plan(
            4,
            9,
            5,
            "float32",
            "log_std",
            "linear",
            "gaussian",
            SETTLED | {"beta": 4.0},
            "scalars",
            1145858036,
        ),
        None,
    ),
    "sure": Plan(6, 24, 5, "float32", "var", "relu", "gaussian", SETTLED, "all", 810134543, tags=["sure"]),
    "sure, float64": Plan(
        8,
        5,
        5,
        "float64",
        "log_std",
        "tanh",
        "gaussian",
        SETTLED | {"reduction": "sum"},
        "all",
        1463408349,
        tags=["sure"],
    ),
    "sticking": Plan(
        16,
        24,
        5,
        "float32",
        "log_std",
        "relu",
        "gaussian",
        SETTLED | {"reduction": "sum", "beta": 0.1},
        "all",
        1159175469,
        divergence=sticking,
    ),
}


@pytest.mark.parametrize("name", ACCUSED)
def test_a_right_step_is_not_accused(name):
    assert judged(name, ACCUSED[name], (), "", False).report.matches


SPREADS = {
    "log_var": (lambda h: np.exp(h / 2), lambda h: 0.5 * np.exp(h / 2)),
    "log_std": (np.exp, np.exp),
    "std": (lambda h: h, np.ones_like),
    "var": (np.sqrt, lambda h: 0.5 / np.sqrt(h)),
    "raw_std": (lambda h: np.logaddexp(0, h), lambda h: 1 / (1 + np.exp(-h))),
}


@pytest.mark.parametrize("kind", SPREADS)
def test_an_entry_where_the_terms_cancel_may_be_off_by_their_rounding(kind):
    """d_z is 0 in one entry, a sum of terms of size 1000: the spread's gradient there has their rounding."""
    read, slope_of = SPREADS[kind]
    rng, B, Z = np.random.default_rng(0), 6, 3
    mean, noise = (rng.normal(size=(B, Z)).astype(np.float32).astype(float) for _ in range(2))
    held = rng.uniform(0.4, 1.6, (B, Z)).astype(np.float32).astype(float)
    std, slope = read(held), slope_of(held)
    d_z = 1000 * rng.normal(size=(B, Z)).astype(np.float32).astype(float)
    d_z[1, 2] = 0.0
    own = (std - 1 / std) * slope / B
    path = d_z * slope * noise
    rounding = (
        2.0**-24 * 5 * np.abs(d_z).max() * np.abs(slope * noise)
    )  # what was measured: at most 5.2 roundoffs
    arrays = {
        "mean": mean,
        kind: held,
        "noise": noise,
        "z": mean + std * noise,
        "d_z": d_z,
        "d_mean": d_z + mean / B,
    }
    single = {name: a.astype(np.float32) for name, a in arrays.items()}
    assert diagnose({**single, f"d_{kind}": (path + own + rounding).astype(np.float32)}).ok
    off = (path + own + 100 * rounding).astype(np.float32)
    assert diagnose({**single, f"d_{kind}": off}).first == f"d_{kind}"
