"""Against mpmath: the limits that the certificate states hold for every distribution and objective, in both dtypes."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from scratchvae import kernels
from scratchvae.__main__ import main
from scratchvae.reference import certificate
from scratchvae.reference.cases import distributions as rows
from scratchvae.reference.certificate import branches, gaussian_trials, offsets, oracles, trials

TRIALS = trials.all_trials()


@pytest.mark.parametrize("dtype", certificate.LIMITS)
@pytest.mark.parametrize("trial", TRIALS, ids=[trial.name for trial in TRIALS])
def test_values_and_gradients_are_within_the_limits(trial, dtype):
    found = certificate.certify(trial, dtype)
    assert found.ok, found
    assert (trial.floor > 0) == bool(trial.why)


BY_KERNELS = [trial for trial in TRIALS if trial.name.startswith(("bernoulli.", "gaussian.", "ops."))]


@pytest.mark.parametrize("trial", BY_KERNELS, ids=[trial.name for trial in BY_KERNELS])
def test_the_textbook_kernels_are_within_the_limits(trial):
    with kernels.using("textbook"):
        assert all(certificate.certify(trial, dtype).ok for dtype in certificate.LIMITS)


def test_every_distribution_has_a_trial():
    named = {case.name.partition(":")[0] for case in rows.CASES}
    assert named == set(oracles.DISTRIBUTIONS) | set(gaussian_trials.ORACLES)
    tried = {trial.name.partition(":")[0] for trial in TRIALS}
    assert named | set(branches.POINTWISE) | set(offsets.NORMALIZING) <= tried


def test_the_readme_has_a_row_for_each():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    table = readme.split("float64: value")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([\w.]+)`", table, re.MULTILINE)) == {trial.name.partition(":")[0] for trial in TRIALS}


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
