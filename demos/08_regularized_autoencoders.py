"""Autoencoders with more latents than they need, and what keeps them from learning the identity.

    code             z = σ(x W + b), 64 numbers between 0 and 1         E[x|z] = σ(z V + c)
    plain            loss = −log p(x|z)
    sparse, L1              + λ Σ_j |z_j|                                few latents take part in an image
    sparse, KL              + λ Σ_j KL(Bernoulli(ρ) ‖ Bernoulli(⟨z_j⟩))  each latent takes part in a share ρ of the images
    denoising        −log p(x|z(x + noise))                              undo the noise: go back to where images are
    contractive             + λ ‖∂z/∂x‖²                                 the code keeps still where images do not vary

The five have one shape, and the rows say what their losses add. The contractive one needs the derivative of a
derivative. For one sigmoid layer ‖∂z/∂x‖² = Σ_j (z_j (1 − z_j))² Σ_d W_dj², which is printed beside the
library's result for any number of layers. The penalty also says how far small noise moves the code, which is
the second check: E‖z(x + ε) − z(x)‖² = s² ‖∂z/∂x‖² for noise of variance s² → 0. So an autoencoder that is
trained to undo noise contracts too.

    python 08_regularized_autoencoders.py [--quick] [--seed N] [--out FOLDER]

Sources: Ng 2011, "Sparse autoencoder" (CS294A lecture notes); Vincent et al. 2010, "Stacked Denoising
Autoencoders"; Rifai, Vincent, Muller, Glorot & Bengio 2011, "Contractive Auto-Encoders".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import data, plots, recipes
from scratchvae.objectives import L1, ActivationKl, Contraction, Reconstruction, jacobian_norm
from scratchvae.training import Cosine

SIDE, Z = 16, 64
TARGET = 0.05
NOISE = 0.5
BATCH = 100
KINDS = {
    "plain": Reconstruction(),
    "sparse, L1": Reconstruction(penalties=(L1(0.5),)),
    "sparse, KL": Reconstruction(penalties=(ActivationKl(10.0, TARGET),)),
    "denoising": Reconstruction(noise_std=NOISE),
    "contractive": Reconstruction(penalties=(Contraction(2.0),)),
}


def digits(n, seed):
    """n digits in all typefaces, in the middle."""
    return data.glyphs(n, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed, size=SIDE)


def rms(a, b):
    """The root mean square of a − b."""
    return float(np.sqrt(np.mean((a - b) ** 2)))


def fields(model, x, n):
    """The image that each of the n latents that vary most looks for: its column of W.

    Weights from −1 to 1 are drawn as grey levels from 0 to 1.
    """
    order = np.argsort(-model.encode(x).var(axis=0))
    W = model.encoder.layers[0].weight.value.T[order]
    W = W / np.abs(W).max(axis=1, keepdims=True)
    return (0.5 + 0.5 * W).reshape(-1, SIDE, SIDE)[:n]


def main(argv=None):
    parser = argparse.ArgumentParser(description="Sparse, denoising and contractive autoencoders.")
    parser.add_argument("--quick", action="store_true", help="a quarter of the training")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_08",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    n_train, epochs = (1500, 20) if options.quick else (3000, 25)
    options.out.mkdir(parents=True, exist_ok=True)
    train, test = digits(n_train + 500, options.seed).split(500, last=True)
    x = test.batch(slice(None)).x
    rng = np.random.default_rng(options.seed + 1)
    noisy = (x + NOISE * rng.standard_normal(x.shape)).astype(np.float32)

    models, found = {}, {}
    print(f"{Z} latents, {SIDE * SIDE} pixels, {len(test)} images held out; errors are RMS per pixel")
    print("                 error   of noisy input   mean latent   latents above ½   ‖∂z/∂x‖²")
    for name, objective in KINDS.items():
        model = recipes.mlp(
            train.event_shape,
            latent_dim=Z,
            hidden=(),
            model="autoencoder",
            code_activation="sigmoid",
            init="glorot_uniform",
            seed=options.seed,
        )
        rate = Cosine(8e-3, epochs * -(-len(train) // BATCH))
        models[name] = model.fit(
            train, epochs=epochs, batch_size=BATCH, learning_rate=rate, objective=objective, seed=options.seed
        )
        z = model.encode(x)
        norm = jacobian_norm(model.encoder, x)[0].mean()
        undone, _ = model.encoder(noisy)
        errors = (
            rms(model.reconstruct(test).reshape(x.shape), x),
            rms(model.decode(undone).reshape(x.shape), x),
        )
        found[name] = {
            "error": errors[0],
            "noisy": errors[1],
            "mean": z.mean(),
            "on": (z > 0.5).sum(axis=1).mean(),
            "norm": norm,
        }
        row = found[name]
        print(
            f"  {name:<13}{row['error']:7.3f} {row['noisy']:16.3f} {row['mean']:13.3f} {row['on']:17.1f} "
            f"{row['norm']:10.3f}"
        )
    print(f"  noise left as it is {rms(noisy, x):12.3f}")
    least = {
        what: min(found, key=lambda name, what=what: found[name][what]) for what in ("noisy", "norm", "on")
    }
    print(f"Least error of noisy input: {least['noisy']}   (expected, fully trained: denoising)")
    print(f"Least Jacobian: {least['norm']}   (expected: contractive)")
    print(f"Fewest latents above ½: {least['on']}   (expected: one of the sparse)")
    mean = found["sparse, KL"]["mean"]
    print(
        f"Mean latent of the second sparse one: {mean:.3f}   (expected: drawn towards its target, {TARGET})"
    )

    # ----------------------------------------------------------------------------------- the penalty, checked

    model = models["contractive"]
    h, W = model.encode(x), model.encoder.layers[0].weight.value
    closed = (((h * (1 - h)) ** 2) @ (W**2).sum(axis=0)).mean()
    print(
        f"\n‖∂z/∂x‖² of the contractive one: {found['contractive']['norm']:.6f}   (expected, closed form: "
        f"{closed:.6f})"
    )
    s, squares = 1e-2, []
    for _ in range(20):
        moved, _ = model.encoder((x + s * rng.standard_normal(x.shape)).astype(np.float32))
        squares.append(((moved - h) ** 2).sum(axis=1).mean() / s**2)
    error = np.std(squares, ddof=1) / np.sqrt(len(squares))
    print(f"E‖z(x + ε) − z(x)‖² / s², s = {s:g}: {np.mean(squares):.4f} ± {error:.4f}   (expected: the same)")

    # ----------------------------------------------------------------------------------------------- pictures

    figure = plots.image_grid(
        np.concatenate([fields(model, x, 16) for model in models.values()]),
        columns=16,
        title="What latents look for: weights of the 16 that vary most, grey is 0",
        row_labels=list(models),
    )
    plots.save(figure, options.out / "fields.png")
    shown = [np.flatnonzero(test.labels == digit)[0] for digit in range(10)]
    rows = [np.clip(noisy[shown], 0, 1), x[shown]]
    rows += [model.decode(model.encoder(noisy[shown])[0]).reshape(10, -1) for model in models.values()]
    figure = plots.image_grid(
        np.concatenate(rows).reshape(-1, SIDE, SIDE),
        columns=10,
        title="What each makes of a noisy image",
        row_labels=["input", "without noise", *models],
    )
    plots.save(figure, options.out / "noise.png")
    print(f"Pictures: {options.out / 'fields.png'}, {options.out / 'noise.png'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
