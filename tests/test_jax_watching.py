"""check_jax with no name of a layer, on a step that returns arrays beside its loss."""

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.kernels.compiled import compiler
from scratchvae.reference import check_jax
from scratchvae.reference.frameworks import jax_programs

jax = pytest.importorskip("jax")
D, H, Z, B = 18, 12, 3, 8


def dense(rng, n, m):
    return {"kernel": 0.3 * rng.normal(size=(n, m)).astype(np.float32), "bias": 0.1 * np.ones(m, np.float32)}


def parameters():
    """In the shape of Flax's: a tree of modules in modules."""
    rng = np.random.default_rng(0)
    encoder = {"fc": dense(rng, D, H), "mean": dense(rng, H, Z), "logvar": dense(rng, H, Z)}
    return {"params": {"encoder": encoder, "decoder": {"fc": dense(rng, Z, H), "out": dense(rng, H, D)}}}


def flax_step(half=0.5, total=lambda r, k: r.mean() + k.mean(), left_out=()):
    jnp = jax.numpy

    def layer(p, x):
        return x @ p["kernel"] + p["bias"]

    def step(tree, x, key):
        encoder, decoder = tree["params"]["encoder"], tree["params"]["decoder"]
        h = jax.nn.relu(layer(encoder["fc"], x))
        mean, log_var = layer(encoder["mean"], h), layer(encoder["logvar"], h)
        z = mean + jnp.exp(half * log_var) * jax.random.normal(key, mean.shape)
        logits = layer(decoder["out"], jax.nn.relu(layer(decoder["fc"], z)))
        bce = -(x * jax.nn.log_sigmoid(logits) + (1 - x) * jax.nn.log_sigmoid(-logits)).sum(-1)
        kl = -0.5 * (1 + log_var - mean**2 - jnp.exp(log_var)).sum(-1)
        arrays = {"mean": mean, "logvar": log_var, "z": z, "logits": logits, "bce": bce, "kl": kl}
        return total(bce, kl), {name: array for name, array in arrays.items() if name not in left_out}

    return step


def checked(step, **settings):
    x = (np.random.default_rng(1).random((B, D)) > 0.5).astype(np.float32)
    return check_jax(step, parameters(), x, jax.random.PRNGKey(0), **settings)


@pytest.mark.parametrize(
    "step", [flax_step(), flax_step(total=lambda r, k: (r + k).sum())], ids=["mean", "sum"]
)
def test_a_right_step_agrees(step):
    report = checked(step)
    assert report.ok
    agreed = [line.quantity for line in report.lines if line.verdict == "agrees"]
    assert agreed[:7] == ["z", "reconstruction", "kl", "loss", "d_logits", "d_mean", "d_log_var"]
    assert {"d_params.encoder.fc.kernel", "d_params.decoder.out.bias"} <= set(agreed)


def test_returned_arrays_are_compared_where_a_loop_hides_the_step():
    def step(tree, x, key):
        _, (loss, arrays) = jax.lax.scan(
            lambda none, batch: (none, flax_step()(tree, batch, key)), None, x[None]
        )
        return loss[0], {name: array[0] for name, array in arrays.items()}

    report = checked(step)
    assert report.ok
    assert {"reconstruction", "kl", "loss"} <= {
        line.quantity for line in report.lines if line.verdict == "agrees"
    }
    assert "gradients were not compared" in report.explanation


def test_mistakes_are_named():
    assert checked(flax_step(half=1.0)).cause == "sampling_log_var_read_as_log_std"
    assert checked(flax_step(total=lambda r, k: r.mean() + k.mean()), beta=1.0).ok
    assert not checked(flax_step(total=lambda r, k: r.mean()), beta=1.0).matches


@pytest.mark.parametrize(("stopped", "matches"), [(False, True), (True, False)])
def test_a_kl_of_the_draw_without_the_gradient_of_log_q(stopped, matches):
    jnp = jax.numpy

    def step(tree, x, key):
        encoder, decoder = tree["params"]["encoder"], tree["params"]["decoder"]
        h = jax.nn.relu(x @ encoder["fc"]["kernel"] + encoder["fc"]["bias"])
        mean, log_var = (h @ encoder[n]["kernel"] + encoder[n]["bias"] for n in ("mean", "logvar"))
        z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
        h = jax.nn.relu(z @ decoder["fc"]["kernel"] + decoder["fc"]["bias"])
        logits = h @ decoder["out"]["kernel"] + decoder["out"]["bias"]
        bce = -(x * jax.nn.log_sigmoid(logits) + (1 - x) * jax.nn.log_sigmoid(-logits)).sum(-1)
        log_q = -0.5 * ((z - mean) ** 2 / jnp.exp(log_var) + log_var + jnp.log(2 * jnp.pi)).sum(-1)
        log_p = -0.5 * (z**2 + jnp.log(2 * jnp.pi)).sum(-1)
        return (bce + (jax.lax.stop_gradient(log_q) if stopped else log_q) - log_p).mean()

    report = checked(step)
    assert report.ok
    assert report.matches == matches, str(report)
    assert ("no gradient flows through its log q(z|x)" in report.explanation) == stopped


def test_a_check_calls_no_compiled_kernel(monkeypatch):
    """Numba takes seconds to compile what runs once."""

    def calls(*_):
        raise AssertionError("a compiled kernel is called")

    monkeypatch.setattr(compiler._Machine, "__call__", calls)
    assert checked(flax_step()).matches


def convolution(groups=1):
    form = ("NHWC", "HWIO", "NHWC")
    return lambda x, w: jax.lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=form, feature_group_count=groups
    )


CONVOLUTIONS = {  # which XLA computes by a product of matrices; others are loops
    "plain": (convolution(), (3, 3, 4, 4), True),
    "transposed": (lambda x, w: jax.lax.conv_transpose(x, w, (2, 2), "SAME"), (3, 3, 4, 4), True),
    "two": (lambda x, w: convolution(4)(convolution()(x, w), w[:, :, :1]), (3, 3, 4, 4), False),
    "each channel by itself": (convolution(4), (3, 3, 1, 4), False),
    "gradient by the weights": (
        lambda x, w: jax.grad(lambda w: (convolution()(x, w) ** 2).sum())(w),
        (3, 3, 4, 4),
        False,
    ),
    "none": (lambda x, w: x * w[:1, :1, :1], (3, 3, 4, 4), True),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_only_convolutions_that_are_loops_are_compiled_with_optimization(name):
    run, shape, quick = CONVOLUTIONS[name]
    lowered = jax.jit(run).lower(np.ones((2, 8, 8, 4), np.float32), np.ones(shape, np.float32))
    assert jax_programs.options(lowered.as_text()) == (
        jax_programs.QUICK if quick else jax_programs.WITH_LOOPS
    )


def test_messages():
    with pytest.raises(InputError, match=r"should return its loss.*found 0 of shape \(8,\)"):
        checked(flax_step(total=lambda r, k: r + k, left_out=("mean", "logvar", "z", "logits", "bce", "kl")))
    with pytest.raises(InputError, match="all three or not at all, heads is not"):
        checked(flax_step(), encoder=("fc",), decoder=("out",))
