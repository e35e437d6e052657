"""Whole JAX VAEs held against this library."""

import numpy as np
import pytest

from scratchvae.arrays import InputError

jax = pytest.importorskip("jax")
from scratchvae.reference.jax_twins import check_jax  # noqa: E402  (needs jax)

jnp = jax.numpy
D, H, Z, B = 30, 16, 5, 12
NAMES = {"encoder": ("fc1", "relu"), "heads": ("mu", "logvar"), "decoder": ("dec.0", "tanh", "dec.1")}


def tree(dtype):
    rng = np.random.default_rng(0)

    def dense(a, b):
        return jnp.asarray(rng.normal(size=(a, b)) / np.sqrt(a), dtype), jnp.asarray(0.1 * rng.normal(size=b), dtype)

    kernel, bias = dense(D, H)
    return {"fc1": {"kernel": kernel, "bias": bias}, "mu": dense(H, Z), "logvar": dense(H, Z), "dec": [dense(Z, H), dense(H, D)]}


def step(wrong=None, *, aux=True):
    def loss(p, x, key):
        h = jax.nn.relu(x @ p["fc1"]["kernel"] + p["fc1"]["bias"])
        mu, logvar = (h @ p[name][0] + p[name][1] for name in ("mu", "logvar"))
        std = jax.nn.softplus(logvar) if wrong == "softplus" else jnp.exp(0.5 * logvar)
        z = mu + std * jax.random.normal(key, mu.shape, mu.dtype)
        logits = jnp.tanh(z @ p["dec"][0][0] + p["dec"][0][1]) @ p["dec"][1][0] + p["dec"][1][1]
        R = (jnp.logaddexp(0, logits) - x * logits).sum(1)
        K = 0.5 * (mu**2 + jnp.exp(logvar) - 1 - logvar).sum(1)
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
    assert {"d_fc1.kernel", "d_fc1.bias", "d_mu.0", "d_logvar.1", "d_dec.1.0"} <= {line.quantity for line in report.lines}


def test_mistakes_are_named(dtype):
    report = check_jax(step("softplus"), tree(dtype), data(dtype), jax.random.key(0), **NAMES)
    assert (report.first, report.cause) == ("z", "sampling_log_var_read_as_raw_std"), str(report)
    report = check_jax(step("mean", aux=False), tree(dtype), data(dtype), jax.random.key(0), **NAMES)
    assert (report.first, report.cause) == ("loss", "reconstruction_mean_over_pixels"), str(report)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"encoder": ("fc2", "relu")}, "no 'fc2'; at 'fc2' there is fc1, mu"),
        ({"decoder": ("dec.7",)}, "no 'dec.7'; at '7' there is 0 to 1"),
        ({"encoder": ("dec",)}, "dec should hold a dense layer"),
    ],
)
def test_a_wrong_description_is_one_sentence(changed, words):
    with pytest.raises(InputError, match=words):
        check_jax(step(), tree("float32"), data("float32"), jax.random.key(0), **{**NAMES, **changed})


def test_a_jitted_step_is_refused():
    with pytest.raises(InputError, match="should not be jitted"):
        check_jax(jax.jit(step()), tree("float32"), data("float32"), jax.random.key(0), **NAMES)
