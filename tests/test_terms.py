"""Terms of the family beside the faults of public code: each fault is named, and nothing right is accused."""

import json
from pathlib import Path

import numpy as np
import pytest

from scratchvae import reference
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.reference import diagnose_term
from scratchvae.reference.terms import TERMS
from scratchvae.reference.terms.step import H

B, Z, D = 6, 3, 4


def normal(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=shape)


def given(term):
    """What a term is computed from, and settings for which each of its faults shows."""
    if term == "mmd":
        return {"z": normal(B, Z), "prior": normal(5, Z, seed=1)}, {"width": 2.0}
    if term == "total_correlation":
        arrays = {"z": normal(B, Z), "mean": normal(B, Z, seed=1), "log_var": normal(B, Z, seed=2)}
        return arrays, {"examples": 50}
    if term == "quantization":
        return {"z_e": normal(B, Z), "codebook": normal(5, Z, seed=1)}, {}
    if term == "categorical_kl":
        draw = np.exp(normal(B, 5, seed=1)) * (np.arange(5) > np.arange(B)[:, None] % 2)  # some entries are 0
        return {"logits": normal(B, 5), "draw": draw / draw.sum(axis=1, keepdims=True)}, {}
    if term == "gaussian_kl":
        names = ("mean", "log_var", "prior_mean", "prior_log_var")
        return {name: normal(B, Z, seed=k) for k, name in enumerate(names)}, {}
    if term == "grouped_bound":
        return {"log_w": normal(B, 2, 3)}, {}
    if term == "product_of_experts":
        present = np.array([[1, 1, 1, 0, 1, 0], [1, 0, 1, 1, 1, 1], [0, 1, 1, 1, 0, 1]])
        return {"means": normal(3, B, Z), "log_vars": normal(3, B, Z, seed=1), "present": present}, {}
    if term == "continuous_bernoulli":
        return {"logits": normal(B, D), "x": np.random.default_rng(1).random((B, D))}, {}
    if term == "discretized_logistic":
        x = np.random.default_rng(1).integers(0, 4, (B, D))
        return {"mean": 1.5 + normal(B, D), "log_scale": normal(B, D, seed=2, scale=0.3), "x": x}, {
            "levels": 4
        }
    if term == "planar_step":
        return {"w": normal(B, Z), "u": normal(B, Z, seed=1)}, {}
    if term == "expected_cosine":
        return {"kappa": np.array([0.5, 2.0, 20.0])}, {"dim": 5}
    if term == "decoder_gradient":
        return {"jacobian": normal(B, D, Z), "encoder_jacobian": normal(B, Z, D, seed=1)}, {}
    assert term == "critic"
    return {"logits": normal(B), "other_logits": normal(5, seed=1), "d_z": np.zeros((B, Z))}, {}


def defaults(term):
    return {name: setting.default for name, setting in TERMS[term].settings.items()}


def made(results, arrays, settings, reduce, constants=()):
    """The results of a formula, and its gradients by complex steps, an entry at a time."""
    found = dict(results(arrays, settings))
    if "value" not in found:
        return found
    share = reduce(np.ones(np.shape(found["value"]))) / np.size(found["value"])
    found |= {name: share * slope for name, slope in found.items() if name == "d_kappa"}
    for name, array in arrays.items():
        if f"d_{name}" in found or name in (*constants, "d_z"):
            continue
        slope = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            stepped = array.astype(complex)
            stepped[place] += 1j * H
            value = results(arrays | {name: stepped}, settings)["value"]
            slope[place] = np.imag(reduce(value)) / H
        found[f"d_{name}"] = slope
    return found


def faults():
    for term, row in TERMS.items():
        for fault in row.faults:
            yield pytest.param(term, fault, id=f"{term} {fault.name}")


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("term", "fault"), list(faults()))
def test_every_fault_is_named(term, fault, dtype, reduction):
    arrays, settings = given(term)
    if fault.name == "mmd_over_different_pairs":
        settings |= {"estimator": "v"}
    settings = defaults(term) | settings
    reduce = np.sum if reduction == "sum" else np.mean
    results = made(fault.results, arrays, settings, reduce, TERMS[term].constants)
    results = {name: array for name, array in results.items() if name not in fault.silent_on}
    if fault.name == "codes_not_detached":
        results["d_z"] = normal(B, Z)
    handed = {name: np.asarray(array, dtype) for name, array in (arrays | results).items()}
    report = diagnose_term(term, handed, reduction=reduction, **settings)
    if (
        fault.name == "mmd_diagonal_kept" and dtype == np.float32
    ):  # one number is off, and gradients are right
        assert f"this could be {fault.name}" in str(report)
    else:
        assert report.mistake == fault.name, str(report)
    assert not report.matches
    assert fault.fix in str(report)


# the right formula once more, written by hand; gradients by complex steps, where nothing is detached
def squares(a, b):
    return ((a[:, None] - b[None]) ** 2).sum(axis=2)


def by_pairs(arrays, settings):
    z, p = arrays["z"], arrays["prior"]
    n, m = len(z), len(p)

    def mean(a, b, pairs):
        return (np.exp(-squares(a, b) / (2 * settings["width"])) * pairs).sum() / pairs.sum()

    return {"value": mean(z, z, 1 - np.eye(n)) + mean(p, p, 1 - np.eye(m)) - 2 * mean(z, p, np.ones((n, m)))}


def by_rows(arrays, settings):
    """Each z_b with its own row of shares, one after the other."""
    z, mean, log_var = arrays["z"], arrays["mean"], arrays["log_var"]
    N, total = settings["examples"], []
    for b in range(B):
        s = [
            1 / N if m == b else (N - B + 1) / (N * (B - 1)) if m == (b + 1) % B else 1 / (B - 1)
            for m in range(B)
        ]
        q = np.exp(-((z[b] - mean) ** 2) / (2 * np.exp(log_var))) / np.sqrt(2 * np.pi * np.exp(log_var))
        each = np.log((np.array(s)[:, None] * q).sum(axis=0)).sum()
        total.append((np.log((np.array(s) * q.prod(axis=1)).sum()), each))
    joint, product = np.array(total).T
    return {"value": joint - product, "log_qz": joint, "log_qz_product": product}


def by_softmax(arrays, settings):
    e = np.exp(arrays["logits"])
    p = e / e.sum(axis=1, keepdims=True)
    return {"value": (p * np.log(p * p.shape[1])).sum(axis=1)}


def by_two_gaussians(arrays, settings):
    m, v, a, b = (arrays[k] for k in ("mean", "log_var", "prior_mean", "prior_log_var"))
    return {"value": 0.5 * ((np.exp(v) + (m - a) ** 2) / np.exp(b) - 1 - v + b).sum(axis=1)}


def by_groups(arrays, settings):
    return {"value": np.log(np.exp(arrays["log_w"]).mean(axis=2)).mean(axis=1)}


def by_precisions(arrays, settings):
    precision = np.exp(-arrays["log_vars"]) * arrays["present"][:, :, None]
    total = 1 + precision.sum(axis=0)
    return {"mean": (precision * arrays["means"]).sum(axis=0) / total, "log_var": -np.log(total)}


def by_natural_parameter(arrays, settings):
    eta = arrays["logits"]
    return {"value": (arrays["x"] * eta - np.log((np.exp(eta) - 1) / eta)).sum(axis=1)}


def by_differences(arrays, settings):
    def cdf(at):
        return 1 / (1 + np.exp(-(at - arrays["mean"]) / np.exp(arrays["log_scale"])))

    x = arrays["x"]
    high = np.where(x == settings["levels"] - 1, 1, cdf(x + 0.5))
    return {"value": np.log(high - np.where(x == 0, 0, cdf(x - 0.5))).sum(axis=1)}


def by_projection(arrays, settings):
    w, u = arrays["w"], arrays["u"]
    s = (w * u).sum(axis=1, keepdims=True)
    return {"u_hat": u + (np.log(1 + np.exp(s)) - 1 - s) * w / (w * w).sum(axis=1, keepdims=True)}


def by_recurrence(arrays, settings):
    """A₅ by the closed form of A₃ = coth κ − 1/κ: A_(d+2) = 1/A_d − d/κ."""
    kappa = arrays["kappa"]
    return {"value": 1 / (1 / np.tanh(kappa) - 1 / kappa) - 3 / kappa}


def by_entries(arrays, settings):
    return {"value": np.einsum("bdz,bdz->b", arrays["jacobian"], arrays["jacobian"])}


def by_probabilities(arrays, settings):
    d, e = (1 / (1 + np.exp(-arrays[name])) for name in ("logits", "other_logits"))
    return {"value": -0.5 * (np.log(d).mean() + np.log(1 - e).mean()), "d_z": np.zeros((B, Z))}


RIGHT = {
    "mmd": by_pairs,
    "total_correlation": by_rows,
    "categorical_kl": by_softmax,
    "gaussian_kl": by_two_gaussians,
    "grouped_bound": by_groups,
    "product_of_experts": by_precisions,
    "continuous_bernoulli": by_natural_parameter,
    "discretized_logistic": by_differences,
    "planar_step": by_projection,
    "expected_cosine": by_recurrence,
    "decoder_gradient": by_entries,
    "critic": by_probabilities,
}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("term", RIGHT)
def test_what_is_right_is_not_accused(term, dtype, reduction, whole):
    arrays, settings = given(term)
    settings = defaults(term) | settings
    reduce = np.sum if reduction == "sum" else np.mean
    results = made(RIGHT[term], arrays, settings, reduce, TERMS[term].constants)
    if not whole and "value" in results:  # one number, as losses are reported
        results["value"] = reduce(results["value"])
    handed = {name: np.asarray(array, dtype) for name, array in (arrays | results).items()}
    report = diagnose_term(term, handed, reduction=reduction, **settings)
    assert report.matches, str(report)
    assert report.mistake is None


def test_the_norms_of_a_quantization_by_hand():
    arrays, _ = given("quantization")
    z_e, codebook = arrays["z_e"], arrays["codebook"]
    chosen = squares(z_e, codebook).argmin(axis=1)
    apart = z_e - codebook[chosen]
    by_code = np.zeros_like(codebook)
    np.add.at(by_code, chosen, -2 * apart / B)
    results = {
        "value": 1.25 * (apart**2).sum(axis=1),
        "d_z_e": 2 * 0.25 * apart / B,
        "d_codebook": by_code,
    }
    assert diagnose_term("quantization", arrays | results).matches


def test_the_known_slope_of_the_expected_cosine():
    """0.147389 at D = 5 and κ = 2, where draws of a widely used public gradient have the mean 0.12766."""
    arrays, settings = {"kappa": np.array([2.0])}, {"dim": 5}
    (fault,) = TERMS["expected_cosine"].faults
    assert fault.results(arrays, settings)["d_kappa"][0] == pytest.approx(0.12767, abs=1e-6)
    cosine = by_recurrence(arrays, settings)["value"]
    slope = 1 - cosine**2 - 4 * cosine / 2.0
    assert slope[0] == pytest.approx(0.147389, abs=5e-7)
    assert diagnose_term("expected_cosine", arrays | {"value": cosine, "d_kappa": slope}, dim=5).matches


@pytest.mark.parametrize("term", TERMS)
def test_numbers_that_are_off_get_no_name(term):
    arrays, settings = given(term)
    settings = defaults(term) | settings
    rng = np.random.default_rng(5)
    results = made(TERMS[term].faults[0].results, arrays, settings, np.mean, TERMS[term].constants)
    for _ in range(20):
        off = {
            name: np.asarray(array) * (1 + rng.normal(size=np.shape(array)) * 10 ** rng.uniform(-5, 0))
            for name, array in results.items()
        }
        report = diagnose_term(term, arrays | off, **settings)
        assert report.mistake is None
        assert not report.matches


def test_one_number_is_not_enough_for_a_name():
    arrays, settings = given("mmd")
    faulty = made(TERMS["mmd"].faults[0].results, arrays, defaults("mmd") | settings, np.mean, ("prior",))
    report = diagnose_term("mmd", arrays | {"value": np.float32(faulty["value"])}, **settings)
    assert not report.matches
    assert report.mistake is None
    assert "this could be mmd_divided_by_n_minus_1" in str(report)
    assert "pass d_z" in str(report)


def test_what_would_agree_too_is_said():
    log_w = normal(B, 3, 3)
    one = np.repeat(log_w[:, :, :1], 3, axis=2)  # all draws of a group weigh alike
    report = diagnose_term("grouped_bound", {"log_w": one, "value": by_groups({"log_w": one}, {})["value"]})
    assert report.matches
    assert "mean_of_log_weights" in str(report)


def test_a_common_factor_is_said():
    arrays, _ = given("gaussian_kl")
    value = 2 * by_two_gaussians(arrays, {})["value"]
    assert "value is 2 times the reference at every entry" in str(
        diagnose_term("gaussian_kl", arrays | {"value": value})
    )


def test_a_file_is_compared_from_the_command_line(tmp_path, capsys):
    arrays, settings = given("mmd")
    faulty = TERMS["mmd"].faults[0]
    value = faulty.results(arrays, defaults("mmd") | settings)["value"]
    np.savez(tmp_path / "term.npz", codes=arrays["z"], prior=arrays["prior"], value=value)
    argv = [
        "diagnose",
        "--term",
        "mmd",
        str(tmp_path / "term.npz"),
        "--setting",
        "width=2.0",
        "--name",
        "codes=z",
    ]
    assert main([*argv, "--json", str(tmp_path / "said.json")]) == 1
    assert f"{faulty.name}: {faulty.fix}" in capsys.readouterr().out
    assert json.loads((tmp_path / "said.json").read_text())["mistake"] == faulty.name
    assert main([*argv, "--setting", "kernel=cosine"]) == 2
    assert "kernel should be one of gaussian, inverse_multiquadratic" in capsys.readouterr().err
    assert main([*argv[:4], "--setting", "width"]) == 2
    assert "--setting should be like NAME=VALUE" in capsys.readouterr().err
    assert main(["diagnose", argv[3], "--setting", "width=2"]) == 2
    assert "--setting should come with a --term" in capsys.readouterr().err
    assert main(["diagnose", "--term", "mmd", str(tmp_path)]) == 2
    assert "--term takes one file" in capsys.readouterr().err


def test_the_list_of_mistakes_has_every_fault(capsys):
    assert main(["diagnose", "--mistakes"]) == 0
    printed = capsys.readouterr().out
    for name, term in TERMS.items():
        assert f"--term {name}: {term.says}" in printed
        assert all(f"{fault.name}\n    {fault.fix}" in printed for fault in term.faults)


def test_the_readme_counts_the_faults_and_has_every_term():
    text = (Path(reference.__file__).parent / "README.md").read_text(encoding="utf-8")
    counted = sum(len(term.faults) for term in TERMS.values())
    assert f"There are {len(TERMS)} terms with {counted} faults" in text
    assert all(f"`{name}`" in text for name in TERMS)


REFUSED = {
    "a term that there is not": (("kl", {}), {}, "term should be one of"),
    "an array that there is not": (("mmd", {"codes": np.ones(3)}), {}, "knows no array 'codes'"),
    "an array that is missing": (
        ("mmd", {"z": np.ones((3, 2)), "value": 1.0}),
        {},
        "is computed from z, prior; prior is missing",
    ),
    "no result": (
        ("mmd", {"z": np.ones((3, 2)), "prior": np.ones((3, 2))}),
        {},
        "a result of yours should be given",
    ),
    "a shape": (
        ("mmd", {"z": np.ones((3, 2)), "prior": np.ones((3, 4)), "value": 1.0}),
        {},
        "prior should have shape",
    ),
    "a setting": (
        ("mmd", {"z": np.ones((3, 2)), "prior": np.ones((3, 2)), "value": 1.0}),
        {"bandwidth": 1},
        "mmd has no setting 'bandwidth'; it has kernel, estimator, width",
    ),
    "a word for a number": (
        ("mmd", {"z": np.ones((3, 2)), "prior": np.ones((3, 2)), "value": 1.0}),
        {"width": "wide"},
        "width should be",
    ),
    "a number for a word": (
        ("mmd", {"z": np.ones((3, 2)), "prior": np.ones((3, 2)), "value": 1.0}),
        {"kernel": 2},
        "kernel should be one of",
    ),
    "fractions for levels": (
        (
            "discretized_logistic",
            {name: np.full((2, 2), 0.5) for name in ("mean", "log_scale", "x", "d_mean")},
        ),
        {},
        "x should hold levels",
    ),
    "a negative concentration": (
        ("expected_cosine", {"kappa": [-1.0], "value": [0.5]}),
        {},
        "should be positive",
    ),
    "a NaN": (
        ("mmd", {"z": np.full((3, 2), np.nan), "prior": np.ones((3, 2)), "value": 1.0}),
        {},
        "z should be finite",
    ),
    "words": (("mmd", {"z": "codes"}), {}, "z should be an array of real numbers"),
    "a reduction": (("mmd", {}), {"reduction": "none"}, "reduction should be one of"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused_in_a_sentence(case):
    arguments, settings, said = REFUSED[case]
    with pytest.raises(InputError, match=f"^diagnose_term.*{said}"):
        diagnose_term(*arguments, **settings)
