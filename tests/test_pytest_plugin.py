"""The fixture `vae_reference` and its marker, in a test session of their own; and `scratchvae diagnose` of a
folder of steps.
"""

import json
import re

import numpy as np
import pytest

from scratchvae.__main__ import main

pytest_plugins = ["pytester"]

SUITE = """
import numpy as np, pytest

rng = np.random.default_rng(0)
mean, log_var = rng.normal(size=(2, 6, 3))
kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
right = {"mean": mean, "log_var": log_var, "kl": kl, "log_px": -10 - kl, "loss": (10 + 2 * kl).mean()}

def test_right(vae_reference):
    vae_reference.assert_matches(right)

def test_wrong(vae_reference):
    vae_reference.assert_matches({**right, "kl": 2 * kl})

@pytest.mark.vae(beta=4.0)
class TestBeta:
    def test_as_meant(self, vae_reference):
        vae_reference.assert_matches({**right, "loss": (10 + 5 * kl).mean()})

    def test_otherwise(self, vae_reference):
        vae_reference.assert_matches(right)

    @pytest.mark.vae(beta=1.0)
    def test_nearer(self, vae_reference):
        vae_reference.assert_matches(right)

    def test_said(self, vae_reference):
        vae_reference.assert_matches(right, beta=1.0)
"""


def test_the_fixture_and_the_marker(pytester):
    pytester.makepyfile(SUITE)
    # once, installed or not
    plugins = ("-p", "no:scratchvae", "-p", "scratchvae.pytest_plugin", "-p", "no:cacheprovider")
    result = pytester.runpytest_subprocess(*plugins, "--strict-markers", "-rA")
    shown = result.stdout.str()
    passed = ["test_right", "TestBeta::test_as_meant", "TestBeta::test_nearer", "TestBeta::test_said"]
    for name in passed:
        assert f"PASSED test_the_fixture_and_the_marker.py::{name}" in shown
    result.assert_outcomes(passed=len(passed), failed=2)
    table = shown.partition("_ test_wrong _")[2].partition("_ TestBeta")[0]
    assert "kl departs: " in table
    assert "kl_half_missing" in table
    assert re.search(r"kl +\S+ \S+ .* 2  ", table)
    assert "def assert_matches" not in table  # the report alone


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i, factor in enumerate((1.0, 2.0, 2.0)):
        mean, log_var = rng.normal(size=(2, 6, 3))
        kl = factor * 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
        np.savez(tmp_path / f"step{i}.npz", mean=mean, log_var=log_var, kl=kl)
    (tmp_path / "notes.txt").write_text("no step")
    return tmp_path


def test_a_folder_of_steps(folder, tmp_path_factory, capsys):
    written = tmp_path_factory.mktemp("written") / "verdict.json"
    assert main(["diagnose", str(folder), "--json", str(written)]) == 1
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert lines[:3] == [
        "step0.npz  agrees",
        "step1.npz  DEPARTS, see below",
        "step2.npz  DEPARTS: kl as in step1.npz",
    ]
    assert said.count("kl departs") == 1  # each kind is shown once
    verdicts = json.loads(written.read_text())
    assert [verdict["ok"] for verdict in verdicts.values()] == [True, False, False]
    for wrong in ("step1.npz", "step2.npz"):
        (folder / wrong).unlink()
    assert main(["diagnose", str(folder)]) == 0


def test_an_empty_folder(tmp_path, capsys):
    assert main(["diagnose", str(tmp_path)]) == 2
    assert "should hold files of .npz or .safetensors" in capsys.readouterr().err
