"""check_jax with no further word, on steps in the styles of public JAX code: right ones are not accused,
mistakes are named.

`STEPS` maps a name to (step, verdict): the verdict is None of a right step, else the causes of which one
should be named. No step tells the validator the name of a layer.
"""

import functools

import numpy as np
import pytest

from scratchvae.reference import Report, check_jax

jax = pytest.importorskip("jax")
jnp, nn, random = jax.numpy, jax.nn, jax.random
D, H, Z, B = 36, 24, 4, 10
RNG = np.random.default_rng(0)
X = (RNG.random((B, D)) > 0.5).astype(np.float32)
KEY = jax.random.PRNGKey(3)


def dense(n, m, turned=False):
    kernel = (RNG.normal(size=(n, m)) / np.sqrt(n)).astype(np.float32)
    return {"w": kernel.T.copy() if turned else kernel, "b": (0.1 * RNG.normal(size=m)).astype(np.float32)}


SIZES = {"fc1": (D, H), "head": (H, 2 * Z), "fc3": (Z, H), "fc4": (H, D)}
PARAMETERS = {name: dense(*sizes) for name, sizes in SIZES.items()}  # as Haiku and plain functions have them
TURNED = {name: dense(*sizes, turned=True) for name, sizes in SIZES.items()}  # W @ x


def encode(p, x):
    h = nn.relu(x @ p["fc1"]["w"] + p["fc1"]["b"])
    return jnp.split(h @ p["head"]["w"] + p["head"]["b"], 2, axis=-1)


def logits_of(p, z):
    return nn.relu(z @ p["fc3"]["w"] + p["fc3"]["b"]) @ p["fc4"]["w"] + p["fc4"]["b"]


def by_exp(key, mu, lv):
    return mu + jnp.exp(0.5 * lv) * random.normal(key, mu.shape)


def kld(mu, lv):
    return -0.5 * jnp.sum(1 + lv - mu**2 - jnp.exp(lv), axis=-1)


def bce(logits, x):
    """Of logits, as optax has it."""
    return -(x * nn.log_sigmoid(logits) + (1 - x) * nn.log_sigmoid(-logits)).sum(-1)


def example(sample=by_exp, kl=kld, reconstruct=bce, join=lambda r, k: (r + k).mean()):
    """A step of parts that may be replaced."""

    def step(p, x, key):
        mu, lv = encode(p, x)
        z = sample(key, mu, lv)
        return join(reconstruct(logits_of(p, z), x), kl(mu, lv))

    return step


def squared(weight, target=lambda x: x, beta=1.0):
    return example(
        reconstruct=lambda y, x: weight * ((nn.sigmoid(y) - target(x)) ** 2).sum(-1),
        join=lambda r, k: (r + beta * k).mean(),
    )


def by_hand(p, x, key):
    """Probabilities, clipped, and the logarithms written out."""
    mu, lv = encode(p, x)
    y = jnp.clip(nn.sigmoid(logits_of(p, by_exp(key, mu, lv))), 1e-6, 1 - 1e-6)
    return (-(x * jnp.log(y) + (1 - x) * jnp.log(1 - y)).sum(1)).mean() + kld(mu, lv).mean()


def stable(logits, x):
    return (jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits)))).sum(-1)


def per_example(p, x, key):
    """The loss of one example, W @ x, under vmap over examples and keys."""

    def one(x, key):
        h = nn.relu(p["fc1"]["w"] @ x + p["fc1"]["b"])
        both = p["head"]["w"] @ h + p["head"]["b"]
        mu, lv = both[:Z], both[Z:]
        z = mu + jnp.exp(lv / 2) * random.normal(key, (Z,))
        logits = p["fc4"]["w"] @ nn.relu(p["fc3"]["w"] @ z + p["fc3"]["b"]) + p["fc4"]["b"]
        return bce(logits, x) + kld(mu, lv)

    return jax.vmap(one)(x, random.split(key, len(x))).mean()


def draw_noise_of_one(p, x, key):
    """Under vmap the key is not split: every example has the same noise."""

    def one(x):
        mu, lv = encode(p, x)
        return bce(logits_of(p, by_exp(key, mu, lv)), x) + kld(mu, lv)

    return jax.vmap(one)(x).mean()


def log_normal(z, mean=0.0, std=1.0):
    return (-0.5 * ((z - mean) / std) ** 2 - jnp.log(std) - 0.5 * jnp.log(2 * jnp.pi)).sum(-1)


def one_sample(p, x, key):
    mu, lv = encode(p, x)
    z = by_exp(key, mu, lv)
    return (bce(logits_of(p, z), x) - log_normal(z) + log_normal(z, mu, jnp.exp(0.5 * lv))).mean()


def several(p, x, key, K=3, importance=None):
    """K draws first: of the plain bound, or importance-weighted."""
    mu, lv = encode(p, x)
    z = mu + jnp.exp(0.5 * lv) * random.normal(key, (K, *mu.shape))
    log_px = -bce(logits_of(p, z), x)
    if importance is None:
        return kld(mu, lv).mean() - log_px.mean()
    return importance(log_px + log_normal(z) - log_normal(z, mu, jnp.exp(0.5 * lv)), K)


def free_bits(p, x, key):
    mu, lv = encode(p, x)
    kl = 0.5 * (mu**2 + jnp.exp(lv) - 1 - lv).mean(0)
    return bce(logits_of(p, by_exp(key, mu, lv)), x).mean() + jnp.maximum(kl, 0.1).sum()


def kl_of_z(p, x, key):
    mu, lv = encode(p, x)
    z = by_exp(key, mu, lv)
    return (bce(logits_of(p, z), x) + kld(z, lv)).mean()


def denoising(p, x, key):
    mu, lv = encode(p, x + 0.2 * random.normal(random.fold_in(key, 1), x.shape))
    return (bce(logits_of(p, by_exp(key, mu, lv)), x) + kld(mu, lv)).mean()


def autoencoder(p, x, key):
    return bce(logits_of(p, encode(p, x)[0]), x).mean()


def mmd(p, x, key):
    def kernel(a, b):
        return jnp.exp(-((a[:, None] - b[None]) ** 2).sum(-1)).mean()

    one, other = random.split(key)
    z = by_exp(one, *encode(p, x))
    n = random.normal(other, z.shape)
    return bce(logits_of(p, z), x).mean() + 10 * (kernel(z, z) + kernel(n, n) - 2 * kernel(z, n))


def categorical(p, x, key):
    mu, lv = encode(p, x)
    logits = logits_of(p, by_exp(key, mu, lv)).reshape(len(x), D // 2, 2)
    picked = jnp.take_along_axis(nn.log_softmax(logits), x[:, : D // 2, None].astype(int), axis=2)
    return (-picked.sum((1, 2)) + kld(mu, lv)).mean()


def decayed(p, x, key):
    return example()(p, x, key) + 1e-3 * sum((leaf**2).sum() for leaf in jax.tree_util.tree_leaves(p))


def learned_prior(p, x, key, reconstruct=bce):
    mu, lv = encode(p, x)
    m, v = p["fc3"]["w"].mean(1), nn.softplus(p["fc3"]["w"].sum(1)) + 0.5
    kl = 0.5 * (jnp.log(v) - lv + (jnp.exp(lv) + (mu - m) ** 2) / v - 1).sum(-1)
    return (reconstruct(logits_of(p, by_exp(key, mu, lv)), x) + kl).mean()


def one_sample_of_learned_prior(p, x, key, half=0.5):
    """log q(z|x) − log p(z) of the draw, where the prior's mean is learned."""
    mu, lv = encode(p, x)
    z = mu + jnp.exp(half * lv) * random.normal(key, mu.shape)
    kl = log_normal(z, mu, jnp.exp(0.5 * lv)) - log_normal(z, p["fc3"]["w"].mean(1))
    return (bce(logits_of(p, z), x) + kl).mean()


def mean_over_pixels(y, x):
    return bce(y, x) / D


STEPS = {
    "plain": (example(), None),
    "jitted": (jax.jit(example()), None),
    "batch summed": (example(join=lambda r, k: (r + k).sum()), None),
    "mean of each part": (example(join=lambda r, k: jnp.mean(r) + jnp.mean(k)), None),
    "stable logits": (example(reconstruct=stable), None),
    "softplus": (example(reconstruct=lambda y, x: (nn.softplus(y) - x * y).sum(-1)), None),
    "logarithms": (by_hand, None),
    "vmap over examples": (per_example, None),
    "checkpointed": (jax.checkpoint(example()), None),
    "beta 4": (example(join=lambda r, k: (r + 4.0 * k).mean()), None),
    "annealed": (example(join=lambda r, k: r.mean() + 0.0137 * k.mean()), None),
    "softplus of the spread": (
        example(
            sample=lambda key, m, s: m + (nn.softplus(s) + 1e-6) * random.normal(key, m.shape),
            kl=lambda m, s: (
                0.5 * (m**2 + (nn.softplus(s) + 1e-6) ** 2 - 1 - 2 * jnp.log(nn.softplus(s) + 1e-6)).sum(-1)
            ),
        ),
        None,
    ),
    "log std": (
        example(
            sample=lambda key, m, s: m + jnp.exp(s) * random.normal(key, m.shape),
            kl=lambda m, s: 0.5 * (m**2 + jnp.exp(2 * s) - 1 - 2 * s).sum(-1),
        ),
        None,
    ),
    "squared error": (squared(0.5), None),
    "squared error without a half": (squared(1.0), None),
    "squared error of sigma 0.1": (squared(0.5 / 0.1**2), None),
    "one-sample KL": (one_sample, None),
    "K draws": (several, None),
    "importance-weighted": (
        functools.partial(
            several, importance=lambda w, K: -(jax.scipy.special.logsumexp(w, axis=0) - jnp.log(K)).mean()
        ),
        None,
    ),
    "free bits": (free_bits, None),
    "denoising": (denoising, None),
    "autoencoder": (autoencoder, None),
    "MMD": (mmd, None),
    "categorical": (categorical, None),
    "weight decay in the loss": (decayed, None),
    "learned prior": (learned_prior, None),
    "learned prior, one sample": (one_sample_of_learned_prior, None),
    "capacity": (example(join=lambda r, k: r.mean() + 10 * jnp.abs(k.mean() - 5.0)), None),
    "Poisson": (example(reconstruct=lambda y, x: (jnp.exp(y) - x * y).sum(-1)), None),
    "std for var": (
        example(sample=lambda key, m, v: m + jnp.exp(v) * random.normal(key, m.shape)),
        ("sampling_log_var_read_as_log_std",),
    ),
    "mean over pixels, learned prior": (
        functools.partial(learned_prior, reconstruct=lambda y, x: bce(y, x) / D),
        ("reconstruction_mean_over_pixels",),
    ),
    "no KL": (example(join=lambda r, k: r.mean()), ("kl_missing",)),
    "KL without half": (
        example(kl=lambda m, v: -jnp.sum(1 + v - m**2 - jnp.exp(v), axis=-1)),
        ("kl_half_missing", "kl_twice"),
    ),
    "KL of log std": (
        example(kl=lambda m, v: kld(m, 2 * v)),
        ("kl_log_var_read_as_log_std", "sampling_log_std_read_as_log_var"),
    ),
    "KL sign": (example(join=lambda r, k: (r - k).mean()), ("kl_sign",)),
    "KL mean over latents": (example(kl=lambda m, v: kld(m, v) / Z), ("kl_mean_over_latents",)),
    "KL without log var": (
        example(kl=lambda m, v: -0.5 * jnp.sum(1 - m**2 - jnp.exp(v), axis=-1)),
        ("kl_log_missing",),
    ),
    "mean over pixels": (example(reconstruct=mean_over_pixels), ("reconstruction_mean_over_pixels",)),
    "uniform noise": (
        example(sample=lambda key, m, v: m + jnp.exp(0.5 * v) * random.uniform(key, m.shape)),
        ("noise_uniform",),
    ),
    "one draw for the batch": (
        example(sample=lambda key, m, v: m + jnp.exp(0.5 * v) * random.normal(key, (1, Z))),
        ("noise_shared_across_batch",),
    ),
    "one key under vmap": (draw_noise_of_one, ("noise_shared_across_batch",)),
    "no noise": (example(sample=lambda key, m, v: m + 0 * v), ("noise_missing",)),
    "z without a gradient": (example(sample=lambda *a: jax.lax.stop_gradient(by_exp(*a))), ("z_detached",)),
    "detached KL": (example(join=lambda r, k: (r + jax.lax.stop_gradient(k)).mean()), ("kl_detached",)),
    "detached mean": (
        example(
            sample=lambda key, m, v: jax.lax.stop_gradient(m) + jnp.exp(0.5 * v) * random.normal(key, m.shape)
        ),
        ("mean_detached",),
    ),
    "detached spread": (
        example(
            sample=lambda key, m, v: m + jax.lax.stop_gradient(jnp.exp(0.5 * v)) * random.normal(key, m.shape)
        ),
        ("sigma_detached",),
    ),
    "sigmoid twice": (
        example(reconstruct=lambda y, x: bce(nn.sigmoid(y), x)),
        ("probabilities_used_as_logits", "sigmoid_twice"),
    ),
    "sign of the reconstruction": (example(join=lambda r, k: (k - r).mean()), ("reconstruction_sign",)),
    "log of the sum of weights": (
        functools.partial(several, importance=lambda w, K: -nn.logsumexp(w, axis=0).mean()),
        ("log_k_missing",),
    ),
    "no spread": (example(sample=lambda key, m, v: m + random.normal(key, m.shape)), ()),
    "target of another example": (example(reconstruct=lambda y, x: bce(y, jnp.roll(x, 1, axis=0))), ()),
    "KL of z": (kl_of_z, ()),
}

BEYOND = {  # right steps of another kind, which are neither accused nor passed: what is said of each
    "autoencoder": "no draw of noise was seen",
    "MMD": "kl",
    "categorical": "an output that is compared with data",
    "weight decay in the loss": "a term of the loss is neither reconstruction nor KL",
}
DESCRIBED = {  # mistakes that have no name: what is said of each
    "KL without log var": "the KL lacks its −log σ²",
    "no spread": "z used 1 for every σ",
    "target of another example": "the x of the neighbouring example",
    "KL of z": "kl differs",
}


SLOW = {  # whose shapes are compiled for them alone
    *(
        "vmap over examples",
        "K draws",
        "importance-weighted",
        "log of the sum of weights",
        "one key under vmap",
        "one-sample KL",
    ),
    *(
        "MMD",
        "categorical",
        "weight decay in the loss",
        "learned prior",
        "learned prior, one sample",
        "mean over pixels, learned prior",
        "denoising",
        "stable logits",
        "logarithms",
    ),
    *(
        "softplus of the spread",
        "log std",
        "Poisson",
        "capacity",
        "free bits",
        "checkpointed",
        "squared error of sigma 0.1",
    ),
}


def named(right: bool):
    names = [name for name, (_, verdict) in STEPS.items() if (verdict is None) is right]
    return [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in names]


def checked(name: str) -> Report:
    return check_jax(STEPS[name][0], TURNED if name == "vmap over examples" else PARAMETERS, X, KEY)


@pytest.mark.parametrize("name", named(right=True))
def test_a_right_step_is_not_accused(name):
    report = checked(name)
    assert report.ok, str(report)
    assert report.matches == (name not in BEYOND), f"{report} {report.blind}"
    if name in BEYOND:
        assert BEYOND[name] in f"{report} {report.blind}"


@pytest.mark.parametrize("name", named(right=False))
def test_a_mistake_is_named_or_described(name):
    report, verdict = checked(name), STEPS[name][1]
    assert not report.matches
    if name in DESCRIBED:
        assert report.ok
        assert DESCRIBED[name] in report.explanation
    else:
        assert report.cause in verdict, str(report)
