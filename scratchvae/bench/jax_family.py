"""The losses of the workloads `vq`, `flow`, `beta-tc` and `ladder` in plain JAX.

Each function takes the networks and log p(x|z), and returns the loss and the parameters that it has besides
the networks.
"""

import math
from typing import Any

import numpy as np

from scratchvae.bench.workloads import CODE_SIZE, CODES, CONTEXT, EXAMPLES, MADE, STEP, ladder_sizes


def vq(
    encode: Any, decode: Any, log_px: Any, latent: int, hidden: int, rng: np.random.Generator
) -> tuple[Any, dict[str, Any]]:
    """Quantize to the nearest codes, straight through, with the loss terms of codebook and commitment.

    The distances to the codes come from a matrix product.
    """
    import jax
    import jax.numpy as jnp

    stop = jax.lax.stop_gradient
    constant = latent // CODE_SIZE * math.log(CODES)  # the KL of a code to the uniform prior, for each part

    def loss(parameters: Any, x: Any, key: Any) -> Any:
        z_e, codes = encode(parameters["encoder"], x), parameters["codes"]
        distances = jnp.sum(codes**2, axis=1) - 2 * z_e.reshape(-1, CODE_SIZE) @ codes.T
        e = codes[jnp.argmin(stop(distances), axis=1)].reshape(z_e.shape)
        z = z_e + stop(e - z_e)
        pays = jnp.sum((e - stop(z_e)) ** 2, axis=1) + 0.25 * jnp.sum((z_e - stop(e)) ** 2, axis=1)
        return jnp.mean(pays - log_px(decode(parameters["decoder"], z), x)) + constant

    return loss, {"codes": jnp.asarray(rng.standard_normal((CODES, CODE_SIZE)), jnp.float32)}


def flow(
    encode: Any, decode: Any, log_px: Any, latent: int, hidden: int, rng: np.random.Generator
) -> tuple[Any, dict[str, Any]]:
    """Take two inverse autoregressive steps, each a masked network with a context, in opposite orders."""
    import jax
    import jax.numpy as jnp

    hidden_place = np.arange(MADE) % latent - 1
    orders = (np.arange(latent), np.arange(latent)[::-1])
    masks = [(order[:, None] <= hidden_place, hidden_place[:, None] < np.tile(order, 2)) for order in orders]

    def drawn(*shape: int) -> Any:
        return jnp.asarray(rng.uniform(-1, 1, shape) / np.sqrt(shape[0]), jnp.float32)

    def loss(parameters: Any, x: Any, key: Any) -> Any:
        mean, log_var, context = jnp.split(encode(parameters["encoder"], x), (latent, 2 * latent), axis=1)
        epsilon = jax.random.normal(key, mean.shape)
        z = mean + jnp.exp(0.5 * log_var) * epsilon
        log_q = -0.5 * jnp.sum(epsilon**2 + log_var + math.log(2 * math.pi), axis=1)
        for (before, after), (V, W1, b1, W2, b2) in zip(masks, parameters["steps"], strict=True):
            h = jax.nn.elu(z @ (W1 * before) + context @ V + b1)
            a, m = jnp.split(h @ (W2 * after) + b2, 2, axis=1)
            gate = jax.nn.sigmoid(a)
            z, log_q = gate * z + (1 - gate) * m, log_q - jnp.sum(jax.nn.log_sigmoid(a), axis=1)
        log_pz = -0.5 * jnp.sum(z**2 + math.log(2 * math.pi), axis=1)
        return jnp.mean(log_q - log_pz - log_px(decode(parameters["decoder"], z), x))

    weights = [
        (
            drawn(CONTEXT, MADE),
            drawn(latent, MADE),
            jnp.zeros(MADE),
            drawn(MADE, 2 * latent),
            jnp.zeros(2 * latent),
        )
        for _ in orders
    ]
    return loss, {"steps": weights}


def beta_tc(
    encode: Any, decode: Any, log_px: Any, latent: int, hidden: int, rng: np.random.Generator
) -> tuple[Any, dict[str, Any]]:
    """Use the closed-form KL, and the total correlation with stratified weights."""
    import jax
    import jax.numpy as jnp

    def loss(parameters: Any, x: Any, key: Any) -> Any:
        B = len(x)
        shares = np.full((B, B), 1 / (B - 1))
        shares[np.arange(B), np.arange(B)] = 1 / EXAMPLES
        shares[np.arange(B), (np.arange(B) + 1) % B] = (EXAMPLES - B + 1) / (EXAMPLES * (B - 1))
        log_s = jnp.asarray(np.log(shares), jnp.float32)
        mean, log_var = jnp.split(encode(parameters["encoder"], x), 2, axis=1)
        z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
        # (B, B, Z)
        pairs = -0.5 * (math.log(2 * math.pi) + log_var + (z[:, None] - mean) ** 2 * jnp.exp(-log_var))
        joint = jax.nn.logsumexp(pairs.sum(axis=2) + log_s, axis=1)
        total_correlation = joint - jax.nn.logsumexp(pairs + log_s[:, :, None], axis=1).sum(axis=1)
        kl = 0.5 * jnp.sum(mean**2 + jnp.exp(log_var) - 1 - log_var, axis=1)
        return jnp.mean(kl - log_px(decode(parameters["decoder"], z), x) + 3 * total_correlation)

    return loss, {}


def ladder(
    encode: Any, decode: Any, log_px: Any, latent: int, hidden: int, rng: np.random.Generator
) -> tuple[Any, dict[str, Any]]:
    """Use two layers of latents: what x says of the lower one is multiplied by what the upper one says of it.

    The encoder ends in its hidden units, and what x says of the upper layer has one hidden layer more.
    """
    import jax
    import jax.numpy as jnp

    lower, upper = ladder_sizes(latent)

    def drawn(*shape: int) -> Any:
        return jnp.asarray(rng.uniform(-1, 1, shape) / np.sqrt(shape[0]), jnp.float32)

    def loss(parameters: Any, x: Any, key: Any) -> Any:
        above, below = jax.random.split(key)
        h = encode(parameters["encoder"], x)
        (W1, b1), (W2, b2), (W3, b3) = parameters["heads"]
        mean, log_var = jnp.split(h @ W1 + b1, 2, axis=1)
        top_mean, top_log_var = jnp.split(jax.nn.relu(h @ W2 + b2) @ W3 + b3, 2, axis=1)
        top = top_mean + jnp.exp(0.5 * top_log_var) * jax.random.normal(above, top_mean.shape)
        (W4, b4), (W5, b5) = parameters["step"]
        p_mean, p_log_var = jnp.split(jnp.tanh(top @ W4 + b4) @ W5 + b5, 2, axis=1)
        share = jax.nn.sigmoid(p_log_var - log_var)
        q_mean = share * mean + (1 - share) * p_mean
        q_log_var = log_var + jax.nn.log_sigmoid(p_log_var - log_var)
        z = q_mean + jnp.exp(0.5 * q_log_var) * jax.random.normal(below, q_mean.shape)
        kl_top = 0.5 * jnp.sum(top_mean**2 + jnp.exp(top_log_var) - 1 - top_log_var, axis=1)
        ratio = (jnp.exp(q_log_var) + (q_mean - p_mean) ** 2) * jnp.exp(-p_log_var)
        kl = 0.5 * jnp.sum(ratio - 1 - q_log_var + p_log_var, axis=1)
        return jnp.mean(kl + kl_top - log_px(decode(parameters["decoder"], z), x))

    def layers(*shapes: tuple[int, int]) -> list[Any]:
        return [(drawn(*shape), jnp.zeros(shape[1])) for shape in shapes]

    heads = layers((hidden, 2 * lower), (hidden, hidden), (hidden, 2 * upper))
    return loss, {"heads": heads, "step": layers((upper, STEP), (STEP, 2 * lower))}


LOSSES = {"vq": vq, "flow": flow, "beta-tc": beta_tc, "ladder": ladder}
