"""Normalizing flows: a simple law, sent through invertible maps, becomes a law of almost any shape.

    z = f_K(… f_1(z0)),  z0 ~ N(m, diag σ²)      log q(z) = log N(z0; m, σ²) − Σ_k log |det ∂f_k/∂z_(k−1)|

Part 1 fits four laws of the plane, p(z) ∝ exp(−U(z)), with 2, 8 and 32 planar steps, by the gradient of
KL(q ‖ p) = E_q[log q(z) + U(z)] + log ∫ exp(−U) dz. No draw from p is ever needed. The fit estimates this KL
with draws of q, and quadrature measures it, since each step has an inverse and the density q(z) of any z of the
plane is known. A step along one direction changes the shape of a law in one place, and so many steps are
needed. Rezende & Mohamed's figure 3 shows the same.

The paper's laws 2 to 4 do not depend on z1 far away, and so they have no finite mass. Here each U has walls
at z1 = ±4.

Part 2 takes draws of the first law through a linear map and adds noise. A VAE with a linear decoder and the
prior N(0, I) can only have a Gaussian p(x). With a flow as the prior, and nothing else changed, the prior
learns the shape.

Part 3 trains a VAE of two latents on pictures of digits, and another whose posterior takes inverse
autoregressive steps. In parts 2 and 3 the second bound must be above the first, and log p(x), by 200
importance-weighted draws, too.

    python 20_flows.py [--quick] [--seed N] [--out FOLDER]

Sources: Rezende & Mohamed 2015, "Variational Inference with Normalizing Flows", table 1 and section 6.1;
Kingma et al. 2016, "Improving Variational Inference with Inverse Autoregressive Flow"; Dinh, Sohl-Dickstein &
Bengio 2017, "Density Estimation using Real NVP".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import VAE, evaluation, ops, plots, recipes
from scratchvae.data import Dataset, numerals
from scratchvae.flows import Chain, Planar
from scratchvae.layers import Linear, Parameter, Sequential, SiLU
from scratchvae.likelihoods import Gaussian
from scratchvae.objectives import SampledElbo
from scratchvae.posteriors import DiagonalGaussian, FlowPosterior
from scratchvae.training import Adam, Cosine

WALL, REACH = 4.0, 7.0
NAMES = ("two moons", "a wave", "a wave that splits", "a wave that forks")


def energy(number, z):
    """U(z) of table 1, 1 to 4, with walls for 2 to 4: (n, 2) -> (n,), and ∂U/∂z."""
    if number == 1:
        radius = np.sqrt((z * z).sum(axis=1))
        ring = (radius - 2) / 0.4
        mixed, mixed_pullback = ops.log_sum_exp(
            -0.5 * ((z[:, :1] - np.array([2.0, -2.0])) / 0.6) ** 2, axis=1
        )
        parts = mixed_pullback(np.ones(len(z))) * (z[:, :1] - np.array([2.0, -2.0])) / 0.6**2
        slope = (ring / 0.4 / np.maximum(radius, 1e-12))[:, None] * z  # ∂ ½ ring²/∂z
        slope[:, 0] += parts.sum(axis=1)  # −∂ log Σ exp/∂z1
        return 0.5 * ring**2 - mixed, slope
    wave, wave_slope = np.sin(np.pi * z[:, 0] / 2), np.pi / 2 * np.cos(np.pi * z[:, 0] / 2)
    bump = 3 * np.exp(-0.5 * ((z[:, 0] - 1) / 0.6) ** 2)
    rise = 3 / (1 + np.exp(-(z[:, 0] - 1) / 0.3))
    other = {
        2: (0 * bump, 0 * bump),
        3: (bump, -bump * (z[:, 0] - 1) / 0.36),
        4: (rise, rise * (1 - rise / 3) / 0.3),
    }[number]
    widths = {2: (0.4,), 3: (0.35, 0.35), 4: (0.4, 0.35)}[number]
    branches = [(z[:, 1] - wave, -wave_slope), (z[:, 1] - wave + other[0], other[1] - wave_slope)][
        : len(widths)
    ]
    u = np.stack([value / width for (value, _), width in zip(branches, widths, strict=True)], axis=1)
    mixed, mixed_pullback = ops.log_sum_exp(-0.5 * u * u, axis=1)
    du = mixed_pullback(np.ones(len(z))) * u / np.array(widths)
    beyond = np.sign(z[:, 0]) * np.maximum(np.abs(z[:, 0]) - WALL, 0) / 0.2
    along = sum(du[:, k] * slope for k, (_, slope) in enumerate(branches))
    return 0.5 * beyond**2 - mixed, np.stack([along + beyond / 0.2, du.sum(axis=1)], axis=1)


def fit(number, K, *, updates, draws, seed):
    """The posterior of K planar steps, without an x, and the parameters that minimize KL(q ‖ p).

    p is the law of that `number`.
    """
    q, rng = FlowPosterior(Chain([Planar(2) for _ in range(K)])), np.random.default_rng(seed)
    start = np.concatenate([[0, 0, 1, 1], rng.normal(0, 0.7, q.flow.n_params)])  # a base as wide as the laws
    free = {"q_params": Parameter(start[None])}
    optimizer = Adam(Cosine(0.02, updates))
    for step in range(updates):
        # exp(−heat U) is flat at first, so that q finds all of p
        heat = min(1.0, 0.05 + step / (0.5 * updates))
        (z, _), pullback = q.sample_with_log_prob(
            free["q_params"].value, noise=rng.standard_normal((draws, 2)), draws=draws
        )
        _, slope = energy(number, z)
        # of ⟨log q(z) + heat U(z)⟩
        free["q_params"].grad = pullback(heat * slope / draws, np.full(draws, 1 / draws))
        optimizer.step(free)
    return q, free["q_params"].value


def planes(options):
    """Part 1: the table, and the picture."""
    points, steps = (121, (2, 8)) if options.quick else (241, (2, 8, 32))
    axis = np.linspace(-REACH, REACH, points)
    plane = np.stack(np.meshgrid(axis, axis[::-1]), axis=-1).reshape(-1, 2)  # z1 to the right, z2 upwards
    area, rng = (axis[1] - axis[0]) ** 2, np.random.default_rng(options.seed)
    shades, labels = [], []
    print("KL(q ‖ p) in nats, by quadrature and, in brackets, by 5,000 draws of q")
    heads = "   ".join(f"{f'K = {K}':>15}" for K in steps)
    print(f"  law                    {heads}     mass of each q (expected: 1)")
    for number, name in enumerate(NAMES, start=1):
        U, _ = energy(number, plane)
        log_Z = np.log(np.exp(-U).sum() * area)
        shown, rows, masses = [np.exp(-U - log_Z)], [], []
        for K in steps:
            updates, draws = (300, 64) if options.quick else (800, 100)
            q, q_params = fit(number, K, updates=updates, draws=draws, seed=options.seed)
            log_q, _ = q.log_prob(np.repeat(q_params, len(plane), axis=0), plane)
            density = np.exp(log_q)
            kl = (density * (log_q + U + log_Z)).sum() * area
            noise = rng.standard_normal((5000, 2))
            (z, log_q_of_draws), _ = q.sample_with_log_prob(q_params, noise=noise, draws=5000)
            drawn = log_q_of_draws + energy(number, z)[0] + log_Z
            rows.append(f"{kl:7.3f} ({drawn.mean():6.3f})")
            masses.append(density.sum() * area)
            shown.append(density)
        print(
            f"  {number} {name:20} {'  '.join(rows)}   {' '.join(f'{mass:.4f}' for mass in masses)}",
            flush=True,
        )
        shades += [(density / shown[0].max()).reshape(points, points) for density in shown]
        labels.append(name)
    middle = slice(points // 5, points - points // 5)
    pictures = 1 - np.sqrt(np.clip(np.array(shades)[:, middle, middle], 0, 1))
    columns = ["exp(−U)", *(f"{K} steps" for K in steps)]
    figure = plots.image_grid(
        pictures,
        columns=1 + len(steps),
        row_labels=labels,
        column_labels=columns,
        title="Four laws, and flows that were fitted to them",
    )
    plots.save(figure, options.out / "four_laws.png")


def moons_in_noise(options):
    """Part 2: data that a linear decoder maps from the first law of part 1."""
    rng = np.random.default_rng(options.seed)
    z = rng.uniform(-4, 4, (60_000, 2))
    z = z[rng.random(len(z)) < np.exp(-energy(1, z)[0])][:1500]  # drawn by rejection: exp(−U) is 1 at most
    x = z @ rng.normal(0, 0.7, (2, 6)) + 0.5 * rng.standard_normal((len(z), 6))
    train, held_out = Dataset("moons", x.astype(np.float32)).split(300)
    print(f"\nVAEs with a linear decoder, {len(train)} examples of two moons in 6 noisy entries; nats")
    print("                                      bound       KL    log p(x)")
    for name, prior in (
        ("prior N(0, I)", "standard_gaussian"),
        ("prior flow(steps=4)", "flow(steps=4, hidden=32)"),
    ):
        weights = np.random.default_rng(options.seed)
        q = DiagonalGaussian(2)
        model = VAE(
            event_shape=(6,),
            encoder=Sequential(Linear(6, 64, rng=weights), SiLU(), Linear(64, q.n_params, rng=weights)),
            posterior=q,
            prior=recipes.PRIORS.build(prior, latent_dim=2, rng=weights),
            decoder=Linear(2, 6, rng=weights),
            likelihood=Gaussian(learned=True),
        )
        report(name, model, train, held_out, epochs=40, learning_rate=5e-3, batch_size=100, seed=options.seed)
        z = model.prior.sample(4000, np.random.default_rng(options.seed))
    counts, *_ = np.histogram2d(-z[:, 1], z[:, 0], bins=60, range=[[-3, 3], [-3, 3]])
    shades = 1 - np.sqrt(counts / counts.max())
    figure = plots.image_grid(shades[None], columns=1, title="Draws of the prior that was learned")
    plots.save(figure, options.out / "learned_prior.png")


def digits(options):
    """Part 3: pictures of digits."""
    train, held_out = numerals(2500 if options.quick else 3500, size=14).split(500)
    print(f"\nVAEs of 2 latents, {len(train)} pictures of digits; nats")
    print("                                      bound       KL    log p(x)")
    for name, posterior in (
        ("posterior diagonal", "diagonal_gaussian"),
        ("posterior iaf(steps=2)", "iaf(steps=2)"),
    ):
        model = recipes.mlp(
            train.event_shape, latent_dim=2, hidden=(128,), posterior=posterior, seed=options.seed
        )
        epochs = 25 if options.quick else 40
        report(
            name, model, train, held_out, epochs=epochs, learning_rate=3e-3, batch_size=50, seed=options.seed
        )


def report(name, model, train, held_out, **settings):
    """Train the model by the sampled bound, and print its results for the other examples."""
    model.fit(train, objective=SampledElbo(), **settings)
    seed = settings["seed"]
    judged = evaluation.bound(model, held_out, SampledElbo(samples=20), rng=np.random.default_rng(seed))
    log_px = model.score_samples(held_out, samples=200, seed=seed).mean()
    print(f"  {name:30} {judged['bound']:10.3f} {judged['kl']:8.3f} {log_px:11.3f}", flush=True)


def main(argv=None):
    options = read_options(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    planes(options)
    moons_in_noise(options)
    digits(options)
    print(f"Pictures: {options.out}")
    return 0


def read_options(argv):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("flows_pictures"))
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
