"""Estimators of one gradient: what each claims, whether it holds, and how much one draw is worth.

A bound is a mean over draws of z ~ q(z|x), and so is its gradient to the encoder. Several estimators claim to
have that mean:

    total             the whole derivative of the computed number, with z = mean + σ ε
    STL, DReG         without the part by log q's own parameters: its mean is 0, or that of a gradient through z
    score function    the draws are constant: (f − b) ∂log q
    VIMCO             the same for the bound of K draws, each judged by the others
    implicit          for a mixture: z solves F(z) = Φ(ε), dz = −dF/q(z)
    stratified        for a mixture: a weighted draw of every component

An unbiased estimator g has the slope of the bound as its mean E g. With one latent both are integrals that
quadrature computes: the slope over z, and E g and its variance over the noise. So a bias shows in all digits.
Draws by the generator are printed beside it with their standard errors. Some estimators are known to be biased,
and the table shows that they are.

The signal-to-noise ratio of an estimator is ‖E g‖ / √(E[‖g − E g‖²]). For the total gradient of the
importance-weighted bound of K draws it rises as √K for the decoder, but falls as 1/√K for the encoder. So the
encoder learns less from a tighter bound. With DReG the ratio rises as √K for the encoder too.

    python 24_estimators.py [--quick] [--seed N] [--out FOLDER]

Sources: Roeder, Wu & Duvenaud 2017 (STL, stratified mixtures); Tucker et al. 2019 (DReG); Rainforth et al.
2018, theorem 1 (the slopes); Williams 1992; Mnih & Rezende 2016 (VIMCO); Figurnov, Mohamed & Mnih 2018
(implicit); Jang, Gu & Poole 2017 (relaxed).
"""

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from scratchvae import VAE, evaluation, plots
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Layer, Linear, Mode, Parameter, cast, named_parameters
from scratchvae.likelihoods import Gaussian
from scratchvae.objectives import Elbo, Iwae, SampledElbo, ScoreFunctionElbo, StratifiedElbo, Vimco
from scratchvae.posteriors import DiagonalGaussian, GumbelSoftmax, MixturePosterior
from scratchvae.priors import OneHot, StandardGaussian

W, VARIANCE, X = np.array([[0.8, -0.5, 0.3]]), 0.5, np.array([[0.9, 0.2, -0.4]])
TOGETHER = 50  # copies of x in a batch: the gradient of a batch is the mean of so many independent ones


@dataclass(frozen=True)
class StlOfMany(Iwae):
    """ "stl" with K > 1: the normalized weights, and the path of each draw once.

    The library refuses it.
    """

    def __call__(self, model, batch, noise, *, mode=EVALUATION):
        one, run_pullback = model.run(batch, noise, draws=self.draws, kl="sampled", score=False, mode=mode)
        _, slope = self.weigh(one.log_weights)
        report, _ = super().__call__(model, batch, noise, mode=mode)
        d = -slope / len(batch)
        return report, lambda: run_pullback(dlog_px=d, dlog_pz=d, dlog_q=-d)


@dataclass(frozen=True)
class OneComponent(SampledElbo):
    """A component of a mixture is chosen, and z = mean + σ ε of it, without a gradient for the choice."""

    def draw_noise(self, model, rows, rng):
        (log_weights, _), noise = (
            model.posterior.log_weights(model.encoder(X)[0]),
            model.draw_noise(rows, rng),
        )
        chosen = rng.choice(log_weights.size, size=(rows, 1), p=np.exp(log_weights[0]))
        return np.concatenate([noise, chosen.astype(noise.dtype)], axis=1)


class OneRow(Layer):
    """An encoder with the same output for every x, which keeps the gradient of each row in `drow`."""

    def __init__(self, q_params):
        self.q_params = Parameter(np.asarray(q_params, np.float64))

    def __call__(self, x, *, mode=EVALUATION, needs_dx=True):
        def pullback(dy):
            self.drow = dy * len(dy)  # dy is the gradient of a mean over the batch
            self.q_params.receive(dy.sum(axis=0))
            return np.zeros_like(x)

        return np.repeat(self.q_params.value[None], len(x), axis=0), pullback


def linear_gaussian(posterior, prior, q_params):
    """x = z W + noise in float64, with the q(z|x) of these parameters, which is not the posterior."""
    latents = posterior.latent_dim
    parts = {"encoder": OneRow(q_params), "posterior": posterior, "prior": prior}
    model = VAE(event_shape=(3,), decoder=Linear(latents, 3, rng=1), likelihood=Gaussian(VARIANCE), **parts)
    cast(model, np.float64)
    if latents == 1:
        model.decoder.weight.value, model.decoder.bias.value = W.copy(), np.zeros(3)
    return model


def of_each_row(model, objective, noise, rows, mode=EVALUATION):
    """The estimates (rows, P) of the gradient to q_params, each by its own share of the noise."""
    _, pullback = objective(model, Batch(np.repeat(X, rows, axis=0)), noise, mode=mode)
    pullback()
    for parameter in named_parameters(model).values():
        parameter.grad = None
    return model.encoder.drow


def slope_of_bound(model, K):
    """The exact slope of −E[log 1/K Σ_k w_k], K = 1 or 2, to q_params.

    It is a sum over pairs of points z of an even grid.
    """
    grid = evaluation.even_grid(1, points=801)
    log_q, log_q_pullback = evaluation.log_q_on_grid(
        model.encoder(X)[0], posterior=model.posterior, grid=grid
    )
    (log_px, log_pz), _ = model.log_joint(Batch(X), grid.z, draws=len(grid.z))
    log_w, mass = (log_px + log_pz - log_q)[0], np.exp(log_q[0]) * grid.cell
    if K == 1:
        return -log_q_pullback((mass * (log_w - 1))[None])[0]  # by the mass at z, and by log w there
    pair = np.logaddexp(log_w[:, None], log_w) - np.log(2)
    share = np.exp(log_w[:, None] - np.log(2) - pair)
    return -log_q_pullback((2 * mass * ((pair - share) @ mass))[None])[0]


def moments(model, objective, K):
    """E g and the variances of its entries over the noise of K draws, on an even grid of it."""
    axis = np.linspace(-8, 8, 801 if K == 1 else 161)
    # a row for each estimate
    noise = np.stack(np.meshgrid(*[axis] * K, indexing="ij"), axis=-1).reshape(-1, K)
    weights, columns = np.exp(-0.5 * (noise**2).sum(axis=1)), noise.reshape(-1, 1)
    if isinstance(objective, StratifiedElbo):
        columns = model.posterior.stratified(columns)
    if isinstance(objective, OneComponent):
        shares = np.exp(model.posterior.log_weights(model.encoder(X)[0])[0][0])
        columns = np.concatenate(
            [np.append(columns, np.full_like(columns, c), axis=1) for c in range(len(shares))]
        )
        weights = np.concatenate([share * weights for share in shares])
    weights = weights[:, None] / weights.sum()
    found = of_each_row(model, objective, columns, len(weights))
    mean = (weights * found).sum(axis=0)
    return mean, (weights * (found - mean) ** 2).sum(axis=0)


def table(title, rows, draws, rng):
    """For each estimator its bias and variance by quadrature, and beside them those from draws."""
    print(f"\n{title}")
    print("                                   by quadrature                        by draws: bias in")
    print(
        "                                      bias    variance  signal/noise    standard errors    variance"
    )
    for name, model, objective, K in rows:
        true = slope_of_bound(
            model, 2 if isinstance(objective, Iwae | Vimco) and objective.samples == 2 else 1
        )
        mean, variance = moments(model, objective, K)
        found = of_each_row(model, objective, objective.draw_noise(model, draws, rng), draws)
        ratio = np.linalg.norm(mean) / np.sqrt(variance.sum())
        off = np.abs((found.mean(axis=0) - true) / (found.std(axis=0, ddof=1) / np.sqrt(draws))).max()
        exact = f"{np.abs(mean - true).max():10.1e} {variance.sum():11.5f} {ratio:13.3f}"
        print(f"  {name:31} {exact} {off:18.1f} {found.var(axis=0, ddof=1).sum():11.5f}", flush=True)


def one_expectation(options, rng):
    """Part 1: the tables."""
    draws = 20_000 if options.quick else 200_000
    model = linear_gaussian(DiagonalGaussian(1), StandardGaussian(1), [0.9, -0.2])
    mixed = linear_gaussian(MixturePosterior(1, 2), StandardGaussian(1), [0.3, -0.4, -0.4, 1.3, -0.5, -1.2])
    print(
        f"z ~ N(0, 1), x = z W + noise, one x; gradients to the numbers of q(z|x). {draws:,} draws of "
        "each estimator"
    )
    print("(expected: bias 0 but for rounding, draws within 5 standard errors, and both variances the same)")
    plain = [
        ("total, KL in closed form", model, Elbo(), 1),
        ("total, KL sampled", model, SampledElbo(), 1),
        ("STL", model, SampledElbo(gradient="stl"), 1),
        ("DReG at K = 1", model, Iwae(1, "dreg"), 1),
        ("score function", model, ScoreFunctionElbo(1, leave_one_out=False), 1),
        ("score function, leave one out", model, ScoreFunctionElbo(2), 2),
    ]
    table("The bound, q(z|x) Gaussian", plain, draws, rng)
    several = [
        ("total", model, Iwae(2), 2),
        ("DReG", model, Iwae(2, "dreg"), 2),
        ("VIMCO", model, Vimco(2), 2),
        ("STL beyond one draw: biased", model, StlOfMany(2), 2),
    ]
    table("The importance-weighted bound of K = 2", several, draws, rng)
    of_mixture = [
        ("implicit", mixed, SampledElbo(), 1),
        ("implicit, STL", mixed, SampledElbo(gradient="stl"), 1),
        ("stratified", mixed, StratifiedElbo(), 2),
        ("score function", mixed, ScoreFunctionElbo(1, leave_one_out=False), 1),
        ("one component, its path: biased", mixed, OneComponent(), 1),
    ]
    table("The bound, q(z|x) a mixture of two Gaussians", of_mixture, draws, rng)


def relaxed(options, rng):
    """Part 2: choices among three. Enumeration gives the slope, and the relaxed draw has another one."""
    logits, draws = np.array([0.5, -0.3, 0.1]), 40_000 if options.quick else 400_000
    print(
        "\nz one of three, the slope by enumeration; a relaxed draw has a bias (expected: it falls with "
        "its temperature)"
    )
    print("  estimator                      bias ± standard error     variance")
    rows = [
        (f"relaxed, temperature {t:g}", GumbelSoftmax(1, 3, temperature=t), Elbo())
        for t in (2.0, 1.0, 0.5, 0.25)
    ]
    rows.append(
        ("score function, leave one out", GumbelSoftmax(1, 3, straight_through=True), ScoreFunctionElbo(2))
    )
    for name, posterior, objective in rows:
        model = linear_gaussian(posterior, OneHot(1, 3), logits)
        log_q = logits - np.logaddexp.reduce(logits)
        (log_px, log_pz), _ = model.log_joint(Batch(np.repeat(X, 3, axis=0)), np.eye(3))
        q, f = np.exp(log_q), (log_px + log_pz)[:, 0] - log_q
        true = -q * (f - q @ f)  # −∂/∂logits Σ_k q_k f_k; the slopes of log q have the mean 0
        noise, mode = objective.draw_noise(model, draws, rng), Mode(rng)
        found = of_each_row(model, objective, noise, draws, mode)
        gap, variance = found.mean(axis=0) - true, found.var(axis=0, ddof=1).sum()
        error = np.sqrt(variance / draws)
        print(f"  {name:30} {np.linalg.norm(gap):.4f} ± {error:.4f} {variance:16.4f}", flush=True)


def slopes(options, rng):
    """Part 3: how the signal-to-noise ratio changes with K, and the curves of the picture."""
    model = linear_gaussian(DiagonalGaussian(1), StandardGaussian(1), [0.45, -0.4])
    draws, runs = (1500, 4) if options.quick else (20_000, 8)
    K = np.array([16, 64, 256] if options.quick else [8, 32, 128, 512])
    estimators = {"total": "total", "DReG": "dreg"}
    found = {name: {part: np.empty((runs, len(K))) for part in ("encoder", "decoder")} for name in estimators}
    batch = Batch(np.repeat(X, TOGETHER, axis=0))
    for run, (k, samples) in product(range(runs), enumerate(K)):
        noises = {
            name: evaluation.estimator_noise(
                model, Iwae(int(samples), gradient), batch, draws=draws // TOGETHER, rng=rng
            )
            for name, gradient in estimators.items()
        }
        for name, part in product(estimators, ("encoder", "decoder")):
            # both have one mean, which the draws of DReG show more clearly
            found[name][part][run, k] = noises[name].signal_to_noise(part, of=noises["DReG"]) / np.sqrt(
                TOGETHER
            )
    print(
        "\nSignal-to-noise ratio of the importance-weighted gradient, K draws (expected: powers of K, as "
        "K grows)"
    )
    print(f"                    {'  '.join(f'K = {k:4}' for k in K)}    log-log slope ± standard error")
    for name, part in product(estimators, ("encoder", "decoder")):
        ratios = found[name][part]
        each = np.polyfit(np.log(K), np.log(ratios).T, 1)[0]
        expected = "−1/2" if (name, part) == ("total", "encoder") else "+1/2"
        shown = "  ".join(f"{ratio:8.4f}" for ratio in ratios.mean(axis=0))
        fitted = f"{each.mean():+.3f} ± {each.std(ddof=1) / np.sqrt(runs):.3f}"
        print(f"  {name:5}, {part:7} {shown}    {fitted}   (expected: {expected})")
    panels = {}
    for part in ("encoder", "decoder"):
        panels[part] = {name: (K, found[name][part].mean(axis=0)) for name in estimators}
        powers = {"slope −½": -0.5, "slope +½": 0.5} if part == "encoder" else {"slope +½": 0.5}
        for label, power in powers.items():
            start = found["total" if power < 0 else "DReG"][part].mean(axis=0)[0]
            panels[part][label] = (K, 2.5 * start * (K / K[0]) ** power)  # beside the curve
    return panels


def main(argv=None):
    options = read_options(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    one_expectation(options, rng)
    relaxed(options, rng)
    panels = slopes(options, rng)
    title = "What a gradient is worth, by draws"
    figure = plots.lines(panels, x_label="K", y_label="signal / noise", title=title, log="xy")
    plots.save(figure, options.out / "signal_to_noise.png")
    print(f"Picture: {options.out / 'signal_to_noise.png'}")
    return 0


def read_options(argv):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Estimators of one gradient: bias, variance and signal-to-noise ratio."
    )
    parser.add_argument("--quick", action="store_true", help="fewer draws")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", default=Path("demo_24"), help="for the picture")
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
