"""One data set, ten likelihoods p(x|z): the meaning of the decoder's outputs, and what can be compared.

    likelihood            x_params of a pixel     log p(x|z) is the logarithm of
    bernoulli             logit                   a probability, if x is 0 or 1; of grey x its mean over binarizations
    gaussian, σ fixed     mean                    a density, whose σ says how exact a reconstruction has to be
    gaussian, σ learned   mean, one σ for all     a density; σ becomes the RMS of the residual, as it does for any Gaussian fit
    gaussian, σ optimal   mean                    the same, σ computed from each batch instead of learned by small steps
    gaussian, per pixel   mean and log σ²         a density whose σ becomes small in the corners, which are always black
    laplace               mean, one scale s       a density; s becomes the mean absolute residual
    continuous bernoulli  logit                   a density on [0, 1], Bernoulli's cross-entropy divided by its integral
    discretized logistic  mean and log s          the probability of the pixel's level, which knows that levels have an order
    categorical           a logit for each level  the probability of the pixel's level, of which there are few

A density can exceed 1, and its logarithm depends on the unit of x: if x goes from 0 to 8 instead of 0 to 1, it
is lower by log 8 for each pixel. A probability can't exceed 1, and does not depend on the unit. The data are
made so that the two can be compared. Pixels have 8 levels k, and x = (k + u) / 8 with u ~ U[0, 1) spreads each
level over its eighth of [0, 1]. For every density p of x (Theis et al. 2016, section 3.1)

    log P(k) = log ∫ p over k's cell = log E_u[p(x)] − log 8 ≥ E_u[log p(x)] − log 8           per pixel

and so −log₂ p(x) / D + log₂ 8 bits are an upper bound on the cost of a pixel's level, which compares with the
−log₂ P / D of a categorical. Without the noise u only the density at 8 points would count, where it can be
arbitrarily high: in the black corners log p rises to ∞ as σ falls to 0.

    python 04_likelihoods.py [--quick] [--seed N] [--out FOLDER]

Sources: Theis, van den Oord & Bethge 2016, "A note on the evaluation of generative models"; Rybkin,
Daniilidis & Levine 2021, "Simple and Effective VAE Training with Calibrated Decoders"; Lucas et al. 2019,
"Don't Blame the ELBO!" (why latents collapse).
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import data, evaluation, plots
from scratchvae.layers import Linear, ReLU, Sequential
from scratchvae.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    GaussianOptimal,
    GaussianPerPixel,
    Laplace,
)
from scratchvae.models import VAE
from scratchvae.objectives import Elbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.training import Adam, Cosine

SIDE, LEVELS = 16, 8
D = SIDE * SIDE
HIDDEN, Z = 200, 8
BATCH = 64


def likelihoods():
    """The likelihoods by their names.

    A learned σ starts small, because a step of Adam moves log σ² by about its learning rate, and no more.
    """
    return {
        "bernoulli": Bernoulli(),
        "gaussian, σ² = 1": Gaussian(1.0),
        "gaussian, σ² = 0.1": Gaussian(0.1),
        "gaussian, σ learned": Gaussian(0.02, learned=True),
        "gaussian, σ optimal": GaussianOptimal(),
        "gaussian, per pixel": GaussianPerPixel(),
        "laplace, s learned": Laplace(0.1, learned=True),
        "continuous bernoulli": ContinuousBernoulli(),
        f"logistic, {LEVELS} levels": DiscretizedLogistic(LEVELS),
        f"categorical, {LEVELS} levels": Categorical(LEVELS),
    }


def digits(n, seed):
    """n digits in all typefaces, in the middle, on 8 levels of grey spread over [0, 1)."""
    drawn = data.glyphs(n, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed, size=SIDE)
    level = drawn.images // (256 // LEVELS)
    # steps that float32 represents when 8 levels are added: x stays below 1
    u = np.random.default_rng(seed).integers(0, 2**16, level.shape) / 2**16
    x = (level + u) / LEVELS
    return data.Dataset("digits", x.astype(np.float32), drawn.labels, drawn.label_names)


def build(likelihood, seed):
    """A VAE by its parts. Only the likelihood differs, and the number of outputs that it needs."""
    rng = np.random.default_rng(seed)
    posterior = DiagonalGaussian(Z)
    encoder = Sequential(Linear(D, HIDDEN, rng=rng), ReLU(), Linear(HIDDEN, posterior.n_params, rng=rng))
    decoder = Sequential(
        Linear(Z, HIDDEN, rng=rng), ReLU(), Linear(HIDDEN, likelihood.n_params((1, SIDE, SIDE)), rng=rng)
    )
    return VAE(
        event_shape=(1, SIDE, SIDE),
        encoder=encoder,
        posterior=posterior,
        prior=StandardGaussian(Z),
        decoder=decoder,
        likelihood=likelihood,
    )


def residuals(model, x, rng):
    """x − E[x|z] at a draw z ~ q(z|x) of each example: (B, D)."""
    q_params, _ = model.encoder(x)
    z, _ = model.posterior.sample(q_params, noise=model.posterior.draw_noise(len(x), rng))
    x_params, _ = model.decoder(z)
    return x - model.likelihood.mean(x_params)


def main(argv=None):
    parser = argparse.ArgumentParser(description="One data set, ten likelihoods.")
    parser.add_argument("--quick", action="store_true", help="a sixth of the training: a few seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_04",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    n_train, epochs = (1500, 5) if options.quick else (4000, 14)
    seed = options.seed
    options.out.mkdir(parents=True, exist_ok=True)
    train, test = digits(n_train + 1000, seed).split(1000, last=True)
    seen, held_out = train.batch(slice(None)).x, test.batch(slice(None)).x
    rng = np.random.default_rng(seed + 1)

    models, bounds = {}, {}
    print(
        f"Means over {len(test)} images held out, in nats; −log₂ of the bound in bits per pixel, and what "
        "that costs its level"
    )
    print("                            bound = reconstruction - KL      bits   of level   the logarithm of a")
    for name, likelihood in likelihoods().items():
        model = models[name] = build(likelihood, seed)
        # Residuals shrink a lot in training. With the usual 0.999, Adam would remember log σ²'s first
        # gradients, and lag behind.
        optimizer = Adam(Cosine(6e-3, epochs * -(-len(train) // BATCH)), betas=(0.9, 0.99))
        model.fit(train, epochs=epochs, batch_size=BATCH, optimizer=optimizer, seed=seed)
        terms = bounds[name] = evaluation.bound(model, test, Elbo(), rng=np.random.default_rng(seed))
        bits = evaluation.bits_per_dimension(terms["bound"], D)
        if isinstance(likelihood, Categorical | DiscretizedLogistic):
            of_level, kind = f"{bits:.3f}", "probability"
        elif isinstance(likelihood, Bernoulli):
            of_level, kind = "", "probability of binarized pixels"
        else:
            comparable = evaluation.bits_per_dimension(terms["bound"], D, levels=LEVELS)
            of_level, kind = f"{comparable:.3f}", "density"
        line = (
            f"{terms['bound']:9.2f}   {terms['log_px']:14.2f} {terms['kl']:5.2f}   {bits:7.3f}   "
            f"{of_level:>8}"
        )
        print(f"  {name:<21} {line}   {kind}")
    print(
        "The columns left of it rank nothing, only the bits of the level do   (expected: fewest for the "
        "two of levels)"
    )
    learned, rescaled = (
        models["gaussian, σ learned"],
        bounds["gaussian, σ learned"]["bound"] - D * np.log(LEVELS),
    )
    print(
        f"With x from 0 to {LEVELS}, not to 1, 'gaussian, σ learned' would have {rescaled:.2f}: same "
        "model, other unit"
    )

    # --------------------------------------------------------------------------------- σ, and what it becomes

    optimal, laplace = models["gaussian, σ optimal"], models["laplace, s learned"]
    sigmas = {
        "gaussian, σ² = 1": 1.0,
        "gaussian, σ learned": np.exp(learned.likelihood.log_var.value[0] / 2),
        "gaussian, σ optimal": np.sqrt(optimal.likelihood.variance.value[0]),
    }
    print(
        f"\nResiduals x − E[x|z] of the {len(train)} training images, z ~ q(z|x)   (expectations: fully "
        "trained)"
    )
    print("                                σ   RMS residual")
    for name, sigma in sigmas.items():
        expected = "equal within 5 %" if name != "gaussian, σ² = 1" else "not equal: nothing moves it"
        rms = np.sqrt(np.mean(residuals(models[name], seen, rng) ** 2))
        print(f"  {name:<21} {sigma:9.4f}   {rms:12.4f}   (expected: {expected})")
    print("                                s   mean |residual|")
    scale, deviation = (
        np.exp(laplace.likelihood.log_scale.value[0]),
        np.abs(residuals(laplace, seen, rng)).mean(),
    )
    print(f"  {'laplace, s learned':<21} {scale:9.4f}   {deviation:12.4f}   (expected: equal within 5 %)")

    # ------------------------------------------------------------------------ a σ too large: latents collapse

    # A latent is worth its KL only if what it explains stands out of the noise. With linear networks this is
    # exact: a latent is used for each direction in which the data vary by more than σ² (Lucas et al. 2019).
    # For these networks the number is a guide.
    variances = np.linalg.eigvalsh(np.cov(seen.T))
    print(
        f"\nWhat σ does to the {Z} latents                  KL in nats   active   (expected: near those "
        "of variance > σ²)"
    )
    for name in ("gaussian, σ² = 1", "gaussian, σ² = 0.1", "gaussian, σ learned"):
        sigma2 = float(np.exp(models[name].likelihood.log_var.value[0]))
        active = evaluation.active_units(models[name].encode(held_out)).sum()
        expected = min(Z, (variances > sigma2).sum())
        print(
            f"  {name:<21} σ² = {sigma2:<8.3g}         {bounds[name]['kl']:11.2f}   {active:6d}   "
            f"({expected})"
        )

    # ---------------------------------------------------------------------------------------- mean and sample

    shown = held_out[[np.flatnonzero(test.labels == digit)[0] for digit in range(10)]]
    rows, names = [shown], ["data"]
    for name, model in models.items():
        x_params, _ = model.decoder(model.encode(shown))
        rows += [model.likelihood.mean(x_params), model.likelihood.sample(x_params, rng)]
        names += [f"{name}: mean", "a draw"]
        if isinstance(model.likelihood, GaussianPerPixel):
            rows.append(np.exp(x_params[:, D:] / 2) / 0.5)
            names.append("its σ, white is 0.5")
    figure = plots.image_grid(
        np.concatenate(rows).reshape(-1, SIDE, SIDE),
        columns=10,
        title="What each likelihood makes of the codes of ten digits",
        row_labels=names,
    )
    plots.save(figure, options.out / "means_and_draws.png")
    print(f"Picture: {options.out / 'means_and_draws.png'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
