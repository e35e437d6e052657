"""Several encoders, one for each modality, such as the halves of a picture, multiplied or mixed.

    product   q(z|x) ∝ p(z) Π_m N(z; mean_m(x_m), σ_m²)      over the modalities that are there; p(z) counts once
    mixture   q(z|x) = 1/|P| Σ_{m ∈ P} N(z; mean_m(x_m), σ_m²)

A product is as sure as all its experts together, and needs to be trained with modalities missing, since the bound of
all of them asks what each says only beside the others. A mixture is as vague as its experts, and its bound asks each
of them to explain everything by itself.

Where modalities are linear, Gaussian and have orthogonal loadings, the product is the posterior of every subset of
them. Then the lower halves of digits are made from the upper ones.

    python 26_several_encoders.py [--quick] [--seed N] [--out FOLDER]

Sources: Wu & Goodman 2018, "Multimodal generative models for scalable weakly-supervised learning"; Shi, Siddharth,
Paige & Torr 2019, "Variational mixture-of-experts autoencoders for multi-modal deep generative models".
"""

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from scratchvae import data, plots, recipes
from scratchvae.distributions import gaussian
from scratchvae.evaluation import impute
from scratchvae.objectives import Elbo, StratifiedElbo, SubsampledElbo

MIXED = "gaussian_mixture(components=2)"
MODELS = {  # how each is built, and what it is trained by
    "one encoder": ({}, Elbo()),
    "product, all halves there": ({"modalities": 2}, Elbo()),
    "product, halves missing": ({"modalities": 2}, SubsampledElbo()),
    "mixture": ({"modalities": 2, "posterior": MIXED}, StratifiedElbo()),
}


def exact_posteriors(rng):
    """How far the product of exact experts is from p(z|x_P), for every subset P of three modalities."""
    sizes, Z, variance = (3, 2, 4), 2, 0.5
    lengths = np.array([[0.7], [1.6]])
    loadings = [np.linalg.qr(rng.normal(size=(size, Z)))[0].T * lengths for size in sizes]  # W_m (Z, D_m)
    x = [rng.normal(size=size) for size in sizes]
    squares = [(W**2).sum(axis=1) for W in loadings]
    means = np.stack([part @ W.T / s for part, W, s in zip(x, loadings, squares, strict=True)])
    log_vars = np.log(variance / np.stack(squares))
    for present in product((0, 1), repeat=3):
        (mean, log_var), _ = gaussian.product_of_experts(
            means[None], log_vars[None], present=np.array([present])
        )
        W = np.hstack([W for W, here in zip(loadings, present, strict=True) if here] or [np.zeros((Z, 0))])
        seen = np.concatenate([part for part, here in zip(x, present, strict=True) if here] or [np.zeros(0)])
        S = np.linalg.inv(np.eye(Z) + W @ W.T / variance)  # the covariance of p(z|x_P)
        off = max(
            np.abs(np.diag(np.exp(log_var[0])) - S).max(), np.abs(mean[0] - S @ W @ seen / variance).max()
        )
        yield present, mean[0], off


def completed(model, examples, samples, seed):
    """The lower halves of pictures imputed from the upper ones  ->  (N, D)."""
    hidden = np.zeros(examples.images.shape, bool)
    hidden[:, :, hidden.shape[2] // 2 :] = True
    found = impute(
        model, replace(examples, observed=~hidden), samples=samples, rng=np.random.default_rng(seed)
    )
    return found.x


def main(argv=None):
    options = read_options(argv)
    options.out.mkdir(parents=True, exist_ok=True)

    # --------------------------------------------------------------------------------- 1. the exact posterior

    print("Three linear modalities, of which some are there: E[z|x], and how far the product is from p(z|x)")
    for present, mean, off in exact_posteriors(np.random.default_rng(options.seed)):
        there = ", ".join(str(m + 1) for m in range(3) if present[m]) or "none"
        print(f"  {there:<8} {np.round(mean, 3)!s:<18} {off:.0e}   (expected: rounding)")

    # -------------------------------------------------------------------------- 2. a half made from the other

    n, epochs = (2000, 12) if options.quick else (10_000, 15)
    train, test = data.load("numerals", limit=n + 300).split(300, seed=options.seed)
    whole = test.batch(slice(None), np.float64).x
    below = np.arange(whole.shape[1]) >= whole.shape[1] // 2
    print(
        f"\nLower halves of {len(test)} digits, filled in from the upper ones: mean squared error of a pixel"
    )
    guess = train.batch(slice(None), np.float64).x.mean(axis=0)
    print(f"  {'the mean of all digits':<28} {((guess - whole) ** 2)[:, below].mean():.4f}")
    rows = [whole, np.where(below, 0, whole)]
    for name, (settings, objective) in MODELS.items():
        model = recipes.mlp(train.event_shape, latent_dim=10, hidden=(100,), seed=options.seed, **settings)
        model.fit(
            train, epochs=epochs, batch_size=50, learning_rate=2e-3, objective=objective, seed=options.seed
        )
        made = completed(model, test, 50, options.seed)
        rows.append(made)
        print(f"  {name:<28} {((made - whole) ** 2)[:, below].mean():.4f}")
    print(
        "  (expected: an encoder that has never seen a half alone says little of use, with 50 weighted draws"
    )
    print("   to mend it; those of the last two rows have, and err by far less)")

    shown = 10
    images = np.stack([row[:shown] for row in rows]).reshape(-1, shown, *test.event_shape)
    names = ["digits", "what is seen", *MODELS]
    title = "Lower halves made from the upper ones"
    plots.save(plots.classes(images, names, title=title), options.out / "halves.png")
    print(f"\nPictures: {options.out / 'halves.png'}")
    return 0


def read_options(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer digits: some seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_26",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
