"""Normalizing flows: a simple law, sent through invertible maps, becomes one of almost any shape.

    z = f_K(… f_1(z0)),  z0 ~ N(m, diag σ²)      log q(z) = log N(z0; m, σ²) − Σ_k log |det ∂f_k/∂z_(k−1)|

Part 1 fits four laws of the plane, p(z) ∝ exp(−U(z)), with 2, 8 and 32 planar steps, by the gradient of
KL(q ‖ p) = E_q[log q(z) + U(z)] + log ∫ exp(−U) dz. No draw from p is ever needed. What the fit estimates with draws of q,
quadrature measures: the density q(z) of any z of the plane is known, since each step has an inverse. A step along one
direction changes the shape of a law in one place, so that many are needed, and Rezende & Mohamed's figure 3 shows the same.

The paper's laws 2 to 4 do not depend on z1 far away, and so they have no finite mass. Here each U has walls at z1 = ±4.

Part 2 trains three VAEs by the same sampled bound on the same small pictures of digits: a plain one, one whose posterior
takes inverse autoregressive steps, and one whose prior is a flow. The bound of both must be above the plain one's.

    python 20_flows.py [--quick] [--seed N] [--out FOLDER]

Sources: Rezende & Mohamed 2015, "Variational Inference with Normalizing Flows", table 1 and section 6.1; Kingma et al. 2016,
"Improving Variational Inference with Inverse Autoregressive Flow"; Dinh, Sohl-Dickstein & Bengio 2017, "Density Estimation
using Real NVP".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import evaluation, ops, plots, recipes
from scratchvae.data import numerals
from scratchvae.flows import Chain, Planar
from scratchvae.layers import Parameter
from scratchvae.objectives import Iwae, SampledElbo
from scratchvae.posteriors import FlowPosterior
from scratchvae.training import Adam, Cosine

STEPS, WALL, REACH = (2, 8, 32), 4.0, 7.0
NAMES = ("two moons", "a wave", "a wave that splits", "a wave that forks")


def energy(number, z):
    """U(z) of table 1, 1 to 4, with walls for 2 to 4: (n, 2) -> (n,), and ∂U/∂z."""
    if number == 1:
        radius = np.sqrt((z * z).sum(axis=1))
        ring = (radius - 2) / 0.4
        mixed, mixed_pullback = ops.log_sum_exp(-0.5 * ((z[:, :1] - np.array([2.0, -2.0])) / 0.6) ** 2, axis=1)
        parts = mixed_pullback(np.ones(len(z))) * (z[:, :1] - np.array([2.0, -2.0])) / 0.6**2
        slope = (ring / 0.4 / radius)[:, None] * z  # ∂ ½ ring²/∂z
        slope[:, 0] += parts.sum(axis=1)  # −∂ log Σ exp/∂z1
        return 0.5 * ring**2 - mixed, slope
    wave, wave_slope = np.sin(np.pi * z[:, 0] / 2), np.pi / 2 * np.cos(np.pi * z[:, 0] / 2)
    bump = 3 * np.exp(-0.5 * ((z[:, 0] - 1) / 0.6) ** 2)
    rise = 3 / (1 + np.exp(-(z[:, 0] - 1) / 0.3))
    other = {2: (0 * bump, 0 * bump), 3: (bump, -bump * (z[:, 0] - 1) / 0.36), 4: (rise, rise * (1 - rise / 3) / 0.3)}[number]
    widths = {2: (0.4,), 3: (0.35, 0.35), 4: (0.4, 0.35)}[number]
    branches = [(z[:, 1] - wave, -wave_slope), (z[:, 1] - wave + other[0], other[1] - wave_slope)][: len(widths)]
    u = np.stack([value / width for (value, _), width in zip(branches, widths, strict=True)], axis=1)
    mixed, mixed_pullback = ops.log_sum_exp(-0.5 * u * u, axis=1)
    du = mixed_pullback(np.ones(len(z))) * u / np.array(widths)
    beyond = np.sign(z[:, 0]) * np.maximum(np.abs(z[:, 0]) - WALL, 0) / 0.2
    along = sum(du[:, k] * slope for k, (_, slope) in enumerate(branches))
    return 0.5 * beyond**2 - mixed, np.stack([along + beyond / 0.2, du.sum(axis=1)], axis=1)


def fit(number, K, *, updates, draws, seed):
    """The posterior of K planar steps, without an x, and the parameters that minimize KL(q ‖ p) to the law of that number."""
    q, rng = FlowPosterior(Chain([Planar(2) for _ in range(K)])), np.random.default_rng(seed)
    start = np.concatenate([[0, 0, 1, 1], rng.normal(0, 0.7, q.flow.n_params)])  # a base as wide as the laws
    free = {"q_params": Parameter(start[None])}
    optimizer = Adam(Cosine(0.02, updates))
    for step in range(updates):
        heat = min(1.0, 0.05 + step / (0.5 * updates))  # exp(−heat U) is flat at first, so that q finds all of p
        (z, _), pullback = q.sample_with_log_prob(free["q_params"].value, noise=rng.standard_normal((draws, 2)), draws=draws)
        _, slope = energy(number, z)
        free["q_params"].grad = pullback(heat * slope / draws, np.full(draws, 1 / draws))  # of ⟨log q(z) + heat U(z)⟩
        optimizer.step(free)
    return q, free["q_params"].value


def planes(options):
    """Part 1: the table, and the picture."""
    points = 121 if options.quick else 241
    axis = np.linspace(-REACH, REACH, points)
    plane = np.stack(np.meshgrid(axis, axis[::-1]), axis=-1).reshape(-1, 2)  # z1 to the right, z2 upwards
    area, rng = (axis[1] - axis[0]) ** 2, np.random.default_rng(options.seed)
    shades, labels = [], []
    print("KL(q ‖ p) in nats, by quadrature and, in brackets, by 5,000 draws of q")
    print("  law                        K = 2             K = 8            K = 32      mass of q (expected: 1)")
    for number, name in enumerate(NAMES, start=1):
        U, _ = energy(number, plane)
        log_Z = np.log(np.exp(-U).sum() * area)
        shown, rows, masses = [np.exp(-U - log_Z)], [], []
        for K in STEPS:
            updates, draws = (600, 64) if options.quick else (3000, 100)
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
        print(f"  {number} {name:20} {'  '.join(rows)}   {' '.join(f'{mass:.4f}' for mass in masses)}", flush=True)
        shades += [(density / shown[0].max()).reshape(points, points) for density in shown]
        labels.append(name)
    middle = slice(points // 5, points - points // 5)
    pictures = 1 - np.sqrt(np.clip(np.array(shades)[:, middle, middle], 0, 1))
    columns = ["exp(−U)", *(f"{K} steps" for K in STEPS)]
    figure = plots.image_grid(
        pictures, columns=4, row_labels=labels, column_labels=columns, title="Four laws, and flows that were fitted to them"
    )
    plots.save(figure, options.out / "four_laws.png")


def digits(options):
    """Part 2: three VAEs."""
    train, held_out = numerals(1500 if options.quick else 6000, size=14).split(500)
    epochs = 15 if options.quick else 40
    print(f"\nVAEs of {train.rows if hasattr(train, 'rows') else len(train)} pictures of digits, 14 × 14, 3 latents; nats")
    print("                                         bound    KL    log p(x), 200 draws   seconds an epoch")
    choices = {
        "plain": {},
        "posterior iaf(steps=2)": {"posterior": "iaf(steps=2)"},
        "prior flow(steps=4)": {"prior": "flow(steps=4)"},
        "both": {"posterior": "iaf(steps=2)", "prior": "flow(steps=4)"},
    }
    series = {}
    for name, roles in choices.items():
        model = recipes.mlp(train.event_shape, latent_dim=3, hidden=(128,), seed=options.seed, **roles)
        log = []
        model.fit(train, objective=SampledElbo(), epochs=epochs, batch_size=50, learning_rate=2e-3, seed=options.seed)
        judged = evaluation.bound(model, held_out, SampledElbo(samples=10), rng=np.random.default_rng(options.seed))
        tight = evaluation.bound(model, held_out, Iwae(200), rng=np.random.default_rng(options.seed), batch_size=50)
        print(f"  {name:34} {judged['bound']:9.2f} {judged['kl']:7.2f} {tight['bound']:12.2f}", flush=True)
        del log, series
        series = {}


def main(argv=None):
    options = read_options(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    planes(options)
    digits(options)
    print(f"Pictures: {options.out}")
    return 0


def read_options(argv):
    """The command line."""
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
