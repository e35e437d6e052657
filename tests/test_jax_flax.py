"""check_jax on the VAEs of Flax: linen and nnx, the function of the loss and whole training steps, by one
line each.
"""

import numpy as np
import pytest

from scratchvae.reference import check_jax

jax = pytest.importorskip("jax")
pytest.importorskip("flax")
from flax import linen, nnx  # noqa: E402  (needs flax)

jnp = jax.numpy
D, H, Z, B = 36, 24, 4, 10
X = (np.random.default_rng(0).random((B, D)) > 0.5).astype(np.float32)
KEY = jax.random.key(3)


def bce(logits, x):
    log_p = jax.nn.log_sigmoid(logits)
    return -jnp.sum(x * log_p + (1.0 - x) * jax.nn.log_sigmoid(-logits), axis=-1)


def kld(mean, log_var):
    return -0.5 * jnp.sum(1 + log_var - jnp.square(mean) - jnp.exp(log_var), axis=-1)


class Linen(linen.Module):
    """As Flax's example: the key is an argument of the module."""

    half: float = 0.5

    @linen.compact
    def __call__(self, x, key):
        h = linen.relu(linen.Dense(H, name="fc1")(x))
        mean, log_var = linen.Dense(Z, name="fc2_mean")(h), linen.Dense(Z, name="fc2_logvar")(h)
        z = mean + jax.random.normal(key, log_var.shape) * jnp.exp(self.half * log_var)
        return linen.Dense(D, name="out")(linen.relu(linen.Dense(H, name="fc3")(z))), mean, log_var


def linen_loss(half=0.5, kl_weight=1.0):
    model = Linen(half)

    def loss(variables, batch, key):
        logits, mean, log_var = model.apply(variables, batch, key)
        return bce(logits, batch).mean() + kl_weight * kld(mean, log_var).mean()

    return loss, model.init(jax.random.key(0), X, KEY)


class Nnx(nnx.Module):
    def __init__(self, half, rngs):
        self.fc1, self.mean, self.log_var = (
            nnx.Linear(D, H, rngs=rngs),
            nnx.Linear(H, Z, rngs=rngs),
            nnx.Linear(H, Z, rngs=rngs),
        )
        self.fc3, self.out, self.half, self.rngs = (
            nnx.Linear(Z, H, rngs=rngs),
            nnx.Linear(H, D, rngs=rngs),
            half,
            rngs,
        )

    def __call__(self, x):
        h = nnx.relu(self.fc1(x))
        mean, log_var = self.mean(h), self.log_var(h)
        z = mean + jnp.exp(self.half * log_var) * jax.random.normal(self.rngs.noise(), mean.shape)
        return self.out(nnx.relu(self.fc3(z))), mean, log_var


def nnx_loss(model, x):
    logits, mean, log_var = model(x)
    return (bce(logits, x) + kld(mean, log_var)).mean()


def test_the_loss_of_flax_s_example():
    loss, variables = linen_loss()
    report = check_jax(loss, variables, X, KEY)
    assert report.matches, f"{report} {report.blind}"
    assert "d_params.fc2_logvar.kernel" in [
        line.quantity for line in report.lines if line.verdict == "agrees"
    ]
    loss, _ = linen_loss(half=1.0)
    assert check_jax(loss, variables, X, KEY).cause == "sampling_log_var_read_as_log_std"
    loss, _ = linen_loss(kl_weight=0.0)
    assert check_jax(loss, variables, X, KEY).cause == "kl_missing"


def test_a_whole_training_step_is_read_where_it_takes_its_gradient():
    loss, variables = linen_loss()
    wrong, _ = linen_loss(half=1.0)

    def train_step(of):
        @jax.jit
        def step(params, batch, key):
            grads = jax.grad(lambda p: of({"params": p}, batch, key))(params)
            return jax.tree_util.tree_map(lambda p, g: p - 1e-3 * g, params, grads)

        return step

    assert check_jax(train_step(loss), variables["params"], X, KEY).matches
    assert (
        check_jax(train_step(wrong), variables["params"], X, KEY).cause == "sampling_log_var_read_as_log_std"
    )


@pytest.mark.parametrize(("half", "cause"), [(0.5, None), (1.0, "sampling_log_var_read_as_log_std")])
def test_nnx(half, cause):
    model = Nnx(half, nnx.Rngs(0, noise=1))

    @nnx.jit
    def train_step(model, x):
        loss, _ = nnx.value_and_grad(nnx_loss)(model, x)
        return loss

    for step in (nnx_loss, train_step):
        report = check_jax(step, model, X)
        assert report.cause == cause, str(report)
        assert report.matches == (cause is None), f"{report} {report.blind}"
