"""What a report of the diagnosis tells a reader: an instruction for each mistake, and for what else departs why."""

import re

import numpy as np
import pytest
from test_mistakes import mean_over_batch, step
from test_readings import changed, right_step, without

from scratchvae.reference import Report, diagnose, mistakes
from scratchvae.reference.diagnosis import CATALOGUE, Line, Outcome, Verdict

WITHOUT_NOISE = {"sample": lambda m, v, n: m + 0 * v}
WITHOUT_KL = {"total": lambda R, K: mean_over_batch(R, 0 * K)}
BECAUSE = {  # mistakes: the other quantities that depart, and for the same reason as which
    "no noise": (WITHOUT_NOISE, {"d_log_var": ("z",)}),
    "no KL": (WITHOUT_KL, {"d_mean": ("loss",), "d_log_var": ("loss",)}),
    "no noise, no KL": (
        WITHOUT_NOISE | WITHOUT_KL,
        {"d_mean": ("loss",), "d_log_var": ("z", "loss")},
    ),
    "no noise, and the KL without ½": (
        WITHOUT_NOISE | {"kl": lambda m, v, z: m**2 + np.exp(v) - 1 - v},
        {"d_mean": ("kl",), "d_log_var": ("z", "kl")},
    ),
}


@pytest.mark.parametrize("name", BECAUSE)
def test_a_later_departure_is_blamed_on_the_mistakes_that_it_needs(name):
    made, because = BECAUSE[name]
    report = diagnose(step(**made))
    assert {line.quantity: line.found.because for line in report.of(Outcome.FOLLOWS)} == because, str(report)


@pytest.mark.parametrize(
    ("quantity", "own"), [("z", "reconstruction, loss, d_logits"), ("kl", "loss"), ("reconstruction", "loss")]
)
def test_what_is_computed_from_a_departure_is_told_from_what_agrees(quantity, own):
    """The reference of a loss has the user's own KL in it: that the loss agrees does not make it right."""
    odd = {
        "z": lambda s: -(s["z"] ** 3),
        "kl": lambda s: s["kl"] ** 3,
        "reconstruction": lambda s: s["kl"] ** 3,
    }
    arrays = changed(**{quantity: odd[quantity]})
    arrays |= {"loss": (arrays["reconstruction"] + arrays["kl"]).mean()}
    said = str(diagnose(without(arrays, "d_mean", "d_log_var", "d_z", "noise" if quantity != "z" else "")))
    assert f"agrees, computed from your own {quantity}: {own}\n" in said + "\n", said


@pytest.mark.parametrize("over", [np.sum, np.mean])
def test_a_ratio_is_to_a_number_that_is_reduced_alike(over):
    """The sign of a KL is the ratio −1, whether it is a mean over the batch or a sum."""
    arrays = right_step()
    kl = -over(arrays["kl"])
    report = diagnose({name: arrays[name] for name in ("mean", "log_var", "noise", "z")} | {"kl": kl})
    line = next(line for line in report.lines if line.quantity == "kl")
    assert (report.cause, line.cells[3]) == ("kl_sign", "-1"), str(report)


@pytest.mark.parametrize(("kind", "std"), [("log_var", "exp(½ log_var)"), ("std", "std"), ("var", "√var")])
def test_advice_is_by_what_the_encoder_puts_out(kind, std):
    held = {"log_var": lambda v: v, "std": lambda v: np.exp(v / 2), "var": np.exp}[kind]
    arrays = right_step()
    said = str(
        diagnose(
            {
                "mean": arrays["mean"],
                kind: held(arrays["log_var"]),
                "noise": arrays["noise"],
                "z": arrays["mean"],
            }
        )
    )
    assert f"write z = mean + {std} · noise" in said


def test_the_largest_difference_has_its_place():
    arrays = right_step()
    kl = arrays["kl"].copy()
    kl[5] += 3
    said = str(diagnose({"mean": arrays["mean"], "log_var": arrays["log_var"], "z": arrays["z"], "kl": kl}))
    assert re.search(r"^kl .* 3 at \[5\] ", said, re.MULTILINE), said


@pytest.mark.parametrize("reading", [r for r in CATALOGUE if r.named], ids=lambda r: r.name)
def test_each_mistake_says_what_is_wrong_and_then_what_to_do(reading):
    what, _, fix = reading.fix.partition(": ")
    assert what.strip(), reading.name
    assert fix.split()[0] in VERBS.split(), reading.fix


# the verbs that advice begins with; "in training write …" and "σ² is std², so write …" begin otherwise
VERBS = """
add apply call compare compute count declare detach divide draw exchange give keep leave look multiply negate set
subtract sum take use write in σ²
"""


def test_every_name_has_its_words():
    assert all(": " in words for words in mistakes().values())


def test_mistakes_that_explain_a_step_alike_have_a_line_each():
    """The first line promises no more than is known, and each mistake stands beside its own fix."""
    arrays = changed(loss=lambda s: (s["reconstruction"] - s["kl"]).mean())
    arrays |= {
        f"d_{name}": 2 * arrays["d_z"] * s - arrays[f"d_{name}"] for name, s in _slopes(arrays).items()
    }
    said = str(diagnose(without(arrays, "kl", "reconstruction"))).split("\n")
    at = said.index("loss departs: it is one of these, which give the same numbers here")
    assert [line.partition(": ")[0].strip() for line in said[at + 1 : at + 3]] == [
        "the KL has the wrong sign",
        "the KL has the wrong sign in the loss",
    ]


def _slopes(arrays):
    """dz/d(mean) and dz/d(log_var), entry by entry."""
    return {"mean": 1.0, "log_var": 0.5 * np.exp(arrays["log_var"] / 2) * arrays["noise"]}


def test_two_mistakes_at_once_have_a_line_each():
    arrays = right_step()
    z = arrays["log_var"] + np.exp(arrays["mean"]) * arrays["noise"]
    said = str(diagnose({name: arrays[name] for name in ("mean", "log_var", "noise")} | {"z": z}))
    first, *fixes = said.split("\n")[:3]
    assert first == "z departs: two mistakes are in it"
    assert all(": " in fix and "; " not in fix for fix in fixes), said


def test_what_is_said_of_several_quantities_is_said_once():
    why = ": a gradient comes otherwise: look for a penalty"
    lines = [
        Line(name, Verdict(Outcome.UNPROVEN, why=why), np.ones(2), np.zeros(2)) for name in ("d_a", "d_b")
    ]
    unchecked = [
        Line(name, Verdict(Outcome.UNCHECKED, why=": no z"), np.ones(2)) for name in ("kl", "d_mean")
    ]
    said = str(Report((*lines, *unchecked), ()))
    assert said.startswith(
        "d_a, d_b (gradients of the loss) differ: a gradient comes otherwise\n    look for a penalty\n"
    )
    assert said.endswith("\nnot checked: kl, d_mean (no z)")


@pytest.mark.parametrize(
    "arrays",
    [changed(loss=lambda s: (s["reconstruction"] + 7 * s["kl"]).mean()), step(**WITHOUT_KL), right_step()],
)
def test_nothing_is_said_to_be_declared_that_was_not(arrays):
    said = str(diagnose(arrays))
    assert not re.search("declared|handed over|hand over", said), said


def test_no_form_is_recognized_in_a_part_that_departs():
    """A loss that the user's own KL is in tells nothing of how that KL was made."""
    arrays = {name: a for name, a in right_step().items() if not name.startswith("d_")}
    kl = (0.5 * (arrays["mean"] ** 2 + np.exp(arrays["log_var"]) - 1 + 0.7 * arrays["log_var"])).sum(axis=1)
    R = arrays["reconstruction"].mean()
    for loss in (R + kl.mean(), R + kl.mean() / len(kl)):
        said = str(diagnose(arrays | {"kl": kl.mean(), "reconstruction": R, "loss": loss}))
        assert "one-sample" not in said, said
