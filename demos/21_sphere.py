"""Codes on a sphere: the von Mises-Fisher posterior, and a gradient that many programs get wrong.

    q(z|x) = C(κ) e^(κ μᵀz),  |z| = 1     p(z) = 1/(area of the sphere)
    z = w μ + √(1 − w²) t,  t at right angles to μ

Only the cosine w depends on κ, and its expectation is A(κ) = I_{D/2}(κ)/I_{D/2−1}(κ). So any gradient by draws
has to have the mean

    E[dw/dκ] = dA/dκ = 1 − A² − (D − 1) A/κ

This library computes w by the inverse of its distribution function, which gives dw/dκ exactly. Many programs
take Wood's proposals w = h(ε, κ) until one is accepted, and differentiate h alone. But κ also decides which ε
is accepted, and so they lose E[w ∂ log(q/r)/∂κ], with r the density of proposals (Naesseth et al. 2017).

Then two VAEs of two latents learn pictures of a spot on its way around a circle. The Gaussian one has to fit a
circle into a prior whose middle is its likeliest place. The circle has no middle.

    python 21_sphere.py [--quick] [--seed N] [--out FOLDER]

Sources: Davidson, Falorsi, De Cao, Kipf & Tomczak 2018, "Hyperspherical variational auto-encoders"; Wood
1994, "Simulation of the von Mises Fisher distribution"; Naesseth, Ruiz, Linderman & Blei 2017,
"Reparameterization gradients through acceptance-rejection sampling algorithms".
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.special import ive

from scratchvae import mlp, plots
from scratchvae.data import Dataset
from scratchvae.distributions import von_mises_fisher
from scratchvae.evaluation import log_likelihood
from scratchvae.objectives import Elbo

SIDE, VARIANCE = 16, 0.05  # the side of a picture, and the variance of the noise of its pixels
PLACES = np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, SIDE)]), axis=-1).reshape(-1, 2)
KINDS = {
    "Gaussian": ("diagonal_gaussian", "standard_gaussian"),
    "sphere": ("von_mises_fisher", "uniform_sphere"),
}


def main(argv=None):
    """Print the slopes, then train the two models."""
    options = read_options(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    slopes(4_000 if options.quick else 200_000, rng, options.out)
    circle(options, rng)
    return 0


# ------------------------------------------------------------------------------------------ the slope of E[w]


def slopes(n, rng, out):
    """Print E[dw/dκ] of each way of drawing beside its true value, and draw it against κ."""
    print("E[dw/dκ]     D  κ     must be    inverse of P         accepted ε alone     with its correction")
    for D, kappa in ((3, 2.0), (5, 2.0), (5, 20.0), (20, 5.0)):
        must, ours, alone, corrected = (
            slope(D, kappa),
            by_inverse(D, kappa, n, rng),
            *by_rejection(D, kappa, n, rng),
        )
        each = "  ".join(
            f"{x.mean():.6f} ± {x.std() / np.sqrt(len(x)):.6f}" for x in (ours, alone, corrected)
        )
        print(f"            {D:2} {kappa:3g}   {must:.6f}   {each}")
    print(
        f"At D = 5, κ = 2: {slope(5, 2.0):.6f}   (expected: 0.147389; of accepted proposals alone 0.127670)\n"
    )
    kappas = np.geomspace(0.2, 60, 25)
    curves = {
        "1 − A² − (D − 1) A/κ": [slope(5, k) for k in kappas],
        "inverse of P": [by_inverse(5, k, n // 4, rng).mean() for k in kappas],
        "accepted ε alone": [by_rejection(5, k, n // 4, rng)[0].mean() for k in kappas],
    }
    words = {
        "x_label": "κ",
        "y_label": "slope of the expected cosine",
        "title": "Gradients of one expectation, D = 5",
    }
    figure = plots.lines({"": {name: (kappas, values) for name, values in curves.items()}}, log="x", **words)
    plots.save(figure, out / "slopes.png")


def slope(D, kappa):
    """dA/dκ, by SciPy's Bessel functions."""
    A = ive(D / 2, kappa) / ive(D / 2 - 1, kappa)
    return 1 - A**2 - (D - 1) * A / kappa


def by_inverse(D, kappa, n, rng):
    """dw/dκ of n draws, by this library."""
    uniform = np.maximum(rng.random(n), 1e-12)
    _, pullback = von_mises_fisher.versine(np.full(n, np.log(kappa)), uniform=uniform, dim=D)
    return -pullback(np.ones(n)) / kappa  # w = 1 − v


def by_rejection(D, kappa, n, rng):
    """dh/dκ of the accepted ones among n proposals, and the same with w ∂ log(q/r)/∂κ added."""
    epsilon, step = rng.beta((D - 1) / 2, (D - 1) / 2, n), 1e-4

    def proposed(k):
        b = (D - 1) / (2 * k + np.sqrt(4 * k**2 + (D - 1) ** 2))
        w, x0 = (1 - (1 + b) * epsilon) / (1 - (1 - b) * epsilon), (1 - b) / (1 + b)
        log_q, _ = von_mises_fisher.log_prob_of_draw(np.array([np.log(k)]), 1 - w, dim=D, draws=n)
        return w, log_q + (D - 1) * np.log(1 - x0 * w) - (D - 1) / 2 * np.log(1 - x0**2), x0

    (w, _, x0), above, below = (proposed(k) for k in (kappa, kappa + step, kappa - step))
    highest = kappa * x0 + (D - 1) * np.log(1 - x0**2)
    accepted = kappa * w + (D - 1) * np.log(1 - x0 * w) - highest > np.log(rng.random(n))
    of_h, of_ratio = ((high - low) / (2 * step) for high, low in zip(above[:2], below[:2], strict=True))
    return of_h[accepted], (of_h + w * of_ratio)[accepted]


# ------------------------------------------------------------------------------------------- data on a circle


def spots(angles):
    """Pictures (N, D) of a spot at these places of a circle around the middle."""
    along = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    away = ((PLACES - 0.55 * along[:, None]) ** 2).sum(axis=2)
    return np.exp(-away / (2 * 0.3**2))


def true_log_px(x):
    """log p(x) of the true generator, as the mean density over 720 angles.

    It is exact for pictures as smooth as these.
    """
    each = spots(np.linspace(0, 2 * np.pi, 720, endpoint=False))
    squares = (x**2).sum(axis=1)[:, None] - 2 * x @ each.T + (each**2).sum(axis=1)
    log_p = -squares / (2 * VARIANCE) - SIDE**2 / 2 * np.log(2 * np.pi * VARIANCE)
    return np.logaddexp.reduce(log_p, axis=1) - np.log(720)


def circle(options, rng):
    """Train both models, print what they learn, and draw codes and pictures."""
    n = 2000 if options.quick else 6000
    angles = rng.uniform(0, 2 * np.pi, n + 300)
    x = spots(angles) + np.sqrt(VARIANCE) * rng.standard_normal((n + 300, SIDE**2))
    each = spots(np.linspace(0, 2 * np.pi, 360, endpoint=False))
    middle = each.mean(axis=0)  # less which pictures are, so that codes begin on all sides of the origin
    data = Dataset("circle", (x - middle).astype(np.float32).reshape(-1, 1, SIDE, SIDE))
    train, test = data.subset(slice(0, n)), data.subset(slice(n, None))
    order = np.argsort(angles[n:])
    each = spots(np.linspace(0, 2 * np.pi, 360, endpoint=False))

    print(
        f"{n} pictures of {SIDE**2} pixels; nats for each of 300 held out      draws: RMS from the "
        "nearest spot"
    )
    print("            bound   log p(x|z)       KL   log p(x)   turns     draws")
    turns, drawn = {}, {}
    for kind, (posterior, prior) in KINDS.items():
        roles = {
            "posterior": posterior,
            "prior": prior,
            "likelihood": f"gaussian({VARIANCE})",
            "standardize": False,
        }
        model = mlp(data.event_shape, latent_dim=2, hidden=64, activation="tanh", seed=options.seed, **roles)
        rate = {"learning_rate": 3e-3, "batch_size": 100, "seed": options.seed}
        model.fit(train, held_out=test, epochs=20 if options.quick else 60, objective=Elbo(), **rate)
        last = model.history[-1]["held_out"]
        log_px = log_likelihood(model, test, samples=200, rng=np.random.default_rng(options.seed)).mean()
        z = model.transform(test)[order]
        turns[kind] = np.unwrap(np.arctan2(z[:, 1], z[:, 0]))
        drawn[kind] = model.sample(300, options.seed).reshape(300, -1) + middle
        apart = np.sqrt(((drawn[kind][:, None] - each[None, ::4]) ** 2).mean(axis=2)).min(axis=1)
        row = [last["bound"], last["log_px"], last["kl"], log_px]
        print(f"{kind:<9}" + "".join(f"{value:11.3f}" for value in row), end="")
        print(f"{abs(turns[kind][-1] - turns[kind][0]) / (2 * np.pi):8.2f} {np.sqrt(np.mean(apart**2)):9.4f}")
    truth = true_log_px(x[n:]).mean()
    print(f"The true generator: log p(x) {truth:.3f}   (expected: above those of both models)")
    print(
        "Turns of the codes, once around: printed above   (expected on the circle: 1, less the gap at "
        "the end)"
    )
    print(
        "Draws: (expected: those from the circle are nearer to spots than those from the Gaussian, some "
        "of which come"
    )
    print("from the middle, where no code of a picture is)")

    panels = {
        kind: {"code": (np.sort(angles[n:]), np.abs(t - t[0])), "the angle": 2 * [np.sort(angles[n:])]}
        for kind, t in turns.items()
    }
    words = {
        "x_label": "angle of the spot",
        "y_label": "angle of its code",
        "title": "Codes of held-out pictures",
    }
    plots.save(plots.lines(panels, **words), options.out / "turns.png")
    rows = [np.clip(x[:12], 0, 1), *(np.clip(drawn[kind][:12], 0, 1) for kind in KINDS)]
    figure = plots.image_grid(
        np.concatenate(rows).reshape(-1, SIDE, SIDE),
        columns=12,
        title="Pictures, and draws from each prior, decoded",
        row_labels=["data", *KINDS],
    )
    plots.save(figure, options.out / "draws.png")
    print(f"Pictures: {options.out}")


def read_options(argv):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path("demo_21"), help="for the pictures (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
