"""Half of a table is missing: what a VAE learns from the other half, and how it fills in the missing one.

    log p(x_o) = log ∫ p(x_o|z) p(z) dz        p(x_o|z) = Π_d p(x_d|z) over the observed entries d alone

Entries do not depend on each other given z, and so missing ones drop out of the likelihood: nothing has to be
filled in to train the decoder. Only the encoder needs a whole row. In the place of a missing entry it gets a
number that is learned for each column. With K draws z_k ~ q(z|x_o) of each example

    w_k = p(x_o|z_k) p(z_k) / q(z_k|x_o)       E log 1/K Σ_k w_k ≤ log p(x_o)                the bound
    w̃_k = w_k / Σ_k w_k                        E[x_m|x_o] ≈ Σ_k w̃_k E[x_m|z_k]               one imputation
                                               x_m ~ p(x_m|z_j), j = k with probability w̃_k  many of them

Part 1 has exact answers: factor analysis integrates over missing entries, and its VAE must find the same
numbers. Part 2 repeats an experiment that Mattei and Frellsen published as a notebook (pamattei/miwae on
GitHub, MIWAE_UCI_single_multiple-imputation): the breast cancer data of scikit-learn, the same half of the
entries removed, 10 latents, ReLU networks of 128 units with three hidden layers in the encoder and two in the
decoder, K = 20, 1,001 epochs of Adam in batches of 32 at a learning rate of 0.0002. In their notebook p(x|z)
and q(z|x) are Student t laws. Here q is Gaussian, and `--likelihood` chooses p(x|z).

    python 16_missing.py [--quick] [--likelihood NAME] [--epochs N] [--seed N] [--out FOLDER]

Source: Mattei & Frellsen 2019, "MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets".
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from scratchvae import evaluation, likelihoods, plots
from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.layers import LearnedFill, Linear, ReLU, Sequential
from scratchvae.models import VAE, FactorAnalysis
from scratchvae.objectives import Iwae
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian

LIKELIHOODS = {  # each from D, the number of entries
    "gaussian_diagonal": lambda D: likelihoods.GaussianDiagonal(np.ones(D), min_variance=0.01),
    "gaussian_per_pixel": lambda D: likelihoods.GaussianPerPixel(),
    "student_t": lambda D: likelihoods.StudentT(
        df=3.0, scale_from="decoder", df_from="decoder", min_scale=1e-3
    ),  # theirs
}
LATENTS, HIDDEN, K, BATCH = 10, 128, 20, 32
# what the notebook prints, epoch: bound, error
THEIRS = {1: (-36.7326, 1.73124), 501: (-6.91025, 0.286985), 1001: (-3.61088, 0.286728)}
MASK_SEED = 1234  # of NumPy's former generator, which the notebook removes entries with


def network(widths, rng):
    """Linear layers of these widths with ReLUs between them, as a list."""
    layers = []
    for before, after in pairwise(widths):
        layers += [Linear(before, after, init="he_normal", rng=rng), ReLU()]
    return layers[:-1]


def build(D, law, rng):
    """The notebook's networks. The encoder begins with a number that is learned for each entry."""
    q = DiagonalGaussian(LATENTS)
    return VAE(
        event_shape=(D,),
        encoder=Sequential(LearnedFill(D), *network((D, HIDDEN, HIDDEN, HIDDEN, q.n_params), rng)),
        posterior=q,
        prior=StandardGaussian(LATENTS),
        decoder=Sequential(*network((LATENTS, HIDDEN, HIDDEN, law.n_params((D,))), rng)),
        likelihood=law,
        shows_mask=True,  # the encoder gets [x | mask], of which LearnedFill makes its input
    )


def main(argv=None):
    options = read_options(argv)
    x = breast_cancer()
    if options.quick:
        x = x[:200]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    removed = np.random.RandomState(MASK_SEED).choice(x.size, x.size // 2, replace=False)
    holes = x.copy()
    holes.flat[removed] = np.nan
    options.out.mkdir(parents=True, exist_ok=True)
    N, D = x.shape
    print(f"{N} examples of {D} standardized entries, {np.isnan(holes).mean():.0%} of them removed at random")

    # ------------------------------------------------------------------------- 1. where the answers are exact

    steps, samples = (20, (1, 30, 1000)) if options.quick else (300, (1, 30, 1000, 30_000))
    few = slice(0, 20 if options.quick else 100)
    holed = holes[:, :6]  # few columns, of which an encoder for complete rows is not far off
    exact = FactorAnalysis(1, max_steps=steps, min_noise_variance=0.5, seed=options.seed).fit(holed)
    twin = exact.to_vae()
    # log σ² of q: as wide as the prior, since holes make the posterior wider
    twin.encoder.bias.value[1:] = 0.0
    truth, filled = exact.score_samples(holed[few]), exact.impute(holed[few])
    print(f"\nFactor analysis of 6 of the columns, and the linear VAE with its weights: {few.stop} examples")
    print("  draws of z    log p(x_o), mean   largest error   largest error of an imputed entry")
    for n in samples:
        scores = twin.score_samples(holed[few], samples=n, seed=options.seed)
        imputed = twin.impute(holed[few], samples=n, seed=options.seed)
        off, entry = np.abs(scores - truth).max(), np.abs(imputed - filled).max()
        print(f"  {n:>10,} {scores.mean():18.4f} {off:15.4f} {entry:25.4f}")
    print(f"  exact      {truth.mean():18.4f}   (expected: approached; errors fall)")

    # --------------------------------------------------------------------------- 2. the notebook's experiment

    model = build(D, LIKELIHOODS[options.likelihood](D), np.random.default_rng(options.seed))
    data, hidden = Dataset("half of breast cancer", holes.astype(np.float32)), np.isnan(holes)
    epochs = options.epochs or (40 if options.quick else 1001)
    stops = np.unique([0, 20, 40] if options.quick else [0, 1, *range(101, epochs, 100), epochs])
    bounds, errors = [], []
    print(f"\nA VAE of {LATENTS} latents, {options.likelihood}, trained on what was observed, K = {K}")
    print("  epochs        bound   imputation error     the notebook's bound and error")
    for before, stop in zip((0, *stops), stops, strict=False):
        if stop > before:
            model.fit(
                data,
                objective=Iwae(K),
                epochs=int(stop - before),
                batch_size=BATCH,
                learning_rate=1e-3 if options.quick else 2e-4,
                warm_start=True,
                seed=options.seed + int(before),
            )
        judge = np.random.default_rng(options.seed)
        bounds.append(evaluation.bound(model, data, Iwae(K), rng=judge)["bound"])
        errors.append(error(model.impute(data, samples=100, seed=options.seed), x, hidden))
        theirs = "{:24.3f} {:12.4f}".format(*THEIRS[stop]) if stop in THEIRS and not options.quick else ""
        print(f"  {stop:6} {bounds[-1]:12.3f} {errors[-1]:18.4f} {theirs}".rstrip(), flush=True)

    many = 300 if options.quick else 10_000
    found = evaluation.impute(model, data, samples=many, draws=100, rng=np.random.default_rng(options.seed))
    low, high = np.quantile(found.draws, (0.05, 0.95), axis=0)
    linear = FactorAnalysis(2, max_steps=steps, min_noise_variance=0.01, seed=options.seed).fit(holes)
    print("\nMean squared error of the removed entries          here    the notebook")
    print(f"  the column's mean                          {error(np.zeros_like(x), x, hidden):11.4f}")
    print(f"  factor analysis, 2 latents, exact          {error(linear.impute(holes), x, hidden):11.4f}")
    ours, (last_bound, last_error) = error(found.x, x, hidden), THEIRS[1001]
    print(f"  the VAE's expectation, {many:6,} draws        {ours:11.4f} {last_error:15.4f}")
    print(f"  one drawn imputation                       {error(found.draws[0], x, hidden):11.4f}")
    if options.likelihood == "student_t":
        print(
            "  (a few draws from far out in the tails of Student's t make this mean; with ν ≤ 2 it has "
            "no limit)"
        )
    print(f"Bound after training, nats per example       {bounds[-1]:11.3f} {last_bound:15.3f}")
    inside = ((x >= low) & (x <= high))[hidden].mean()
    print("Removed entries between the 5 % and 95 % points of 100 imputations:", end=" ")
    print(f"{inside:.1%}   (90 % if the model were right)")
    print(f"Of {many:,} draws the weights are worth {np.median(found.effective):,.0f} in the median example")

    for k, (name, values) in enumerate((("bound", bounds), ("error", errors))):
        label = "bound, nats per example" if name == "bound" else "mean squared error of removed entries"
        panels = {"": {options.likelihood: (stops, np.array(values))}}
        level = {"the notebook, in the end": THEIRS[1001][k]}
        words = {"x_label": "epoch", "y_label": label, "levels": level}
        figure = plots.lines(panels, **words, title="Half of breast cancer removed")
        plots.save(figure, options.out / f"{name}.png")
    print(f"Pictures: {options.out}")
    return 0


def error(filled, x, hidden):
    """The mean squared error of the entries that were removed."""
    return float(((filled - x)[hidden] ** 2).mean())


def breast_cancer():
    """Load the 569 examples of 30 entries that scikit-learn brings along (Wolberg & others 1995)."""
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError:
        raise InputError("16_missing.py needs scikit-learn for its data: pip install scikit-learn") from None
    return load_breast_cancer().data


def read_options(argv):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--likelihood", choices=LIKELIHOODS, default="gaussian_diagonal")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("missing_pictures"))
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
