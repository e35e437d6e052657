"""What a diagnosis says beyond the catalogue: solved readings, no names by chance, what could not be seen,
the first NaN.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from mistake_corpus import FRESH, KNOWN, corpus, draw_plan, judged, scalars, table

from scratchvae.reference import diagnose
from scratchvae.reference.diagnosis.least_squares import least_squares


def right_step(B=8, D=12, Z=3, dtype=np.float64, size=1.0, seed=0):
    """A right step of a Bernoulli VAE whose decoder is linear, with every gradient; `size` is that of mean
    and log σ².
    """
    rng = np.random.default_rng(seed)
    x, W = (rng.random((B, D)) < 0.4).astype(float), rng.normal(size=(Z, D))
    mean, log_var, noise = (
        size * rng.normal(size=(B, Z)),
        size * rng.normal(size=(B, Z)),
        rng.normal(size=(B, Z)),
    )
    z = mean + np.exp(log_var / 2) * noise
    logits = z @ W
    d_logits = (1 / (1 + np.exp(-logits)) - x) / B
    d_z = d_logits @ W.T
    arrays = {
        "x": x,
        "mean": mean,
        "log_var": log_var,
        "noise": noise,
        "z": z,
        "logits": logits,
        "reconstruction": (np.logaddexp(0, logits) - x * logits).sum(axis=1),
        "kl": 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1),
        "d_logits": d_logits,
        "d_z": d_z,
        "d_mean": d_z + mean / B,
        "d_log_var": d_z * 0.5 * np.exp(log_var / 2) * noise + 0.5 * (np.exp(log_var) - 1) / B,
    }
    arrays["loss"] = (arrays["reconstruction"] + arrays["kl"]).mean()
    return {name: np.asarray(array, dtype) for name, array in arrays.items()}


def test_a_corpus_of_steps_composed_at_random():
    found = list(corpus(seed=7, size=20))
    assert not [one.what for one in found if one.verdict in {"accused", "FALSE NAME", "SILENT"}]
    assert sum(one.verdict == "described" for one in found) >= 18, table(found)


@pytest.mark.parametrize("handed_over", ["all", "no parts"])
@pytest.mark.parametrize("mistake", KNOWN + FRESH, ids=lambda mistake: mistake.what)
def test_every_mistake_of_the_corpus_is_described_where_beta_is_not_1(mistake, handed_over):
    """Without the parts the report says a weight of the KL, which is another number than a factor of it."""
    rng, wrong = np.random.default_rng(5), None
    while wrong is None:
        plan = draw_plan(rng)
        settings = {**plan.settings, "beta": 0.5}
        wrong = mistake.change(
            replace(plan, dtype="float64", handed_over=handed_over, settings=settings), rng
        )
    one = judged(mistake.what, wrong, mistake.right_names(wrong), mistake.words, True)
    assert one.verdict == "described", str(one.report)


@pytest.mark.parametrize("size", [25, pytest.param(60, marks=pytest.mark.slow)])
def test_no_name_for_a_number_that_is_off_by_chance(size):
    for _, report in scalars(seed=1, size=size):
        assert not report.causes
        # nor a number that was solved for
        assert report.ok or report.explanation.startswith("the cause is unknown")


@pytest.mark.parametrize(("B", "D", "n"), [(16, 64, 4), (128, 1024, 8), (64, 784, 12.25)])
def test_a_number_that_sizes_make_too_is_no_name(B, D, n):
    arrays = right_step(B, D, dtype=np.float32)
    few = {name: arrays[name] for name in ("x", "logits", "mean", "log_var", "noise", "z")}
    report = diagnose({**few, "loss": np.float32(arrays["loss"] / n)})
    assert (report.first, report.causes) == ("loss", ())


def changed(**arrays):
    """A right step with some arrays made anew from the others."""
    step = right_step()
    return step | {name: f(step) for name, f in arrays.items()}


def without(step, *names):
    return {name: array for name, array in step.items() if name not in names}


def all_times(factor):
    """A step whose gradients are multiplied by a number, and whose loss is not."""
    return changed(
        **{name: lambda s, name=name: factor * s[name] for name in right_step() if name[:2] == "d_"}
    )


def estimated(value):
    """A KL that is estimated from the draw, as value(u, log_var, z)."""
    return changed(
        kl=lambda s: value((s["z"] - s["mean"]) * np.exp(-s["log_var"] / 2), s["log_var"], s["z"]).sum(axis=1)
    )


SAID = {
    "the gradients are 3 times those of the loss, which itself is as it should be": all_times(3.0),
    "2 backward passes that are added up": all_times(2.0),
    "a mean over several passes": all_times(0.25),
    "z used σ to the power 0.5, which is exp(1/4 log σ²)": changed(
        z=lambda s: s["mean"] + np.exp(s["log_var"] / 4) * s["noise"]
    ),
    "z used √(σ² + 1)": changed(z=lambda s: s["mean"] + np.sqrt(np.exp(s["log_var"]) + 1) * s["noise"]),
    "its log q(z|x) lacks −½ log σ²": estimated(lambda u, lv, z: 0.5 * (z**2 - u**2)),
    "its log q(z|x) lacks −½ ((z − mean)/σ)²": estimated(lambda u, lv, z: 0.5 * (z**2 - lv)),
    "the KL lacks log q(z|x)": changed(
        kl=lambda s: 0.5 * (s["z"] ** 2 + np.log(2 * np.pi)).sum(axis=1), loss=lambda s: s["loss"]
    ),
    "z used 0.01 σ": changed(z=lambda s: s["mean"] + 0.01 * np.exp(s["log_var"] / 2) * s["noise"]),
    "z used a σ clamped to [0.5, 1.5]": changed(
        z=lambda s: s["mean"] + np.clip(np.exp(s["log_var"] / 2), 0.5, 1.5) * s["noise"]
    ),
    "the neighbouring example": changed(
        reconstruction=lambda s: (
            np.logaddexp(0, s["logits"]) - np.roll(s["x"], 1, axis=0) * s["logits"]
        ).sum(axis=1)
    ),
    "x = 1 weigh 5 and those with x = 0 weigh 1": changed(
        reconstruction=lambda s: (
            5 * s["x"] * np.logaddexp(0, -s["logits"]) + (1 - s["x"]) * np.logaddexp(0, s["logits"])
        ).sum(axis=1)
    ),
    "the whole loss × 1/4": changed(loss=lambda s: (s["reconstruction"] + s["kl"]) / 4),
    "sum over the batch, given to every example": changed(kl=lambda s: np.full(8, s["kl"].sum())),
    "the KL lacks its mean²": changed(
        kl=lambda s: 0.5 * (np.exp(s["log_var"]) - 1 - s["log_var"]).sum(axis=1)
    ),
    "γ = 100 and C = 5": changed(
        loss=lambda s: s["reconstruction"].mean() + 100 * (5 - s["kl"].mean()),
        d_mean=lambda s: s["d_z"] - 100 * s["mean"] / 8,
        d_log_var=lambda s: s["d_z"] * 0.5 * (s["z"] - s["mean"]) - 50 * (np.exp(s["log_var"]) - 1) / 8,
    ),
    "only in example 7, the last": changed(
        reconstruction=lambda s: s["reconstruction"] * np.where(np.arange(8) == 7, 2, 1)
    ),
    "there it is 3 times what it should be": changed(
        reconstruction=lambda s: s["reconstruction"] * np.where(np.arange(8) > 5, 3, 1)
    ),
    "there it is −1 times what it should be": changed(
        d_logits=lambda s: s["d_logits"] * np.where(np.arange(8) > 5, -1, 1)[:, None]
    ),
    "there 0.7 is added": changed(kl=lambda s: s["kl"] + np.where(np.arange(8) > 5, 0.7, 0)),
    "its examples are in another order: [7, 6, 5, 4, 3, 2, 1, 0]": changed(kl=lambda s: s["kl"][::-1]),
    "only in column 2": changed(
        d_logits=lambda s: s["d_logits"] + 0.1 * s["x"].mean() * (np.arange(12) == 2) * s["logits"] ** 2
    ),
}


@pytest.mark.parametrize("said", SAID)
def test_what_has_no_name_is_described(said):
    report = diagnose(SAID[said])
    assert report.causes == ()
    assert said in report.explanation, str(report)


def test_a_factor_of_all_entries_is_said_once_and_not_as_weights_of_lit_and_unlit_ones():
    report = diagnose(changed(reconstruction=lambda s: 3.7 * s["reconstruction"]))
    assert report.explanation == "this is the reconstruction × 3.7: leave out the factor 3.7"


@pytest.mark.parametrize("factor", [0.3, 0.4, 0.6, 0.7, 0.75, 0.8, 0.9, 1.5, 2.5, 10.0, 1 / 256])
def test_one_loss_of_double_precision_shows_a_factor_that_people_write(factor):
    step = right_step()
    few = {name: step[name] for name in ("x", "logits", "mean", "log_var")}
    said = diagnose(few | {"loss": factor * step["loss"]}).explanation
    assert said.startswith(f"this is the whole loss × {'1/256' if factor < 0.1 else f'{factor:g}'}, as "), (
        said
    )


TARGETS = {
    "the x of the neighbouring example: compare output i with x i": lambda x: np.roll(x, 1, axis=0),
    "the x of the neighbouring example": lambda x: np.roll(x, -1, axis=0),
    "x in reversed order": lambda x: x[::-1],
    "1 − x": lambda x: 1 - x,
    "x > ½": lambda x: (x > 0.5) * 1.0,
    "2 x − 1": lambda x: 2 * x - 1,
    "x / 255": lambda x: x / 255,
    "255 x": lambda x: 255 * x,
    "nothing": np.zeros_like,
}


@pytest.mark.parametrize("said", TARGETS)
def test_what_an_output_is_compared_with_instead_of_x_is_said(said):
    x, x_mean = np.random.default_rng(0).random((2, 8, 12))
    R = (0.5 * (TARGETS[said](x) - x_mean) ** 2 + 0.5 * np.log(2 * np.pi)).sum(axis=1)
    report = diagnose({"x": x, "x_mean": x_mean, "reconstruction": R}, likelihood="gaussian")
    assert report.causes == ()
    assert re.search(f"(is|with) {re.escape(said)}(,|:|$)", report.explanation), str(report)


@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_noise_of_one_example_is_shared_by_all(shape):
    step, noise = right_step(), np.random.default_rng(1).normal(size=shape)
    few = {"mean": step["mean"], "log_var": step["log_var"], "noise": noise}
    report = diagnose(few | {"z": step["mean"] + np.exp(step["log_var"] / 2) * noise})
    assert (report.first, report.cause) == ("noise", "noise_shared_across_batch")


@pytest.mark.parametrize("part", ["reconstruction", "kl"])
def test_two_examples_are_enough_for_one_number_that_was_solved_for(part):
    """The number takes up one of them, and the other proves it."""
    step = right_step(B=2)
    few = {name: step[name] for name in ("x", "logits", "mean", "log_var", "reconstruction", "kl")}
    report = diagnose(few | {part: 3.7 * few[part]})
    assert re.search("× 3.7|3.7 times", report.explanation), str(report)
    first = {name: array[:1] for name, array in (few | {part: 3.7 * few[part]}).items()}
    assert re.match("the cause is unknown|kl differs, unproven", diagnose(first).explanation)


def test_weights_of_the_parts_are_solved_for_in_gradients_alone():
    step = right_step()
    d_z = 3.3 * step["d_z"]
    step |= {
        "d_logits": 3.3 * step["d_logits"],
        "d_z": d_z,
        "d_mean": d_z + 2.7 * step["mean"] / 8,
        "d_log_var": d_z * 0.5 * (step["z"] - step["mean"]) + 2.7 * 0.5 * (np.exp(step["log_var"]) - 1) / 8,
    }
    of_R, of_KL = "this is the reconstruction × 3.3", "the reconstruction has the weight 1 and the KL 2.7"
    for hidden, said in (((), (of_R, of_KL)), (("d_logits",), (of_KL,))):
        found = diagnose(without(step, "loss", "reconstruction", "kl", *hidden)).findings
        assert len(found) == len(said)
        assert all(words in finding.explanation for words, finding in zip(said, found, strict=True)), found


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("floor", [1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3])
def test_a_floor_of_a_logarithm_is_known_at_any_usual_size(floor, clipped):
    rng = np.random.default_rng(0)
    x, logits = (rng.random((8, 12)) < 0.4).astype(float), rng.uniform(-30, 30, (8, 12))
    p = 1 / (1 + np.exp(-logits))
    q, added = (np.clip(p, floor, 1 - floor), 0.0) if clipped else (p, floor)
    R = -(x * np.log(q + added) + (1 - x) * np.log(1 - q + added)).sum(axis=1)
    assert diagnose({"x": x, "x_mean": p, "reconstruction": R}, likelihood="bernoulli").cause == "log_clipped"


@pytest.mark.parametrize("exchanged", [False, True])
@pytest.mark.parametrize(("low", "right"), [(1.5e-12, True), (0.5e-12, False)])
def test_the_slope_of_torchs_cross_entropy_is_right_unless_its_floor_holds_an_error_down(
    low, right, exchanged
):
    """It divides by p (1 − p), but by 1e-12 at least: that matters for an error alone, not where p is right."""
    x, p = np.tile([0.0, 1.0, 0.0], (4, 1)), np.full((4, 3), 0.3)
    p[0, 0], p[1, 1] = 1e-13, low
    x, p = (1 - x, 1 - p) if exchanged else (x, p)
    R = -np.log(np.where(x == 1, p, 1 - p)).sum(axis=1)
    slope = (p - x) / np.maximum(p * (1 - p), 1e-12) / 4
    arrays = {"x": x, "x_mean": p, "reconstruction": R, "d_x_mean": slope}
    assert diagnose(arrays, likelihood="bernoulli").ok == right


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian with its own σ", "laplace"])
def test_gradients_by_an_output_far_from_0_may_lose_the_digits_that_its_dtype_loses(likelihood):
    """All is computed in double precision, and handed over in single: x − mean has four digits then."""
    rng = np.random.default_rng(0)
    x, mean, log_var = (rng.normal(size=(8, 12)) for _ in range(3))
    x, mean, kind = 300 + x, 300 + mean, likelihood.split()[0]
    half = 0.5 * log_var if "own" in likelihood else np.zeros_like(x)
    u = (mean - x) / np.exp(half)
    value = (
        0.5 * u**2 + half + 0.5 * np.log(2 * np.pi)
        if kind == "gaussian"
        else 2**0.5 * np.abs(u) + np.log(2**0.5)
    )
    slope = u / np.exp(half) if kind == "gaussian" else 2**0.5 * np.sign(u)
    arrays = {"x": x, "x_mean": mean, "reconstruction": value.sum(axis=1), "d_x_mean": slope / 8}
    if "own" in likelihood:
        arrays |= {"x_log_var": log_var, "d_x_log_var": 0.5 * (1 - u**2) / 8}
    report = diagnose({name: a.astype(np.float32) for name, a in arrays.items()}, likelihood=kind)
    assert report.ok, str(report)
    if kind == "gaussian":  # a mistake is known with as few digits
        squares = (0.5 * u**2).sum(axis=1)
        arrays |= {"reconstruction": arrays["reconstruction"] + squares, "d_x_mean": 2 * slope / 8}
        if "own" in likelihood:
            arrays |= {"d_x_log_var": (0.5 - u**2) / 8}
        report = diagnose({name: a.astype(np.float32) for name, a in arrays.items()}, likelihood=kind)
        assert [finding.causes for finding in report.findings] == [("gaussian_half_missing",)], str(report)


def minus_log_pz(step, constant):
    return 0.5 * (step["z"] ** 2 + constant).sum(axis=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduced", [lambda a: a, np.mean, np.sum], ids=["each", "mean", "sum"])
@pytest.mark.parametrize("beta", [1.0, 4.0])
@pytest.mark.parametrize("constant", [np.log(2 * np.pi), 0.0])
def test_a_kl_without_log_q_is_described(constant, beta, reduced, dtype):
    """With its constant or not, by example or as one number, and with beta in it as it enters the loss."""
    step = {name: array.astype(np.float64) for name, array in right_step(dtype=dtype).items()}
    step["d_z"] = step["d_z"] + beta * step["z"] / 8
    step |= {"d_mean": step["d_z"], "d_log_var": step["d_z"] * 0.5 * (step["z"] - step["mean"])}
    kl, each = beta * minus_log_pz(step, constant), reduced is np.sum
    scale = 8 if each else 1
    step |= {"kl": reduced(kl), "loss": scale * (step["reconstruction"] + kl).mean()}
    step |= {name: scale * step[name] for name in step if name.startswith("d_")}
    report = diagnose(
        {name: np.asarray(array, dtype) for name, array in step.items()},
        beta=beta,
        reduction="sum" if each else "mean",
    )
    assert report.explanation.startswith("the KL lacks log q(z|x)"), str(report)
    assert ("kl holds its weight beta" in str(report)) == (beta != 1)
    assert [finding.quantity for finding in report.findings] == ["kl"], str(report)


@pytest.mark.parametrize("part", ["kl", "reconstruction"])
@pytest.mark.parametrize("size", [0.1, 0.5, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("reduced", [np.mean, np.sum])
def test_one_number_of_no_known_kind_is_a_mean_or_a_sum_as_the_loss_says(reduced, size, part):
    step = right_step()
    wrong = size * (0.3 + np.abs(step["mean"]) + step["log_var"] ** 4).sum(axis=1) * step[part].mean() / 8
    parts = {"reconstruction": step["reconstruction"], "kl": step["kl"], part: wrong}
    parts = {name: reduced(array) for name, array in parts.items()}
    few = without(step, *(name for name in step if name.startswith("d_")))
    reduction = "sum" if reduced is np.sum else "mean"
    report = diagnose({**few, **parts, "loss": sum(parts.values())}, reduction=reduction)
    assert [(finding.quantity, finding.causes) for finding in report.findings] == [(part, ())], str(report)
    assert "one-sample estimate" not in str(report)


def test_a_sum_beside_a_mean_is_named_all_the_same():
    step = right_step()
    parts = {"reconstruction": step["reconstruction"].mean(), "kl": step["kl"].sum()}
    few = without(step, *(name for name in step if name.startswith("d_")))
    assert diagnose({**few, **parts, "loss": sum(parts.values())}).cause == "kl_summed_over_batch"


def test_a_weight_that_rounding_hides_is_none():
    one, other = np.random.default_rng(0).normal(size=(2, 50))
    found = least_squares([one, other], (3 * one).astype(np.float32).astype(float), rounding=1e-6)
    assert found[0] == pytest.approx(3, rel=1e-6)
    assert found[1] == 0
    assert least_squares([one, other], 3 * one + 1e-5 * other, rounding=1e-6)[1] == pytest.approx(1e-5)
    step = right_step(dtype=np.float32)
    no_kl = {"d_mean": step["d_z"], "d_log_var": step["d_z"] * 0.5 * (step["z"] - step["mean"])}
    report = diagnose({**step, **no_kl, "loss": step["reconstruction"].mean() + np.float32(1.6)})
    assert "the reconstruction has the weight 1, the KL 0, and 1.6" in report.explanation, str(report)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_weights_of_lit_entries_show_in_the_gradient_alone(reduction):
    step = right_step()
    on = 1 / (1 + np.exp(-step["logits"]))
    slope = (1 - step["x"]) * on - 5 * step["x"] * (1 - on)
    arrays = {"x": step["x"], "logits": step["logits"], "d_logits": slope / (8 if reduction == "mean" else 1)}
    report = diagnose(arrays, reduction=reduction)
    assert "x = 1 weigh 5 and those with x = 0 weigh 1" in report.explanation, str(report)


def test_an_estimate_from_a_z_with_few_digits_beside_sigma_is_allowed_its_rounding():
    """(z − mean) / σ of a float32 z loses |z| / σ roundoffs, of which 16 are added here."""
    rng = np.random.default_rng(0)
    mean, log_var = np.full((8, 3), 10.0, np.float32), np.full((8, 3), -14.0, np.float32)
    std = np.exp(log_var / 2)
    z = mean + std * rng.normal(size=(8, 3)).astype(np.float32)
    u = (z.astype(float) - mean) / std
    u += np.sign(u) * 16 * 2.0**-24 * 10 / std
    kl = (0.5 * (z.astype(float) ** 2 - u**2) - log_var / 2).sum(axis=1).astype(np.float32)
    assert diagnose({"mean": mean, "log_var": log_var, "z": z, "kl": kl}).ok
    assert not diagnose({"mean": mean, "log_var": log_var, "z": z, "kl": kl + np.float32(1)}).ok


def test_a_cause_that_a_later_quantity_contradicts_is_withdrawn():
    step = changed(d_mean=lambda s: s["d_z"])  # the KL's part of it is missing, and in d_log_var it is not
    report = diagnose(step)
    assert (report.first, report.causes) == ("d_mean", ())
    assert "the mean is detached in the KL" in report.explanation
    both = changed(d_mean=lambda s: s["d_z"], d_log_var=lambda s: s["d_z"] * 0.5 * (s["z"] - s["mean"]))
    assert diagnose(both).cause == "kl_detached"


def test_nothing_is_named_downstream_of_an_unknown():
    wrong = np.random.default_rng(3).normal(size=(8, 3))
    made = {
        "z": lambda s: s["z"] * (1 + 0.1 * wrong),
        "d_log_var": lambda s: -s["d_log_var"],
        "kl": lambda s: 2 * s["kl"],
    }
    report = diagnose(changed(**made))
    assert report.first == "z"
    assert report.findings[1].causes == ("kl_half_missing",)  # which does not follow from z
    assert (
        next(line for line in report.lines if line.quantity == "d_log_var").verdict
        == "follows from z, cause unknown"
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [0.0, 1.0, -1.0, 2.0])
def test_a_kl_below_rounding_is_no_match(weight, dtype):
    step = without(
        right_step(D=784, dtype=dtype, size=1e-4 if dtype is np.float32 else 1e-8),
        "d_mean",
        "d_log_var",
        "d_z",
        "kl",
    )
    report = diagnose(
        {
            **step,
            "loss": step["reconstruction"].mean(dtype=np.float64).astype(dtype)
            + dtype(weight * (1e-9 if dtype is np.float32 else 1e-15)),
        }
    )
    assert report.ok
    assert not report.matches
    assert "without the KL too" in report.explanation
    assert diagnose(right_step(dtype=dtype)).matches


def test_what_was_not_seen_is_said():
    said = str(diagnose(without(right_step(), "noise", "d_mean", "d_logits")))
    assert said.startswith("all that could be compared agrees")
    for words in (
        "the sampling: pass noise",
        "gradients reach the encoder: pass d_mean",
        "gradients reach the decoder: pass d_logits",
    ):
        assert words in said


@pytest.mark.parametrize("variance", [1.0, 0.01])
def test_digits_that_a_small_variance_takes_are_allowed(variance):
    """(mean − x)/σ² of a decoder that is nearly right has the digits of mean − x, constants or not."""
    rng = np.random.default_rng(0)
    x = rng.random((16, 64)).astype(np.float32)
    mean = (x + 1e-3 * rng.normal(size=x.shape)).astype(np.float32)
    gradient = ((255 * mean - 255 * x) * np.float32(1 / (255 * variance * 16))).astype(np.float32)
    for constants in (True, False):
        report = diagnose(
            {"x": x, "x_mean": mean, "d_x_mean": gradient},
            likelihood="gaussian",
            variance=variance,
            constants=constants,
        )
        assert report.matches, str(report)


def test_one_array_for_two_roles():
    step = right_step()
    report = diagnose({**step, "log_var": step["mean"]})
    assert (report.first, report.cause) == ("log_var", "one_array_for_two_roles")
    zero = np.zeros((8, 3))  # heads that start at 0 are no mistake
    assert diagnose({"mean": zero, "log_var": zero, "noise": step["noise"], "z": step["noise"]}).ok
    relu = np.maximum(np.random.default_rng(0).normal(size=(8, 3)), 0)
    assert "after a ReLU" in str(diagnose({"mean": step["mean"], "log_var": relu, "kl": step["kl"]}))


def test_bytes_and_binarized_data_are_taken_as_the_step_takes_them():
    step = right_step()
    raw = np.round(255 * np.random.default_rng(0).random((8, 12)))
    R = (np.logaddexp(0, step["logits"]) - raw / 255 * step["logits"]).sum(axis=1)
    report = diagnose({"x": raw, "logits": step["logits"], "reconstruction": R})
    assert report.matches, str(report)
    assert "divides x by 255" in str(report)
    assert diagnose({"x": raw, "logits": step["logits"], "reconstruction": 2 * R}).first == "x"
    grey = np.clip(step["x"] * 0.6 + 0.2, 0, 1)
    report = diagnose({"x": grey, **{name: step[name] for name in ("logits", "d_logits", "reconstruction")}})
    assert report.matches
    assert "x binarized" in str(report)


def overflowing():
    step = right_step()
    log_var = step["log_var"].copy()
    log_var[2, 1] = 2000.0
    return {**step, "log_var": log_var, "z": step["mean"] + np.exp(log_var / 2) * step["noise"]}


def saturated():
    step = right_step()
    p = np.clip(step["x"] + 0.1 * step["logits"], 0, 1)
    return {
        "x": step["x"],
        "recon_x": p,
        "bce": -(step["x"] * np.log(p) + (1 - step["x"]) * np.log(1 - p)).sum(axis=1),
    }


def no_spread():
    step = right_step()
    std = np.exp(step["log_var"] / 2)
    std[1] = 0
    return {
        "mean": step["mean"],
        "std": std,
        "kl": (0.5 * (step["mean"] ** 2 + std**2 - 1) - np.log(std)).sum(axis=1),
    }


def from_the_encoder():
    step = right_step()
    return {**step, "mean": np.where(step["mean"] > 1, np.nan, step["mean"])}


BROKEN = {
    "z is infinite in 1 of 24 entries, first at [2, 1], made by exp overflows": (
        overflowing,
        "clamp log_var",
    ),
    "log of 0 (and 0 · log 0 is NaN)": (saturated, "use the cross-entropy with logits"),
    "σ is 0 where std says so": (no_spread, "add a small number"),
    "the encoder gave it": (from_the_encoder, "lower the learning rate"),
}


@pytest.mark.parametrize("said", BROKEN)
def test_the_first_number_that_is_none_is_explained(said):
    make, fix = BROKEN[said]
    with np.errstate(all="ignore"):
        report = diagnose(make())
    assert not report.ok
    assert said in report.explanation
    assert fix in report.explanation
    assert len(report.findings) == 1, str(report)


def test_the_examples_of_a_broken_operation_are_told_four_at_most():
    step = right_step()
    p = 1 / (1 + np.exp(-step["logits"]))
    for wrong, told in (([3], "3"), ([0, 2, 3, 5, 6], "0, 2, 3, 5")):
        ones = p.copy()
        ones[wrong, 1] = step["x"][wrong, 1]
        with np.errstate(all="ignore"):
            gradient = (ones - step["x"]) / (ones * (1 - ones)) / 8
        report = diagnose({"x": step["x"], "x_mean": ones, "d_x_mean": gradient})
        assert f"(inputs of example {told}):" in report.explanation, report.explanation


def bfloat16(array):
    """Numbers of bfloat16 in float32, as autocast hands them over."""
    return (array.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def test_activations_of_few_digits_are_allowed_their_rounding():
    step = right_step(B=32, Z=8, dtype=np.float32)
    half = {name: bfloat16(step[name]) for name in ("mean", "log_var", "noise")}
    z = half["mean"] + np.exp(half["log_var"] / 2) * half["noise"]
    assert diagnose({**half, "z": bfloat16(z)}).matches
    assert not diagnose({**step, "z": step["z"] * 1.001}).ok


def test_draws_of_several_depart_without_a_crash():
    rng = np.random.default_rng(0)
    mean, log_var, noise = rng.normal(size=(6, 2)), rng.normal(size=(6, 2)), rng.normal(size=(6, 50, 2))
    m, s = mean[:, None], np.exp(log_var / 2)[:, None]
    for z, cause in (
        (m + s * noise, None),
        (m + s**2 * noise, "sampling_log_var_read_as_log_std"),
        (m + s * noise**3, None),
        (np.broadcast_to(m, noise.shape), "noise_missing"),
    ):
        report = diagnose({"mean": mean, "log_var": log_var, "noise": noise, "z": z})
        assert report.cause == cause, str(report)


def test_a_report_in_a_notebook():
    page = diagnose(without(changed(kl=lambda s: 2 * s["kl"]), "loss"))._repr_html_()
    assert "the KL lacks its factor ½" in page
    assert page.count("<tr>") == 2  # its head, and what departs
    first, second = str(diagnose(changed(kl=lambda s: -s["kl"]))).splitlines()[:2]
    assert first == "kl departs: the KL has the wrong sign"
    assert second.strip().startswith("negate it, so that it is ½ Σ (mean² + exp(log_var) − 1 − log_var)")


@pytest.mark.parametrize("log_std", [35, -40])
def test_a_nan_is_not_put_down_to_a_spread_whose_square_its_dtype_holds(log_std):
    """Its cube would be infinite in single precision, or 0."""
    step = right_step(dtype=np.float32)
    held, kl = step["log_var"] / 2, step["kl"]
    held[0, 0], kl[0] = log_std, np.nan
    said = diagnose({"mean": step["mean"], "log_std": held, "kl": kl}).explanation
    assert "all that it follows from is finite" in said


@pytest.mark.parametrize("names", [("kl", "mean"), ("mean", "kl"), ("d_logits", "logits"), ("d_mean", "d_z")])
def test_the_first_nan_is_the_first_of_the_step_in_whatever_order_arrays_are_given(names):
    step = right_step()
    given = {name: step[name] * np.where(name in names, np.nan, 1) for name in (*names, *step)}
    first = next(name for name in ("mean", "logits", "kl", "d_z", "d_mean") if name in names)
    assert diagnose(given).first == first
