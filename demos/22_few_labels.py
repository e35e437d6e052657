"""Few labels: a conditional VAE with a classifier, which also learns from examples of unknown class.

    class known    log p(x, y) ≥ E_q[log p(x|z, y)] − KL(q(z|x, y) ‖ p(z)) + log p(y)  =: L(x, y)
    class hidden   log p(x)    ≥ Σ_y q(y|x) (L(x, y) − log q(y|x))

The model is called M2. The sum over the classes is exact. It is largest where the classifier q(y|x) prefers the
class that explains x best. So examples without a class show where the classes lie, and those with one say what
they are called. For the latter the classifier's own loss, −α log q(y|x), is added.

Five clouds, each long in the same two directions, are told apart with a few labels. Their p(y|x) is known, and
so is the best accuracy that any classifier can have. Then digits are told apart with a few labels of each.

    python 22_few_labels.py [--quick] [--seed N] [--out FOLDER]

Source: Kingma, Rezende, Mohamed & Welling 2014, "Semi-Supervised Learning with Deep Generative Models", section 3.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

from scratchvae import data, plots, recipes
from scratchvae.layers import cast, named_parameters
from scratchvae.objectives import SemiSupervised, sigma_points
from scratchvae.training import Cosine

CLASSES, ENTRIES, STYLE = 5, 20, 2


def clouds(n, rng):
    """n examples x = z W + V_y + ε with their classes, and how far apart the classes are.

    The distance is relative to the length of the clouds.
    """
    W, V = (
        1.5 * np.linalg.qr(rng.normal(size=(ENTRIES, STYLE)))[0].T * np.sqrt(ENTRIES),
        rng.normal(size=(CLASSES, ENTRIES)),
    )
    y = rng.integers(0, CLASSES, n)
    x = V[y] + rng.normal(size=(n, STYLE)) @ W + rng.normal(size=(n, ENTRIES))
    return data.Dataset("clouds", x, y), W, V


def log_joint(x, W, V):
    """log p(x, y) = log N(x; V_y, WᵀW + I) − log C  (N, C)."""
    S = W.T @ W + np.eye(ENTRIES)
    apart = x[:, None] - V
    squares = np.einsum("nkd,de,nke->nk", apart, np.linalg.inv(S), apart)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * S)[1]) - np.log(CLASSES)


def exact(W, V):
    """The model of these clouds, with q(z|x, y) = p(z|x, y) and q(y|x) = p(y|x)."""
    model = recipes.mlp((ENTRIES,), **of_clouds(hidden=()))
    cast(model, np.float64)
    own, M = named_parameters(model), 1 + (W**2).sum(axis=1)
    inverse = np.linalg.inv(W.T @ W + np.eye(ENTRIES))
    own["encoder.0.weight"].value = np.hstack(
        [np.vstack([W.T, -V @ W.T]) / M, np.zeros((ENTRIES + CLASSES, STYLE))]
    )
    own["encoder.0.bias"].value = np.concatenate([np.zeros(STYLE), -np.log(M)])
    own["decoder.0.weight"].value, own["decoder.0.bias"].value = np.vstack([W, V]), np.zeros(ENTRIES)
    own["classifier.0.weight"].value = inverse @ V.T
    own["classifier.0.bias"].value = -0.5 * np.einsum("ki,ij,kj->k", V, inverse, V)
    return model


def of_clouds(**other):
    """The settings of a model of the clouds."""
    told = {"model": "conditional_vae", "classes": CLASSES, "classifier": ()}
    return {"latent_dim": STYLE, "likelihood": "gaussian", **told, **other}


def accuracies(model, train, test, labels, *, epochs, rate, seed):
    """The accuracies of a classifier alone, and of M2, after the examples with labels, and then after all."""
    few = data.few_labels(train, labels, seed=seed)
    found, batch_size = [], 50
    objective = SemiSupervised(alpha=0.1 * len(train) / labels)  # the paper's α
    for examples, times in ((few.subset(np.flatnonzero(few.labels >= 0)), 300), (few, epochs)):
        steps = times * -(-len(examples) // batch_size)
        model.fit(
            examples,
            epochs=times,
            batch_size=batch_size,
            learning_rate=Cosine(rate, steps),
            objective=objective,
            seed=seed,
            warm_start=True,
        )
        found.append(float((model.predict(test) == test.labels).mean()))
    return found


def main(argv=None):
    options = read_options(argv)
    seed = options.seed
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)

    # ----------------------------------------------------------- 1. the bound where both posteriors are exact

    examples, W, V = clouds(3000, rng)
    joint = log_joint(examples.images, W, V)
    model, some = exact(W, V), slice(0, 200)
    x, y = examples.images[some], examples.labels[some]
    print("A linear model with q(z|x, y) = p(z|x, y) and q(y|x) = p(y|x): means of 200 examples, in nats")
    truth = {"hidden": logsumexp(joint[some], axis=1), "known": joint[some][np.arange(200), y]}
    for name, told in {"hidden": np.full(200, -1), "known": y}.items():
        batch, points = sigma_points(data.Batch(x, told), STYLE)  # they integrate the bound exactly
        report, _ = SemiSupervised()(model, batch, np.repeat(points, CLASSES, axis=0))
        bound = report.terms["bound"].reshape(200, -1).mean(axis=1)
        what = {"hidden": "log p(x) = log Σ_y p(x, y)", "known": "log p(x, y)"}[name]
        off = np.abs(bound - truth[name]).max()
        print(f"  class {name:<7} {what:<28} {truth[name].mean():.8f}")
        print(
            f"                its bound                    {bound.mean():.8f}   difference {off:.0e}   "
            "(expected: rounding)"
        )

    # ------------------------------------------------------------------------------------------ 2. few labels

    train, test = examples.split(1000, last=True)
    best = float((joint[-1000:].argmax(axis=1) == test.labels).mean())
    print(
        f"\n{len(train)} examples of {CLASSES} clouds, some with labels: the share of 1000 others whose "
        "class is found"
    )
    print("  labels   by the labels alone   with all examples   by the true p(y|x)")
    for labels in (10,) if options.quick else (10, 20, 50):
        model = recipes.mlp((ENTRIES,), **of_clouds(hidden=(), seed=seed))
        alone, both = accuracies(model, train, test, labels, epochs=10, rate=1e-2, seed=seed)
        print(f"  {labels:6d}   {alone:19.3f}   {both:17.3f}   {best:18.3f}")
    print(
        "  (expected: with all examples far more than by the labels alone, and no more than by the true "
        "p(y|x))"
    )

    # ---------------------------------------------------------------------------------------------- 3. digits

    n, epochs, labels = (1000, 8, 30) if options.quick else (6000, 20, 30)
    digits = data.glyphs(n + 500, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed)
    train, test = digits.split(500, last=True)
    settings = {"model": "conditional_vae", "classes": 10, "classifier": (100,)}
    model = recipes.mlp(train.event_shape, latent_dim=8, hidden=(100,), seed=seed, **settings)
    alone, both = accuracies(model, train, test, labels, epochs=epochs, rate=3e-3, seed=seed)
    print(f"\n{n} drawn digits of which {labels} have labels: the share of 500 others that are read right")
    print(
        f"  by the labels alone {alone:.3f}   with all examples {both:.3f}   (expected: the latter is "
        "more; chance is 0.1)"
    )

    images = np.stack([model.sample(12, seed, y=k) for k in range(10)])
    title = f"Digits told by {labels // 10} labels of each: a row for each class, a column for each draw of z"
    plots.save(plots.classes(images, title=title), options.out / "digits.png")
    print(f"\nPictures: {options.out / 'digits.png'}")
    return 0


def read_options(argv):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer digits: some seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_22",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
