"""Labels and conditions: a VAE that is told y, so that its latents are left with what y does not say.

    VAE               log p(x)   ≥ E_q[log p(x|z)]    − KL(q(z|x) ‖ p(z))
    conditional VAE   log p(x|y) ≥ E_q[log p(x|z, y)] − KL(q(z|x, y) ‖ p(z|y))

y becomes numbers c: the one-hot vector of a label, or real numbers as they are. The encoder gets [x | c] in
the place of x, and the decoder [z | c] in the place of z. Nothing else changes, as long as p(z|y) = N(0, I).
If the prior is learned, p(z|y) = N(m, diag τ²) with [m | log τ²] = c A + a, then A and a get their gradients
from the divergence of each latent:

    KL = ½ ((σ² + (mean − m)²)/τ² − 1 − log σ²/τ²)
    dm = (m − mean)/τ²        dlog τ² = ½ (1 − σ²/τ² − (mean − m)²/τ²)

A model of p(x|y) is also a classifier by Bayes' rule, since it says how probable x is with each label:
log p(y|x) = log p(x|y) + log p(y) − log p(x), with p(x) = Σ_y p(x|y) p(y).

    python 15_labels.py [--quick] [--seed N] [--out FOLDER]

The images are Fashion-MNIST's where that is found ($SCRATCHVAE_DATA), and otherwise digits drawn from fonts.
Sources: Sohn, Lee & Yan 2015, "Learning Structured Output Representation using Deep Conditional Generative
Models"; Kingma, Rezende, Mohamed & Welling 2014, "Semi-Supervised Learning with Deep Generative Models",
section 4 (one z with other labels).
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import data, plots, recipes
from scratchvae.arrays import InputError
from scratchvae.evaluation import bound
from scratchvae.layers import cast, named_parameters
from scratchvae.models import ConditionalVAE, Reals
from scratchvae.objectives import Elbo, sigma_points
from scratchvae.training import Cosine

K = 10  # labels
LATENTS = 8
REACH = 5.0  # how far a letter may stand from the middle, in 28ths of the picture's width


def labelled_images(n, seed):
    """n images of ten kinds: those of Fashion-MNIST, or digits that are drawn."""
    try:
        return data.load("fashion-mnist").subset(slice(0, n))
    except InputError:
        return data.glyphs(n, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed)


def merged(told, label):
    """The plain VAE that equals a conditional one at one label.

    The label's row of each weight is added to the bias of the layer.
    """
    plain = recipes.mlp(told.event_shape, latent_dim=LATENTS, hidden=(20,))
    cast(plain, np.float64)
    theirs = named_parameters(told)
    for name, mine in named_parameters(plain).items():
        mine.value = theirs[name].value[: len(mine.value)].copy()
    for part in ("encoder.0", "decoder.0"):
        row = theirs[f"{part}.weight"].value[-K + label]  # the last K rows are those of the one-hot vector
        named_parameters(plain)[f"{part}.bias"].value += row
    return plain


def linear(rng):
    """x = z W + c V + ε, z ~ N(0, I), ε ~ N(0, I), with two known numbers c, and the exact q(z|x, y)."""
    W, V = (
        np.linalg.qr(rng.normal(size=(6, 2)))[0].T * 1.5,
        rng.normal(size=(2, 6)),
    )  # orthogonal rows: q is diagonal
    model = recipes.mlp(
        (6,), latent_dim=2, hidden=(), likelihood="gaussian", model="conditional_vae", condition_dim=2
    )
    cast(model, np.float64)
    assert isinstance(model, ConditionalVAE)
    assert isinstance(model.condition, Reals)
    M = 1 + (W**2).sum(axis=1)  # q(z|x, y) = N((x − c V) Wᵀ / M, diag 1/M)
    own = named_parameters(model)
    own["encoder.0.weight"].value = np.hstack([np.vstack([W.T, -V @ W.T]) / M, np.zeros((8, 2))])
    own["encoder.0.bias"].value = np.concatenate([np.zeros(2), -np.log(M)])
    own["decoder.0.weight"].value, own["decoder.0.bias"].value = np.vstack([W, V]), np.zeros(6)
    return model, W, V


def of_codes(z, labels, unseen, truth):
    """The share of unseen codes whose nearest mean of a label's codes is that of their own label."""
    means = np.stack([z[labels == k].mean(axis=0) for k in range(K)])
    nearest = ((unseen[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    return (nearest == truth).mean()


def column_of_ink(images):
    """The mean column of each image's ink, in 28ths of the width to the right of the middle."""
    ink = images.sum(axis=(1, 2))
    width = ink.shape[1]
    return ink @ (np.arange(width) - (width - 1) / 2) / ink.sum(axis=1) * 28 / width


def main(argv=None):
    parser = argparse.ArgumentParser(description="A VAE that is told labels, or other conditions.")
    parser.add_argument("--quick", action="store_true", help="few examples: some seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_15",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    n, unseen, epochs, draws = (1500, 300, 10, 10) if options.quick else (20_000, 500, 20, 100)
    seed = options.seed
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)

    # -------------------------------------------------------- 1. told always the same, a model is a plain VAE

    told = recipes.mlp((30,), latent_dim=LATENTS, hidden=(20,), model="conditional_vae", classes=K, seed=seed)
    cast(told, np.float64)
    x = rng.uniform(size=(200, 30))
    print(
        "The label as a part of the bias: bounds of a conditional VAE, and of the VAE that has the "
        "label's row in its biases"
    )
    for label in (0, 3):
        same = data.Dataset("noise", x, np.full(200, label))
        one, other = (
            bound(m, same, Elbo(), rng=np.random.default_rng(1))["bound"] for m in (told, merged(told, label))
        )
        print(
            f"  label {label}: {one:12.8f}   {other:12.8f}   difference {abs(one - other):.0e}   "
            "(expected: rounding)"
        )

    # ---------------------------------------------------------------------- 2. a linear model, in closed form

    model, W, V = linear(rng)
    c = rng.normal(size=(500, 2))
    x = rng.normal(size=(500, 2)) @ W + c @ V + rng.normal(size=(500, 6))
    S = W.T @ W + np.eye(6)
    error = x - c @ V
    log_px = -0.5 * ((error @ np.linalg.inv(S) * error).sum(axis=1) + np.linalg.slogdet(2 * np.pi * S)[1])
    batch, points = sigma_points(data.Batch(x, c), 2)  # which integrate the bound exactly
    bounds = Elbo()(model, batch, points)[0].terms["bound"].reshape(500, -1).mean(axis=1)
    estimates = model.score_samples(x, c, samples=1)
    print("\nA linear model whose q(z|x, y) is the posterior: means of 500 examples, in nats")
    print(f"  log p(x|y) = log N(x; c V, WᵀW + I)      {log_px.mean():.8f}")
    for name, found in (("its bound", bounds), ("one importance-weighted draw", estimates)):
        off = np.abs(found - log_px).max()
        print(f"  {name:<40} {found.mean():.8f}   largest difference {off:.0e}   (expected: rounding)")

    # ---------------------------------------------------------------------------------------------- 3. images

    train, test = labelled_images(n + unseen, seed).split(unseen, last=True)
    kinds = {
        "VAE": {},
        "conditional, N(0, I)": {"model": "conditional_vae", "classes": K},
        "conditional, learned p(z|y)": {
            "model": "conditional_vae",
            "classes": K,
            "prior": "conditional_gaussian",
        },
    }
    steps = epochs * -(-n // 50)
    print(
        f"\n{n} images of {train.name} with their labels, {LATENTS} latents; nats per image, of "
        f"{len(test)} held out"
    )
    print("                                   bound = reconstruction −    KL     log p     label found in z")
    models = {}
    for name, settings in kinds.items():
        model = models[name] = recipes.mlp(
            train.event_shape, latent_dim=LATENTS, hidden=(200,), seed=seed, **settings
        )
        model.fit(
            train, epochs=epochs, batch_size=50, learning_rate=Cosine(3e-3, steps), held_out=test, seed=seed
        )
        now = model.history[-1]["held_out"]
        found = of_codes(model.encode(train), train.labels, model.encode(test), test.labels)
        log_px = model.score_samples(test, samples=draws).mean()
        print(
            f"  {name:<29}{now['bound']:9.2f}   {now['log_px']:13.2f}   {now['kl']:6.2f}  {log_px:8.2f}   "
            f"{found:12.3f}"
        )
    print(
        "  (expected: told the label, a model spends fewer nats on z, and z says less of the label; "
        "chance is 0.1)"
    )

    model = models["conditional, N(0, I)"]
    by_label = np.stack([model.score_samples(test, k, samples=draws) for k in range(K)], axis=1)
    log_px = np.logaddexp.reduce(by_label, axis=1) - np.log(K)  # p(y) = 1/10
    saved = (by_label[np.arange(len(test)), test.labels] - log_px).mean()
    right = (by_label.argmax(axis=1) == test.labels).mean()
    print("\nThe same model asked for every label, with p(y) = 1/10")
    print(f"  log p(x) = log Σ_y p(x|y) p(y)          {log_px.mean():9.2f}")
    print(
        f"  log p(x|y) − log p(x) at the true label {saved:9.4f}   (expected: at most log 10 = "
        f"{np.log(K):.4f})"
    )
    print(f"  the likeliest label is the true one     {right:9.3f}   (expected: far above 0.1)")

    # ------------------------------------------------------------------------------------ 4. a real condition

    letters, batch_size, times = 1500, 50, 25
    ranges = {"x": (-REACH, REACH), "y": (0, 0), "font": (0, 1)}
    moved = data.glyphs(letters, characters="A", ranges=ranges, seed=seed, size=14)
    spread = REACH / np.sqrt(3)  # the standard deviation of a uniform place
    mover = recipes.mlp(
        moved.event_shape, latent_dim=2, hidden=(100,), model="conditional_vae", condition_dim=1, seed=seed
    )
    rate = Cosine(1e-2, times * letters // batch_size)
    place = moved.factors["x"] / spread
    mover.fit(moved, place, epochs=times, batch_size=batch_size, learning_rate=rate, seed=seed)
    asked = np.linspace(-4, 4, 9)
    print(
        f"\n{letters} letters A told where they stand, in 28ths of the width; and where the ink of 64 new "
        "ones is, on average"
    )
    rows = [mover.sample(64, seed + 1, y=at / spread) for at in asked]
    for at, images in list(zip(asked, rows, strict=True))[::2]:
        print(f"  asked for {at:4.1f}   found {column_of_ink(images).mean():5.2f}")
    print("  (expected: the same, to one unit)")

    # -------------------------------------------------------------------------------------------- 5. pictures

    names = [name if name == str(k) else f"{k} {name}" for k, name in enumerate(test.label_names)]
    images = np.stack([model.sample(12, seed, y=k) for k in range(K)])
    plots.save(plots.classes(images, names), options.out / "labels.png")
    some = test.subset([int(np.flatnonzero(test.labels == k)[0]) for k in range(K)])
    shown = some.batch(slice(None)).x.reshape(-1, *some.event_shape)
    z = model.encode(some)
    rewritten = np.stack([model.decode(z, k) for k in range(K)], axis=1)
    table = np.concatenate([shown[:, None], rewritten], axis=1).reshape(-1, *some.event_shape)
    labels = {"row_labels": names, "column_labels": ["data", *map(str, range(K))]}
    figure = plots.image_grid(
        table, columns=K + 1, title="Data, and what their z makes of each label", **labels
    )
    plots.save(figure, options.out / "analogies.png")
    walks = np.stack([row[:8] for row in rows], axis=1).reshape(-1, *moved.event_shape)
    figure = plots.image_grid(
        walks,
        columns=len(asked),
        title="One draw of z a row, told where to stand",
        column_labels=[f"{at:.0f}".replace("-", "−") for at in asked],
    )
    plots.save(figure, options.out / "places.png")
    print(f"\nPictures: {options.out / 'labels.png'}, analogies.png, places.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
