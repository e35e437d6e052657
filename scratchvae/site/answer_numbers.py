"""The functions that an answer is about compute the table of numbers in it."""

from collections.abc import Callable
from functools import partial

import numpy as np

from scratchvae import evaluation, ops
from scratchvae.arrays import Array
from scratchvae.data import Batch
from scratchvae.distributions import bernoulli, gaussian
from scratchvae.layers import Linear, Sequential, Tanh, cast, named_parameters
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, Iwae, aggregate_log_prob
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.site.number_table import central, table


def _kl(mean: float, log_var: float) -> float:
    return float(gaussian.kl_to_standard(np.array([[mean]]), np.array([[log_var]]))[0][0])


def gradient_of_the_kl() -> str:
    """Show the KL and its two derivatives at a few places, beside finite differences."""
    rows = []
    for m, s in ((0.0, 0.0), (1.5, 0.0), (0.0, -4.0), (0.0, 2.0), (-0.7, 0.6)):
        mean, log_var = np.array([[m]]), np.array([[s]])
        kl, pullback = gaussian.kl_to_standard(mean, log_var)
        dmean, dlog_var = pullback(np.ones(1))
        differences = central(partial(_kl, log_var=s), m), central(partial(_kl, m), s)
        rows.append(
            (m, s, float(kl[0]), float(dmean[0, 0]), differences[0], float(dlog_var[0, 0]), differences[1])
        )
    head = ("μ", "log σ²", "KL", "∂KL/∂μ", "by differences", "∂KL/∂log σ²", "by differences")
    return table("Computed by kl_to_standard when this page was built, in nats.", head, rows)


def log_variance() -> str:
    """Show σ, the KL and its gradient over a wide range of log σ², by log σ² and by σ."""
    s = np.array([-80.0, -20.0, -4.0, 0.0, 2.0, 6.0])
    kl, pullback = gaussian.kl_to_standard(np.zeros((6, 1)), s[:, None])
    _, slope = pullback(np.ones(6))
    sigma = np.exp(s / 2)
    columns = (s, sigma, kl, slope[:, 0], sigma - 1 / sigma)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    head = ("log σ²", "σ", "KL", "∂KL/∂log σ²", "∂KL/∂σ = σ − 1/σ")
    return table("One latent with μ = 0; the KL in nats.", head, rows)


def free_bits() -> str:
    """Show the gradient that the KL alone gives the encoder of two latents, one below λ and one above."""
    q = np.array([0.2, 1.5, 0.0, 0.0])  # μ₁, μ₂, log σ₁², log σ₂²: KLs of 0.02 and 1.125 nats
    rows = []
    for bits in (0.0, 0.5):
        model = VAE(
            event_shape=(3,), encoder=Linear(3, 4, rng=0), posterior=DiagonalGaussian(2),
            prior=StandardGaussian(2),
            decoder=Linear(2, 3, rng=0), likelihood=Bernoulli(),
        )  # fmt: skip
        cast(model, np.float64)
        parameters = named_parameters(model)
        for parameter in parameters.values():
            # the decoder ignores z, so that the KL alone has a gradient
            parameter.value = np.zeros_like(parameter.value)
        parameters["encoder.bias"].value = q
        report, pullback = Elbo(free_bits=bits)(model, Batch(np.full((2, 3), 0.5)), np.zeros((2, 2)))
        pullback()
        grad = parameters["encoder.bias"].grad
        assert grad is not None
        rows.append((bits, 0.5 * 0.2**2, 0.5 * 1.5**2, float(report.loss), float(grad[0]), float(grad[1])))
    head = ("λ", "kl₁", "kl₂", "loss", "gradient by μ₁", "gradient by μ₂")
    return table(
        "A decoder that ignores z: what is left is the KL, in nats. The first latent lies below λ = 0.5. The "
        "loss also has −log p(x|z) = 3 log 2 = 2.079441 nats, which nothing changes.",
        head,
        rows,
    )


def fading() -> str:
    """Show the signal and the noise of the encoder's gradient as the bound gets tighter."""
    model = VAE(
        event_shape=(6,), encoder=Sequential(Linear(6, 5, rng=1), Tanh(), Linear(5, 4, rng=2)),
        posterior=DiagonalGaussian(2),
        prior=StandardGaussian(2), decoder=Sequential(Linear(2, 5, rng=3), Tanh(), Linear(5, 6, rng=4)),
        likelihood=Bernoulli(),
    )  # fmt: skip
    cast(model, np.float64)
    batch = Batch((np.random.default_rng(0).random((8, 6)) < 0.5) * 1.0)
    rows = []
    for K in (1, 4, 16, 64, 256):
        row: list[object] = [K]
        for gradient in ("total", "dreg"):
            found = evaluation.estimator_noise(
                model, Iwae(K, gradient=gradient), batch, draws=300, rng=np.random.default_rng(1)
            )
            signal = np.sqrt(
                sum(
                    float((g**2).sum())
                    for name, g in found.gradient_mean.items()
                    if name.startswith("encoder")
                )
            )
            row += [
                signal,
                float(np.sqrt(found.total_variance("encoder"))),
                signal / float(np.sqrt(found.total_variance("encoder"))),
            ]
        rows.append(row)
    head = ("K", "signal", "noise", "signal / noise", "signal, dreg", "noise, dreg", "signal / noise, dreg")
    return table(
        "The encoder's gradient of Iwae(K) in a small VAE, in nats per unit of a weight: the size of its "
        "mean (signal) and its standard deviation (noise), over 300 draws.",
        head,
        rows,
    )


def stratified() -> str:
    """Show q(z) at one draw, over all N examples and as estimated from batches, averaged over many."""
    N, size, rng = 50, 8, np.random.default_rng(0)
    mean, log_var = 2 * rng.normal(size=(N, 1)), np.full((N, 1), -2.0)
    z = mean[:1]  # a draw of the first example
    exact = float(np.exp(aggregate_log_prob(z, mean, log_var, shares=np.full((1, N), 1 / N))[0][0][0]))
    weights = {
        "1/B for all": np.full(size, 1 / size),
        "stratified": np.array([1 / N, (N - size + 1) / (N * (size - 1)), *[1 / (size - 1)] * (size - 2)]),
    }
    rows = []
    for words, shares in weights.items():
        found = []
        for _ in range(1500):
            rows_of_batch = np.concatenate([[0], 1 + rng.permutation(N - 1)[: size - 1]])
            (joint, _), _ = aggregate_log_prob(
                z, mean[rows_of_batch], log_var[rows_of_batch], shares=shares[None]
            )
            found.append(float(np.exp(joint[0])))
        error = float(np.std(found) / np.sqrt(len(found)))
        rows.append(
            (words, " ".join(f"{s:.3f}" for s in shares[:3]) + " …", float(np.mean(found)), error, exact)
        )
    head = (
        "weights",
        "of its own example, the next, the others",
        "mean over 1500 batches",
        "standard error",
        "q(z) over all N",
    )
    return table(f"N = {N} examples, batches of B = {size}: q(z) at a draw of one of them.", head, rows)


def no_q_in_it() -> str:
    """Show log p(x) as the bound plus the KL, and as the mean of itself, for several q.

    The model is a linear one of one latent.
    """
    x, w, variance = 1.5, 1.2, 0.36
    posterior_var = 1 / (1 + w**2 / variance)
    posterior_mean = posterior_var * w * x / variance
    log_px = float(
        gaussian.log_prob(np.array([[x]]), np.zeros((1, 1)), np.array([[np.log(w**2 + variance)]]))[0][0]
    )
    rows = []
    for words, m, v in (
        ("the prior", 0.0, 1.0),
        ("some q", -1.0, 0.3),
        ("a narrow q", 2.0, 0.01),
        ("the posterior", posterior_mean, posterior_var),
    ):
        cells = [np.array([[each]]) for each in (m, np.log(v), posterior_mean, np.log(posterior_var))]
        gap = float(gaussian.kl(*cells)[0][0])
        kl = float(gaussian.kl_to_standard(*cells[:2])[0][0])
        z = np.array([[m]]) + np.sqrt(v) * np.random.default_rng(0).normal(size=(1000, 1))
        x_rows, log_s = np.full((1000, 1), x), np.full((1000, 1), np.log(variance))
        joint = gaussian.log_prob(x_rows, w * z, log_s)[0] + gaussian.standard_log_prob(z)[0]
        given_x = gaussian.log_prob(
            z, np.full_like(z, posterior_mean), np.full_like(z, np.log(posterior_var))
        )[0]
        expected = -0.5 * (np.log(2 * np.pi * variance) + ((x - w * m) ** 2 + w**2 * v) / variance)
        ratio = joint - given_x  # log p(x, z) − log p(z|x), at draws of q
        rows.append(
            (
                words,
                float(expected - kl),
                gap,
                float(expected - kl + gap),
                float(ratio.mean()),
                f"{ratio.std():.0e}".replace("-", "−"),
            )
        )
    head = ("q", "bound", "KL(q ‖ p(z|x))", "their sum", "mean log p(x) by draws of q", "standard deviation")
    model = f"z ~ N(0, 1), x = 1.2 z + noise, x = 1.5: log p(x) = {log_px:.6f} nats"
    return table(model.replace("-", "−"), head, rows)


def saturated() -> str:
    """Show log p(x) and its gradient at extreme logits, by logits and by probabilities, in float32."""
    rows = []
    for l, x in ((0.0, 0.0), (10.0, 0.0), (30.0, 0.0), (100.0, 0.0), (-120.0, 1.0), (100.0, 1.0)):
        logits, pixel = np.array([[l]], np.float32), np.array([[x]], np.float32)
        value, pullback = bernoulli.log_prob(logits, x=pixel)
        with np.errstate(all="ignore"):
            p = 1 / (1 + np.exp(-logits))
            naive = pixel * np.log(p) + (1 - pixel) * np.log(1 - p)
        slope = float(pullback(np.ones(1, np.float32))[0, 0])
        rows.append((l, x, float(value[0]), slope, float(naive[0, 0])))
    return table(
        "In numbers of 32 bits, log p(x) in nats.",
        ("logit", "x", "log p(x) by the logit", "its gradient", "log p(x) by the probability"),
        rows,
    )


def convolutions() -> str:
    """Show both gradients of conv2d, by its pullback and as convolutions."""
    rng = np.random.default_rng(0)
    x, W, dy = rng.normal(size=(2, 3, 6, 6)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=(2, 4, 4, 4))
    _, pullback = ops.conv2d(x, W, np.zeros(4))
    dx, dW, _ = pullback(dy)
    turned = W[:, :, ::-1, ::-1].transpose(1, 0, 2, 3).copy()
    by_turned, _ = ops.conv2d(dy, turned, np.zeros(3), padding=2)
    transposed, _ = ops.conv_transpose2d(dy, W, np.zeros(3))
    swap: Callable[[Array], Array] = lambda a: np.ascontiguousarray(a.transpose(1, 0, 2, 3))  # noqa: E731
    by_errors, _ = ops.conv2d(swap(x), swap(dy), np.zeros(4))
    rows = [
        (
            "dx",
            "conv2d of dy, padded by 2, with the kernel turned by 180°",
            float(np.abs(dx - by_turned).max()),
        ),
        ("dx", "conv_transpose2d of dy with the kernel", float(np.abs(dx - transposed).max())),
        (
            "dW",
            "conv2d of x with dy as the kernel, batch and channels exchanged",
            float(np.abs(dW - swap(by_errors)).max()),
        ),
    ]
    return table(
        "Two pictures of 6 × 6 with 3 channels, 4 kernels of 3 × 3.",
        ("gradient", "is", "largest difference from the pullback"),
        rows,
    )
