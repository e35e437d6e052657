"""JAX steps in the styles of public code that the validator once crashed on, named falsely, or did not know."""

from functools import partial

import numpy as np
import pytest

from scratchvae.reference import check_jax

jax = pytest.importorskip("jax")
from jax import grad  # noqa: E402  (by its own name, as much public code imports it)

jnp, random = jax.numpy, jax.random
B, D, H, Z = 8, 12, 8, 3
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.random((B, D)), jnp.float32)
KEY = random.PRNGKey(3)


def dense(n, m):
    return tuple(
        jnp.asarray(a, jnp.float32) for a in (RNG.normal(size=(n, m)) / n**0.5, 0.1 * RNG.normal(size=m))
    )


PARAMETERS = {
    "body": dense(D, H),
    "mean": dense(H, Z),
    "spread": dense(H, Z),
    "widen": dense(Z, H),
    "out": dense(H, D),
    "noise": dense(H, D),
    "prior": dense(2, 2 * Z),
}


def layer(p, name, x):
    return x @ p[name][0] + p[name][1]


def encode(p, x):
    h = jnp.tanh(layer(p, "body", x))
    return layer(p, "mean", h), layer(p, "spread", h)


def sample(key, mu, lv, half=0.5):
    return mu + jnp.exp(half * lv) * random.normal(key, mu.shape)


def decode(p, z, name="out"):
    return layer(p, name, jnp.tanh(layer(p, "widen", z)))


def kld(mu, lv):
    return -0.5 * jnp.sum(1 + lv - mu**2 - jnp.exp(lv), axis=-1)


def bce(logits, x):
    return jnp.sum(jnp.logaddexp(0.0, logits) - x * logits, axis=-1)


def by_gradients(p, x, key):
    """A whole step, which takes its gradients by a name that was imported by itself."""

    def loss(p):
        mu, lv = encode(p, x)
        return (bce(decode(p, sample(key, mu, lv)), x) + kld(mu, lv)).mean()

    return jax.tree.map(lambda a, g: a - 0.1 * g, p, grad(loss)(p))


def negated(p, x, key):
    mu, lv = encode(p, x)
    return ((x - decode(p, sample(key, mu, lv))) ** 2).sum(1).mean() + 0.25 * -kld(mu, lv).mean()


def two_heads(p, x, key):
    """The decoder has a head for the mean and one for the log-variance of each entry."""
    mu, lv = encode(p, x)
    z = sample(key, mu, lv)
    mean, log_var = decode(p, z), decode(p, z, "noise")
    nll = 0.5 * (log_var + (x - mean) ** 2 / jnp.exp(log_var) + jnp.log(2 * jnp.pi)).sum(1)
    return (nll + kld(mu, lv)).mean()


def learned_prior(half):
    def step(p, x, key):
        mu, lv = encode(p, x)
        a, s = jnp.split(layer(p, "prior", x[:, :2]), 2, axis=1)
        kl = 0.5 * (s - lv + (jnp.exp(lv) + (mu - a) ** 2) / jnp.exp(s) - 1).sum(1)
        return (bce(decode(p, sample(key, mu, lv, half)), x) + kl).mean()

    return step


def flax(p, x, key, cut=lambda z: z):
    """The cross-entropy of Flax's example, log(1 − p) by the exponential of log p."""
    mu, lv = encode(p, x)
    log_p = jax.nn.log_sigmoid(decode(p, cut(sample(key, mu, lv))))
    each = -jnp.sum(x * log_p + (1 - x) * jnp.log(-jnp.expm1(log_p)), axis=-1)
    return each.mean() + kld(mu, lv).mean()


def separate(p, x, key, half=0.5):
    """The squares and the log-variances of the decoder have a sum each."""
    mu, lv = encode(p, x)
    z = sample(key, mu, lv)
    mean, log_var = decode(p, z), decode(p, z, "noise")
    squares = 0.5 * jnp.sum((x - mean) ** 2 / jnp.exp(log_var), axis=-1)
    return (squares + half * jnp.sum(log_var, axis=-1) + kld(mu, lv)).mean()


def of_each_example(half):
    """A whole step that takes the gradient of each example's loss inside of vmap, and their mean."""

    def step(p, x, key):
        def loss(p, x, key):
            mu, lv = encode(p, x)
            return bce(decode(p, sample(key, mu, lv, half)), x) + kld(mu, lv)

        def gradient(x, key):
            return jax.value_and_grad(lambda q: loss(q, x, key))(p)

        _, g = jax.vmap(gradient)(x, random.split(key, len(x)))
        return jax.tree.map(lambda a, b: a - 0.1 * b.mean(0), p, g)

    return step


STEPS = {
    "grad by its own name": (by_gradients, None),
    "gradients of each example": (of_each_example(0.5), None),
    "gradients of each example, a spread misread": (of_each_example(1.0), "sampling_log_var_read_as_log_std"),
    "two heads of the decoder": (two_heads, None),
    "the logits before a log-sigmoid": (flax, None),
    "a draw that is detached": (partial(flax, cut=jax.lax.stop_gradient), "z_detached"),
    "two heads and sums of their own": (separate, None),
    "two heads and log σ² without ½": (partial(separate, half=1.0), "decoder_log_var_unhalved"),
    "a learned prior": (learned_prior(0.5), None),
    "a KL that is negated and weighed": (negated, "kl_sign"),
    "a spread misread beside a learned prior": (learned_prior(1.0), "sampling_log_var_read_as_log_std"),
}


@pytest.mark.parametrize("name", STEPS)
def test_each_step_is_judged(name):
    step, cause = STEPS[name]
    report = check_jax(step, PARAMETERS, X, KEY)
    assert report.matches == (cause is None), f"{report} {report.blind}"
    assert report.cause == cause or cause in report.causes, str(report)


def test_gradients_of_both_heads_of_a_decoder_are_those_of_the_step():
    report = check_jax(two_heads, PARAMETERS, X, KEY)
    agreed = {line.quantity for line in report.lines if line.verdict == "agrees"}
    assert {f"d_{name}.{i}" for name in ("body", "widen", "out", "noise") for i in (0, 1)} <= agreed


def test_what_was_compiled_is_used_again_for_the_same_equations_only():
    weight = {"kl": 1.0}

    def step(p, x, key):
        mu, lv = encode(p, x)
        return (bce(decode(p, sample(key, mu, lv)), x) + weight["kl"] * kld(mu, lv)).mean()

    assert check_jax(step, PARAMETERS, X, KEY).matches
    assert check_jax(step, jax.tree.map(lambda a: 2 * a, PARAMETERS), X, KEY).matches
    weight["kl"] = -1.0
    assert check_jax(step, PARAMETERS, X, KEY).cause == "kl_sign"
