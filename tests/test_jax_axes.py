"""check_jax where sizes coincide: as many latents or entries as examples, or as many draws, under vmap too.

Then a shape does not tell which axis is that of the examples.
"""

import numpy as np
import pytest

from scratchvae.reference import check_jax

jax = pytest.importorskip("jax")
jnp, nn, random = jax.numpy, jax.nn, jax.random
H = 9
KEY = jax.random.PRNGKey(3)
SIZES = {"B = Z": (6, 11, 6), "B = D": (6, 6, 3), "Z = D": (7, 4, 4), "B = D = Z": (5, 5, 5)}


def given(B, D, Z):
    """Weights as W @ x takes them, and data."""
    rng = np.random.default_rng(B + D)
    sizes = {"fc1": (D, H), "mean": (H, Z), "log_var": (H, Z), "fc3": (Z, H), "fc4": (H, D)}
    weights = {name: 0.4 * rng.normal(size=(m, n)).astype(np.float32) for name, (n, m) in sizes.items()}
    return weights, (rng.random((B, D)) > 0.5).astype(np.float32)


def bce(y, x):
    return -(x * nn.log_sigmoid(y) + (1 - x) * nn.log_sigmoid(-y)).sum(-1)


def squared(y, x):
    return 0.5 * ((y - x) ** 2).sum(-1)


def kld(mu, lv):
    return -0.5 * jnp.sum(1 + lv - mu**2 - jnp.exp(lv), axis=-1)


def encode(p, x):
    h = jnp.tanh(p["fc1"] @ x)
    return p["mean"] @ h, p["log_var"] @ h


def decode(p, z):
    return p["fc4"] @ jnp.tanh(p["fc3"] @ z)


def by_example(half=0.5, compare=bce):
    """The loss of one example under vmap over examples and keys."""

    def step(p, x, key):
        def one(x, key):
            mu, lv = encode(p, x)
            z = mu + jnp.exp(half * lv) * random.normal(key, mu.shape)
            return compare(decode(p, z), x) + kld(mu, lv)

        return jax.vmap(one)(x, random.split(key, len(x))).mean()

    return step


def by_batch(half=0.5, compare=bce):
    """The layers alone under vmap, which puts the examples first again."""

    def step(p, x, key):
        mu, lv = jax.vmap(lambda x: encode(p, x))(x)
        z = mu + jnp.exp(half * lv) * random.normal(key, mu.shape)
        return (compare(jax.vmap(lambda z: decode(p, z))(z), x) + kld(mu, lv)).mean()

    return step


def log_normal(z, mean=0.0, log_var=0.0):
    return (-0.5 * (z - mean) ** 2 / jnp.exp(log_var) - 0.5 * log_var - 0.5 * jnp.log(2 * jnp.pi)).sum(-1)


def several(half=0.5, weighted=False, axis=0):
    """A step with as many draws as examples, along this axis.

    Its loss is the plain bound, or the importance-weighted one.
    """

    def step(p, x, key):
        K = len(x)
        mu, lv = jax.vmap(lambda x: encode(p, x))(x)
        eps = random.normal(key, (K, *mu.shape) if axis == 0 else (len(x), K, mu.shape[1]))
        m, v = jnp.expand_dims(mu, axis), jnp.expand_dims(lv, axis)
        z = m + jnp.exp(half * v) * eps
        y = jnp.tanh(z @ p["fc3"].T) @ p["fc4"].T
        log_px = -bce(y, jnp.expand_dims(x, axis))
        if not weighted:
            return kld(mu, lv).mean() - log_px.mean()
        w = log_px + log_normal(z) - log_normal(z, m, v)
        return -(nn.logsumexp(w, axis=axis) - jnp.log(K)).mean()

    return step


STEPS = {
    "vmap of a loss": by_example,
    "vmap of layers": by_batch,
    "vmap of a squared error": lambda half=0.5: by_example(half, squared),
    "as many draws as examples": several,
    "draws second": lambda half=0.5: several(half, axis=1),
    "importance-weighted": lambda half=0.5: several(half, weighted=True),
    "importance-weighted, draws second": lambda half=0.5: several(half, weighted=True, axis=1),
}
ALWAYS = {
    ("vmap of a loss", "B = Z"),
    ("vmap of a squared error", "B = D = Z"),
    ("importance-weighted", "B = D"),
}


def all_of():
    for name in STEPS:
        for sizes in SIZES:
            yield pytest.param(name, sizes, marks=[] if (name, sizes) in ALWAYS else [pytest.mark.slow])


@pytest.mark.parametrize(("name", "sizes"), list(all_of()))
def test_a_right_step_matches_and_a_mistake_is_named(name, sizes):
    p, x = given(*SIZES[sizes])
    report = check_jax(STEPS[name](), p, x, KEY)
    assert report.matches, f"{report} {report.blind}"
    report = check_jax(STEPS[name](half=1.0), p, x, KEY)
    # the same arrays: of importance weights the sampling comes first, and no KL says what was meant
    other = "log_q_log_std_read_as_log_var" if "weighted" in name else None
    assert report.cause in {"sampling_log_var_read_as_log_std", other}, str(report)
