"""Topics: documents as mixtures, or as products, of laws over words, whose shares are nearly a Dirichlet law.

    θ = softmax(z),  z ~ N(m, diag τ²)
    mixture   p(w|θ) = Σ_k θ_k softmax(w_k)_w       latent Dirichlet allocation by a VAE (NVLDA)
    product   p(w|θ) = softmax(Σ_k θ_k w_k)_w       ProdLDA

m and τ² are Laplace's approximation of a Dirichlet law, made in z. It is compared with draws of that law: it is exact
where the concentrations α are large, and of the right size where they are small. Then documents are drawn whose
topics are the rows and the columns of a square of words, and both kinds find these again, but for their order.

    python 27_topics.py [--quick] [--seed N] [--out FOLDER]

Sources: Srivastava & Sutton 2017, "Autoencoding variational inference for topic models"; the squares are those of
Griffiths & Steyvers 2004, "Finding scientific topics".
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from scratchvae import data, plots, recipes
from scratchvae.evaluation import coherence
from scratchvae.priors import LogisticNormal

SIDE = 4  # of the square of words, which has a topic for each row and each column


def planted(n, length, rng):
    """n documents of `length` words with shares from Dirichlet(0.1)  ->  counts (n, W), laws (K, W)."""
    square = np.arange(SIDE**2).reshape(SIDE, SIDE)
    laws = np.zeros((2 * SIDE, SIDE**2))
    for k, words in enumerate([*square, *square.T]):
        laws[k, words] = 1 / SIDE
    x = rng.multinomial(length, rng.dirichlet(np.full(2 * SIDE, 0.1), n) @ laws)
    return data.Dataset("squares", x.astype(np.float32), kind="counts"), laws


def cosines(laws, truth):
    """The cosine between each true topic and the found one that is paired with it, and which one that is."""
    each = truth @ laws.T / np.linalg.norm(truth, axis=1)[:, None] / np.linalg.norm(laws, axis=1)
    rows, which = linear_sum_assignment(-each)
    return each[rows, which], which


def main(argv=None):
    options = read_options(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)

    # ----------------------------------------------------------------------- 1. a Dirichlet law, nearly, in z

    print(
        "z of shares that a Dirichlet law draws, less their mean over the topics: deviation of the first "
        "of three"
    )
    print("  α                     of 100,000 draws   by Laplace's approximation")
    for alpha in ((60.0, 30.0, 90.0), (6.0, 3.0, 9.0), (0.6, 0.3, 0.9)):
        logs = np.log(np.maximum(rng.dirichlet(alpha, 100_000), 1e-300))
        drawn = (logs - logs.mean(axis=1, keepdims=True))[:, 0].std()
        (_, log_var), _ = LogisticNormal(3, alpha).mean_and_log_var(np.zeros((1, 3)))
        print(f"  {alpha!s:<20}  {drawn:16.4f}   {np.exp(log_var[0, 0] / 2):.4f}")
    print(
        "  (expected: the same within a hundredth at first; the last is too narrow, for the Dirichlet "
        "law has long tails)"
    )

    # ---------------------------------------------------------------------------------- 2. topics found again

    n, epochs = (2500, 25) if options.quick else (6000, 40)
    documents, truth = planted(n, 60, rng)
    train, test = documents.split(n // 5, seed=options.seed)
    found = {}
    print(
        f"\n{len(train)} documents of 60 words, about the {SIDE} rows and {SIDE} columns of a square of "
        f"{SIDE**2} words"
    )
    print("  topics are      least and mean cosine with the planted ones   coherence")
    for kind in ("mixture", "product"):
        model = recipes.mlp(
            train.event_shape,
            latent_dim=2 * SIDE,
            hidden=(50,),
            likelihood="multinomial",
            prior="logistic_normal(concentration=0.1)",
            topics=kind,
            seed=options.seed,
        )
        model.fit(train, epochs=epochs, batch_size=50, learning_rate=1e-2, seed=options.seed)
        laws = model.decoder.laws()
        near, which = cosines(laws, truth)
        found[kind] = laws[which]
        together = coherence(laws, test, shown=SIDE).mean()
        print(f"  {kind + 's':<14}  {near.min():.3f}  {near.mean():.3f}   {together:30.3f}")
    most = coherence(truth, test, shown=SIDE).mean()
    print(
        "  (expected: means near 1, though two found topics may share one; the planted topics' coherence "
        f"is {most:.3f})"
    )

    rows = [truth, *found.values()]
    images = np.stack([row / row.max(axis=1, keepdims=True) for row in rows]).reshape(
        len(rows), -1, 1, SIDE, SIDE
    )
    names = ["planted", "by mixtures", "by products"]
    plots.save(
        plots.classes(images, names, title="Topics, each a square of words"), options.out / "topics.png"
    )
    print(f"\nPictures: {options.out / 'topics.png'}")
    return 0


def read_options(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer documents: some seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_27",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
