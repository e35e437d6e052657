"""Where everything is exact: factor analysis, probabilistic PCA, EM with missing pixels, and linear VAEs.

    z ~ N(0, I),   x = z W + mean + ε,   ε ~ N(0, Ψ),  Ψ diagonal          =>          x ~ N(mean, C),  C = WᵀW + Ψ

With Ψ = σ² I this is probabilistic PCA, whose best W and σ² follow from the eigenvectors and eigenvalues of
the covariance:

    σ² = mean of λ_{Z+1}, …, λ_D,     W_j = √(λ_j − σ²) u_j

With any diagonal Ψ it is factor analysis, where a pixel may be noisier than its neighbour. Both have an exact
log p(x), and so a VAE's bound can be judged. The bound is ⟨log p(x)⟩ − ⟨KL(q(z|x) ‖ p(z|x))⟩. With linear
networks the KL can be 0. The reason is that the exact posterior has one covariance for all x, and that W can
be rotated so that this covariance is diagonal, together with W Ψ⁻¹ Wᵀ:

    q(z|x) = N(M⁻¹ W Ψ⁻¹ (x − mean), M⁻¹),     M = I + W Ψ⁻¹ Wᵀ

The best linear VAE with one variance is probabilistic PCA, and with a variance for each pixel it is factor
analysis.

EM works where there is no closed form. Its E step infers z from the observed pixels, given W, mean and Ψ. Its M
step regresses each pixel on z over the examples that show it, given the moments of z. The likelihood of the
observed pixels never falls, and the missing ones are filled in.

    python 11_factor_analysis.py [--quick] [--seed N] [--out FOLDER]

Sources: Tipping & Bishop 1999, "Probabilistic Principal Component Analysis"; Rubin & Thayer 1982, "EM
algorithms for ML factor analysis"; Ghahramani & Hinton 1996, "The EM algorithm for mixtures of factor
analyzers"; Lucas et al. 2019, "Don't Blame the ELBO!".
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.linalg import subspace_angles
from scipy.stats import multivariate_normal

from scratchvae import data, plots, recipes
from scratchvae.layers import cast
from scratchvae.likelihoods import Gaussian, GaussianDiagonal
from scratchvae.models import FactorAnalysis, ProbabilisticPCA
from scratchvae.objectives import Elbo, sigma_points
from scratchvae.training import minimize

SIDE = 10
D = SIDE * SIDE
Z = 3  # latents of the small example
FLOOR = 1e-4  # pixels that are always black have no variance of their own


def small(n, seed):
    """n examples of 3 causes in 12 numbers, and the noise variance of each number."""
    rng = np.random.default_rng(seed)
    noise = np.linspace(0.5, 1.5, 12)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, 12)) + rng.normal(size=12) + noise * rng.normal(
        size=(n, 12)
    ), noise**2


def bound_of(vae, x):
    """The exact bound of each example under a VAE with linear networks."""
    latent_dim = vae.posterior.latent_dim
    report, _ = Elbo()(vae, *sigma_points(data.Batch(x), latent_dim))
    return report.terms["bound"].reshape(len(x), 2 * latent_dim).mean(axis=1)


def main(argv=None):
    parser = argparse.ArgumentParser(description="Factor analysis, probabilistic PCA, and the linear VAE.")
    parser.add_argument("--quick", action="store_true", help="fewer examples: a few seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default="demo_11",
        help="for the pictures (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    seed = options.seed
    options.out.mkdir(parents=True, exist_ok=True)

    # --------------------------------------------------------------------------------- 1. exact, both of them

    everything, noise = small(3300, seed)
    x, unseen = everything[:300], everything[300:]
    print(f"{len(x)} examples of {Z} causes in {x.shape[1]} numbers; ⟨log p(x)⟩ in nats")
    print(
        "                       trained on    held out    largest difference from scipy.stats (expected: "
        "rounding)"
    )
    models = {"probabilistic PCA": ProbabilisticPCA(Z).fit(x), "factor analysis": FactorAnalysis(Z).fit(x)}
    for name, model in models.items():
        difference = np.abs(
            model.score_samples(x) - multivariate_normal.logpdf(x, model.mean, model.get_covariance())
        ).max()
        print(f"  {name:<20} {model.score(x):10.4f}  {model.score(unseen):10.4f}    {difference:.1e}")
    print("  (expected: factor analysis higher, as the causes' noises differ)")
    print("  noise variances, true      " + " ".join(f"{v:5.2f}" for v in noise))
    print(
        "  as factor analysis has it  "
        + " ".join(f"{v:5.2f}" for v in models["factor analysis"].noise_variance)
    )

    # ------------------------------------------------------------------------- 2. EM never loses, and arrives

    print(
        "\nEM from random weights                       at first   after 1 step        10        100     "
        "   end   closed form"
    )
    histories = {}
    for name, kind in (("probabilistic PCA", ProbabilisticPCA), ("factor analysis", FactorAnalysis)):
        model = kind(Z, method="em", tolerance=1e-12, max_steps=5000, seed=seed).fit(x)
        curve = histories[name] = np.array([record["log_px"] for record in model.history])
        values = [curve[min(k, len(curve) - 1)] for k in (0, 1, 10, 100)]
        print(f"  {name:<38} " + " ".join(f"{v:10.4f}" for v in [*values, curve[-1], models[name].score(x)]))
        smallest = np.diff(curve).min()
        print(
            f"    {len(curve)} steps; smallest gain of a step {smallest:.1e}   (expected: not below 0 but "
            "for rounding)"
        )

    # ------------------------------------------------------------------- 3. the linear VAE is each of the two

    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    laws = {
        "probabilistic PCA": Gaussian(1.0, learned=True),
        "factor analysis": GaussianDiagonal(np.ones(x.shape[1]), min_variance=1e-6),
    }
    for name, law in laws.items():
        exact, words = (
            models[name],
            "one learned variance" if name == "probabilistic PCA" else "a learned variance an entry",
        )
        vae = recipes.mlp(x.shape[1:], latent_dim=Z, hidden=(), likelihood=law, seed=seed)
        cast(vae, np.float64)
        print(
            f"\nA linear VAE of {Z} latents with {words}, trained on its exact bound by L-BFGS, beside {name}"
        )
        print(f"  bound before training                       {bound_of(vae, x).mean():10.4f}")
        found = minimize(vae, Elbo(), *sigma_points(data.Batch(x), Z))
        bounds, evidence = bound_of(vae, x), exact.score_samples(x)
        (decoder,) = vae.decoder.layers
        angle = np.rad2deg(subspace_angles(decoder.weight.value.T, exact.weight.T).max())
        mean_evidence = f"(expected: {evidence.mean():.4f}, ⟨log p(x)⟩)"
        print(
            f"  bound after {found.steps:4d} steps                      {bounds.mean():10.4f}   "
            f"{mean_evidence}"
        )
        print(
            f"  largest |bound − log p(x)| of an example    {np.abs(bounds - evidence).max():10.1e}   "
            "(expected: below 1e-4)"
        )
        print(f"  angle of the decoder and its subspace       {angle:10.1e}   (expected: 0 degrees)")
        if name == "probabilistic PCA":
            discarded = f"(expected: {eigenvalues[Z:].mean():.6f}, the mean discarded eigenvalue)"
            print(
                f"  learned variance σ²                         {np.exp(law.log_var.value[0]):10.6f}   "
                f"{discarded}"
            )
        else:
            difference = np.abs(law.variance / exact.noise_variance - 1).max()
            print(
                f"  learned variances, largest relative error   {difference:10.1e}   (expected: below 1e-3)"
            )
        difference = np.abs(bound_of(exact.to_vae(), x) - evidence).max()
        print(f"  closed form as weights: |bound − log p(x)|  {difference:10.1e}   (expected: rounding)")

    # --------------------------------------------------------------------------------------- 4. hidden pixels

    n, latents, steps = (600, 12, 25) if options.quick else (2000, 20, 80)
    digits = data.glyphs(
        n + 200, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed, size=SIDE
    )
    train, test = (part.batch(slice(None), np.float64).x for part in digits.split(200, last=True))
    rng = np.random.default_rng(seed + 1)
    holed, judged = (np.where(rng.random(part.shape) < 0.4, np.nan, part) for part in (train, test))
    lower_half = test.copy()
    lower_half[:, D // 2 :] = np.nan
    print(
        f"\n{n} digits of {D} pixels, 40 % of them hidden: RMS error of hidden pixels in 200 others, "
        f"after {steps} steps of EM"
    )
    print(
        "                                 40 % hidden   lower half hidden   ⟨log p(observed)⟩, at first "
        "and at the end"
    )
    mean = np.nanmean(holed, axis=0)
    errors = [rms(np.where(np.isnan(part), mean, part), test, part) for part in (judged, lower_half)]
    print(f"  the pixel's mean               {errors[0]:11.4f}   {errors[1]:17.4f}")
    filled = {}
    for name, kind in (("probabilistic PCA", ProbabilisticPCA), ("factor analysis", FactorAnalysis)):
        model = kind(latents, max_steps=steps, min_noise_variance=FLOOR, seed=seed).fit(holed)
        filled[name] = [model.impute(part) for part in (judged, lower_half)]
        errors = [rms(*pair) for pair in zip(filled[name], (test, test), (judged, lower_half), strict=True)]
        first, last = model.history[0]["log_px"], model.history[-1]["log_px"]
        print(f"  {name:<30} {errors[0]:11.4f}   {errors[1]:17.4f}   {first:10.2f} {last:10.2f}")
    print(
        "  (expected: below the mean's; lowest for factor analysis, which knows that pixels at the "
        "border are quiet)"
    )

    # -------------------------------------------------------------------------------------------- 5. pictures

    chosen = [int(np.flatnonzero(digits.split(200, last=True)[1].labels == digit)[0]) for digit in range(10)]
    rows, labels = [test[chosen]], ["data"]
    for k, (title, part) in enumerate((("40 % hidden (grey)", judged), ("lower half hidden", lower_half))):
        rows += [np.where(np.isnan(part), 0.35, part)[chosen], *(pair[k][chosen] for pair in filled.values())]
        labels += [title, *(f"filled in: {name}" for name in filled)]
    picture = np.clip(np.concatenate(rows), 0, 1).reshape(-1, SIDE, SIDE)
    figure = plots.image_grid(
        picture, columns=10, title="Pixels hidden, and what is expected of them", row_labels=labels
    )
    plots.save(figure, options.out / "hidden_pixels.png")
    left = {
        name: (np.arange(1, len(history) + 1), models[name].score(x) - history)
        for name, history in histories.items()
    }
    words = {
        "x_label": "step of EM",
        "y_label": "nats per example below the maximum",
        "title": "What EM has yet to gain",
    }
    figure = plots.lines({"": left}, **words, log="xy")
    plots.save(figure, options.out / "em.png")
    print(f"Pictures: {options.out}")
    return 0


def rms(filled, truth, holed):
    """The root of the mean squared error of the entries that were hidden."""
    hidden = np.isnan(holed)
    return float(np.sqrt(((filled - truth)[hidden] ** 2).mean()))


if __name__ == "__main__":
    raise SystemExit(main())
