"""check_torch with no further word: right steps of many styles are not accused, and mistakes are named or
described.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.reference import Report, capture, check_torch
from scratchvae.reference.diagnosis import Outcome

torch = pytest.importorskip("torch")
steps = pytest.importorskip("torch_steps")
F = torch.nn.functional


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def checked(name: str) -> Report:
    model, x, step = steps.STEPS[name][0]()
    return check_torch(model, x, step)


@pytest.mark.parametrize("name", [name for name, (_, verdict) in steps.STEPS.items() if verdict is None])
def test_a_right_step_is_not_accused(name):
    report = checked(name)
    assert report.ok
    assert report.matches == (name not in steps.BEYOND), str(report)
    if name in steps.BEYOND:
        assert steps.BEYOND[name] in f"{report} {report.blind}"  # what was not found is said


@pytest.mark.parametrize("name", [name for name, (_, verdict) in steps.STEPS.items() if verdict is not None])
def test_a_mistake_is_named_or_described(name):
    report, verdict = checked(name), steps.STEPS[name][1]
    assert not report.matches
    if name in steps.DESCRIBED:
        assert report.ok
        assert steps.DESCRIBED[name] in report.explanation
    else:
        assert report.cause in verdict


def test_what_was_captured_has_the_step_s_own_numbers():
    torch.manual_seed(1)
    model, x, _ = steps.STEPS["dense, example"][0]()
    with capture(model) as seen:
        mu, lv = model.encode(x)
        eps = torch.randn_like(mu)
        z = mu + torch.exp(0.5 * lv) * eps
        logits = model.logits(z)
        loss = steps.bce(logits, x) + steps.kld(mu, lv)
    report = seen.report(loss)
    assert report.matches
    expected = {"mean": mu, "log_var": lv, "noise": eps, "z": z, "logits": logits, "x": x, "loss": loss}
    for name, tensor in expected.items():
        assert np.array_equal(seen.arrays[name], tensor.detach().numpy())
    grads = torch.autograd.grad(loss, [mu, lv, z, logits])
    for name, tensor in zip(("d_mean", "d_log_var", "d_z", "d_logits"), grads, strict=True):
        # two ulps or so
        assert np.allclose(seen.arrays[name], tensor.numpy(), rtol=0, atol=1e-6 * float(tensor.abs().max()))


def test_a_step_with_its_own_backward_pass_and_update():
    model, x, step = steps.STEPS["dense, distributions"][0]()
    with capture(model) as seen:
        step(model, x).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 1e-3 * p.grad
    assert seen.report().matches
    assert not seen.unknown


def log_normal(z, mu, lv):
    return -0.5 * ((z - mu) ** 2 / lv.exp() + lv + np.log(2 * np.pi)).sum(1)


def log_prior(z):
    return -0.5 * (z**2 + np.log(2 * np.pi)).sum(1)


def log_q_of_noise(z, mu, lv):
    return -0.5 * (((z - mu) / (0.5 * lv).exp()).detach() ** 2 + lv + np.log(2 * np.pi)).sum(1)


ESTIMATED = {  # KLs of the draw of z, and what is said of each
    "log q − log p": (lambda z, mu, lv: log_normal(z, mu, lv) - log_prior(z), ""),
    "times 4": (lambda z, mu, lv: 4 * (log_normal(z, mu, lv) - log_prior(z)), ""),
    "sticking the landing": (lambda z, mu, lv: log_normal(z, mu.detach(), lv.detach()) - log_prior(z), ""),
    "of the noise": (lambda z, mu, lv: log_q_of_noise(z, mu, lv) - log_prior(z), ""),
    "log q detached": (lambda z, mu, lv: log_normal(z, mu, lv).detach() - log_prior(z), "log q(z|x)"),
    "log p detached": (lambda z, mu, lv: log_normal(z, mu, lv) - log_prior(z).detach(), "log p(z)"),
    "of the noise, log p detached": (
        lambda z, mu, lv: log_q_of_noise(z, mu, lv) - log_prior(z).detach(),
        "log p(z)",
    ),
    "z detached in both": (
        lambda z, mu, lv: log_normal(z.detach(), mu, lv) - log_prior(z.detach()),
        "its gradient by z is another",
    ),
    "no log q": (lambda z, mu, lv: -log_prior(z), "the KL lacks log q(z|x)"),
    "no log q, times 4": (lambda z, mu, lv: -4 * log_prior(z), "the KL lacks log q(z|x)"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ESTIMATED)
def test_a_kl_of_the_draw_is_compared_in_what_it_gives_z(name, dtype):
    kl, said = ESTIMATED[name]

    def step(model, x):
        mu, lv = model.encode(x)
        z = mu + torch.exp(0.5 * lv) * torch.randn_like(mu)
        R = F.binary_cross_entropy_with_logits(model.logits(z), x, reduction="none").sum(1)
        return R.mean() + kl(z, mu, lv).mean()

    torch.manual_seed(0)
    model = steps.Dense().to(dtype)
    report = check_torch(model, (torch.rand(steps.B, steps.D) < 0.5).to(dtype), step)
    assert report.ok
    assert report.matches == (not said), str(report)
    assert said in report.explanation
    if "detached" in name:
        assert [line.quantity for line in report.lines if line.found.outcome is Outcome.UNPROVEN] == ["d_z"]


WEIGHED = {  # losses whose parts are averaged otherwise, and the beta that they come to
    "a mean squared error, 0.00025": (
        lambda logits, x, kl: F.mse_loss(torch.sigmoid(logits), x) + 0.00025 * kl,
        0.00025 * steps.D / 2,
        " of a Gaussian of variance 1",
    ),
    "500 times a mean cross-entropy": (
        lambda logits, x, kl: 500 * F.binary_cross_entropy_with_logits(logits, x) + kl,
        steps.D / 500,
        "",
    ),
    "sums, 4": (
        lambda logits, x, kl: (
            F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x) + 4 * kl
        ),
        4,
        "",
    ),
}


@pytest.mark.parametrize("name", WEIGHED)
def test_the_effective_beta_of_weighed_parts_is_told(name):
    total, beta, law = WEIGHED[name]

    def step(model, x):
        mu, lv = model.encode(x)
        logits = model.logits(mu + torch.exp(0.5 * lv) * torch.randn_like(mu))
        return total(logits, x, steps.kld(mu, lv) / len(x))

    torch.manual_seed(0)
    report = check_torch(steps.Dense(), torch.rand(steps.B, steps.D), step)
    assert report.matches, str(report)
    said = f"beside −log p(x|z){law}, summed over the entries of an example, the step multiplies the KL by {beta:.3g}"
    assert said in str(report)


def test_the_line_of_code_is_told():
    model, x, _ = steps.STEPS["dense, example"][0]()
    report = check_torch(model, x, steps.example(sample=lambda m, v: m + torch.exp(v) * torch.randn_like(v)))
    assert "(test_torch_watching.py:" in report.explanation


@pytest.mark.parametrize(
    ("changed", "matches"), [({"beta": 4.0}, False), ({"beta": 1.0}, True), ({"reduction": "mean"}, False)]
)
def test_what_is_said_is_not_guessed(changed, matches):
    model, x, step = steps.STEPS["dense, example"][0]()
    assert check_torch(model, x, step, **changed).matches == matches


def test_a_penalty_on_weights_is_said_and_the_rest_is_checked():
    model, x, _ = steps.STEPS["dense, example"][0]()
    report = check_torch(model, x, lambda m, x: steps.example()(m, x) + m.fc3.weight.pow(2).sum())
    assert report.ok
    assert not report.matches
    assert "neither reconstruction nor KL" in " ".join(report.blind)
    assert {"loss", "d_mean", "d_fc3.weight"} <= {
        line.quantity for line in report.lines if line.verdict == "agrees"
    }


def test_the_example_of_the_page_on_the_reference(tmp_path):
    page = (Path(__file__).parents[1] / "scratchvae/reference/README.md").read_text(encoding="utf-8")
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "check_torch" in block
    ]
    place = tmp_path / "vae.py"
    place.write_text(code)
    exec(compile(code, place, "exec"), found := {})
    lines = str(found["report"]).splitlines()
    assert all(line in page for line in (*lines[:2], lines[-1]))
    assert f"holds {len(steps.STEPS)} steps" in page


def test_messages():
    model, x, step = steps.STEPS["dense, example"][0]()
    with pytest.raises(InputError, match="all three or not at all, heads is not"):
        check_torch(model, x, step, encoder=("fc1",), decoder=("fc3",))
    with pytest.raises(InputError, match="one number that gradients flow from"):
        check_torch(model, x, lambda m, x: 1.0)
    with pytest.raises(InputError, match="found shape \\(10, 36\\)"):
        check_torch(model, x, lambda m, x: m.logits(m.encode(x)[0]))
