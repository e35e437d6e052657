"""How a diagnosis is asked and read: names, numbers, reductions, unusable input, the command and hostile
files.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.kernels.compiled import compiler
from scratchvae.reference import CATALOGUE, assert_matches, diagnose, mistakes
from scratchvae.reference.diagnosis.quantities import canonical


def numbers(**changed):
    """A right step in NumPy, with its names as many people write them."""
    rng = np.random.default_rng(0)
    mu, logvar, eps = rng.normal(size=(3, 6, 4))
    return {
        "mu": mu,
        "logvar": logvar,
        "eps": eps,
        "z": mu + np.exp(logvar / 2) * eps,
        "kld": 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1),
    } | changed


def test_a_report_calls_no_compiled_kernel(monkeypatch):
    """Numba takes seconds to compile what runs once."""

    def calls(*_):
        raise AssertionError("a compiled kernel is called")

    monkeypatch.setattr(compiler._Machine, "__call__", calls)
    rng, given = np.random.default_rng(1), numbers()
    logits, x = rng.normal(size=(6, 5)), rng.integers(0, 2, (6, 5)).astype(float)
    bce = (np.logaddexp(0, logits) - x * logits).sum(axis=1)
    found = {**given, "x": x, "logits": logits, "bce": bce}
    assert diagnose(found).matches
    held = found.pop("logvar")
    assert diagnose({**found, "raw_std": held}).cause == "sampling_raw_std_read_as_log_var"


def test_numbers_as_print_gives_them_and_terms_as_sums_or_means():
    right = numbers()
    K = float(right.pop("kld").mean())
    R = 55.25
    for kl, reconstruction, loss, reduction in (
        (K, R, K + R, "mean"),
        (6 * K, 6 * R, K + R, "mean"),
        (6 * K, 6 * R, 6 * (K + R), "sum"),
        (K, R, 6 * (K + R), "sum"),
    ):
        found = {**right, "kl": kl, "recon_loss": reconstruction, "loss": loss}
        report = diagnose(found, reduction=reduction)
        assert report.ok, str(report)
    single = {key: value.astype(np.float32) for key, value in right.items()}
    rounded = float(np.float32(K))
    assert diagnose({**single, "kl": rounded}).ok
    assert not diagnose({**right, "kl": rounded}).ok


def test_whoever_has_only_loss_and_kl_is_told_what_they_show():
    """Nothing exact follows from the two alone: notes, and no accusation."""
    for theirs, settings, words in (
        ({"loss": 120.5, "kl": 20.25}, {}, "leaves 100.25 nats"),
        ({"loss": 120.5, "kl": -20.25}, {}, "perhaps its sign is flipped"),
        ({"loss": 10.0, "kl": 20.25}, {}, "a sign is flipped, beta is not 1"),
        ({"reconstruction": -100.0, "kl": 20.0}, {}, "the sign is that of log p"),
        ({"loss": 3.0, "bound": 3.0}, {}, "not each other's negatives"),
    ):
        report = diagnose(theirs, **settings)
        assert report.ok
        assert words in str(report)
        assert "nothing could be checked" in str(report)
    assert "sign" not in str(diagnose({"loss": 10.0, "kl": 20.25}, likelihood="gaussian"))
    parts = {"reconstruction": 100.0, "kl": 20.25}
    report = diagnose({**parts, "loss": 4 * 20.25 + 100})
    assert (report.first, report.cause) == ("loss", None)
    assert "pass beta=4" in report.explanation
    assert diagnose({**parts, "loss": 4 * 20.25 + 100}, beta=4.0).ok
    for loss, beta, name in ((20.25 + 100, 4.0, "beta_missing"), (100.0, 1.0, "kl_missing")):
        report = diagnose({**parts, "loss": loss}, beta=beta)
        assert (report.first, report.cause) == ("loss", None)  # one number of few digits proves nothing
        assert mistakes()[name].partition(": ")[0] in report.explanation
        precise = {"reconstruction": 100 + 1e-13, "kl": 20.25 + 1e-14, "loss": loss + 1e-13}
        assert diagnose(precise, beta=beta).cause == name
    assert diagnose({**parts, "bound": -120.25}).ok


def test_a_report_reads_as_a_table_and_assert_matches_raises_it():
    assert_matches(numbers())
    wrong = numbers(kld=2 * numbers()["kld"])
    with pytest.raises(AssertionError, match="lacks its factor ½") as caught:
        assert_matches(wrong)
    table = str(caught.value)
    assert re.search(r"kl +\|\.\| .* 2  ", table)
    assert "kl_half_missing" in table
    assert diagnose(wrong, names={"kld": "kl"}).cause == "kl_half_missing"


def test_nothing_checked_and_nothing_proven_is_no_success(tmp_path):
    right = {name: numbers()[name] for name in ("mu", "logvar", "kld")}
    assert_matches(right)
    rng = np.random.default_rng(4)
    for theirs, unchecked in (
        ({"kl": 20.25}, ("kl",)),
        ({**right, "kld": 100 * rng.random(6)}, ("kl",)),  # hand over z or noise, to tell it from an estimate
    ):
        report = diagnose(theirs)
        assert (report.ok, report.matches, report.unchecked) == (True, False, unchecked), str(report)
        assert "all that could be compared agrees" not in str(report)
        with pytest.raises(AssertionError, match="pass"):
            assert_matches(theirs)
        np.savez(tmp_path / "step.npz", **theirs)
        assert main(["diagnose", str(tmp_path / "step.npz")]) == 2
    x, logits = (rng.random((6, 9)) < 0.4).astype(float), rng.normal(size=(6, 9))
    agreeing = {"x": x, "logits": logits, "bce": np.logaddexp(0, logits).sum(1) - (x * logits).sum(1)}
    assert diagnose({**right, **agreeing}).matches
    report = diagnose({**right, **agreeing, "kld": 100 * rng.random(6)})
    assert (report.ok, report.matches) == (True, False)
    report = diagnose({**right, "kld": 7.3 * right["kld"]})  # which no estimate is
    assert (report.first, report.cause) == ("kl", None)
    assert "the KL × 7.3" in report.explanation
    full = {**right, "z": numbers()["z"], "d_z": np.ones((6, 4)), "d_mu": np.ones((6, 4)) + right["mu"] / 6}
    report = diagnose(full)
    assert report.matches
    assert report.unchecked == ("z", "d_z")
    assert report.lines[0].verdict == "taken as given: pass noise too"


def test_noise_and_gradients_that_are_missing_are_seen_in_arrays():
    right = numbers()
    rng = np.random.default_rng(5)
    report = diagnose({"mu": right["mu"], "logvar": right["logvar"], "z": right["mu"]})
    assert (report.first, report.cause) == ("z", "noise_missing")
    # σ below rounding
    assert diagnose({"mu": right["mu"], "logvar": right["logvar"] - 90, "z": right["mu"]}).ok
    logits, own = (
        rng.normal(size=(6, 9)),
        {"d_mu": right["mu"] / 6, "d_logvar": (np.exp(right["logvar"]) - 1) / 12},
    )
    either = ("z_detached", "reconstruction_detached")
    for left, causes in ((own, either), ({**own, "d_logvar": rng.normal(size=(6, 4))}, ("mean_detached",))):
        report = diagnose({**right, "logits": logits, **left})
        assert (report.first, report.causes, len(report.findings)) == ("d_mean", causes, 1), str(report)
    assert diagnose({**right, "logits": 0 * logits, **own}).ok  # a decoder that ignores z
    assert diagnose({**right, **own}).ok


def test_what_was_said_otherwise_or_rounded():
    right = numbers()
    R = np.random.default_rng(6).uniform(50, 60, 6)
    found = {**right, "recon_loss": R, "kld": 4 * right["kld"], "loss": (R + 4 * right["kld"]).mean()}
    report = diagnose(found, beta=4.0)
    assert report.matches, str(report)
    assert "kl holds its weight" in str(report)
    report = diagnose({**found, "kld": right["kld"], "loss": R + 2.123456 * right["kld"]})
    assert "the weight 2.12346, where beta = 1 is expected" in str(report)
    loss = (R + right["kld"]).mean()
    for changed, cause, word in (
        (round(loss, 4), None, "digits: was it rounded"),
        (loss * 1.01, None, "the cause is unknown"),
        (R.mean() / 3 + right["kld"].mean(), None, "the reconstruction × 1/3"),
    ):
        report = diagnose({**right, "recon_loss": R, "loss": changed})
        assert (report.first, report.cause) == ("loss", cause), str(report)
        assert word in str(report)


def test_names_are_read_as_people_write_them():
    for spelled, quantity in (
        *(
            ("mu_q", "mean"),
            ("q_mu", "mean"),
            ("z_mu", "mean"),
            ("z_logvar", "log_var"),
            ("log_var_q", "log_var"),
        ),
        *(
            ("sigma_z", "std"),
            ("z_mean", "mean"),
            ("recon_batch", "x_mean"),
            ("nelbo", "loss"),
            ("logpz", "log_pz"),
        ),
        *(
            ("dL_dmu", "d_mean"),
            ("mu.grad", "d_mean"),
            ("d_z_logvar", "d_log_var"),
            ("MSE", "reconstruction"),
            ("q_loss", None),
        ),
    ):
        assert canonical(spelled, {}) == quantity, spelled
    assert diagnose(
        {"foo": numbers()["mu"], "logvar": numbers()["logvar"], "kl": numbers()["kld"]}, names={"foo": "mu"}
    ).ok


def test_every_mistake_is_listed_and_counted(capsys):
    assert main(["diagnose", "--mistakes"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name}\n" in listed for name in {mistake.name for mistake in CATALOGUE} | {"noise_redrawn"})
    readme = (Path(__file__).parents[1] / "scratchvae/reference/README.md").read_text(encoding="utf-8")
    assert f"a catalogue of {len(mistakes())}" in readme


UNUSABLE = [
    ({"mu": np.ones((2, 3)), "std": -np.ones((2, 3))}, {}, "std, taken for std, should not be negative"),
    (
        {"x": np.ones((2, 3)), "x_hat": 3 * np.ones((2, 3)), "bce": 1.0},
        {},
        r"x_hat of a Bernoulli should lie in \[0, 1\]",
    ),
    ({"mu": np.ones((2, 8)), "logvar": np.ones((8, 2)), "z": np.ones((8, 2))}, {}, r"mu should have shape"),
    ({"kl": 1.0}, {"names": ["a"]}, "names should be a mapping"),
    ({"banana": np.ones(3)}, {}, "'banana' is no quantity"),
    ({"mu": np.ones((2, 3)), "mean": np.ones((2, 3))}, {}, "both stand for mean"),
    (
        {"mu": np.ones((2, 3)), "logvar": np.ones((2, 3)), "sigma": np.ones((2, 3))},
        {},
        "log_var, std give one",
    ),
    (
        {"mu": np.ones((2, 3)), "logvar": np.ones((2, 4))},
        {},
        r"logvar should have shape \(B, Z\) = \(2, 3\), found \(2, 4\)",
    ),
    ({"mu": np.array([["a"]])}, {}, "array of real numbers"),
    ({"mu": np.ones((2, 3), complex)}, {}, "array of real numbers"),
    ({"mu": np.ones((2, 3))}, {}, "a quantity to check"),
    ({}, {}, "a quantity to check"),
    ({"kl": 1.0}, {"likelihood": "poisson"}, "likelihood should be one of"),
    ({"kl": 1.0}, {"reduction": "max"}, "reduction should be one of"),
    ({"kl": 1.0}, {"beta": -1.0}, "beta should be at least 0"),
    ({"kl": 1.0}, {"variance": 0.0}, "variance should be positive"),
    ({"kl": 1.0}, {"names": {"kl": "banana"}}, "which is no quantity"),
    ({"kl": 1.0}, {"beta": "much"}, "beta should be a number, found 'much'"),
    ({"kl": 1.0}, {"variance": np.inf}, "variance should be positive"),
    ([("kl", 1.0)], {}, "should be a mapping"),
    ({"mu": [[1.0], [1.0, 2.0]]}, {}, "mu should be an array of real numbers"),
    ({"mu": np.ones((3, 0))}, {}, "mu should have entries"),
    ({"mu": np.ones(3)}, {}, "examples first, found"),
    ({"mu": np.ones((3, 2)), "kl": np.ones(4)}, {}, "kl should have 3 examples"),
    ({"log_px": np.ones((3, 2)), "log_pz": np.ones(3)}, {}, "should have one shape"),
]


@pytest.mark.parametrize(("theirs", "settings", "words"), UNUSABLE)
def test_unusable_input_is_one_sentence(theirs, settings, words):
    with pytest.raises(InputError, match=words):
        diagnose(theirs, **settings)


def test_the_command_reads_npz_and_safetensors(tmp_path, capsys):
    wrong = numbers(kld=-numbers()["kld"])
    np.savez(tmp_path / "right.npz", **numbers())
    save_file(wrong, tmp_path / "wrong.safetensors")
    assert main(["diagnose", str(tmp_path / "right.npz")]) == 0
    assert "all that could be compared agrees" in capsys.readouterr().out
    verdict = tmp_path / "verdict.json"
    assert main(["diagnose", str(tmp_path / "wrong.safetensors"), "--json", str(verdict)]) == 1
    assert "kl_sign" in capsys.readouterr().out
    assert json.loads(verdict.read_text())["causes"] == ["kl_sign"]
    np.savez(tmp_path / "named.npz", m=numbers()["mu"], s=numbers()["logvar"], kl=numbers()["kld"])
    assert main(["diagnose", str(tmp_path / "named.npz"), "--name", "m=mean", "--name", "s=log_var"]) == 0


def test_hostile_files_end_in_a_sentence(tmp_path, capsys):
    np.savez(tmp_path / "pickle.npz", kl=np.array([{"a": 1}], dtype=object))
    huge = tmp_path / "huge.npz"
    np.savez_compressed(huge, kl=np.zeros(3))
    blob = bytearray(huge.read_bytes())
    at = blob.rfind(b"PK\x01\x02")
    blob[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")  # the directory promises 4 GB
    huge.write_bytes(bytes(blob))
    (tmp_path / "short.npz").write_bytes((tmp_path / "pickle.npz").read_bytes()[:60])
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "lie.safetensors").write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    np.savez(tmp_path / "one.npz", kl=np.array([1.0]))
    files = ["pickle.npz", "huge.npz", "short.npz", "text.npz", "empty.npz", "lie.safetensors", "absent.npz"]
    for file in files:
        assert main(["diagnose", str(tmp_path / file)]) == 2, file
        said = capsys.readouterr().err
        assert said.count("\n") == 1, said
        assert "Traceback" not in said
    assert main(["diagnose", str(tmp_path / "one.npz"), "--name", "kl"]) == 2


def test_any_subset_and_shape_that_can_only_mean_one_thing_is_read():
    right = numbers()
    for kl in (right["kld"][:, None], right["kld"].sum(), np.array([right["kld"].mean()])):
        assert diagnose({**right, "kld": kl}).ok
        assert not diagnose({**right, "kld": 2 * kl}).ok
    assert diagnose({"d_mu": right["mu"], "d_logits": np.ones((6, 9)), "z": right["z"], "mu": right["mu"]}).ok
    assert diagnose({"loss": 1e300}).ok
    rng = np.random.default_rng(2)
    log_px, log_pz, log_q = rng.normal(size=(3, 6))
    assert diagnose(
        {"log_px": log_px, "log_pz": log_pz, "log_q": log_q, "loss": -(log_px + log_pz - log_q).mean()}
    ).ok
    x = (rng.random((6, 9)) < 0.4).astype(float)
    p = rng.uniform(0.1, 0.9, (6, 9))
    R = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=1)
    assert diagnose({**right, "x": x, "recon": p, "loss": (R + right["kld"]).mean()}).ok
    assert diagnose({"x": x * (1 + 1e-15), "recon_x": p, "bce": R}).ok


def test_numbers_that_may_be_sums_or_means_are_not_accused():
    K, R = numbers()["kld"], np.random.default_rng(1).uniform(50, 60, 6)
    given = {key: numbers()[key] for key in ("mu", "logvar")}
    for reduction, whole in (("mean", 1 / 6), ("sum", 1.0)):
        for part in (1.0, 1 / 6):
            found = {
                **given,
                "recon_loss": part * R.sum(),
                "kl": part * K.sum(),
                "loss": whole * (R + K).sum(),
            }
            report = diagnose(found, reduction=reduction)
            assert report.ok, str(report)


NOISES = {  # another noise than the example's own, and what is said of it
    "before": (lambda noise: np.roll(noise, 1, axis=0), "the noise of the neighbouring example"),
    "after": (lambda noise: np.roll(noise, -1, axis=0), "the noise of the neighbouring example"),
    "first": (lambda noise: noise[:1], "all examples of the batch get the same noise"),
}


@pytest.mark.parametrize("name", NOISES)
def test_noise_of_another_example_is_described(name):
    other, said = NOISES[name]
    given = numbers()
    report = diagnose(given | {"z": given["mu"] + np.exp(given["logvar"] / 2) * other(given["eps"])})
    assert report.first == "z"
    assert said in report.explanation


FORMS = {  # reconstruction and loss, of which either may be a number where the other is of each example
    "numbers": (np.mean, np.mean),
    "number and examples": (np.mean, np.asarray),
    "examples and number": (np.asarray, np.mean),
    "examples": (np.asarray, np.asarray),
}


@pytest.mark.parametrize("likelihood", ["bernoulli", "own"])
@pytest.mark.parametrize("form", FORMS)
def test_a_loss_is_compared_with_the_parts_in_the_form_in_which_they_are(form, likelihood):
    reconstruction_as, loss_as = FORMS[form]
    rng, given = np.random.default_rng(1), numbers()
    logits, x = rng.normal(size=(6, 5)), rng.integers(0, 2, (6, 5)).astype(float)
    bce = (np.logaddexp(0, logits) - x * logits).sum(axis=1)
    found = {**given, "bce": reconstruction_as(bce), "loss": loss_as(bce + given["kld"])}
    if likelihood == "bernoulli":
        found |= {"x": x, "logits": logits}
    known = likelihood == "bernoulli" or form != "number and examples"  # whose reconstruction is not known
    for factor in (1.0, 1.01):
        report = diagnose({**found, "loss": factor * found["loss"]}, likelihood=likelihood)
        verdict = next(line.verdict for line in report.lines if line.quantity == "loss")
        assert (verdict == "agrees") == (known and factor == 1.0)
