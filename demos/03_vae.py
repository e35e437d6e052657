"""A variational autoencoder beside a plain one: the same networks and digits, but codes that fill the prior.

    autoencoder   −log p(x|z) at the one code z = encoder(x)
    VAE           −bound, where bound = E_q[log p(x|z)] − KL(q(z|x) ‖ p(z)) ≤ log p(x),  q(z|x) = N(mean(x), diag exp(log_var(x)))

The first term makes codes tell images apart, and the second makes all of them look like draws from
p(z) = N(0, I). With both terms the decoder makes an image of every z that one may draw. The demo also
measures how far the bound is below log p(x). With more draws and importance weights the estimate rises
towards log p(x), and with K = 1 it is the bound itself:

    log p(x) ≥ E[log 1/K Σ_k w_k],  w_k = p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x)

    python 03_vae.py [--quick] [--seed N] [--out FOLDER]

Sources: Kingma & Welling 2014, "Auto-Encoding Variational Bayes"; Burda, Grosse & Salakhutdinov 2016,
"Importance Weighted Autoencoders".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import data, evaluation, plots, recipes
from scratchvae.objectives import Elbo, closed_form_kl
from scratchvae.training import Cosine

SIDE = 20
MANY = 32  # latents: more than the digits need
BATCH = 128


def digits(n, seed):
    """n digits in all typefaces, turned, slanted, small and large, thin and thick.

    All of them are in the middle of their image.
    """
    return data.glyphs(n, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed, size=SIDE)


def trained(train, kind, latent_dim, epochs, seed, **settings):
    """An autoencoder or a VAE, `kind`, with that many latents."""
    model = recipes.mlp(train.event_shape, latent_dim=latent_dim, hidden=(200,), model=kind, seed=seed)
    steps = epochs * -(-len(train) // BATCH)
    return model.fit(
        train, epochs=epochs, batch_size=BATCH, learning_rate=Cosine(3e-3, steps), seed=seed, **settings
    )


def tell(training, event):
    """A callback of `fit` that prints a line after the first epoch and about every fifth part of the rest."""
    every = max(1, training.epochs // 5)
    if event == "epoch" and (training.epoch == 1 or training.epoch % every == 0):
        now = training.history[-1]["held_out"]
        print(f"  {training.epoch:5d}  {now['bound']:8.2f}   {now['log_px']:14.2f}   {now['kl']:5.2f}")


def to_nearest(images, others):
    """The RMS distance, per pixel, of each image (N, D) to the nearest of the others (M, D), averaged."""
    squared = (images**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * images @ others.T
    return float(np.sqrt(np.maximum(squared.min(axis=1), 0) / images.shape[1]).mean())


def main(argv=None):
    parser = argparse.ArgumentParser(description="A variational autoencoder beside a plain one.")
    parser.add_argument("--quick", action="store_true", help="an eighth of the training: a few seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_03",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    n_train, epochs = (1500, 8) if options.quick else (4000, 25)
    seed = options.seed
    options.out.mkdir(parents=True, exist_ok=True)
    train, test = digits(n_train + 1000, seed).split(1000, last=True)
    batch = test.batch(slice(None))
    held_out = batch.x
    rng = np.random.default_rng(seed + 1)

    # -------------------------------------------------------------------------------------------- 1. training

    print(f"Training a VAE with {MANY} latents; nats per image, of {len(test)} images held out")
    print("  epoch     bound = reconstruction - KL")
    vae = trained(train, "vae", MANY, epochs, seed, held_out=test, callbacks=[tell])
    autoencoder = trained(train, "autoencoder", MANY, epochs, seed)
    plots.save(plots.curves(vae.history), options.out / "training.png")

    # ----------------------------------------------------------------------- 2. the bound, and what it bounds

    objective = Elbo()
    report, _ = objective(vae, batch, objective.draw_noise(vae, len(test), rng))
    terms = report.terms
    gap = np.abs(terms["bound"] - (terms["log_px"] - terms["kl"])).max()
    print(f"\nSmallest KL of an image        {terms['kl'].min():8.2f}   (expected: never below 0)")
    print(f"bound − (log_px − KL), largest {gap:8.2f}   (expected: 0)")
    judged = test.subset(slice(0, 200 if options.quick else 500))
    print(
        f"\nlog p(x) of the first {len(judged)}, by K importance-weighted draws each   (expected: rising "
        "with K)"
    )
    print("         K   estimate   std. error of the gain over the K above")
    before = terms["bound"][: len(judged)]
    print(f"     bound   {before.mean(dtype=np.float64):8.2f}")
    for K in (1, 10, 100):
        estimate = vae.score_samples(judged, samples=K, seed=seed)
        error = (estimate - before).std() / len(judged) ** 0.5
        print(
            f"  {K:8d}   {estimate.mean():8.2f}   "
            f"{error:10.2f}{'   (expected: the bound again)' if K == 1 else ''}"
        )
        before = estimate

    # --------------------------------------------------------------------------------- 3. what the latents do

    q_params, _ = vae.encoder(held_out)
    kl, _ = closed_form_kl(vae.posterior, vae.prior, q_params)
    kl = kl.mean(axis=0)
    active = evaluation.active_units(vae.encode(test))
    z, _ = vae.posterior.sample(q_params, noise=vae.posterior.draw_noise(len(test), rng))
    plain = autoencoder.encode(test)
    shares = np.cumsum(np.sort(kl)[::-1]) / kl.sum()
    print(f"\nKL of each of {MANY} latents in nats, largest first")
    print("  " + " ".join(f"{value:.2f}" for value in np.sort(kl)[::-1]))
    print(f"  active, Var(E[z|x]) > 0.01     {active.sum():2d}   (expected: at most {MANY})")
    print(f"  carry 90 % of the whole KL     {(shares < 0.9).sum() + 1:2d}   (expected: not all of them)")
    print("Codes of all test images together, their standard deviation in each latent   (N(0, I) has 1)")
    print(f"  autoencoder          {plain.std(axis=0).min():5.2f} to {plain.std(axis=0).max():5.2f}")
    print(
        f"  VAE, z ~ q(z|x)      {z.std(axis=0).min():5.2f} to {z.std(axis=0).max():5.2f}   (expected: "
        "near 1)"
    )
    order = np.argsort(-kl)[:6]
    values = np.linspace(-2.5, 2.5, 11)
    codes = plots.traversal_codes(vae.encode(held_out[:1])[0], values)[order]
    figure = plots.image_grid(
        vae.decode(codes.reshape(-1, MANY)).reshape(-1, SIDE, SIDE),
        columns=len(values),
        title="One latent changes, the others stay those of a test image",
        row_labels=[f"latent {i + 1}, {kl[i]:.1f} nats" for i in order],
        column_labels=[f"{value:g}".replace("-", "−") for value in values],
    )
    plots.save(figure, options.out / "traversals.png")

    # --------------------------------------------------------------------------------------------- 4. samples

    print("\nRMS distance, per pixel           to the nearest    from a test image")
    print("                                  training image    to the nearest of these")
    seen = train.batch(slice(None)).x
    samples = {}
    for name, model in (("autoencoder", autoencoder), ("VAE", vae)):
        samples[name] = model.sample(1000, seed).reshape(1000, -1)
        near, covered = to_nearest(samples[name], seen), to_nearest(held_out, samples[name])
        print(f"  decoded z ~ N(0, I), {name:<11} {near:13.3f}    {covered:22.3f}")
    print(
        f"  test images                      {to_nearest(held_out, seen):12.3f}       (expected: the "
        "smallest, then the VAE's)"
    )
    rows = [
        held_out[:10],
        vae.reconstruct(held_out[:10]).reshape(10, -1),
        samples["autoencoder"][:20],
        samples["VAE"][:20],
    ]
    figure = plots.image_grid(
        np.concatenate(rows).reshape(-1, SIDE, SIDE),
        columns=10,
        title="Decoded draws from the prior N(0, I)",
        row_labels=["data", "VAE's reconstruction", "autoencoder's samples", "", "VAE's samples", ""],
    )
    plots.save(figure, options.out / "samples.png")

    # ----------------------------------------------------------------------------- 5. two latents, to be seen

    pictures = {"codes": [], "plane": []}
    print("\nWith 2 latents                      autoencoder     VAE")
    inside = []
    plane, ticks = plots.manifold_codes(15)
    for name, kind in (("autoencoder", "autoencoder"), ("VAE", "vae")):
        model = trained(train, kind, 2, epochs, seed)
        z = model.encode(test)
        inside.append((np.linalg.norm(z, axis=1) < 2).mean())
        pictures["codes"].append(
            plots.codes(z, test.labels, test.label_names, title=f"{name}: codes of test images")
        )
        decoded = model.decode(plane.reshape(-1, 2)).reshape(15, 15, 1, SIDE, SIDE)
        pictures["plane"].append(
            plots.manifold(decoded, ticks, title=f"{name}: where N(0, I) has its mass, decoded")
        )
    print(
        f"  codes within 2 of the origin      {inside[0]:11.0%}    {inside[1]:4.0%}   (N(0, I): "
        f"{1 - np.exp(-2):.0%})"
    )
    for name, figures in pictures.items():
        plots.save(side_by_side(figures), options.out / f"{name}_side_by_side.png")
    print(f"Pictures: {options.out}")
    return 0


def side_by_side(figures):
    """Several figures as one, with the pixels of each beside those of the others."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    painted = []
    for figure in figures:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        painted.append(np.asarray(canvas.buffer_rgba()))
    height = max(len(pixels) for pixels in painted)
    sheet = np.full((height, sum(pixels.shape[1] for pixels in painted), 4), 255, np.uint8)
    left = 0
    for pixels in painted:
        sheet[: len(pixels), left : left + pixels.shape[1]] = pixels
        left += pixels.shape[1]
    dpi = figures[0].dpi
    both = Figure(figsize=(sheet.shape[1] / dpi, height / dpi), dpi=dpi)
    both.figimage(sheet)
    return both


if __name__ == "__main__":
    raise SystemExit(main())
