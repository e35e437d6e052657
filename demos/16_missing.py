"""Half of a table is missing: what a VAE learns from the rest, and how it fills in the holes.

    log p(x_o) = log ∫ p(x_o|z) p(z) dz        p(x_o|z) = Π_d p(x_d|z) over the observed entries d alone

Entries do not depend on each other given z, and so those that are missing drop out of the likelihood: nothing has to be
filled in to train the decoder. Only the encoder needs a whole row, and gets 0 (the mean of standardized columns) where an
entry is missing. With K draws z_k ~ q(z|x_o) of each example

    w_k = p(x_o|z_k) p(z_k) / q(z_k|x_o)           E log 1/K Σ_k w_k ≤ log p(x_o)               (the bound)
    w̃_k = w_k / Σ_k w_k                            E[x_m|x_o] ≈ Σ_k w̃_k E[x_m|z_k]              (one imputation)
                                                   x_m ~ p(x_m|z_j), j = k with probability w̃_k  (many imputations)

Part 1 has exact answers: factor analysis integrates over what is missing, and its VAE must come to the same numbers. Part 2
repeats the experiment of Mattei and Frellsen's published notebook: the breast cancer data of scikit-learn, half of the
entries removed at random, networks with 128 hidden units twice, 10 latents, K = 20, 2,002 epochs of Adam in batches of 64.
Their likelihood is a Student t; `--likelihood` chooses ours. The entries that are removed differ from theirs.

    python 16_missing.py [--quick] [--likelihood NAME] [--epochs N] [--seed N] [--out FOLDER]

Source: Mattei & Frellsen 2019, "MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import evaluation, likelihoods, plots, recipes
from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.models import FactorAnalysis
from scratchvae.objectives import Iwae

LIKELIHOODS = {  # each from D, the number of entries
    "gaussian_diagonal": lambda D: likelihoods.GaussianDiagonal(np.ones(D), min_variance=0.01),
    "gaussian_per_pixel": lambda D: likelihoods.GaussianPerPixel(),
}
LATENTS, HIDDEN, K, BATCH = 10, (128, 128), 20, 64
THEIRS = {"first": -36.7, "last": -3.61, "error": 0.287}  # what the notebook prints: the bound at first, in the end; the error


def main() -> int:
    options = read_options()
    rng = np.random.default_rng(options.seed)
    x = breast_cancer()
    if options.quick:
        x = x[:200]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    holes = np.where(rng.permutation(x.size).reshape(x.shape) < x.size // 2, np.nan, x)
    options.out.mkdir(parents=True, exist_ok=True)
    N, D = x.shape
    print(f"{N} examples of {D} standardized entries, {np.isnan(holes).mean():.0%} of them removed at random")

    # ----------------------------------------------------------------------------------- 1. where the answers are exact

    steps, samples = (20, (1, 30, 1000)) if options.quick else (300, (1, 30, 1000, 30_000))
    few = slice(0, 20 if options.quick else 100)
    narrow, holed = x[:, :6], holes[:, :6]  # six columns, so that the encoder of complete rows is of some use
    exact = FactorAnalysis(1, max_steps=steps, min_noise_variance=0.5, seed=options.seed).fit(holed)
    twin, truth, filled = exact.to_vae(), exact.score_samples(holed[few]), exact.impute(holed[few])
    print(f"\nFactor analysis of {narrow.shape[1]} of the columns, and the linear VAE with the same weights: {few.stop} examples")
    print("  draws of z    log p(x_o), mean   largest error of one   largest error of an imputed entry")
    for n in samples:
        scores = twin.score_samples(holed[few], samples=n, seed=options.seed)
        imputed = twin.impute(holed[few], samples=n, seed=options.seed)
        print(f"  {n:>10,} {scores.mean():18.4f} {np.abs(scores - truth).max():22.4f} {np.abs(imputed - filled).max():25.4f}")
    print(f"  exact      {truth.mean():18.4f}   (expected: approached, from below on average; errors fall)")

    # --------------------------------------------------------------------------------------- 2. the notebook's experiment

    law = LIKELIHOODS[options.likelihood](D)
    model = recipes.mlp((D,), latent_dim=LATENTS, hidden=HIDDEN, likelihood=law, init="orthogonal", seed=options.seed)
    data, hidden = Dataset("half of breast cancer", holes.astype(np.float32)), np.isnan(holes)
    epochs = options.epochs or (40 if options.quick else 2002)
    stops = np.unique(np.linspace(0, epochs, 3 if options.quick else 11).astype(int))
    bounds, errors = [], []
    print(f"\nA VAE of {LATENTS} latents, {options.likelihood}, trained on what was observed with K = {K} draws")
    print("  epochs        bound   imputation error")
    for before, stop in zip((0, *stops), stops, strict=False):
        if stop > before:
            model.fit(
                data,
                objective=Iwae(K),
                epochs=int(stop - before),
                batch_size=BATCH,
                learning_rate=1e-3,
                warm_start=True,
                seed=options.seed + int(before),
            )
        bounds.append(evaluation.bound(model, data, Iwae(K), rng=np.random.default_rng(options.seed))["bound"])
        errors.append(error(model.impute(data, samples=100, seed=options.seed), x, hidden))
        print(f"  {stop:6} {bounds[-1]:12.3f} {errors[-1]:18.4f}", flush=True)

    many = 300 if options.quick else 10_000
    found = evaluation.impute(model, data, samples=many, draws=100, rng=np.random.default_rng(options.seed))
    low, high = np.quantile(found.draws, (0.05, 0.95), axis=0)
    linear = FactorAnalysis(2, max_steps=steps, min_noise_variance=0.01, seed=options.seed).fit(holes)
    print("\nMean squared error of the removed entries                       here   the notebook")
    print(f"  the column's mean                                      {error(np.zeros_like(x), x, hidden):11.4f}")
    print(f"  factor analysis, 2 latents, exact                      {error(linear.impute(holes), x, hidden):11.4f}")
    ours, theirs = error(found.x, x, hidden), THEIRS["error"]
    print(f"  the VAE's expectation, {many:6,} draws                    {ours:11.4f} {theirs:14.3f}")
    print(f"  one drawn imputation                                   {error(found.draws[0], x, hidden):11.4f}")
    print(f"Bound before training, nats per example                  {bounds[0]:11.3f} {THEIRS['first']:14.1f}")
    print(f"Bound after training                                     {bounds[-1]:11.3f} {THEIRS['last']:14.2f}")
    inside = ((x >= low) & (x <= high))[hidden].mean()
    print(f"Removed entries between the 5 % and 95 % points of 100 imputations: {inside:.1%}   (90 % if the model were right)")
    print(f"Of {many:,} draws the weights are worth {np.median(found.effective):,.0f} in the median example")

    for name, values, level in (("bound", bounds, THEIRS["last"]), ("error", errors, THEIRS["error"])):
        label = "bound, nats per example" if name == "bound" else "mean squared error of removed entries"
        panels = {"": {f"{options.likelihood}": (stops, np.array(values))}}
        words = {"x_label": "epoch", "y_label": label, "levels": {"the notebook, in the end": level}}
        plots.save(plots.lines(panels, **words, title="Half of breast cancer removed"), options.out / f"{name}.png")
    print(f"Pictures: {options.out}")
    return 0


def error(filled, x, hidden):
    """The mean squared error of the entries that were removed."""
    return float(((filled - x)[hidden] ** 2).mean())


def breast_cancer():
    """The 569 examples of 30 entries (Wolberg, Mangasarian & Street 1995), as scikit-learn brings them along."""
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError:
        raise InputError("16_missing.py needs scikit-learn for its data: pip install scikit-learn") from None
    return load_breast_cancer().data


def read_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--likelihood", choices=LIKELIHOODS, default="gaussian_per_pixel")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("missing_pictures"))
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
