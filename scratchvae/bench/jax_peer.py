"""The workloads as plain JAX, jitted, as its users would write them."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from scratchvae.bench import jax_family
from scratchvae.bench.workloads import CONTEXT, ladder_sizes


def build(
    workload: str, *, batch: int, hidden: int, latent: int, samples: int
) -> tuple[Callable[[], None], int]:
    """Return a function that does one step, and the number of images that a step sees."""
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    encode, decode, parameters = _networks(jax, jnp, rng, workload, hidden, latent)
    x = jnp.asarray((rng.random((batch, 784)) < 0.3).astype(np.float32))

    def split(parameters: Any, x: Any) -> Any:
        return jnp.split(encode(parameters["encoder"], x), 2, axis=-1)

    def bernoulli(logits: Any, x: Any) -> Any:
        return jnp.sum(x * logits - jax.nn.softplus(logits), axis=-1)

    def negative_bound(parameters: Any, x: Any, key: Any) -> Any:
        mean, log_var = split(parameters, x)
        z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
        log_px = bernoulli(decode(parameters["decoder"], z), x)
        kl = 0.5 * jnp.sum(mean**2 + jnp.exp(log_var) - 1 - log_var, axis=-1)
        return jnp.mean(kl - log_px)

    def log_weights(parameters: Any, x: Any, key: Any, K: int) -> Any:
        mean, log_var = split(parameters, x)
        epsilon = jax.random.normal(key, (K, *mean.shape))
        z = mean + jnp.exp(0.5 * log_var) * epsilon
        log_px = bernoulli(decode(parameters["decoder"], z), x)
        log_pz = -0.5 * jnp.sum(z**2 + math.log(2 * math.pi), axis=-1)
        log_q = -0.5 * jnp.sum(epsilon**2 + log_var + math.log(2 * math.pi), axis=-1)
        return log_px + log_pz - log_q

    def negative_iwae(parameters: Any, x: Any, key: Any) -> Any:
        log_w = log_weights(parameters, x, key, samples)
        return -jnp.mean(jax.nn.logsumexp(log_w, axis=0) - math.log(samples))

    if workload == "evaluate":
        chunk = min(samples, 2500)
        part = jax.jit(lambda p, x, key: jax.nn.logsumexp(log_weights(p, x, key, chunk), axis=0))

        def evaluate() -> None:
            for i, image in enumerate(np.asarray(x)):
                keys = jax.random.split(jax.random.key(i), samples // chunk)
                parts = jnp.stack([part(parameters, image[None], key) for key in keys])
                float((jax.nn.logsumexp(parts, axis=0) - math.log(samples))[0])

        return evaluate, batch

    loss = negative_iwae if workload == "iwae" else negative_bound
    if workload in jax_family.LOSSES:
        loss, more = jax_family.LOSSES[workload](encode, decode, bernoulli, latent, hidden, rng)
        parameters |= more
    gradient = jax.value_and_grad(loss)

    def update(state: Any, x: Any) -> tuple[Any, Any]:
        parameters, m, v, t, key = state
        key, now = jax.random.split(key)
        loss, g = gradient(parameters, x, now)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, unbias = 1e-3 / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
        parameters = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v) * unbias + 1e-8), parameters, m, v
        )
        return (parameters, m, v, t, key), loss

    jitted = jax.jit(update, donate_argnums=0)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    held = [(parameters, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros(()), jax.random.key(0))]

    def step() -> None:
        held[0], loss = jitted(held[0], x)
        float(loss)

    return step, batch


def _networks(
    jax: Any, jnp: Any, rng: np.random.Generator, workload: str, hidden: int, latent: int
) -> tuple[Any, Any, Any]:
    def weights(*shape: int, fan_in: int) -> tuple[Any, Any]:
        outputs = shape[-1] if len(shape) == 2 else shape[0]
        draw = rng.uniform(-1, 1, shape) / np.sqrt(fan_in)
        return jnp.asarray(draw, jnp.float32), jnp.zeros(outputs, jnp.float32)

    def chain(widths: Sequence[int]) -> list[tuple[Any, Any]]:
        return [weights(a, b, fan_in=a) for a, b in pairwise(widths)]

    def dense(layers: Any, y: Any, f: Any) -> Any:
        for W, b in layers[:-1]:
            y = f(y @ W + b)
        W, b = layers[-1]
        return y @ W + b

    if workload != "conv":
        if workload == "ladder":
            lower, _ = ladder_sizes(latent)
            parameters = {"encoder": chain((784, hidden)), "decoder": chain((lower, hidden, 784))}
            relu = jax.nn.relu
            return lambda p, x: relu(dense(p, x, relu)), lambda p, z: dense(p, z, relu), parameters
        shallow = {"mlp": 2 * latent, "beta-tc": 2 * latent, "vq": latent, "flow": 2 * latent + CONTEXT}
        inner = (hidden,) if workload in shallow else (hidden, hidden)
        f = jax.nn.relu if workload in shallow else jnp.tanh
        outputs = shallow.get(workload, 2 * latent)
        parameters = {"encoder": chain((784, *inner, outputs)), "decoder": chain((latent, *inner, 784))}
        return lambda p, x: dense(p, x, f), lambda p, z: dense(p, z, f), parameters

    layout = ("NCHW", "OIHW", "NCHW")

    def down(y: Any, W: Any, b: Any) -> Any:
        y = jax.lax.conv_general_dilated(y, W, (2, 2), [(1, 1), (1, 1)], dimension_numbers=layout)
        return y + b[:, None, None]

    def up(y: Any, W: Any, b: Any) -> Any:
        y = jax.lax.conv_general_dilated(
            y, W, (1, 1), [(2, 2), (2, 2)], lhs_dilation=(2, 2), dimension_numbers=layout
        )
        return y + b[:, None, None]

    def encode(p: Any, x: Any) -> Any:
        y = x.reshape(-1, 1, 28, 28)
        for W, b in p["conv"]:
            y = jax.nn.relu(down(y, W, b))
        return dense(p["dense"], y.reshape(len(y), -1), jax.nn.relu)

    def decode(p: Any, z: Any) -> Any:
        y = jax.nn.relu(dense(p["dense"], z, jax.nn.relu)).reshape(-1, 64, 7, 7)
        (W1, b1), (W2, b2) = p["conv"]
        return up(jax.nn.relu(up(y, W1, b1)), W2, b2).reshape(len(z), -1)

    encoder = {"conv": [weights(32, 1, 4, 4, fan_in=16), weights(64, 32, 4, 4, fan_in=512)]}
    decoder = {"conv": [weights(32, 64, 4, 4, fan_in=1024), weights(1, 32, 4, 4, fan_in=512)]}
    encoder["dense"] = chain((64 * 49, hidden, 2 * latent))
    decoder["dense"] = chain((latent, hidden, 64 * 49))
    return encode, decode, {"encoder": encoder, "decoder": decoder}
