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


@pytest.mark.parametrize("a", [0, 0.75])
@pytest.mark.parametrize(("reduction", "beta"), [("mean", 1.0), ("mean", 4.0), ("sum", 4.0)])
def test_the_prior_in_a_gradient_is_found_beside_a_d_z_that_is_far_larger(a, reduction, beta):
    """A mean of the prior that is no more than rounding is 0."""
    rng, B, Z, s = np.random.default_rng(0), 8, 3, 1.25
    mean, log_var, noise, d_z = rng.normal(size=(4, B, Z))
    each = 1.0 if reduction == "sum" else 1 / B
    d_z *= 3000 * each
    d_mean = d_z + beta * each * (mean - a) / s**2
    z = mean + np.exp(log_var / 2) * noise
    arrays = {"mean": mean, "log_var": log_var, "noise": noise, "z": z, "d_z": d_z, "d_mean": d_mean}
    single = {name: array.astype(np.float32) for name, array in arrays.items()}
    assert f"the prior N({a}, {s}²)" in str(diagnose(single, reduction=reduction, beta=beta))


def kl_off(by, form):
    """A KL that is off by this share of itself."""
    mean, log_var = np.random.default_rng(0).normal(size=(2, 64, 3)).astype(np.float32)
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).astype(float)
    return {"mean": mean, "log_var": log_var, "kl": np.float32((1 + by) * form(kl))}, {}


def masked_out(by, form):
    """A reconstruction that is off; where the mask leaves entries out there are large numbers."""
    rng = np.random.default_rng(0)
    x, out = rng.normal(size=(2, 64, 3)).astype(np.float32)
    mask = np.ones((64, 3), np.float32)
    mask[:, 1], out[:, 1] = 0.0, 1e4
    each = mask * (0.5 * (x.astype(float) - out) ** 2 + 0.5 * np.log(2 * np.pi))
    return {"x": x, "x_mean": out, "mask": mask, "reconstruction": np.float32((1 + by) * form(each))}, {
        "likelihood": "gaussian"
    }


def near_one(by, form, masked=True):
    """Probabilities near 1, whose last digit moves log(1 − p): of entries that are masked out, or of all."""
    p = np.full((64, 3), 0.75, np.float32)
    mask = np.ones((64, 3), np.float32)
    if masked:
        mask[:, 1], p[:, 1] = 0.0, 1 - 2.0**-23
    else:
        p[:], by = 1 - 2.0**-13, 100 * by
    each = -mask * np.log1p(-p.astype(float))
    arrays = {"x": np.zeros_like(p), "x_mean": p, "mask": mask}
    return arrays | {"reconstruction": np.float32((1 + by) * form(each))}, {"likelihood": "bernoulli"}


def near_one_everywhere(by, form):
    return near_one(by, form, masked=False)


WHOLE = {
    "by entry": np.asarray,
    "by example": lambda a: a.sum(axis=1),
    "mean": lambda a: a.sum() / len(a),
    "sum": np.sum,
}


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("made", [kl_off, masked_out, near_one, near_one_everywhere])
def test_a_value_that_is_off_by_more_than_its_own_rounding_departs(made, form):
    """Neither the other examples nor entries that are masked out make the allowance larger."""
    for by, right in ((0.0, True), (1e-4, False)):
        arrays, settings = made(by, WHOLE[form])
        assert diagnose(arrays, **settings).matches == right


@pytest.mark.parametrize(("off", "right"), [(0.0, True), (1e-4, False)])
def test_what_is_masked_out_has_no_gradient_however_large_it_is(off, right):
    arrays, settings = masked_out(0.0, np.asarray)
    d_mean = (arrays["mask"] * (arrays["x_mean"] - arrays["x"]) / 64).astype(np.float32)
    d_mean[3, 1] = off
    assert diagnose(arrays | {"d_x_mean": d_mean}, **settings).matches == right
