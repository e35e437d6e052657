"""Compression against fidelity: the identity, PCA, deep codes, noisy codes, and the limit that Shannon found.

A decoder makes x̂ of a code of Z numbers. What is the smallest error ⟨‖x − x̂‖²⟩?

    linear both ways    PCA: the error is the sum of the covariance's eigenvalues from the Z + 1st on; with Z = D the identity, 0
    deep both ways      less, if the data lie near a curved surface; with Z = D the identity too, at the data

A deep network with Z = D need not compress. It can reach the error 0, also on examples that it never saw, if
it uses its activations only where they are linear. With a smaller Z it takes more epochs to reach a given
error, and some errors are never reached.

The number of numbers is a crude measure, since a real number can hold any amount of information. A VAE's code
is noisy, and says R = ⟨KL(q(z|x) ‖ p(z))⟩ nats about x. With D = −⟨log p(x|z)⟩ the bound is −(R + D), and β in
D + β R trades rate against distortion. For linear networks the whole trade-off is known. With decoder variance
σ² and the water level s = βσ²,

    R = Σ_j max(0, ½ log λ_j / s)        ⟨‖x − x̂‖²⟩ = Σ_j min(λ_j, s)

A direction whose variance is above s gets a latent, and its error is s. The other directions are left out. This
is Shannon's rate-distortion function of a Gaussian with eigenvalues λ. Digits are no Gaussian, and so a deep
VAE may lie below that curve.

    python 05_compression.py [--quick] [--seed N] [--out FOLDER]

Sources: Baldi & Hornik 1989, "Neural networks and principal component analysis"; Cover & Thomas 2006,
section 10.3.3; Alemi et al. 2018, "Fixing a Broken ELBO"; Lucas et al. 2019, "Don't Blame the ELBO!".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import data, evaluation, plots, recipes
from scratchvae.layers import cast
from scratchvae.likelihoods import Gaussian
from scratchvae.models import ProbabilisticPCA
from scratchvae.objectives import Elbo, Reconstruction
from scratchvae.training import Cosine, minimize

SIDE, PATCH = 10, 4
D = SIDE * SIDE
VARIANCE = 0.01  # σ² of a pixel, fixed: a tenth of the way from black to white is a small error
BATCH = 64
# of squared error, as a share of the variance of the data
LEVELS = (0.3, 0.1, 0.03, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10)


def digits(n, seed):
    """n small digits in all typefaces, in the middle of their pictures."""
    return data.glyphs(n, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed, size=SIDE)


def eigenvalues_of(x):
    """The eigenvalues of the covariance of x (N, D), largest first."""
    return np.maximum(np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1], 0)


def linear_autoencoder(event_shape, latent_dim, seed=0):
    """An untrained autoencoder with one Linear each way, in float64."""
    model = recipes.mlp(
        event_shape, latent_dim=latent_dim, hidden=(), model="autoencoder", likelihood=Gaussian(), seed=seed
    )
    cast(model, np.float64)
    return model


def trained(model, x):
    """The model, fitted to x (N, D) by L-BFGS."""
    objective = Reconstruction()
    minimize(model, objective, data.Batch(x), objective.draw_noise(model, len(x), np.random.default_rng(0)))
    return model


def pca(x, latent_dim, event_shape):
    """The optimum that `trained` reaches, in closed form, by the first eigenvectors u_j of the covariance."""
    model = linear_autoencoder(event_shape, latent_dim)
    mean, axes = x.mean(axis=0), np.linalg.eigh(np.cov(x.T, bias=True))[1][:, ::-1][:, :latent_dim]
    (encoder,), (decoder,) = model.encoder.layers, model.decoder.layers
    encoder.weight.value, encoder.bias.value = axes, -mean @ axes  # z_j = u_jᵀ (x − mean)
    decoder.weight.value, decoder.bias.value = axes.T, mean  # x̂ = mean + Σ_j z_j u_j
    return model


def middles(x, side):
    """The side x side pixels in the middle of pictures x (N, D)."""
    middle = slice((SIDE - side) // 2, (SIDE + side) // 2)
    return x.reshape(-1, SIDE, SIDE)[:, middle, middle].reshape(len(x), -1)


def deep_identity(x, latent_dim, steps, seed):
    """An autoencoder of x (N, D) with a layer of ELUs each way, fitted by L-BFGS.

    It comes with its squared error in every epoch.
    """
    # a small σ², so that the last digits of the loss are not those of its constant
    D, variance = x.shape[1], 1e-6
    settings = {
        "hidden": (40,),
        "activation": "elu",
        "init": "orthogonal",
        "likelihood": Gaussian(variance),
        "seed": seed,
    }
    model = recipes.mlp((D,), latent_dim=latent_dim, model="autoencoder", **settings)
    cast(model, np.float64)
    objective = Reconstruction()
    noise = objective.draw_noise(model, len(x), np.random.default_rng(0))
    losses = minimize(model, objective, data.Batch(x), noise, max_steps=steps).losses
    return model, 2 * variance * (np.array(losses) - 0.5 * D * np.log(2 * np.pi * variance))


def straight(model, x):
    """The share of the encoder's ELUs, over all examples x, that are positive, where ELU(a) = a."""
    a, _ = model.encoder.layers[0](x)
    return (a > 0).mean()


def main(argv=None):
    parser = argparse.ArgumentParser(description="Compression against fidelity.")
    parser.add_argument("--quick", action="store_true", help="fewer models and examples: a few seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_05",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    n_train, epochs = (1000, 12) if options.quick else (3000, 24)
    # steps by size
    codes = {25: 250, 10: 100} if options.quick else {25: 1500, 20: 300, 15: 300, 10: 300, 5: 300}
    sizes = (2, 8, 32) if options.quick else (1, 2, 4, 8, 16, 32)
    betas = (0.1, 1.0, 10.0) if options.quick else (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    seed = options.seed
    options.out.mkdir(parents=True, exist_ok=True)
    train, test = digits(n_train + 500, seed).split(500, last=True)
    x = train.batch(slice(None), np.float64).x
    eigenvalues = eigenvalues_of(x)

    # -------------------------------------------------------------------------------- 1. PCA and the identity

    patches = middles(x[:500], PATCH)
    of_patches = eigenvalues_of(patches)
    print(
        f"Linear autoencoders of {PATCH} x {PATCH} pixels in the middle of {len(patches)} digits, trained "
        "by L-BFGS"
    )
    print("  latents   squared error   discarded eigenvalues (expected)    relative difference")
    for Z in (1, 2, 4, 8, PATCH * PATCH):
        model = trained(linear_autoencoder((PATCH * PATCH,), Z, seed), patches)
        error, expected = (
            ((model.reconstruct(patches) - patches) ** 2).sum(axis=1).mean(),
            of_patches[Z:].sum(),
        )
        if Z < PATCH * PATCH:
            print(f"  {Z:7d}   {error:13.8f}   {expected:20.8f}   {error / expected - 1:30.1e}")
        else:
            print(f"  {Z:7d}   {error:13.1e}   {0:20.8f}   (expected: the identity, so 0 but for rounding)")

    # ----------------------------------------------------------------------- 2. the identity by deep networks

    everything = np.concatenate([x, test.batch(slice(None), np.float64).x])
    # noise, so that patches vary in every direction
    grey = np.random.default_rng(seed).random((len(everything), 25)) / 8
    patches = middles(everything, 5) + grey
    patches -= patches[:n_train].mean(axis=0)
    seen, unseen = patches[:1000], patches[n_train:]
    total, spectrum = seen.var(axis=0).sum(), eigenvalues_of(seen)
    print(
        f"\nDeep autoencoders of 5 x 5 pixels: squared error as a share of the variance of {len(seen)} "
        "patches"
    )
    print("                               error                         epochs of L-BFGS until an error of")
    print(
        "  latents       PCA    reached   held out   its median"
        + "".join(f"{level:8.0g}" for level in LEVELS)
    )
    deeply = {}
    for Z, steps in codes.items():
        deeply[Z], errors = deep_identity(seen, Z, steps, seed)
        others = ((deeply[Z].reconstruct(unseen) - unseen) ** 2).sum(axis=1) / total
        cells = [spectrum[Z:].sum() / total, errors[-1] / total, others.mean()]
        first = [np.flatnonzero(errors / total < level)[:1] + 1 for level in LEVELS]
        reached = "".join(f"{epoch[0]:8d}" if len(epoch) else "       -" for epoch in first)
        print(
            f"  {Z:7d}   "
            + "    ".join(f"{cell:7.1e}" for cell in cells)
            + f"   {np.median(others):10.1e}{reached}"
        )
    print(
        "  (expected, fully trained: of 25 the error goes to 0, held out too: the identity; fewer stop "
        "early, and beat PCA)"
    )
    at_first, _ = deep_identity(seen, 25, 1, seed)
    shares = f"{straight(deeply[25], seen):.4f}, and {straight(at_first, seen):.4f} at first"
    print(f"  share of ELUs where they are straight  {shares}   (expected: near 1 in the end)")
    far = ((deeply[25].reconstruct(5 * unseen) / 5 - unseen) ** 2).sum(axis=1).mean() / total
    print(
        f"  error of patches 5 times as large      {far:.1e}   (expected: not 0, as the identity ends "
        "where data do)"
    )

    # ------------------------------------------------------------------------------- 3. the number of latents

    steps = epochs * -(-len(train) // BATCH)

    def deep(kind):
        def fit(latent_dim, beta=1.0):
            model = recipes.mlp(
                train.event_shape,
                latent_dim=latent_dim,
                hidden=(128,),
                model=kind,
                likelihood=Gaussian(VARIANCE),
                seed=seed,
            )
            objective = Elbo(beta=beta) if kind == "vae" else None
            return model.fit(
                train,
                epochs=epochs,
                batch_size=BATCH,
                learning_rate=Cosine(3e-3, steps),
                seed=seed,
                objective=objective,
            )

        return fit

    kinds = {
        "linear (PCA)": lambda latent_dim: pca(x, latent_dim, train.event_shape),
        "deep autoencoder": deep("autoencoder"),
        "deep VAE": deep("vae"),
    }
    settings = [{"latent_dim": Z} for Z in sizes]
    fitted, swept = {}, {}
    for name, fit in kinds.items():
        fitted[name] = {Z: fit(Z) for Z in sizes}
        swept[name] = [
            evaluation.rate_distortion(
                lambda latent_dim, name=name: fitted[name][latent_dim], settings, part, seed=seed
            )
            for part in (train, test)
        ]
    print(
        f"\nSquared error of {len(train)} digits (held out) of {D} pixels, whose variances add up to "
        f"{eigenvalues.sum():.4f}"
    )
    print("  latents   " + "   ".join(f"{name:>18}" for name in kinds) + "    eigenvalues left (linear's)")
    for k, Z in enumerate(sizes):
        cells = [
            f"{seen[k].squared_error:9.4f} ({held_out[k].squared_error:.4f})"
            for seen, held_out in swept.values()
        ]
        print(
            f"  {Z:7d}   "
            + "   ".join(f"{cell:>18}" for cell in cells)
            + f"    {eigenvalues[Z:].sum():12.4f}"
        )
    print(
        "  (expected, fully trained: deep codes win with few latents; a VAE's noise costs it the rest, "
        "and buys a low rate)"
    )

    # -------------------------------------------------------------------------------------------- 4. the rate

    print(
        "\nLinear VAEs in closed form, at decoder variance s: rate and error on the data, beside reverse "
        "water-filling"
    )
    print("        s       rate   expected      error   expected (± sampling)")
    levels = [{"level": level} for level in (0.1, 0.03, 0.01, 0.003)]
    linear = evaluation.rate_distortion(
        lambda level: ProbabilisticPCA(D, min_noise_variance=level).fit(x).to_vae(),
        levels,
        train,
        samples=4,
        seed=seed,
    )
    for point in linear:
        rate, error = evaluation.reverse_water_filling(eigenvalues, point.setting["level"])
        print(
            f"  {point.setting['level']:7g}   {point.rate:8.4f}   {rate:8.4f}   "
            f"{point.squared_error:8.4f}   {error:8.4f}"
        )

    latent_dim = 16
    noisy = evaluation.rate_distortion(
        deep("vae"), [{"latent_dim": latent_dim, "beta": b} for b in betas], train, seed=seed
    )
    print(f"\nDeep VAEs of {latent_dim} latents, σ² = {VARIANCE}; rate and distortion in nats a digit")
    print("     beta       rate   distortion   R + D = −bound      error   a linear VAE's at this rate")
    curve = np.array(
        [evaluation.reverse_water_filling(eigenvalues, s) for s in np.geomspace(1e-4, eigenvalues[0], 300)]
    )
    for point in noisy:
        beta, at_rate = point.setting["beta"], np.interp(point.rate, *curve[::-1].T)
        sums = f"{point.rate:8.3f}   {point.distortion:10.3f}   {point.rate + point.distortion:14.3f}"
        print(f"  {beta:7g}   {sums}   {point.squared_error:8.4f}   {at_rate:8.4f}")
    print(
        "  (expected, fully trained: rate falls, distortion rises with beta; −bound least at 1; low "
        "rates beat a linear one)"
    )

    # -------------------------------------------------------------------------------------------- 5. pictures

    low = curve[:, 0] <= 1.1 * max(point.rate for point in [*linear, *noisy])
    figure = plots.rate_distortion(
        {name: (sizes, [point.squared_error for point in seen]) for name, (seen, _) in swept.items()},
        {
            "deep VAE": pairs(noisy),
            "linear VAE": pairs(linear),
        },
        limits={"Shannon, Gaussian": curve[low].T},
        error="squared error per digit",
    )
    plots.save(figure, options.out / "trade_off.png")
    shown = test.batch([int(np.flatnonzero(test.labels == digit)[0]) for digit in range(10)], np.float32).x
    rows, labels = [shown], ["data"]
    for name, by_size in fitted.items():
        for Z in (2, 8, 32):
            rows.append(by_size[Z].reconstruct(shown).reshape(10, D))
            labels.append(f"{name}, {Z} latents")
    picture = np.clip(np.concatenate(rows), 0, 1).astype(np.float32).reshape(-1, SIDE, SIDE)
    figure = plots.image_grid(
        picture, columns=10, title="Digits held out, from their codes", row_labels=labels
    )
    plots.save(figure, options.out / "reconstructions.png")
    print(f"Pictures: {options.out}")
    return 0


def pairs(points):
    """The rates and the errors of the points, by rising rate."""
    return np.array(sorted((point.rate, point.squared_error) for point in points)).T


if __name__ == "__main__":
    raise SystemExit(main())
