"""A plain autoencoder: images through a few numbers and back, and why it can't invent an image.

    code             z = encoder(x)
    reconstruction   p(x|z) = Π_d Bernoulli(x_d; σ(l_d)),  l = decoder(z);  the image shown is E[x|z] = σ(l)
    loss             −log p(x|z), averaged over a batch: nothing in it says where the codes should lie

The demo asks four questions. How does the error depend on the number of latents? What happens if the input is
a corrupted copy of the image, and the target is not? Where do the codes lie? What does the decoder make of a
z that is the code of no image?

    python 02_autoencoder.py [--quick] [--seed N] [--out FOLDER]

Sources: Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks";
Vincent et al. 2010, "Stacked Denoising Autoencoders".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import data, plots, recipes
from scratchvae.objectives import Reconstruction
from scratchvae.training import Cosine

SIDE = 20
LATENTS = (1, 2, 4, 8, 16, 32)
MANY = 16  # latents of the model that is looked at more closely
BATCH = 128
NOISE = 0.5  # standard deviation of the corruption; the images themselves are between 0 and 1


def digits(n, seed):
    """n digits in all typefaces, turned, slanted, small and large, thin and thick.

    All of them are in the middle of their image.
    """
    return data.glyphs(n, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed, size=SIDE)


def trained(train, latent_dim, epochs, seed, objective=None):
    """An autoencoder with that many latents, trained by its reconstruction (or `objective`)."""
    model = recipes.mlp(
        train.event_shape, latent_dim=latent_dim, hidden=(200,), model="autoencoder", seed=seed
    )
    steps = epochs * -(-len(train) // BATCH)
    return model.fit(
        train,
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=Cosine(3e-3, steps),
        objective=objective,
        seed=seed,
    )


def pixels(dataset):
    """All images of the dataset, (N, D) in [0, 1]."""
    return dataset.batch(slice(None)).x


def rms(a, b):
    """The root mean square of a − b, per pixel, for arrays of any shapes that have the same rows."""
    return float(np.sqrt(np.mean((a.reshape(len(a), -1) - b.reshape(len(b), -1)) ** 2)))


def principal_components(train, test, n):
    """The test images projected onto the n directions in which the training images vary most.

    This is the best linear autoencoder.
    """
    middle = train.mean(axis=0)
    _, _, directions = np.linalg.svd(train - middle, full_matrices=False)
    return middle + (test - middle) @ directions[:n].T @ directions[:n]


def squared_distances(a, b):
    """‖a_i − b_j‖² as (N, M), of a (N, D) and b (M, D)."""
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0)


def to_nearest(images, others):
    """The RMS distance, per pixel, of each image to the one nearest to it among the others, averaged."""
    return float(np.sqrt(squared_distances(images, others).min(axis=1) / images.shape[1]).mean())


def same_as_neighbour(z, kind):
    """How often the nearest other code is of the same kind."""
    distances = squared_distances(z, z)
    np.fill_diagonal(distances, np.inf)
    return float((kind[distances.argmin(axis=1)] == kind).mean())


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="A plain autoencoder on digits: what it is good for, and what it is not."
    )
    parser.add_argument("--quick", action="store_true", help="a quarter of the training: a few seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_02",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    n_train, epochs, latents = (2000, 10, (2, MANY)) if options.quick else (4000, 20, LATENTS)
    seed = options.seed
    options.out.mkdir(parents=True, exist_ok=True)
    train, test = digits(n_train + 1000, seed).split(1000, last=True)
    seen, held_out = pixels(train), pixels(test)
    # a test image of each digit
    shown = np.array([np.flatnonzero(test.labels == digit)[0] for digit in range(10)])
    rng = np.random.default_rng(seed + 1)

    # ------------------------------------------------------------------------------------ 1. how many latents

    print(f"Reconstruction of {len(test)} images it has not seen, RMS error per pixel after {epochs} epochs")
    print("(expected, fully trained: falling, and below the best linear map)")
    print("  latents   autoencoder   principal components")
    print(
        f"        0   {'':11}   {rms(held_out, np.broadcast_to(seen.mean(axis=0), held_out.shape)):20.3f} "
        "  (the mean image)"
    )
    models = {n: trained(train, n, epochs, seed) for n in latents}
    for n, model in models.items():
        linear = rms(held_out, principal_components(seen, held_out, n))
        print(f"  {n:7d}   {rms(held_out, model.reconstruct(test)):11.3f}   {linear:20.3f}")
    rows = [held_out[shown], *(model.reconstruct(held_out[shown]) for model in models.values())]
    figure = plots.image_grid(
        np.concatenate([row.reshape(-1, SIDE, SIDE) for row in rows]),
        columns=10,
        title="Reconstructions of images not seen in training",
        row_labels=["data", *(f"{n} latent{'s' if n > 1 else ''}" for n in latents)],
    )
    plots.save(figure, options.out / "latents.png")

    # ------------------------------------------------------------------------------------------- 2. denoising

    plain = models[MANY]
    denoising = trained(train, MANY, epochs, seed, Reconstruction(noise_std=NOISE))
    noisy = held_out + NOISE * rng.standard_normal(held_out.shape, dtype=np.float32)
    print(
        f"\nThe same, {MANY} latents, from clean images and from images with noise of standard deviation "
        f"{NOISE}"
    )
    print("                                    from clean   from noisy   RMS distance to the clean image")
    print(
        f"  left as it is                     {0:10.3f}   {rms(held_out, noisy):10.3f}   (expected: 0, "
        f"and {NOISE})"
    )
    for name, model, expected in (
        ("autoencoder", plain, ""),
        ("trained to undo noise", denoising, "   (expected: better from noisy, no better from clean)"),
    ):
        clean_error, noisy_error = (
            rms(held_out, model.reconstruct(held_out)),
            rms(held_out, model.reconstruct(noisy)),
        )
        print(f"  {name:<33} {clean_error:10.3f}   {noisy_error:10.3f}{expected}")
    rows = [
        held_out[shown],
        noisy[shown],
        plain.reconstruct(noisy[shown]),
        denoising.reconstruct(noisy[shown]),
    ]
    figure = plots.image_grid(
        np.concatenate([row.reshape(-1, SIDE, SIDE) for row in rows]),
        columns=10,
        title="Undoing noise",
        row_labels=["data", "with noise", "autoencoder", "denoising autoencoder"],
    )
    plots.save(figure, options.out / "denoising.png")

    # --------------------------------------------------------------------------------- 3. where the codes lie

    print("\nHow often the nearest code belongs to the same ...   (expected: more often than by chance)")
    print("                   character   font")
    print(f"  by chance        {1 / 10:9.2f}   {1 / len(data.FONTS):4.2f}")
    for n in (2, MANY):
        z = models[n].encode(test)
        character, font = same_as_neighbour(z, test.labels), same_as_neighbour(z, test.factors["font"])
        print(f"  {n:2d} latents       {character:9.2f}   {font:4.2f}")
    z = models[2].encode(test)
    by_character = plots.codes(
        z, test.labels, test.label_names, title="An autoencoder's codes, by character", prior=False
    )
    bold = np.array(["Bol" in font or font == "cmb10" for font in data.FONTS])
    slanted = np.array([any(word in font for word in ("Oblique", "Ita", "cmti")) for font in data.FONTS])
    style = (2 * bold + slanted)[test.factors["font"]]
    styles = ("regular", "slanted", "bold", "bold and slanted")
    by_style = plots.codes(z, style, styles, title="The same codes, by the font's style", prior=False)
    plots.save(by_character, options.out / "codes_by_character.png")
    plots.save(by_style, options.out / "codes_by_style.png")

    # ----------------------------------------------------------------------------- 4. images from drawn codes

    z = plain.encode(train)
    spread = z.std(axis=0)
    from_prior = rng.standard_normal((1000, MANY), dtype=np.float32)
    # as far as a mean and a covariance can tell
    like_codes = rng.multivariate_normal(z.mean(axis=0), np.cov(z.T), 1000)
    print(
        f"\nStandard deviation of the codes in {MANY} latents: {spread.min():.1f} to {spread.max():.1f}   "
        "(N(0, I) has 1)"
    )
    print("RMS distance, per pixel                  to the nearest    from a test image")
    print("                                         training image    to the nearest of these")
    for name, images, expected in (
        ("test images", held_out, "(expected: the smallest distance)"),
        (
            "decoded z ~ N(0, I)",
            plain.decode(from_prior).reshape(1000, -1),
            "(expected: far from all images)",
        ),
        ("decoded z ~ N(mean, cov) of codes", plain.decode(like_codes).reshape(1000, -1), "(in between)"),
    ):
        covered = "" if images is held_out else f"{to_nearest(held_out, images):.3f}"
        print(f"  {name:<38} {to_nearest(images, seen):14.3f}    {covered:>22}   {expected}")
    rows = [
        held_out[:10],
        plain.reconstruct(held_out[:10]),
        plain.decode(from_prior[:20]),
        plain.decode(like_codes[:20]),
    ]
    figure = plots.image_grid(
        np.concatenate([row.reshape(-1, SIDE, SIDE) for row in rows]),
        columns=10,
        title=f"What the decoder makes of codes, {MANY} latents",
        row_labels=["data", "their codes", "z ~ N(0, I)", "", "z ~ N(mean, cov)", "of the codes"],
    )
    plots.save(figure, options.out / "drawn_codes.png")
    print(
        "A decoder knows what to do with codes like those it was trained with. Demo 03 makes the codes "
        "fill N(0, I)."
    )
    print(f"Pictures: {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
