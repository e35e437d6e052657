"""Whole JAX VAEs held against this library."""

import numpy as np
import pytest

from scratchvae.arrays import InputError

jax = pytest.importorskip("jax")
from scratchvae.reference.frameworks.jax_twins import check_jax  # noqa: E402  (needs jax)

jnp = jax.numpy
D, H, Z, B = 30, 16, 5, 12
NAMES = {"encoder": ("fc1", "relu"), "heads": ("mu", "logvar"), "decoder": ("dec.0", "tanh", "dec.1")}


def tree(dtype):
    rng = np.random.default_rng(0)

    def dense(a, b):
        return jnp.asarray(rng.normal(size=(a, b)) / np.sqrt(a), dtype), jnp.asarray(
            0.1 * rng.normal(size=b), dtype
        )

    kernel, bias = dense(D, H)
    return {
        "fc1": {"kernel": kernel, "bias": bias},
        "mu": dense(H, Z),
        "logvar": dense(H, Z),
        "dec": [dense(Z, H), dense(H, D)],
    }


DRAWS = {
    "noise_uniform": lambda key, shape, dtype: jax.random.uniform(key, shape, dtype),
    "noise_shared_across_batch": lambda key, shape, dtype: jax.random.normal(key, shape[1:], dtype),
    "given": lambda key, shape, dtype: key,
}


def step(wrong=None, *, aux=True):
    def loss(p, x, key):
        h = jax.nn.relu(x @ p["fc1"]["kernel"] + p["fc1"]["bias"])
        mu, logvar = (h @ p[name][0] + p[name][1] for name in ("mu", "logvar"))
        std = jax.nn.softplus(logvar) if wrong == "softplus" else jnp.exp(0.5 * logvar)
        z = mu + std * DRAWS.get(wrong, jax.random.normal)(key, mu.shape, mu.dtype)
        if wrong == "noise_missing":
            z = mu
        if wrong == "z_detached":
            z = jax.lax.stop_gradient(z)
        logits = jnp.tanh(z @ p["dec"][0][0] + p["dec"][0][1]) @ p["dec"][1][0] + p["dec"][1][1]
        R = (jnp.logaddexp(0, logits) - x * logits).sum(1)
        K = 0.5 * (mu**2 + jnp.exp(logvar) - 1 - logvar).sum(1)
        K = jax.lax.stop_gradient(K) if wrong == "kl_detached" else K
        if wrong == "one sample":
            K = 0.5 * (z**2 - ((z - mu) / std) ** 2).sum(1) - jnp.log(std).sum(1)
        K = 0 * K if wrong == "kl_missing" else K
        value = (R + K).mean() if wrong != "mean" else R.mean() / D + K.mean()
        return (value, {"mu": mu, "logvar": logvar, "z": z, "logits": logits}) if aux else value

    return loss


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", request.param == "float64")
    yield request.param
    jax.config.update("jax_enable_x64", before)


def data(dtype):
    return jnp.asarray(np.random.default_rng(1).random((B, D)) < 0.4, dtype)


@pytest.mark.parametrize("aux", [True, False])
def test_a_right_step_passes(dtype, aux):
    report = check_jax(step(aux=aux), tree(dtype), data(dtype), jax.random.key(0), **NAMES)
    assert report.ok, str(report)
    assert {"d_fc1.kernel", "d_fc1.bias", "d_mu.0", "d_logvar.1", "d_dec.1.0"} <= {
        line.quantity for line in report.lines
    }


def test_mistakes_are_named(dtype):
    report = check_jax(step("softplus"), tree(dtype), data(dtype), jax.random.key(0), **NAMES)
    assert (report.first, report.cause) == ("z", "sampling_log_var_read_as_raw_std"), str(report)
    report = check_jax(step("mean", aux=False), tree(dtype), data(dtype), jax.random.key(0), **NAMES)
    assert (report.first, report.cause) == ("loss", "reconstruction_mean_over_pixels"), str(report)


@pytest.mark.parametrize("aux", [True, False])
@pytest.mark.parametrize(
    ("wrong", "shown", "alone"),
    [
        ("noise_missing", "z", "loss"),
        ("z_detached", "d_fc1.kernel", "d_fc1.kernel"),
        ("kl_detached", "d_fc1.kernel", "d_fc1.kernel"),
        ("noise_uniform", "noise", "noise"),
        ("noise_shared_across_batch", "noise", "noise"),
    ],
)
def test_mistakes_are_rehearsed(wrong, shown, alone, aux, dtype):
    report = check_jax(step(wrong, aux=aux), tree(dtype), data(dtype), jax.random.key(0), **NAMES)
    assert (report.first, report.cause) == (shown if aux else alone, wrong), str(report)
    assert len(report.findings) == 1
    assert not any(line.verdict.startswith("DEPARTS,") for line in report.lines), str(report)


def test_a_softplus_is_named_from_the_loss_alone(dtype):
    report = check_jax(step("softplus", aux=False), tree(dtype), data(dtype), jax.random.key(0), **NAMES)
    assert (report.first, report.cause) == ("loss", "sampling_log_var_read_as_raw_std"), str(report)
    report = check_jax(
        step(aux=False), tree(dtype), data(dtype), jax.random.key(0), **{**NAMES, "encoder": ("fc1", "silu")}
    )
    assert (report.first, report.cause) == ("loss", None)
    assert "a step that returns (loss, {" in report.explanation


@pytest.mark.parametrize("aux", [True, False])
def test_a_one_sample_kl_and_noise_from_elsewhere_pass(aux, dtype):
    report = check_jax(step("one sample", aux=aux), tree(dtype), data(dtype), jax.random.key(0), **NAMES)
    assert report.matches, str(report)
    eps = jnp.asarray(np.random.default_rng(2).normal(size=(B, Z)), dtype)
    assert check_jax(step("given", aux=aux), tree(dtype), data(dtype), eps, noise=eps, **NAMES).matches
    with pytest.raises(InputError, match=r"no noise of shape \(B, Z\) = \(12, 5\) was seen"):
        check_jax(step("given", aux=aux), tree(dtype), data(dtype), eps, **NAMES)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"encoder": ("fc2", "relu")}, "no 'fc2'; at 'fc2' there is fc1, mu"),
        ({"decoder": ("dec.7",)}, "no 'dec.7'; at '7' there is 0 to 1"),
        ({"encoder": ("dec",)}, "dec should hold a dense layer"),
        ({"heads": ("mu",)}, "heads should be two names"),
        ({"scale": "softplus"}, "scale should be one of"),
        ({"encoder": ("fc1", "rleu")}, "no 'rleu'.*activations are elu"),
        ({"betta": 2}, "no setting 'betta'"),
    ],
)
def test_a_wrong_description_is_one_sentence(changed, words):
    with pytest.raises(InputError, match=words):
        check_jax(step(), tree("float32"), data("float32"), jax.random.key(0), **{**NAMES, **changed})


def test_a_jitted_step_is_seen_too():
    assert check_jax(jax.jit(step()), tree("float32"), data("float32"), jax.random.key(0), **NAMES).matches


def test_a_sigmoid_is_the_losss_and_z_may_be_left_out(dtype):
    def few(p, x, key):
        loss, arrays = step()(p, x, key)
        return loss, {name: arrays[name] for name in ("mu", "logvar", "logits")}

    ending = {**NAMES, "decoder": (*NAMES["decoder"], "sigmoid")}
    for run, names in ((few, NAMES), (step(), ending), (step(aux=False), ending)):
        report = check_jax(run, tree(dtype), data(dtype), jax.random.key(0), **names)
        assert report.matches, str(report)


def test_a_kl_that_is_too_small_to_be_seen_is_seen_at_other_weights(dtype):
    flat = tree(dtype)
    flat |= {name: tuple(0 * a for a in flat[name]) for name in ("mu", "logvar")}
    assert check_jax(step(), flat, data(dtype), jax.random.key(0), **NAMES).matches
    assert not check_jax(step("kl_missing"), flat, data(dtype), jax.random.key(0), **NAMES).matches
