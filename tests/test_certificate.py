"""Against mpmath: the limits that the certificate states hold for every distribution and objective, in both
dtypes.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from scratchvae import distributions, kernels, reference
from scratchvae.__main__ import main
from scratchvae.reference import all_parts, certificate

TRIALS = certificate.all_trials()


def calls_kernels(trial):
    return trial.name.startswith(("bernoulli.", "gaussian.")) or trial.op.__module__.startswith(
        "scratchvae.ops."
    )


@pytest.mark.parametrize("dtype", certificate.LIMITS)
@pytest.mark.parametrize("trial", TRIALS, ids=[trial.name for trial in TRIALS])
def test_values_and_gradients_are_within_the_limits(trial, dtype):
    truth = certificate.truth(trial, dtype)
    for twin in kernels.TWINS if calls_kernels(trial) else (kernels.in_use(),):
        with kernels.using(twin):
            found = certificate.certify(trial, dtype, truth)
        assert found.ok, (twin, found)
    assert (trial.floor > 0) == bool(trial.why)


def test_every_distribution_has_a_trial():
    functions = {
        f for law in distributions.__all__ for f in vars(getattr(distributions, law)).values() if callable(f)
    }
    named = {part.name for part in all_parts() if part.of in functions and part.cases}
    assert len(named) > 30
    curved = {"elu", "gelu_erf", "gelu_tanh", "sigmoid", "silu", "softplus", "tanh"}
    bounded = {"clamp", "softplus_clamp", "tanh_clamp"}
    normalizing = {"log_softmax", "log_sum_exp", "softmax", "naive_bayes.predict_log_proba"}
    assert named | curved | bounded | normalizing <= {trial.name.partition(":")[0] for trial in TRIALS}


def test_the_published_table_has_a_row_for_each():
    readme = (Path(reference.__file__).parent / "README.md").read_text(encoding="utf-8")
    table = readme.split("float64: value")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([\w.]+)`", table, re.MULTILINE)) == {
        trial.name.partition(":")[0] for trial in TRIALS
    }


def test_a_wrong_function_is_not_certified():
    right = next(trial for trial in TRIALS if trial.name == "gaussian.kl_to_standard: ordinary")

    def off(mean, log_var):
        value, pullback = right.op(mean, log_var)
        return value * (1 + 1e-5), pullback

    found = certificate.certify(certificate.Trial("off", off, right.oracle, right.arrays), "float64")
    assert not found.ok
    assert found.value == pytest.approx(1e-5, rel=1e-3)
    assert found.gradient < 1e-13


def test_every_part_of_a_value_and_every_gradient_counts():
    right = next(trial for trial in TRIALS if trial.name == "gaussian_algebra.sum_of_independent: ordinary")
    wrong = 1 + 1e-5

    def off(mean, S, *other):
        value, pullback = right.op(mean, S, *other)
        return (value[0], value[1] * wrong), lambda *d: (pullback(*d)[0] * wrong, *pullback(*d)[1:])

    found = certificate.certify(certificate.Trial("off", off, right.oracle, right.arrays), "float64")
    assert found.value == pytest.approx(1e-5, rel=1e-3)
    assert found.gradient == pytest.approx(1e-5, rel=1e-3)


def test_the_command_prints_the_table(tmp_path, capsys):
    path = tmp_path / "table.json"
    assert main(["check", "--certify", "--case", "gaussian.entropy", "--json", str(path)]) == 0
    assert "log σ² of both signs cancel" in capsys.readouterr().out
    table = json.loads(path.read_text())
    assert {row["dtype"] for row in table} == set(certificate.LIMITS)
    assert np.isfinite([row["error"] for row in table]).all()
    assert main(["check", "--certify", "--case", "no such case"]) == 2
